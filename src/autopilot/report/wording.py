"""Numbers, times and codes as text."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from html import escape

from autopilot.domain.order import Purpose

MARK_WORDS = {
    Purpose.ENTRY: "entry",
    Purpose.STOP_LOSS: "stop",
    Purpose.TAKE_PROFIT: "target",
    Purpose.FLATTEN: "exit",
    Purpose.PROTECTION: "protection",
}


def moment(at_ms: int) -> str:
    """To the minute, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def digits_of(amount: Decimal | float) -> int:
    """The decimals that show about five digits of an amount of this size: two to ten."""
    size = abs(Decimal(amount))
    return min(max(4 - size.adjusted(), 2), 10) if size else 2


def plain_number(amount: Decimal | float, digits: int) -> str:
    return f"{amount:,.{digits}f}".replace("-", "−")


def signed(amount: Decimal | float, digits: int) -> str:
    return f"{amount:+,.{digits}f}".replace("-", "−")


def tick_words(value: float) -> str:
    return f"{value:+g}".replace("-", "−") if value else "0"


def breakable(name: str) -> str:
    """A name, escaped for HTML, that may break after an underscore in a narrow column."""
    return escape(name).replace("_", "_<wbr>")


def spoken_html(code: str) -> str:
    """``trending_up`` → ``trending up``, safe within HTML."""
    return escape(code.replace("_", " "))
