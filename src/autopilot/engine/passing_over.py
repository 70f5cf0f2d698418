"""Passing over candles that cannot be decided, with the reason."""

from __future__ import annotations

import logging

from autopilot.analysis.regime import LEAST_CANDLES
from autopilot.domain.candles import Candles
from autopilot.domain.passed_candles import PassedCandles, PassReason
from autopilot.engine.market_window import MAX_CATCH_UP
from autopilot.engine.settings import AutopilotSettings
from autopilot.ports.clock import Clock
from autopilot.ports.ledger import DecisionLedger
from autopilot.strategies.registry import StrategySet

log = logging.getLogger(__name__)


class PassingOver:
    """Stores the candles of one symbol that are never decided. Methods raise StoreError."""

    def __init__(self, account: str, settings: AutopilotSettings, ledger: DecisionLedger, clock: Clock) -> None:
        self._account = account
        self._settings = settings
        self._ledger = ledger
        self._clock = clock

    def missed(self, undecided: Candles, decided_at_ms: int | None) -> Candles:
        """The candles that are still decided: the latest of ``undecided``. The others are passed over, and with them
        those since ``decided_at_ms`` that are no longer in memory."""
        missed = undecided[:-MAX_CATCH_UP]
        if len(missed):
            first_ms, length_ms = int(missed.open_at_ms[0]), undecided.timeframe.ms
            since_ms = first_ms if decided_at_ms is None else min(first_ms, decided_at_ms + length_ms)
            detail = f"too many candles closed meanwhile: only the latest {MAX_CATCH_UP} are decided"
            self._store(missed, PassReason.MISSED, detail, since_ms)
        return undecided[-MAX_CATCH_UP:]

    def too_short(self, history: Candles, strategies: StrategySet) -> bool:
        """Whether ``history`` is too short to decide on its last candle, which is passed over then."""
        count, left_out = len(history), strategies.left_out(len(history))
        if count >= LEAST_CANDLES and len(left_out) < len(strategies):
            return False
        needed = max(LEAST_CANDLES, min(each.candles_needed for each in strategies))
        detail = f"{count} candles of {self._settings.timeframe} are too few to decide; at least {needed} are needed"
        self._store(history[-1:], PassReason.HISTORY_TOO_SHORT, detail, history.last_at_ms)
        return True

    def _store(self, candles: Candles, code: PassReason, detail: str, since_ms: int) -> None:
        """``since_ms``: at or before the first of ``candles``."""
        settings = self._settings
        first_ms = int(candles.open_at_ms[0])
        passed = PassedCandles(
            account=self._account,
            exchange=settings.exchange,
            symbol=settings.symbol,
            timeframe=settings.timeframe,
            first_at_ms=since_ms,
            last_at_ms=candles.last_at_ms,
            candles=len(candles) + (first_ms - since_ms) // candles.timeframe.ms,
            passed_at_ms=self._clock.now_ms(),
            code=code,
            detail=detail,
        )
        if self._ledger.pass_over(passed):
            log.warning("%s: passed over: %s", settings.symbol, detail)
