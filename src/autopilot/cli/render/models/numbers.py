"""Estimates as they are read: a number, the interval around it, and whether it tells anything."""

from __future__ import annotations

from collections.abc import Iterable

from autopilot.cli.render.blocks import Span, Style
from autopilot.cli.render.words import NOTHING, measure
from autopilot.domain.card_types import ComparisonDocument, MetricDocument


def percent(share: float | None, decimals: int = 0) -> str:
    """``0.421`` → ``42 %``."""
    return NOTHING if share is None else f"{100 * share:.{decimals}f} %"


def bps(value: float | None) -> str:
    """Signed, in basis points, the unit left to the heading."""
    if value is None:
        return NOTHING
    return f"{value:+,.1f}" if round(value, 1) else "0.0"


def in_unit(value: float | None, unit: str) -> str:
    """A share as a percentage, basis points signed, anything else with four digits."""
    if value is None or unit not in ("share", "bp"):
        return measure(value, unit)
    return f"{bps(value)} bps" if unit == "bp" else percent(value, 2)


def interval(lower: float | None, upper: float | None, unit: str = "bp") -> str:
    """``[-1.0, +9.0]``; shares as percentages."""
    if lower is None or upper is None:
        return NOTHING
    if unit == "share":
        return f"[{100 * lower:.2f}, {100 * upper:.2f}] %"
    if unit == "bp":
        return f"[{bps(lower)}, {bps(upper)}]"
    return f"[{measure(lower)}, {measure(upper)}]"


def interval_title(rows: Iterable[MetricDocument] | Iterable[ComparisonDocument]) -> str:
    """The heading that states the level which the rows with an interval share."""
    levels = {row["level"] for row in rows if row["level"] is not None}
    return f"{100 * levels.pop():g} % interval" if len(levels) == 1 else "interval"


def standing(lower: float | None, upper: float | None, than: float | None = 0.0, *, low_is_good: bool = False) -> str:
    """Where an interval lies: ``better`` or ``worse`` than a number, ``unclear`` around it, ``-`` unknown."""
    if lower is None or upper is None or than is None:
        return NOTHING
    above, below = lower > than, upper < than
    if low_is_good:
        above, below = below, above
    return "better" if above else "worse" if below else "unclear"


STANDINGS = {"better": Style.GOOD, "worse": Style.BAD, "unclear": Style.WARNING}


def judged(text: str, lower: float | None, upper: float | None) -> Span:
    """Green where the whole interval lies above zero, red below, plain around it: a point alone says nothing."""
    said = standing(lower, upper)
    return Span(text, Style.PLAIN if said == "unclear" else STANDINGS.get(said, Style.PLAIN))


def checked(passed: bool) -> Span:
    """The mark before a rule or test."""
    return Span("  ✓ ", Style.GOOD) if passed else Span("  ✗ ", Style.BAD)
