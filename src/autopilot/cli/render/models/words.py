"""A model in words: its state, and its estimates with their intervals."""

from __future__ import annotations

from collections.abc import Iterable

from autopilot.cli.render.blocks import Span, Style
from autopilot.cli.render.words import NOTHING, measure, spoken
from autopilot.domain.card_types import ComparisonDocument, MetricDocument

_STYLES = {
    "untrained": Style.FAINT,
    "insufficient": Style.WARNING,
    "shadow": Style.WARNING,
    "live": Style.GOOD,
    "abstaining": Style.BAD,
}
_MEANINGS = {
    "untrained": "no model has been trained; the rule table decides",
    "insufficient": "too little data to judge it",
    "shadow": "may decide on paper, not about real money",
    "live": "may decide about real money",
    "abstaining": "shows no edge; takes no decision",
}
TO_TRAIN = "autopilot retrain --days 90"


def state_span(state: str) -> Span:
    """The state's name."""
    return Span(spoken(state), _STYLES.get(state, Style.PLAIN))


def meaning(state: str) -> str:
    """The decisions that a model in this state may take."""
    return _MEANINGS.get(state, "")


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
