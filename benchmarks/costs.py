"""What a process costs: processor time, largest memory, page faults.

The kernel carries the memory of a process that starts another over into the other's largest memory. So the process that
measures stays small: it imports neither numpy nor pandas, and work on arrays runs in a process of its own.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Spent:
    """``cpu_s``: user and system seconds of the process and of the children it waited for. ``peak_mib``: the largest
    resident memory of any one of them. ``faults``: page faults without reading from the disk."""

    output: str
    cpu_s: float
    peak_mib: float
    faults: int


def environment() -> dict[str, str]:
    """For a measured command: that of this process, without what would change its Python or its configuration."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AUTOPILOT_"))}


class CommandFailed(Exception):
    """A measured command ended with an unexpected code; the message ends with its last lines."""


def spend(command: Sequence[str], cwd: Path | None = None, codes: Sequence[int] = (0,)) -> Spent:
    """Run ``command`` to its end. Raises CommandFailed if it ends with a code that is not among ``codes``."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, cwd=cwd, env=environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=errors
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode not in codes:
            said = "\n".join((output.read() + errors.read()).splitlines()[-5:])
            raise CommandFailed(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
        return Spent(output.read(), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, used.ru_minflt)


def processor_s(pid: int) -> float:
    """User and system seconds of a running process, all its threads together, to the nanosecond.

    Linux numbers the clock of another process so: see clock_getcpuclockid(3). Raises OSError if there is no such
    process.
    """
    return time.clock_gettime((~pid << 3) | 2)


def written_bytes(pid: int) -> int:
    """Bytes that a running process has sent to the disk so far."""
    return _proc(pid, "io", "write_bytes")


def resident_mib(pid: int) -> float:
    return _proc(pid, "status", "VmRSS") / 1024


def _proc(pid: int, file: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{pid}/{file}").read_text(), re.MULTILINE)
    assert found, f"no {name} in /proc/{pid}/{file}"
    return int(found[1])
