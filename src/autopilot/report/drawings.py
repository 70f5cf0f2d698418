"""Small charts as SVG: each strategy's result, and confidence against outcome."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from html import escape

import numpy as np

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.performance.account_record import AccountRecord, ClosedTrade
from autopilot.report.content import ReportTable
from autopilot.report.tables import sign_class
from autopilot.report.thinning import kept_points
from autopilot.report.wording import breakable, digits_of, signed, tick_words

SPARK_POINTS = 240
DOTS = 1_500
BINS = 8
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 480, 320, 54, 10, 10, 40


def strategies_svg(record: AccountRecord, from_ms: int, to_ms: int) -> str:
    """A card for each strategy, the best first, with its cumulative net result; all on the same scales."""
    trades: dict[str, list[ClosedTrade]] = defaultdict(list)
    for trade in record.trades:
        trades[trade.round_trip.strategy].append(trade)
    sums = {name: np.cumsum([float(trade.round_trip.net) for trade in mine]) for name, mine in trades.items()}
    low = min((float(total.min()) for total in sums.values()), default=0.0)
    high = max((float(total.max()) for total in sums.values()), default=0.0)
    box = (from_ms, max(to_ms, from_ms + 1), min(low, 0.0), max(high, 0.0))
    digits = digits_of(record.start_equity)
    cards = []
    for name in sorted(sums, key=lambda name: (-sums[name][-1], name)):
        net, mine = float(sums[name][-1]), trades[name]
        won = sum(trade.round_trip.net > 0 for trade in mine) / len(mine)
        path = _steps(np.array([trade.round_trip.closed_at_ms for trade in mine]), sums[name], box)
        zero = _share(0.0, box[2], box[3]) * 100
        cards.append(
            f"<li><h3>{breakable(name)}</h3>"
            f'<p class="{sign_class(net)}">{signed(net, digits)} {escape(record.currency)}</p>'
            f'<svg viewBox="0 0 200 100" preserveAspectRatio="none" aria-hidden="true">'
            f'<path class="zero" d="M0 {100 - zero:.1f}H200"/><path class="spark" d="{path}"/></svg>'
            f"<p class='small'>{len(mine):,} {'trade' if len(mine) == 1 else 'trades'}, {won:.0%} won</p></li>"
        )
    return f'<ul class="multiples">{"".join(cards)}</ul>'


def _steps(at_ms: IntArray, sums: FloatArray, box: tuple[float, float, float, float]) -> str:
    from_ms, to_ms, low, high = box
    kept = kept_points([sums], SPARK_POINTS)
    x = np.clip((at_ms[kept] - from_ms) / (to_ms - from_ms), 0.0, 1.0) * 200
    y = [100 - _share(float(value), low, high) * 100 for value in sums[kept]]
    steps = "".join(f"H{across:.1f}V{down:.1f}" for across, down in zip(x, y, strict=True))
    return f"M0 {100 - _share(0.0, low, high) * 100:.1f}{steps}H200"


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Confidence:
    """Decisions with a known outcome, in up to eight groups of equal size by rising confidence: float64[g] each.
    ``error``: half of the mean's 95 % interval as if outcomes were independent; NaN for a single decision."""

    confidence: FloatArray
    outcome_bps: FloatArray
    center: FloatArray
    mean: FloatArray
    error: FloatArray
    count: IntArray

    @classmethod
    def of(cls, confidence: FloatArray, outcome_bps: FloatArray) -> Confidence:
        known = np.isfinite(confidence) & np.isfinite(outcome_bps)
        order = np.argsort(confidence[known], kind="stable")
        confidences, outcomes = confidence[known][order], outcome_bps[known][order]
        parts = [part for part in np.array_split(np.arange(len(confidences)), BINS) if len(part)]
        return cls(
            confidences,
            outcomes,
            center=np.array([confidences[part].mean() for part in parts]),
            mean=np.array([outcomes[part].mean() for part in parts]),
            error=np.array(
                [1.96 * outcomes[p].std(ddof=1) / np.sqrt(len(p)) if len(p) > 1 else np.nan for p in parts], dtype=float
            ),
            count=np.array([len(part) for part in parts], dtype=np.int64),
        )

    def table(self) -> ReportTable:
        rows = tuple(
            (
                f"{center:.2f}",
                f"{count:,}",
                signed(float(mean), 1),
                f"± {error:.1f}" if np.isfinite(error) else "–",
            )
            for center, count, mean, error in zip(self.center, self.count, self.mean, self.error, strict=True)
        )
        return ReportTable("Outcome by confidence", ("Mean confidence", "Decisions", "Mean, bps", "95 %"), rows)

    def svg(self) -> str:
        """A dot for each decision, or for an even selection of many, and the mean of each group with its interval. The
        outermost 1 % of the outcomes are drawn at the edge."""
        frame = _Frame.around(self)
        shown = np.unique(np.linspace(0, len(self.confidence) - 1, DOTS).astype(np.int64))
        dots = "".join(
            f'<circle class="{"won" if outcomes > 0 else "lost"}" r="2.5" '
            f'cx="{frame.x(confidences):.1f}" cy="{frame.y(outcomes):.1f}"/>'
            for confidences, outcomes in zip(self.confidence[shown], self.outcome_bps[shown], strict=True)
        )
        means = "".join(
            (
                f'<path class="interval" d="M{frame.x(center):.1f} {frame.y(mean - error):.1f}'
                f'V{frame.y(mean + error):.1f}"/>'
                if np.isfinite(error)
                else ""
            )
            + f'<path class="mean" d="M{frame.x(center):.1f} {frame.y(mean) - 6:.1f}l6 6l-6 6l-6 -6z"/>'
            for center, mean, error in zip(self.center, self.mean, self.error, strict=True)
        )
        return (
            f'<svg class="scatter" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
            f'aria-label="Confidence of decisions against their outcome; the table beside it has the means">'
            f"{frame.axes()}{dots}{means}</svg>"
        )


@dataclass(frozen=True, slots=True)
class _Frame:
    """Maps values to the drawing; values beyond its edges are drawn at the edge."""

    left: float
    right: float
    low: float
    high: float

    @classmethod
    def around(cls, points: Confidence) -> _Frame:
        left, right = float(points.confidence.min()), float(points.confidence.max())
        low, high = (float(edge) for edge in np.quantile(points.outcome_bps, [0.01, 0.99]))
        reach = np.nan_to_num(points.error)
        low = min(low, 0.0, float((points.mean - reach).min()))
        high = max(high, 0.0, float((points.mean + reach).max()))
        margin, spare = max((right - left) * 0.03, 0.005), max((high - low) * 0.05, 1.0)
        return cls(left - margin, right + margin, low - spare, high + spare)

    def x(self, confidence: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * _share(confidence, self.left, self.right)

    def y(self, bps: float) -> float:
        inside = min(max(bps, self.low), self.high)
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1.0 - _share(inside, self.low, self.high))

    def axes(self) -> str:
        floor, edge = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
        parts = []
        for value in _ticks(self.low, self.high):
            kind = "zero" if value == 0 else "grid"
            parts.append(
                f'<path class="{kind}" d="M{_LEFT} {self.y(value):.1f}H{edge}"/>'
                f'<text x="{_LEFT - 6}" y="{self.y(value) + 4:.1f}" text-anchor="end">{tick_words(value)}</text>'
            )
        parts += [
            f'<text x="{self.x(value):.1f}" y="{floor + 16}" text-anchor="middle">{value:g}</text>'
            for value in _ticks(self.left, self.right)
        ]
        middle = (_LEFT + edge) / 2
        parts.append(f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">confidence</text>')
        parts.append(f'<text x="{_LEFT + 4}" y="{_TOP + 10}">outcome, bps</text>')
        return "".join(parts)


def _ticks(low: float, high: float) -> list[float]:
    """About five round values between ``low`` and ``high``."""
    rough = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= rough))
    return [round(index * step, 10) for index in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]
