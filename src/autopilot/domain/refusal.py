"""Why an exchange refuses to sell, by its own words, and when a refused exit is tried again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from autopilot.domain.order import Order, OrderType
from autopilot.domain.status_types import RefusedExitDocument
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS

FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 10_000, 5 * MINUTE_MS
"""After the first refusal of an exit, and at most: each pause is twice the one before."""
LONGEST_STOP_PAUSE_MS = HOUR_MS
"""For a stop order that is to rest on the exchange. Autopilot watches the price itself meanwhile."""
FURTHER_FALL = Decimal("0.01")
"""The part of the price at the last attempt by which it must fall to end the pause."""


class RefusalReason(StrEnum):
    """The kind of a refusal."""

    FUNDS = "funds"
    """Fewer coins are free than the order sells."""
    TOO_LARGE = "too_large"
    TOO_SMALL = "too_small"
    MARKET_ORDERS = "market_orders"
    """The market takes no market orders now, or not of this size."""
    CLOSED = "closed"
    """The market takes no orders now."""
    PERMISSION = "permission"
    """The key, or the account, may not trade this."""
    LOCKED = "locked"
    """The account is locked."""
    OTHER = "other"


# The first that matches counts. Sources: https://support.kraken.com/articles/360001491786-api-error-messages,
# https://developers.binance.com/docs/binance-spot-api-docs/errors,
# https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/orders/create-order.
_WORDS: tuple[tuple[RefusalReason, str], ...] = (
    (RefusalReason.MARKET_ORDERS, "limit.only|post.only mode|market orders are not supported|market_lot_size"),
    (RefusalReason.MARKET_ORDERS, "market_state|no_liquidity|order book liquidity"),
    (RefusalReason.CLOSED, "cancel.only|reduce.only|market is closed|entry_disabled|trading.disabled|halted"),
    (RefusalReason.CLOSED, "untradable"),
    (RefusalReason.LOCKED, "locked|account.*disabled|disabled on this account|suspended"),
    (RefusalReason.PERMISSION, "permission|not permitted|may not place|invalid.key|invalid.signature|agreement"),
    (RefusalReason.PERMISSION, "geofencing|ineligible|unconfirmed|verification|_token|authenti|unverified"),
    (RefusalReason.FUNDS, "insufficient|ledger_balance"),
    (RefusalReason.TOO_SMALL, "minimum not met|too.small|notional|zero or less"),
    (RefusalReason.TOO_LARGE, "too.large|exceed.*(volume|maximum)|volume.*exceed|position_limit"),
)


def reason_of(words: str) -> RefusalReason:
    """The reason that the exchange's own ``words`` give."""
    for reason, pattern in _WORDS:
        if re.search(pattern, words, re.IGNORECASE):
            return reason
    return RefusalReason.OTHER


@dataclass(frozen=True, slots=True)
class RefusedExit:
    """The sell orders of a position that the exchange refused in a row, without accepting one: from the ``first`` to
    the ``last``. Either all of them are stop orders to rest on the exchange, or none is."""

    first: Order
    last: Order
    attempts: int

    @property
    def words(self) -> str:
        """The exchange's own words at the last attempt."""
        return self.last.detail or "the exchange gives no reason"

    @property
    def reason(self) -> RefusalReason:
        return reason_of(self.last.detail)

    @property
    def is_stop(self) -> bool:
        """Whether only the stop order on the exchange is refused."""
        return self.last.type is OrderType.STOP

    @property
    def pause_ms(self) -> int:
        """From the last attempt to the next one."""
        longest = LONGEST_STOP_PAUSE_MS if self.is_stop else LONGEST_PAUSE_MS
        # The exponent is bounded: an exchange may refuse for weeks.
        return int(min(FIRST_PAUSE_MS * 2 ** min(self.attempts - 1, 20), longest))

    @property
    def next_at_ms(self) -> int:
        """When the next attempt is due."""
        return self.last.updated_at_ms + self.pause_ms

    def is_due(self, now_ms: int, price: Decimal) -> bool:
        """Whether the pause is over. A further fall of the price ends it, and a clock that was set back."""
        is_waiting = 0 <= now_ms - self.last.updated_at_ms < self.pause_ms
        return not is_waiting or price < self.last.reference_price * (1 - FURTHER_FALL)

    @property
    def hint(self) -> str:
        """What the user can do."""
        if self.is_stop:
            return "nothing while the symbol runs: Autopilot watches the price itself, and tries the stop order again"
        base = self.last.symbol.partition("/")[0]
        return _HINTS[self.reason].format(coin=base, now=f"autopilot exit {self.last.symbol} tries at once")

    def document(self) -> RefusedExitDocument:
        """For ``status`` and events."""
        return {
            "is_stop": self.is_stop,
            "reason": self.reason.value,
            "words": self.words,
            "since_ms": self.first.created_at_ms,
            "attempts": self.attempts,
            "next_at_ms": self.next_at_ms,
            "hint": self.hint,
        }


_WAIT = "see the exchange's status page: Autopilot tries again until the market takes orders; {now}"
_READ = "read the exchange's words; if it is urgent, sell {coin} on the exchange's own page; {now}"
_HINTS = {
    RefusalReason.FUNDS: "free the {coin} that orders, transfers or staking hold, on the exchange's own page; if they"
    " are gone for good: autopilot resume --write-off",
    RefusalReason.TOO_LARGE: _READ,
    RefusalReason.TOO_SMALL: "wait for a higher price, or sell {coin} on the exchange's own page, then: autopilot"
    " resume --write-off",
    RefusalReason.MARKET_ORDERS: _WAIT,
    RefusalReason.CLOSED: _WAIT,
    RefusalReason.PERMISSION: "allow the API key to trade, on the exchange's own page, or sell {coin} there; {now}",
    RefusalReason.LOCKED: "unlock the account on the exchange's own page, or ask its support; {now}",
    RefusalReason.OTHER: _READ,
}
