"""The user's authorization to trade real money: on one account, up to an amount, for a time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from autopilot.domain.errors import ConfigError
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, MINUTE_MS

MAX_SPAN_MS = 90 * DAY_MS
"""Longer than this, and the user has forgotten it by the time it ends."""
_UNITS = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS}


@dataclass(frozen=True, slots=True)
class Allowance:
    """``value``: the most that may be invested now, in quote currency. ``unproven``: also by rules, and by models that
    are not *live*."""

    value: Decimal
    unproven: bool


@dataclass(frozen=True, slots=True)
class Arming:
    """``max_value``: the most of ``currency`` that may be invested at once, less the loss since ``armed_at_ms``.
    ``unproven``: also without a model that has proven itself. Times are the machine's. ``actor``: who armed, as the
    audit log names them. ``earned_before``: the profit that the positions open at arming had realized by then, which
    their final profit includes."""

    account: str
    currency: str
    max_value: Decimal
    unproven: bool
    armed_at_ms: int
    expires_at_ms: int
    actor: str
    earned_before: Decimal = Decimal(0)

    def holds(self, now_ms: int) -> bool:
        return self.armed_at_ms <= now_ms < self.expires_at_ms

    def allowance(self, currency: str, net: Decimal, now_ms: int) -> Allowance:
        """How much of ``currency`` may be invested now. A loss since arming (``net`` below 0) lowers it; a gain does
        not raise it."""
        if currency != self.currency or not self.holds(now_ms):
            return NO_ALLOWANCE
        return Allowance(max(self.max_value + min(net, Decimal(0)), Decimal(0)), self.unproven)


NO_ALLOWANCE = Allowance(Decimal(0), unproven=False)


def phrase(exchange: str, max_value: Decimal, currency: str, *, unproven: bool = False) -> str:
    """The phrase that a person types to arm: it names the exchange and the amount at risk."""
    return f"LIVE {exchange} {max_value:f} {currency}{' UNPROVEN' if unproven else ''}"


def parse_span(text: str) -> int:
    """A duration such as ``30m``, ``12h``, ``7d`` or ``2w`` in milliseconds. Raises ConfigError."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([mhdw])", text.strip().lower())
    if found is None:
        raise ConfigError(f"{text[:40]!r} is not a duration", hint="write 12h, 7d or 2w")
    span_ms = int(found[1]) * _UNITS[found[2]]
    if span_ms > MAX_SPAN_MS:
        raise ConfigError(
            f"{text[:40]!r} is too long for trading real money",
            hint=f"at most {MAX_SPAN_MS // DAY_MS}d; arm again then",
        )
    return span_ms
