"""The decisions of one symbol that the store has: it may lose those of an offline market, committed in groups."""

from __future__ import annotations

import logging
from collections.abc import Callable

from autopilot.domain.errors import StoreError
from autopilot.engine.account import TradingAccount
from autopilot.engine.market_window import MarketWindow

log = logging.getLogger(__name__)


class KeptDecisions:
    """``stored_at_ms`` gives the open time of the candle that was decided last, as the store has it."""

    def __init__(self, account: TradingAccount, window: MarketWindow, stored_at_ms: Callable[[], int | None]) -> None:
        self._account = account
        self._window = window
        self._stored_at_ms = stored_at_ms
        self._first_at_ms: int | None = None
        self._last_at_ms = 0

    def made(self, candle_at_ms: int) -> None:
        """The decision at this candle was stored."""
        if self._first_at_ms is None:
            self._first_at_ms = candle_at_ms
        self._last_at_ms = candle_at_ms

    def decided_at_ms(self) -> int | None:
        """Open time of the candle that was decided last. Decisions that were lost are made again. Raises StoreError."""
        stored = self._stored_at_ms()
        if self._last_at_ms > (stored or 0):
            log.warning("the latest decisions on %s were not stored, and are made again", self._account.name)
            self._last_at_ms = 0
            self._account.forget_marks()
            self._window.forget()
        if stored is None and self._first_at_ms is not None:
            return self._first_at_ms - 1
        return stored

    def require_last(self) -> None:
        """Raises StoreError if the last decision was lost: those after it must wait until it is made again."""
        if self._last_at_ms > (self._stored_at_ms() or 0):
            raise StoreError("the latest decisions were not stored", hint="nothing: they are made again")
