"""Numbers, times and codes in a form that people read. The arguments are values of JSON documents."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from autopilot.cli.render.blocks import Span, Style

Number = float | int | str
NOTHING = "-"


def utc(at_ms: int | None) -> str:
    """``1714568400000`` → ``2024-05-01 13:00Z``."""
    if at_ms is None:
        return NOTHING
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")


def day(at_ms: int | None) -> str:
    """``1714568400000`` → ``2024-05-01``."""
    return utc(at_ms)[:10]


def price(value: Number | None) -> str:
    """Two decimals from 100 up, four from 1 up, six significant digits below."""
    if value is None:
        return NOTHING
    number = float(value)
    size = abs(number)
    if size >= 100 or number == 0:
        return f"{number:,.2f}"
    if size >= 1:
        return f"{number:,.4f}"
    return f"{Decimal(f'{number:.6g}'):f}"


def money(value: Number | None) -> str:
    """Two decimals and thousands separators."""
    return NOTHING if value is None else f"{Decimal(str(value)):,.2f}"


def quantity(value: Number | None) -> str:
    """All decimals, without trailing zeros."""
    if value is None:
        return NOTHING
    text = f"{Decimal(str(value)):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def result(value: Number | None, suffix: str = "") -> Span:
    """A gain or loss: signed, green or red."""
    if value is None:
        return Span(NOTHING)
    number = Decimal(str(value)).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    if number == 0:
        return Span(f"0.00{suffix}")
    return Span(f"{number:+,.2f}{suffix}", Style.GOOD if number > 0 else Style.BAD)


def side_span(side: str) -> Span:
    """The side of a signal or order, in its color."""
    return Span(side, {"buy": Style.BUY, "sell": Style.SELL}.get(side, Style.FAINT))


def figure(value: Number | None, decimals: int = 2) -> str:
    """A plain number."""
    return NOTHING if value is None else f"{float(value):,.{decimals}f}"


def integer(value: int | None) -> str:
    """A count with thousands separators."""
    return NOTHING if value is None else f"{value:,}"


def measure(value: float | None, unit: str = "") -> str:
    """A number of a check with its unit: as many digits as tell it from its limit."""
    text = NOTHING if value is None else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.2f}"
    return f"{text} {unit}".rstrip()


def spoken(code: str | None) -> str:
    """``trending_up`` → ``trending up``."""
    return NOTHING if not code else code.replace("_", " ")


def count(number: int, noun: str) -> str:
    """``1 candle``, ``2 candles``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(seconds: float) -> str:
    """The two largest units: ``3 d 4 h``, ``5 min``, ``12 s``."""
    left = max(0, int(seconds))
    parts = []
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        amount, left = divmod(left, length)
        if amount:
            parts.append(f"{amount} {unit}")
    return " ".join(parts[:2]) or "0 s"
