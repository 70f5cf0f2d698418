"""Every restriction of an account, from all sources, and the one of an account that holds more than it is allowed."""

from __future__ import annotations

from collections.abc import Callable

from autopilot.domain.account import exchange_of, is_live
from autopilot.domain.arming import Allowance
from autopilot.domain.market import split_symbol
from autopilot.domain.order import Purpose
from autopilot.domain.portfolio import invested_cost
from autopilot.domain.trading_mode import LEAVE_EXCEEDED, Restriction, TradingMode
from autopilot.ports.clock import Clock
from autopilot.ports.ledger import Ledger
from autopilot.ports.restrictions import RestrictionSource


class Restrictions(RestrictionSource):
    """Joins other sources; without any it never restricts."""

    def __init__(self, *sources: RestrictionSource) -> None:
        self._sources = sources

    def restrictions(self, account: str) -> tuple[Restriction, ...]:
        """The strictest first."""
        found = [each for source in self._sources for each in source.restrictions(account)]
        return tuple(sorted(found, key=lambda each: -each.mode.strictness))


class AllowanceExceeded(RestrictionSource):
    """Restricts a live account whose pending entries exceed the allowance, because it became smaller or is for another
    currency now. ``allowance``: how much of a currency an account may invest at a moment. ``clock``: the machine's
    time."""

    def __init__(self, ledger: Ledger, allowance: Callable[[str, str, int], Allowance], clock: Clock) -> None:
        self._ledger = ledger
        self._allowance = allowance
        self._clock = clock

    def restrictions(self, account: str) -> tuple[Restriction, ...]:
        if not is_live(account):
            return ()
        orders = self._ledger.open_orders(account)
        waiting = {split_symbol(order.symbol)[1] for order in orders if order.purpose is Purpose.ENTRY}
        if not waiting:
            return ()
        positions, now_ms = self._ledger.positions(account), self._clock.now_ms()
        return tuple(
            Restriction(
                LEAVE_EXCEEDED,
                TradingMode.REDUCING,
                f"{cost:.2f} {currency} are invested or pending, {limit:.2f} armed; pending entries are canceled",
                now_ms,
                f"nothing to do; to allow more: autopilot arm --exchange {exchange_of(account)} --max-value AMOUNT",
            )
            for currency in sorted(waiting)
            if (cost := invested_cost(positions, orders, currency))
            > (limit := self._allowance(account, currency, now_ms).value)
        )
