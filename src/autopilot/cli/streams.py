"""Standard output and standard error that may be full, gone or closed: no write to them ends in a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, TextIO, cast

_STANDARD = (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w"))
"""By descriptor. One that the caller closed is opened so that reading finds nothing, a result cannot be written, and
remarks are discarded."""


class OutputLost(Exception):
    """Standard output cannot be written; the message says why."""


class Remarks:
    """Whether anything written to standard error was lost."""

    is_lost = False

    def lose(self, _: OSError) -> None:
        self.is_lost = True


@contextmanager
def guarded_streams() -> Iterator[Remarks]:
    """Inside, a failed write to standard output raises OutputLost. One to standard error is only remembered: a panic
    must not end because a log is full."""
    _open_closed()
    remarks, before = Remarks(), (sys.stdout, sys.stderr)
    for stream in before:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    sys.stdout = cast(TextIO, _Guarded(before[0], _output_lost))
    sys.stderr = cast(TextIO, _Guarded(before[1], remarks.lose))
    try:
        yield remarks
    finally:
        # What is left in their buffers must not fail when the interpreter ends.
        for stream in before:
            with suppress(OSError):
                stream.flush()
        sys.stdout, sys.stderr = before


def _output_lost(error: OSError) -> NoReturn:
    raise OutputLost(error.strerror or str(error)) from None


def _open_closed() -> None:
    """Otherwise the next file that is opened, perhaps the database, would get the number of standard output."""
    for number, (name, flags, mode) in enumerate(_STANDARD):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


class _Guarded:
    """A stream whose first error goes to ``on_loss`` then and at every later use: whoever asks next may have swallowed
    it. What it is given from then on is discarded."""

    def __init__(self, stream: TextIO, on_loss: Callable[[OSError], None]) -> None:
        self._stream = stream
        self._on_loss = on_loss
        self._error: OSError | None = None

    def write(self, text: str) -> int:
        self._attempt(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._attempt(self._stream.flush)

    def _attempt(self, use: Callable[[], object]) -> None:
        if self._error is None:
            try:
                use()
            except OSError as error:
                self._error = error
                with suppress(OSError):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
        if self._error is not None:
            self._on_loss(self._error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
