"""Whether more is invested, or about to be, than the user still lets it."""

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


class AllowanceExceeded:
    """A RestrictionSource, of real money: entries that wait are ended where the leave that they were made with has
    become smaller, or is for another currency now. ``leave``: how much of a currency may be invested by an account at a
    moment. ``clock``: the machine's time."""

    def __init__(self, ledger: Ledger, leave: Callable[[str, str, int], Allowance], clock: Clock) -> None:
        self._ledger = ledger
        self._leave = leave
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
                f"{stakes:.2f} {currency} paid or to be paid by entries that wait, {left:.2f} armed; they are canceled",
                now_ms,
                f"nothing; for more: autopilot arm --exchange {exchange_of(account)} --max-value AMOUNT",
            )
            for currency in sorted(waiting)
            if (stakes := invested_cost(positions, orders, currency))
            > (left := self._leave(account, currency, now_ms).value)
        )
