"""Nonces: numbers that an exchange takes from a key only in ascending order, also after a crash or a change of
clocks."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from autopilot.adapters.durable_file import locked, write_durably
from autopilot.adapters.exchange.exchange_clock import LATEST_MS
from autopilot.domain.errors import StoreUnavailable
from autopilot.domain.timeframe import DAY_MS
from autopilot.ports.clock import Clock

NONCES_NAME = "nonces"
"""The folder of the ceilings, in the data directory."""
BLOCK_MS = 10_000
"""How far ahead a ceiling is written, so that few requests wait for the disk."""
FURTHEST_MS = DAY_MS
"""No refusal makes a nonce skip further ahead of the exchange's time: an exchange never forgets the highest one of a
key. Only an exchange that has stated a later time has seen higher ones."""
_FIRST_SKIP_MS, _SKIP_GROWS = 1_000, 4
_MOST_BYTES = 64

log = logging.getLogger(__name__)


class Nonces:
    """The nonces of one key: milliseconds of the exchange's time ``clock``, or one more than the last where that is
    higher. A file in ``directory``, named by a digest of the key, holds a ceiling; it is on the disk before a nonce up
    to it is used. Other processes of this data directory use the same file.

    A ceiling that cannot be written keeps no request back: an exit is worth more. After a crash the next nonce is then
    that of the time, which is higher, unless nonces were ahead of it; and a refused nonce skips ahead.
    """

    def __init__(self, directory: Path, exchange: str, api_key: str, clock: Clock) -> None:
        digest = hashlib.sha256(f"{exchange}\n{api_key}".encode()).hexdigest()
        self._file = directory / digest[:32]
        self._clock = clock
        self._last: int | None = None
        self._ceiling = 0
        self._skip_ms = 0
        self._warned = ""

    def next(self) -> int:
        """The nonce of one request."""
        now_ms = self._clock.now_ms()
        if self._last is None:
            self._last = self._stored()
        nonce = max(now_ms, self._last + 1)
        if nonce > self._ceiling:
            nonce = self._reserve(nonce, now_ms)
        self._last = nonce
        return nonce

    def accepted(self) -> None:
        """The exchange took a nonce."""
        self._skip_ms = 0

    def refused(self) -> None:
        """The exchange has seen a higher nonce of this key: the next one skips ahead, further each time."""
        now_ms = self._clock.now_ms()
        highest = max(self._last or 0, self._others())
        self._skip_ms = self._skip_ms * _SKIP_GROWS or _FIRST_SKIP_MS
        self._last = max(highest, min(max(highest, now_ms) + self._skip_ms, now_ms + FURTHEST_MS))

    def _reserve(self, nonce: int, now_ms: int) -> int:
        """Write a ceiling above ``nonce``, and above that of another process. Returns the nonce to use."""
        try:
            self._file.parent.mkdir(mode=0o700, exist_ok=True)
            with locked(self._file.parent):
                nonce = max(nonce, self._others() + 1)
                ceiling = max(nonce, min(nonce + BLOCK_MS, now_ms + FURTHEST_MS))
                write_durably(self._file, f"{ceiling}\n".encode(), "the ceiling of nonces")
        except (OSError, StoreUnavailable) as error:
            self._warn(f"requests go on without a stored nonce: {error}")
        else:
            self._ceiling, self._warned = ceiling, ""
        return nonce

    def _others(self) -> int:
        """The ceiling that another process, or an earlier one, has written; 0 if it is our own."""
        stored = self._stored()
        return stored if stored != self._ceiling else 0

    def _stored(self) -> int:
        """The ceiling in the file; 0 without a usable one."""
        try:
            with self._file.open("rb") as file:
                ceiling = int(file.read(_MOST_BYTES))
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as error:
            self._warn(f"{self._file} holds no usable nonce; the exchange's time is used: {error}")
            return 0
        if 0 <= ceiling < LATEST_MS:
            return ceiling
        self._warn(f"{self._file} holds no possible nonce; the exchange's time is used")
        return 0

    def _warn(self, words: str) -> None:
        """Once in a row."""
        if words != self._warned:
            log.warning("%s", words)
        self._warned = words
