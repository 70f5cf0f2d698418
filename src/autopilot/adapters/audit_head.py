"""The anchor of the audit log: a copy of its head in a file beside the database. The chain alone does not show a lost
end."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from pathlib import Path

from autopilot.adapters.durable_file import locked, write_durably
from autopilot.domain.audit import GENESIS, Head
from autopilot.domain.errors import AutopilotError, StoreCorrupt, StoreUnavailable

HEAD_NAME = "audit.head"
"""The file of the anchor, beside the database."""
EVERY_S = 1.0
"""The longest lag of the anchor behind the log, and the shortest time between two writes."""
LOOKS = 60
"""The pause between checks whether the new row was committed."""
_FORM = re.compile(rb"(\d{1,18}) ([0-9a-f]{64})\n")
_FORM_MAX_BYTES = 100

log = logging.getLogger(__name__)


def read_head(path: Path) -> Head | None:
    """The head in the file; None without a file. Raises StoreCorrupt if it holds no head, StoreUnavailable."""
    try:
        with path.open("rb", buffering=0) as file:
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


class HeadFile:
    """The file of the anchor, read again only if it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: tuple[tuple[int, ...], Head] | None = None

    def read(self) -> Head | None:
        """As `read_head`."""
        try:
            at = self._path.stat()
        except OSError:
            return read_head(self._path)
        state = (at.st_dev, at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns)
        if self._known and self._known[0] == state:
            return self._known[1]
        head = read_head(self._path)
        self._known = (state, head) if head else None
        return head


def write_head(path: Path, head: Head) -> None:
    """Write the head, whole or not at all; it is on the disk on return, readable for its owner only. Raises
    StoreUnavailable."""
    write_durably(path, f"{head.seq} {head.hash}\n".encode(), "the audit log's anchor")


class Anchor:
    """Follows the log from its own thread, so that no order waits for it. ``advance`` gets the anchored head and
    returns the latest committed one. It raises StoreError if the log no longer holds the anchored head: then the anchor
    stays unchanged, because it is the evidence."""

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
        """Call it before the first row of a log: from then on, rows without an anchor show that the anchor was removed.
        Raises StoreUnavailable."""
        with locked(self._path.parent):
            if not self._path.exists():
                write_head(self._path, GENESIS)

    def follow(self) -> None:
        """Announce a new row: the anchor follows after EVERY_S, when the row is committed."""
        with self._state:
            self._is_used = True
            self._looks_left = LOOKS
            self._look_later()

    def flush(self) -> None:
        """Write the anchor now, if the log has new rows."""
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
        """Whether the anchor was written. An error is logged once, not every second."""
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
        """Hold the lock between reading and writing: the row of another process would be cut off unseen."""
        with locked(self._path.parent):
            present = read_head(self._path)
            if present is None:
                raise StoreCorrupt(f"{self._path} is gone", hint="autopilot audit verify")
            head = self._advance(present)
            if head.seq <= present.seq:
                return False
            write_head(self._path, head)
        return True
