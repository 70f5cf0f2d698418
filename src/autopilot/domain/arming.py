"""The user's leave to trade real money: on one account, up to an amount, for a time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from autopilot.domain.errors import ConfigError
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, MINUTE_MS

LONGEST_MS = 90 * DAY_MS
"""Who arms for longer than this has forgotten it when it ends."""
_UNITS = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS}


@dataclass(frozen=True, slots=True)
class Allowance:
    """``value``: the most that may be invested now; ``unproven``: also by rules, and by models that are not *live*."""

    value: Decimal
    unproven: bool


@dataclass(frozen=True, slots=True)
class Arming:
    """``max_value``: the most of ``currency`` that may be invested at once, less what was lost since ``armed_at_ms``.
    ``unproven``: also without a model that has proven itself. Times are the machine's. ``actor``: who armed, as the
    audit log names them. ``earned_before``: what the positions of then had earned until then, which is in what they
    earn in the end."""

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

    def leave(self, currency: str, net: Decimal, now_ms: int) -> Allowance:
        """What holds now for what is bought with ``currency``; ``net`` is what was earned since it was armed. What was
        lost may not be lost again, what was earned is no leave to lose more."""
        if currency != self.currency or not self.holds(now_ms):
            return NO_LEAVE
        return Allowance(max(self.max_value + min(net, Decimal(0)), Decimal(0)), self.unproven)


NO_LEAVE = Allowance(Decimal(0), unproven=False)


def phrase(exchange: str, max_value: Decimal, currency: str, *, unproven: bool = False) -> str:
    """What a person types to arm: what is at risk, where, and on what."""
    return f"LIVE {exchange} {max_value:f} {currency}{' UNPROVEN' if unproven else ''}"


def parse_span(text: str) -> int:
    """``30m``, ``12h``, ``7d``, ``2w`` in milliseconds. Raises ConfigError."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([mhdw])", text.strip().lower())
    if found is None:
        raise ConfigError(f"{text[:40]!r} is not a duration", hint="write 12h, 7d or 2w")
    span_ms = int(found[1]) * _UNITS[found[2]]
    if span_ms > LONGEST_MS:
        raise ConfigError(
            f"{text[:40]!r} is too long for trading real money", hint=f"at most {LONGEST_MS // DAY_MS}d; arm again then"
        )
    return span_ms
