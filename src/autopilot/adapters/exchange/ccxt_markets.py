"""The list of an exchange's markets, read again as it ages: steps and least amounts change."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

from autopilot.adapters.exchange.ccxt_errors import AGAIN
from autopilot.domain.errors import ExchangeError, MarketUnavailable
from autopilot.domain.market import Market
from autopilot.domain.money import ZERO, to_decimal
from autopilot.domain.timeframe import DAY_MS, MINUTE_MS
from autopilot.ports.clock import Clock

MARKETS_LIFE_MS = DAY_MS
DOUBTED_LIFE_MS = 10 * MINUTE_MS
log = logging.getLogger(__name__)


class FreshMarkets:
    """The markets of an object of ccxt, at most a day old, or ten minutes once they are doubted."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._life_ms = MARKETS_LIFE_MS
        self._at_ms: int | None = None

    def doubt(self) -> None:
        """Something was refused that they allow."""
        self._life_ms = DOUBTED_LIFE_MS

    async def ensure(self, exchange: Any, read: Callable[[], Awaitable[object]]) -> None:
        """``read`` reads them again. Raises ExchangeError while there are none; old ones are better than that."""
        now_ms = self._clock.now_ms()
        if exchange.markets and self._at_ms is not None and now_ms - self._at_ms < self._life_ms:
            return
        before = exchange.markets
        try:
            await read()
            if not exchange.markets:  # ccxt reads a page of HTML as a list of nothing
                raise MarketUnavailable(f"{self._name} gave no list of its markets", hint=AGAIN)
        except ExchangeError as error:
            if not before:
                raise
            exchange.set_markets(before)
            log.warning("%s: its markets could not be read again, the old ones are used: %s", self._name, error)
        self._at_ms, self._life_ms = now_ms, MARKETS_LIFE_MS


MAKER_FEE, TAKER_FEE = Decimal("0.0025"), Decimal("0.0040")
"""Where an exchange does not say."""
_FINEST = Decimal("1e-8")


def market_rules(described: Mapping[str, Any], precision_mode: int) -> Market:
    """``described`` is ccxt's unified market. What it leaves out is taken to be as usual; steps as fine as they get."""
    from ccxt.base.decimal_to_precision import DECIMAL_PLACES, TICK_SIZE

    def step(name: str) -> Decimal:
        value = _amount(described.get("precision"), name)
        if value is not None and precision_mode == DECIMAL_PLACES:
            return Decimal(1).scaleb(-int(value))
        return value if value and precision_mode == TICK_SIZE else _FINEST

    def least(name: str) -> Decimal | None:
        limits = described.get("limits") or {}
        return _amount(limits.get(name), "min")

    def fee(name: str, usual: Decimal) -> Decimal:
        stated = _amount(described, name)
        return usual if stated is None else stated

    amount_step = step("amount")
    return Market(
        symbol=described["symbol"],
        base=described["base"],
        quote=described["quote"],
        amount_step=amount_step,
        price_step=step("price"),
        min_amount=least("amount") or amount_step,
        min_cost=least("cost") or ZERO,
        maker_fee=fee("maker", MAKER_FEE),
        taker_fee=fee("taker", TAKER_FEE),
    )


def _amount(values: Mapping[str, Any] | None, name: str) -> Decimal | None:
    """None where there is no number."""
    value = (values or {}).get(name)
    return None if value is None else to_decimal(value)
