"""Numbers, times, codes, and what a model says, in a form that people read. The arguments are values of JSON
documents."""

from __future__ import annotations

from time import gmtime, strftime

from autopilot.cli.render.blocks import Span, Style
from autopilot.cli.render.fixed_point import fixed, grouped, rounded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from autopilot.cli.render.fixed_point import FixedPoint
    from autopilot.domain.card_types import ComparisonDocument, MetricDocument
    from autopilot.domain.document_types import DecidedDocument

Number = float | int | str
NOTHING = "-"
_UNITS_S = {"m": 60, "h": 3_600, "d": 86_400}
"""Of a timeframe."""


def utc(at_ms: int | None) -> str:
    """``1714568400000`` → ``2024-05-01 13:00Z``."""
    return NOTHING if at_ms is None else strftime("%Y-%m-%d %H:%MZ", gmtime(at_ms // 1000))


def after_close(decision: DecidedDocument) -> str:
    """``1.3 s after the close``: when a candle was decided."""
    number, unit = decision["timeframe"][:-1], decision["timeframe"][-1]
    length_s = int(number) * _UNITS_S[unit]
    late_s = (decision["decided_at_ms"] - decision["candle_at_ms"]) / 1000 - length_s
    return f"{late_s:.1f} s after the close" if late_s < 60 else f"{duration(late_s)} after the close"


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
    return grouped(fixed(f"{number:.6g}"))


def size(number: int) -> str:
    """Bytes: ``1_234_567`` → ``1.2 MB``."""
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if number >= unit:
            return f"{number / unit:,.1f} {name}"
    return f"{number / 1000:,.0f} kB"


def money(value: Number | None) -> str:
    """Two decimals and thousands separators."""
    return NOTHING if value is None else grouped(rounded(fixed(value), 2))


def quantity(value: Number | None) -> str:
    """All decimals, without trailing zeros."""
    if value is None:
        return NOTHING
    text = grouped(fixed(value))
    return text.rstrip("0").rstrip(".") if "." in text else text


def result(value: Number | None, suffix: str = "") -> Span:
    """A gain or loss: signed, green or red."""
    return Span(NOTHING) if value is None else gain(fixed(value), suffix)


def gain(amount: FixedPoint, suffix: str = "") -> Span:
    """As `result`."""
    cents = rounded(amount, 2)
    if not cents[0]:
        return Span(f"0.00{suffix}")
    is_gain = cents[0] > 0
    return Span(f"{'+' if is_gain else ''}{grouped(cents)}{suffix}", Style.GOOD if is_gain else Style.BAD)


def side_span(side: str) -> Span:
    """The side of a signal or order, in its color."""
    return Span(side, {"buy": Style.BUY, "sell": Style.SELL}.get(side, Style.FAINT))


_ACTION_STYLES = {"order": Style.GOOD, "signal": Style.WARNING, "denied": Style.DENIED}
MODE_STYLES = {"active": Style.GOOD, "reducing": Style.WARNING, "halted": Style.BAD}
"""By the name of the trading mode."""


def action_span(action: str) -> Span:
    """The action of a decision, in its color."""
    return Span(action, _ACTION_STYLES.get(action, Style.PLAIN))


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


_STATE_STYLES = {
    "untrained": Style.FAINT,
    "insufficient": Style.WARNING,
    "shadow": Style.WARNING,
    "live": Style.GOOD,
    "abstaining": Style.BAD,
}
_STATE_MEANINGS = {
    "untrained": "no model has been trained; the rule table decides",
    "insufficient": "too little data to judge it",
    "shadow": "may decide on paper, not about real money",
    "live": "may decide about real money",
    "abstaining": "shows no edge; takes no decision",
}
TO_TRAIN = "autopilot retrain"


def state_span(state: str) -> Span:
    """The state's name."""
    return Span(spoken(state), _STATE_STYLES.get(state, Style.PLAIN))


def meaning(state: str, kind: str | None = None) -> str:
    """The decisions that a model in this state may take, trained on candles of this kind."""
    if kind == "simulated" and state in ("shadow", "live"):
        return "decides about simulated candles only, never about real money"
    return _STATE_MEANINGS.get(state, "")


def candles_of(item: Mapping[str, Any]) -> str:
    """``real 1h candles``: those that a model was trained on; an early version's document may not say it."""
    kind, timeframe = item.get("kind"), item.get("timeframe")
    return f"{kind} {timeframe} candles" if kind and timeframe else "unknown candles"


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
    verdict = standing(lower, upper)
    return Span(text, Style.PLAIN if verdict == "unclear" else STANDINGS.get(verdict, Style.PLAIN))


_FEATURE_PREFIXES = {
    "return_": "return over {} candles, in usual moves",
    "ema_distance_": "distance from the EMA of {} candles, in ATRs",
    "sma_distance_": "distance from the mean of {} candles, in ATRs",
    "channel_position_": "position in the channel of {} candles, −0.5 to 0.5",
    "efficiency_": "how straight the last {} candles moved",
    "log_volatility_": "volatility of {} candles, logarithm",
    "obv_slope_": "money flow over {} candles",
    "regime_before_": "the regime before was {}",
    "reference_return_": "the reference's return over {} candles, in usual moves",
    "relative_strength_": "return over {} candles, less the reference's",
    "sentiment_change_": "change of sentiment over {} candles",
    "signal_": "what {} says now",
    "held_": "{} would be holding",
    "last_": "last result of {}, in usual moves",
    "mean_7d_": "mean result of {} over 7 days, in usual moves",
    "mean_30d_": "mean result of {} over 30 days, in usual moves",
}
_FEATURES = {
    "adx": "ADX, 0 to 1",
    "rsi": "RSI, 0 to 1",
    "mfi": "money flow index, 0 to 1",
    "macd": "MACD, in ATRs",
    "macd_histogram": "MACD's histogram, in ATRs",
    "directional_lead": "lead of the upward movement",
    "regime_strength": "how clear the regime is",
    "regime_age": "time in the regime, logarithm",
    "volatility_rank": "rank of the volatility among the last 30 days",
    "reference_known": "the reference has data",
    "sentiment_known": "the sentiment has data",
}


def feature_words(name: str) -> str:
    """``return_24`` → return over 24 candles, in usual moves. An unknown name is returned with spaces."""
    if name in _FEATURES:
        return _FEATURES[name]
    for prefix in sorted(_FEATURE_PREFIXES, key=len, reverse=True):
        rest = name.removeprefix(prefix)
        if rest != name:
            return _FEATURE_PREFIXES[prefix].format(rest.replace("_", " "))
    return name.replace("_", " ")
