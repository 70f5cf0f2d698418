"""The list of an exchange's markets, read again as it ages: steps and minimum amounts change."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

from autopilot.adapters.exchange.ccxt_errors import ONLINE
from autopilot.domain.errors import ExchangeError, MarketUnavailable
from autopilot.domain.market import Market
from autopilot.domain.money import ZERO, to_decimal
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, MINUTE_MS
from autopilot.ports.clock import Clock

MARKETS_LIFE_MS = DAY_MS
DOUBTED_LIFE_MS = HOUR_MS
"""On the day after the exchange refused something that the list allows."""
SOON_MS, AT_ONCE_MS = 10 * MINUTE_MS, MINUTE_MS
"""The life of a list after an error, and after a refused order."""
FAILED_LIFE_MS = 2_000
"""For so long after a failure without an older list nobody else asks, if it took longer than `LONG_MS`: many symbols
would wait one after the other."""
LONG_MS = 1_000
log = logging.getLogger(__name__)


class FreshMarkets:
    """The markets of an object of ccxt, at most a day old, an hour on the day after `invalidate`. ``steady``: a clock
    that nobody sets."""

    def __init__(self, name: str, steady: Clock) -> None:
        self._name = name
        self._steady = steady
        self._life_ms = MARKETS_LIFE_MS
        self._at_ms: int | None = None
        self._failure: ExchangeError | None = None
        self._failed_at_ms = 0
        self._doubted_until_ms = 0

    def invalidate(self, life_ms: int) -> None:
        """The exchange refused something that the list allows: read it again when it is ``life_ms`` old."""
        self._life_ms = min(life_ms, self._life_ms)
        self._doubted_until_ms = self._steady.now_ms() + DAY_MS

    def expire(self) -> None:
        """The exchange does not know a market of the list: read it again before the next use."""
        self._at_ms = None

    async def ensure(self, exchange: Any, read: Callable[[], Awaitable[object]]) -> None:
        """Call ``read`` if the list is too old. Raises ExchangeError if it fails and there is no older list to use."""
        now_ms = self._steady.now_ms()
        if exchange.markets and self._at_ms is not None and now_ms - self._at_ms < self._life_ms:
            return
        if self._failure is not None and now_ms - self._failed_at_ms < FAILED_LIFE_MS:
            raise self._failure.with_traceback(None)
        before, self._failure = exchange.markets, None
        try:
            await read()
            if not exchange.markets:  # ccxt reads a page of HTML as an empty list
                raise MarketUnavailable(f"{self._name} gave no list of its markets", hint=ONLINE)
        except ExchangeError as error:
            if not before:
                self._failed_at_ms = self._steady.now_ms()
                self._failure = error if self._failed_at_ms - now_ms > LONG_MS else None
                raise
            exchange.set_markets(before)
            log.warning("%s: its markets could not be read again, the old ones are used: %s", self._name, error)
        self._at_ms = now_ms
        self._life_ms = DOUBTED_LIFE_MS if now_ms < self._doubted_until_ms else MARKETS_LIFE_MS


MAKER_FEE, TAKER_FEE = Decimal("0.0025"), Decimal("0.0040")
"""For an exchange that does not state its fees."""
_FINEST = Decimal("1e-8")


def market_rules(description: Mapping[str, Any], precision_mode: int) -> Market:
    """The rules in ``description``, ccxt's unified market. Missing fees are the usual ones, missing steps the
    finest.

    Exchanges that count significant digits (bitfinex, bithumb) do so for prices only; they count the decimals of
    amounts. Source: ``price_to_precision`` and ``amount_to_precision`` of ccxt's classes.
    """
    from ccxt.base.decimal_to_precision import SIGNIFICANT_DIGITS, TICK_SIZE

    counts_digits = precision_mode == SIGNIFICANT_DIGITS

    def step(name: str) -> Decimal:
        value = _amount(description.get("precision"), name)
        if value is None:
            return _FINEST
        if precision_mode == TICK_SIZE:
            return value or _FINEST
        return Decimal(1).scaleb(-int(value))

    def minimum(name: str) -> Decimal | None:
        limits = description.get("limits") or {}
        return _amount(limits.get(name), "min")

    def fee(name: str, usual: Decimal) -> Decimal:
        stated = _amount(description, name)
        return usual if stated is None else stated

    digits = _amount(description.get("precision"), "price") if counts_digits else None
    amount_step = step("amount")
    return Market(
        symbol=description["symbol"],
        base=description["base"],
        quote=description["quote"],
        amount_step=amount_step,
        price_step=_FINEST if counts_digits else step("price"),
        min_amount=minimum("amount") or amount_step,
        min_cost=minimum("cost") or ZERO,
        maker_fee=fee("maker", MAKER_FEE),
        taker_fee=fee("taker", TAKER_FEE),
        price_digits=None if digits is None else int(digits),
    )


def _amount(values: Mapping[str, Any] | None, name: str) -> Decimal | None:
    """The number called ``name``; None if it is missing."""
    value = (values or {}).get(name)
    return None if value is None else to_decimal(value)
