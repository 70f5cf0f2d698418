"""`autopilot start` finds the daemon, or starts it in the background and waits until it answers.

Standard library only: this is the command's side.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from autopilot.app.program import PROGRAM
from autopilot.app.trading.passphrase import FD_VARIABLE, passphrase_pipe
from autopilot.config.paths import Paths, create_directories
from autopilot.control.client import ControlClient
from autopilot.control.errors import DaemonNotRunning
from autopilot.daemon.readiness import READY_FD
from autopilot.domain.credentials import Passphrase
from autopilot.domain.document_types import ErrorBodyDocument
from autopilot.domain.errors import AutopilotError, ConfigError, Kind

START_LIMIT_S = 20.0
END_LIMIT_S = 5.0
LOG_MAX_BYTES = 10 * 1024 * 1024
_TAIL_BYTES = 16 * 1024
_RETRY_S = 0.05


class StartFailed(AutopilotError):
    """The daemon did not come up."""


class Ensured(NamedTuple):
    """``started``: by us; otherwise it ran before. ``health``: what GET /health answers."""

    started: bool
    health: dict[str, Any]


def ensure_daemon(
    paths: Paths,
    arguments: Sequence[str],
    limit_s: float = START_LIMIT_S,
    program: Sequence[str] = PROGRAM,
    passphrase: Passphrase | None = None,
    remark: Callable[[str], None] = lambda _: None,
) -> Ensured:
    """A daemon that answers. ``arguments``: those with which ``program`` runs one on ``paths`` in the foreground;
    ``passphrase``: that of the exchange keys, for a daemon that is started here. ``remark`` is called with the
    words of a daemon that needs longer, and ``limit_s`` counts from them.

    Raises StartFailed with the reason that the daemon gave, ConfigError if its configuration is wrong or the
    directories cannot be made, DaemonUnreachable if a daemon runs and does not answer.
    """
    client = ControlClient(paths.socket, limit_s)
    with suppress(DaemonNotRunning):
        return Ensured(False, client.get("/health"))
    deadline = time.monotonic() + limit_s
    create_directories(paths)
    error = _start_and_wait(paths, [*program, *arguments], limit_s, passphrase, remark)
    if error is None:
        return Ensured(True, client.get("/health"))
    if error["code"] == "ALREADY_RUNNING":
        # Another command was quicker; its daemon may still be starting.
        return Ensured(False, _wait_for_answer(client, deadline, error))
    if error["kind"] == Kind.USAGE:
        raise ConfigError(error["message"], hint=error["hint"])
    raise StartFailed(error["message"], hint=error["hint"])


def rotate(log_file: Path, max_bytes: int = LOG_MAX_BYTES) -> None:
    """Set a large log aside as ``….1``, over the one set aside before."""
    with suppress(FileNotFoundError):
        if log_file.stat().st_size > max_bytes:
            log_file.replace(log_file.with_name(log_file.name + ".1"))


def _start_and_wait(
    paths: Paths,
    command: Sequence[str],
    limit_s: float,
    passphrase: Passphrase | None,
    remark: Callable[[str], None],
) -> ErrorBodyDocument | None:
    """The error that the daemon reported; None if it is ready. Raises StartFailed if it reported nothing."""
    log_descriptor = _open_log(paths.log_file)
    try:
        log_start = os.fstat(log_descriptor).st_size
        readable, writable = os.pipe()
        try:
            process = _spawn(command, log_descriptor, writable, passphrase)
        finally:
            os.close(writable)
        try:
            line = _last_report(readable, limit_s, remark)
        finally:
            os.close(readable)
    finally:
        os.close(log_descriptor)
    if line is None:
        process.terminate()
        _end(process)
        raise _unreported(paths.log_file, log_start, f"the daemon did not get ready within {limit_s:g} s")
    if not line:
        raise _unreported(paths.log_file, log_start, _fate(process))
    report = json.loads(line)
    if report["ready"]:
        # It outlives us and is not ours to wait for; Popen would warn about that.
        process.returncode = 0
        return None
    _end(process)
    error: ErrorBodyDocument = report["error"]
    return error


def _open_log(log_file: Path) -> int:
    try:
        rotate(log_file)
        return os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise ConfigError(
            f"cannot write the log {log_file}: {error.strerror}", hint="check its owner, mode and free space"
        ) from error


def _spawn(
    command: Sequence[str], log_descriptor: int, ready_descriptor: int, passphrase: Passphrase | None
) -> subprocess.Popen[bytes]:
    descriptors = {READY_FD: ready_descriptor}
    # The number of a descriptor of ours means nothing in the child.
    inherited = {name: value for name, value in os.environ.items() if name != FD_VARIABLE}
    if passphrase is not None:
        descriptors[FD_VARIABLE] = passphrase_pipe(passphrase)
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and our own arguments
            command,
            stdin=subprocess.DEVNULL,
            stdout=log_descriptor,
            stderr=log_descriptor,
            cwd="/",
            env={**inherited, **{name: str(descriptor) for name, descriptor in descriptors.items()}},
            pass_fds=tuple(descriptors.values()),
            start_new_session=True,
        )
    finally:
        if passphrase is not None:
            os.close(descriptors[FD_VARIABLE])


def _last_report(descriptor: int, limit_s: float, remark: Callable[[str], None]) -> bytes | None:
    """The daemon's report that it is ready or has failed; empty if it ends without one, None if no report comes in
    time."""
    deadline = time.monotonic() + limit_s
    said = b""
    while True:
        line, newline, rest = said.partition(b"\n")
        if newline and (report := json.loads(line))["ready"] is None:
            remark(report["busy"])
            said, deadline = rest, time.monotonic() + limit_s
        elif newline:
            return line
        else:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                return None
            part = os.read(descriptor, 1 << 16)
            if not part:
                return b""
            said += part


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(END_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _fate(process: subprocess.Popen[bytes]) -> str:
    _end(process)
    code = process.returncode
    return f"the daemon was killed by signal {-code}" if code < 0 else f"the daemon ended at once with exit code {code}"


def _unreported(log_file: Path, start: int, what: str) -> StartFailed:
    last = _last_line(log_file, start)
    return StartFailed(f"{what}: {last}" if last else what, hint=f"the log has the details: {log_file}")


def _last_line(log_file: Path, start: int) -> str:
    with log_file.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(start, size - _TAIL_BYTES))
        lines = log.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _wait_for_answer(client: ControlClient, deadline: float, error: ErrorBodyDocument) -> dict[str, Any]:
    while True:
        try:
            return client.get("/health")
        except DaemonNotRunning:
            if time.monotonic() >= deadline:
                raise StartFailed(
                    f"{error['message']}, but does not answer", hint="end that process, then try again"
                ) from None
            time.sleep(_RETRY_S)
