"""The market and the strategies at one candle after the other, at the cost of a candle and not of its window.

The results equal those of the whole window that ends with the candle. What they rest on is a cache: it is made again
from any view that does not go on by one candle from the view before.
"""

from __future__ import annotations

import logging
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import numpy as np

from autopilot.analysis.market_analyzer import WINDOW, MarketAnalyzer
from autopilot.analysis.moment import KEPT, LIFE, MarketMoment
from autopilot.analysis.view import MarketView, forget_arrays
from autopilot.domain.conditions import MarketConditions
from autopilot.domain.signal import SignalArrays, SignalType, StrategySignal
from autopilot.strategies.base import signal_of
from autopilot.strategies.registry import Evaluation, StrategySet
from autopilot.strategies.rules import Rule, bounded_range
from autopilot.strategies.sentiment_based.consensus import Consensus

log = logging.getLogger(__name__)

Judge = Rule | Consensus
"""A strategy that can be asked at one candle."""
Opinion = tuple[float, float, float]
"""Side, strength and confidence."""
_SILENT = (0.0, 0.0, 0.0)
_NEUTRAL = (0.0, 0.0, 0.02, 0.04)
"""As `SignalArrays.neutral`, at one candle."""


class LiveMarket:
    """Reads the views of one symbol, each a candle later than the one before.

    Another view, a short one, and one on which something fails are evaluated as a whole.
    """

    def __init__(self, analyzer: MarketAnalyzer, strategies: StrategySet) -> None:
        self._analyzer = analyzer
        self._strategies = strategies
        self._others = {one.name for one in strategies if not isinstance(one, Rule | Consensus)}
        self._opinions: _Opinions | None = None
        self.wholes = 0
        """Number of views evaluated as a whole."""

    def read(self, view: MarketView) -> tuple[MarketConditions, Evaluation]:
        """The conditions and the signals at the view's last candle. Raises CandleError if the view is too short."""
        before, self._opinions = self._opinions, None
        if before is not None:
            with self._or_whole(view):
                if before.past.follow(view):
                    found = self._analyzer.analyze_at(before.past.newest), before.evaluate(view)
                    self._opinions = before
                    return found
        conditions, evaluation = self.read_whole(view)
        if len(view.candles) == WINDOW and evaluation.errors.keys() <= self._others:
            with self._or_whole(view):
                begun = _Opinions(self._strategies, view, evaluation)
                self._analyzer.analyze_at(view.at(-1))  # so that all that it needs is kept before the next candle
                self._opinions = begun
                forget_arrays(view)
        return conditions, evaluation

    @contextmanager
    def _or_whole(self, view: MarketView) -> Iterator[None]:
        """A rule may be anyone's code. If it fails at one candle, the evaluation as a whole says how."""
        try:
            yield
        except Exception:  # see above
            view.__dict__.pop("past", None)
            log.debug("%s: the window is evaluated as a whole", view.symbol, exc_info=True)

    def read_whole(self, view: MarketView) -> tuple[MarketConditions, Evaluation]:
        """As `read`, with the view evaluated as a whole."""
        self.wholes += 1
        return self._analyzer.analyze(view), self._strategies.evaluate(view)


class _Opinions:
    """The opinions of strategies at each candle up to the newest one of a past.

    Those that cannot be asked at one candle are evaluated as a whole each time: a user's own, and composites of them.
    """

    def __init__(self, strategies: StrategySet, view: MarketView, evaluation: Evaluation) -> None:
        composites = [one for one in strategies if isinstance(one, Consensus) and _can_be_asked(one)]
        voters = {voter.name: voter for one in composites for voter in one.voters}
        rules = [one for one in (voters | {one.name: one for one in strategies}).values() if isinstance(one, Rule)]
        judges: list[Judge] = [*rules, *composites]
        self._by_name = {one.name: one for one in judges}
        self.past = view.past
        self.names = tuple(one.name for one in strategies if one.name in self._by_name)
        self._order = strategies.names
        self._uninformed = [one for one in rules if not one.is_informed(view)]
        self._rules = [one for one in rules if one.is_informed(view)]
        self._composites = composites
        self._others = StrategySet(tuple(one for one in strategies if one.name not in self._by_name))
        self._ranges = np.zeros(WINDOW + LIFE)
        self._said = {one.name: (array("l"), array("d")) for one in (*self._rules, *composites)}
        """By strategy: the candles at which it takes a side; and side, strength and confidence, one after the other, at
        each of them."""
        self._begin(view, evaluation)

    def _begin(self, view: MarketView, evaluation: Evaluation) -> None:
        """Take over what the evaluation as a whole says."""
        self._ranges[:WINDOW] = bounded_range(view)
        self.past.keep()
        newest = self.past.newest
        for one in self._rules:
            self._take_over(one, evaluation.arrays.get(one.name) or one.signals(view))
        for composite in self._composites:
            self._take_over(composite, evaluation.arrays[composite.name])
        for ago in range(KEPT):
            newest.back(ago).votes = self._votes(newest.index - ago)
        for judge in self._by_name.values():
            if judge not in self._uninformed:
                judge.side_at(newest)  # so that the averages and sums that it needs are there before the next candle

    def _take_over(self, one: Judge, arrays: SignalArrays) -> None:
        candles, opinions = self._said[one.name]
        found = np.flatnonzero(arrays.side)
        candles.extend(found.tolist())
        for at in candles:
            opinions.extend((float(arrays.side[at]), float(arrays.strength[at]), float(arrays.confidence[at])))

    def _votes(self, index: int) -> dict[str, float]:
        """As `MarketMoment.votes`, at one of the candles that were taken over."""
        said = ((one.name, *self._said[one.name]) for one in self._rules)
        found = ((name, opinions, 3 * candles.index(index)) for name, candles, opinions in said if index in candles)
        return {name: opinions[at] * opinions[at + 2] for name, opinions, at in found}

    def evaluate(self, view: MarketView) -> Evaluation:
        """The evaluation at the last candle of ``view``, to which the past was advanced."""
        moment = self.past.newest
        reach = self._ranges[moment.index] = bounded_range(moment)
        votes: dict[str, float] = {}
        signals = {
            one.name: signal_of(one, view.symbol, moment.indicators.close, 0, *_NEUTRAL) for one in self._uninformed
        }
        for rule in self._rules:
            opinion = self._opinion(rule, moment)
            if opinion[0]:
                votes[rule.name] = opinion[0] * opinion[2]
            signals[rule.name] = _signal(rule, moment, opinion, reach)
        moment.votes = votes
        for composite in self._composites:
            signals[composite.name] = _signal(composite, moment, self._opinion(composite, moment), reach)
        own = Evaluation(
            arrays=_KeptArrays(self, moment.index + 1),
            signals={name: signals[name] for name in self.names},
            fired={name: signals[name] for name in self.names if signals[name].signal_type is not SignalType.NONE},
            errors={},
            explanations={one.name: partial(one.words, moment) for one in self._by_name.values()},
            left_out=(),
        )
        return own if not self._others else own.beside(self._others.evaluate(view), self._order)

    def arrays(self, name: str, end: int) -> SignalArrays:
        """The strategy's arrays over the window before candle ``end``."""
        if name not in self._said:
            return SignalArrays.neutral(WINDOW)
        candles, opinions = self._said[name]
        first, last = bisect_left(candles, end - WINDOW), bisect_left(candles, end)
        side, strength, confidence = window = np.zeros((3, WINDOW))
        at = np.array(candles[first:last], dtype=np.intp) - (end - WINDOW)
        window[:, at] = np.array(opinions[3 * first : 3 * last]).reshape(-1, 3).T
        rule = self._by_name[name]
        ranges = self._ranges[end - WINDOW : end]
        return SignalArrays(
            side.astype(np.int8), strength, confidence, ranges * rule.stop_ranges, ranges * rule.target_ranges
        )

    def _opinion(self, one: Judge, moment: MarketMoment) -> Opinion:
        side = one.side_at(moment)
        if not side:
            return _SILENT
        opinion = side, *one.weights_at(moment, side)
        candles, opinions = self._said[one.name]
        candles.append(moment.index)
        opinions.extend(opinion)
        return opinion


def _signal(one: Judge, moment: MarketMoment, opinion: Opinion, reach: float) -> StrategySignal:
    side, strength, confidence = opinion
    stop, target = reach * one.stop_ranges, reach * one.target_ranges
    price, reason = moment.indicators.close, one.words(moment) if side else ""
    return signal_of(one, moment.past.view.symbol, price, int(side), strength, confidence, stop, target, reason)


def _can_be_asked(one: Consensus) -> bool:
    """Whether all that it hears is known at one candle."""
    return one.memory + one.hold <= KEPT and all(isinstance(voter, Rule) for voter in one.voters)


class _KeptArrays(Mapping[str, SignalArrays]):
    """The arrays of strategies over a window, made when they are looked up."""

    def __init__(self, opinions: _Opinions, end: int) -> None:
        self._opinions = opinions
        self._end = end

    def __getitem__(self, name: str) -> SignalArrays:
        if name not in self._opinions.names:
            raise KeyError(name)
        return self._opinions.arrays(name, self._end)

    def __iter__(self) -> Iterator[str]:
        return iter(self._opinions.names)

    def __len__(self) -> int:
        return len(self._opinions.names)
