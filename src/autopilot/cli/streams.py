"""Standard output and standard error that may be full, gone or closed: no write to them ends in a traceback."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn, TextIO

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


class GuardedStreams:
    """Inside this context, a failed write to standard output raises OutputLost. One to standard error is only
    remembered: a panic must not end because a log is full."""

    def __enter__(self) -> Remarks:
        _open_closed()
        self._before, remarks = (sys.stdout, sys.stderr), Remarks()
        for stream in self._before:
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")
        streams: Any = sys
        streams.stdout, streams.stderr = (
            _Guarded(self._before[0], _output_lost),
            _Guarded(self._before[1], remarks.lose),
        )
        return remarks

    def __exit__(self, *_: object) -> None:
        # What is left in their buffers must not fail when the interpreter ends.
        for stream in self._before:
            _attempt(stream.flush)
        sys.stdout, sys.stderr = self._before


def _attempt(use: Callable[[], object]) -> None:
    try:  # noqa: SIM105 - importing contextlib would take too long
        use()
    except OSError:
        pass


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
                _attempt(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno()))
        if self._error is not None:
            self._on_loss(self._error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
