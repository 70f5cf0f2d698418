"""The anchor of the audit log: its head in a file beside the database, since a chain alone does not miss its end."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from pathlib import Path

from autopilot.adapters.durable_file import locked, write_durably
from autopilot.domain.audit import GENESIS, Head
from autopilot.domain.errors import AutopilotError, StoreCorrupt, StoreUnavailable

EVERY_S = 1.0
"""The most that the anchor lags behind the log, and the least between two writes."""
LOOKS = 60
"""How often it is looked whether a row that is on its way was committed."""
_FORM = re.compile(rb"(\d{1,18}) ([0-9a-f]{64})\n")
_FORM_MAX_BYTES = 100

log = logging.getLogger(__name__)


def read_head(path: Path) -> Head | None:
    """None where there is no file. Raises StoreCorrupt when it holds no head, StoreUnavailable."""
    try:
        with path.open("rb") as file:
            content = file.read(_FORM_MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreUnavailable(
            f"the audit log's anchor {path} cannot be read: {error.strerror}", hint="check its owner and mode"
        ) from error
    found = _FORM.fullmatch(content)
    if found is None:
        raise StoreCorrupt(f"the audit log's anchor {path} holds no number and hash", hint="restore it from a backup")
    return Head(int(found[1]), found[2].decode())


def write_head(path: Path, head: Head) -> None:
    """All or nothing, on the disk when it returns, for its owner only. Raises StoreUnavailable."""
    write_durably(path, f"{head.seq} {head.hash}\n".encode(), "the audit log's anchor")


class Anchor:
    """Follows the log from a thread of its own, so that no order waits for it.

    ``advance`` gives the latest committed head, provided that the one it is told is still in the log, else raises
    StoreError: an anchor that does not fit stays as it is, for it is the evidence.
    """

    def __init__(self, path: Path, advance: Callable[[Head], Head]) -> None:
        self._path = path
        self._advance = advance
        self._state = threading.Lock()
        self._writing = threading.Lock()
        self._timer: threading.Timer | None = None
        self._looks_left = 0
        self._is_used = False
        self._trouble = ""

    def begin(self) -> None:
        """Before the first row of all: from now on, rows without an anchor are rows whose anchor was taken away.
        Raises StoreUnavailable."""
        with locked(self._path.parent):
            if not self._path.exists():
                write_head(self._path, GENESIS)

    def follow(self) -> None:
        """A row is on its way: go by what is committed EVERY_S from now, and look again while that is not more."""
        with self._state:
            self._is_used = True
            self._looks_left = LOOKS
            self._look_later()

    def flush(self) -> None:
        """Go by what is committed now, if there was anything to follow."""
        with self._state:
            timer, self._timer, self._looks_left = self._timer, None, 0
        if timer:
            timer.cancel()
        if self._is_used:
            self._move()

    def _look_later(self) -> None:
        if self._timer is None and self._looks_left:
            self._looks_left -= 1
            self._timer = threading.Timer(EVERY_S, self._due)
            self._timer.daemon = True
            self._timer.start()

    def _due(self) -> None:
        with self._state:
            self._timer = None
        if not self._move():
            with self._state:
                self._look_later()

    def _move(self) -> bool:
        """Whether it did. Trouble is said once in the log, not every second."""
        with self._writing:
            try:
                is_moved = self._go_by_the_log()
                self._trouble = ""
            except AutopilotError as error:
                if str(error) != self._trouble:
                    log.error("the audit log's anchor stays where it is: %s", error)  # noqa: TRY400 - expected
                self._trouble = str(error)
                return False
        return is_moved

    def _go_by_the_log(self) -> bool:
        """Between reading and writing no other process may write: its later row would be cut off unseen."""
        with locked(self._path.parent):
            present = read_head(self._path)
            if present is None:
                raise StoreCorrupt(f"{self._path} is gone", hint="autopilot audit verify")
            head = self._advance(present)
            if head.seq <= present.seq:
                return False
            write_head(self._path, head)
        return True
