"""A real pseudo-terminal of a known width, and a command on it."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path

LIMIT_S = 40.0
"""Nothing takes that long unless it hangs."""
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A command whose output is a terminal of ``columns``."""

    def __init__(
        self, command: Sequence[str | Path], columns: int, environment: dict[str, str], errors_too: bool
    ) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs if errors_too else subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    @property
    def echoes(self) -> bool:
        """Whether what is typed now is shown."""
        return bool(termios.tcgetattr(self._ours)[3] & termios.ECHO)

    def read(self, until: str | None = None) -> str:
        """Read to the end of the output, or until ``until`` was shown; return all that was shown so far.

        Fails, and kills the command, when that takes longer than LIMIT_S.
        """
        deadline = time.monotonic() + LIMIT_S
        while until is None or until not in ESCAPE.sub("", self.shown):
            if not select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))[0]:
                self.process.kill()
                raise AssertionError(f"{until!r} was not shown: {self.shown[-1000:]}")
            try:
                part = os.read(self._ours, 1 << 16)
            except OSError:  # Linux's word for the end of a terminal
                break
            if not part:
                break
            self.shown += self._decoder.decode(part)
        return self.shown

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def finish(self) -> int:
        self.read()
        os.close(self._ours)
        with self.process:
            return self.process.wait(timeout=20)
