"""The built-in strategies and the user's own, and their evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np

from autopilot.analysis.market_analyzer import WINDOW
from autopilot.analysis.view import MarketView
from autopilot.domain.candles import BoolArray
from autopilot.domain.conditions import Regime
from autopilot.domain.errors import CandleError, StrategyError, UnknownStrategy
from autopilot.domain.signal import SignalArrays, StrategyGroup, StrategySignal
from autopilot.domain.suggestion import did_you_mean
from autopilot.strategies.base import CompositeStrategy, Strategy, signal_at
from autopilot.strategies.contract import faults
from autopilot.strategies.market_making.dca import Dca
from autopilot.strategies.market_making.market_making import MarketMaking
from autopilot.strategies.mean_reversion.bollinger_mean_reversion import BollingerMeanReversion
from autopilot.strategies.mean_reversion.divergence import Divergence
from autopilot.strategies.mean_reversion.grid import Grid
from autopilot.strategies.mean_reversion.rsi import Rsi
from autopilot.strategies.momentum.momentum import Momentum
from autopilot.strategies.momentum.volatility_breakout import VolatilityBreakout
from autopilot.strategies.sentiment_based.consensus import Consensus
from autopilot.strategies.sentiment_based.pairs_trading import PairsTrading
from autopilot.strategies.sentiment_based.sentiment import Sentiment
from autopilot.strategies.trend_following.confirmed import Confirmed
from autopilot.strategies.trend_following.macd import Macd
from autopilot.strategies.trend_following.moving_average import MovingAverage

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINT_GROUP = "autopilot.strategies"
PLUGIN_HINT = "write it as docs/strategies.md shows, or uninstall the package that brings it"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The signals of every strategy on one view: whole arrays, the signals of one candle, and errors.

    A strategy that failed is in ``errors``, one that needs more candles than the view has in ``left_out``. Neither has
    an opinion: neutral arrays and no signal. ``fired``: the ``signals`` to buy or sell, in the same order. Only these
    have a reason; `explained` adds it to a silent strategy's, because most strategies are silent most of the time.
    """

    arrays: Mapping[str, SignalArrays]
    signals: Mapping[str, StrategySignal]
    fired: Mapping[str, StrategySignal]
    errors: Mapping[str, str]
    explanations: Mapping[str, Callable[[], str]]
    left_out: tuple[str, ...]

    def beside(self, other: Evaluation, names: Sequence[str]) -> Evaluation:
        """Both evaluations in one, of different strategies on the same view; ``names``: all of them in order."""
        arrays, signals = {**self.arrays, **other.arrays}, {**self.signals, **other.signals}
        fired = {**self.fired, **other.fired}
        return Evaluation(
            arrays={name: arrays[name] for name in names},
            signals={name: signals[name] for name in names},
            fired={name: fired[name] for name in names if name in fired},
            errors={**self.errors, **other.errors},
            explanations={**self.explanations, **other.explanations},
            left_out=(*self.left_out, *other.left_out),
        )

    def explained(self, name: str) -> StrategySignal:
        """This strategy's signal, with its reason even without a side."""
        signal = self.signals[name]
        if signal.reason:
            return signal
        reason, error = _attempt(self.explanations[name])
        return replace(signal, reason=reason or f"no explanation: {error}")


@dataclass(frozen=True, slots=True)
class SeriesEvaluation:
    """The arrays of every strategy on one view, and what each says of any candle; ``arrays``, ``errors`` and
    ``left_out`` as in `Evaluation`."""

    view: MarketView
    strategies: StrategySet
    arrays: Mapping[str, SignalArrays]
    errors: Mapping[str, str]
    explanations: Mapping[str, Callable[[int], str]]
    left_out: tuple[str, ...]

    def at(self, index: int) -> Evaluation:
        """The evaluation at candle ``index``. A strategy that cannot explain its side there has failed."""
        arrays, errors = dict(self.arrays), dict(self.errors)
        explanations = {name: partial(explain, index) for name, explain in self.explanations.items()}
        # A division by zero in someone's rule is no news for the log.
        with np.errstate(all="ignore"):
            reasons = _reasons({name: tell for name, tell in explanations.items() if arrays[name].side[index]}, errors)
        for name in errors.keys() - self.errors.keys():
            arrays[name] = SignalArrays.neutral(len(self.view.candles))
        signals = _SignalsAt(self, arrays, index, reasons)
        fired = {name: signals[name] for name, each in arrays.items() if each.side[index]}
        return Evaluation(arrays, signals, fired, errors, explanations, self.left_out)


class _SignalsAt(Mapping[str, StrategySignal]):
    """The signals at one candle, made when they are looked up: most are silent, and few of these are needed."""

    def __init__(
        self, series: SeriesEvaluation, arrays: Mapping[str, SignalArrays], index: int, reasons: Mapping[str, str]
    ) -> None:
        self._series = series
        self._arrays = arrays
        self._index = index
        self._reasons = reasons

    def __getitem__(self, name: str) -> StrategySignal:
        arrays, strategy = self._arrays[name], self._series.strategies[name]
        return signal_at(strategy, self._series.view, arrays, self._index, self._reasons.get(name, ""))

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


@dataclass(frozen=True, slots=True)
class StrategySet:
    """Strategies in a fixed order, each name once. Raises StrategyError for a duplicate name."""

    strategies: tuple[Strategy, ...]

    def __post_init__(self) -> None:
        names = self.names
        for name in names:
            if names.count(name) > 1:
                raise StrategyError(f"there are two strategies named {name!r}", hint="give yours another name")

    def __iter__(self) -> Iterator[Strategy]:
        return iter(self.strategies)

    def __len__(self) -> int:
        return len(self.strategies)

    def __getitem__(self, name: str) -> Strategy:
        """The strategy with this name. Raises UnknownStrategy without one."""
        for strategy in self.strategies:
            if strategy.name == name:
                return strategy
        meant = did_you_mean(name, self.names)
        raise UnknownStrategy(
            f"there is no strategy {name!r}", hint=f"{meant} use one of {', '.join(self.names)}".strip()
        )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(strategy.name for strategy in self.strategies)

    @property
    def groups(self) -> dict[str, StrategyGroup]:
        """The group of each strategy by name."""
        return {strategy.name: strategy.group for strategy in self.strategies}

    def left_out(self, candles: int) -> tuple[str, ...]:
        """The names of the strategies that need more than so many candles."""
        return () if candles >= WINDOW else tuple(one.name for one in self if one.candles_needed > candles)

    def lacking(self, view: MarketView) -> dict[str, BoolArray]:
        """By name, for each strategy: bool[n], where external data that it needs were missing, or earlier candles."""
        length = len(view.candles)
        candles = np.arange(1, length + 1)
        reference, sentiment = (
            np.ones(length, dtype=np.bool_) if series is None else ~np.isfinite(series)
            for series in (view.reference_close, view.sentiment)
        )
        return {
            one.name: (reference & one.needs_reference)
            | (sentiment & one.needs_sentiment)
            | (candles < one.candles_needed)
            for one in self
        }

    def evaluate(self, view: MarketView) -> Evaluation:
        """Evaluate every strategy that has its candles once; the signals are those of the last candle. A strategy that
        fails has no opinion and never stops the others.

        Raises CandleError if ``view`` has no candle.
        """
        return self.evaluate_series(view).at(len(view.candles) - 1)

    def evaluate_series(self, view: MarketView) -> SeriesEvaluation:
        """`evaluate` for any candle of the view. Raises CandleError if ``view`` has no candle."""
        length = len(view.candles)
        if not length:
            raise CandleError(f"there are no candles of {view.symbol} to analyze", hint="wait for the first fetch")
        errors: dict[str, str] = {}
        left_out = self.left_out(length)
        asked = [strategy for strategy in self if strategy.name not in left_out]
        composites = [strategy for strategy in asked if isinstance(strategy, CompositeStrategy)]
        singles = {voter.name: voter for one in composites for voter in one.voters}
        singles |= {one.name: one for one in asked if not isinstance(one, CompositeStrategy)}
        # A division by zero in someone's rule is no news for the log: what comes of it fails the check of its arrays.
        with np.errstate(all="ignore"):
            arrays = _answers({name: partial(one.signals, view) for name, one in singles.items()}, length, errors)
            opinions = dict(arrays)
            arrays |= _answers({one.name: partial(one.combine, view, opinions) for one in composites}, length, errors)
        explanations = {name: partial(one.explain, view) for name, one in singles.items()}
        explanations |= {one.name: partial(one.explain_votes, view, opinions) for one in composites}
        arrays |= {name: SignalArrays.neutral(length) for name in (*errors, *left_out)}
        names = self.names
        return SeriesEvaluation(
            view=view,
            strategies=self,
            arrays={name: arrays[name] for name in names},
            errors=errors,
            explanations={name: explain for name, explain in explanations.items() if name in names},
            left_out=left_out,
        )


def position_size(strategy: Strategy, signal: StrategySignal, balance: Decimal) -> Decimal:
    """The strategy's size, in base currency. Raises StrategyError if it fails or returns no finite Decimal."""
    size, error = _attempt(partial(strategy.calculate_position_size, signal, balance))
    if isinstance(size, Decimal) and size.is_finite():
        return size
    raise StrategyError(f"{strategy.name} gave no usable position size: {error or repr(size)}", hint=PLUGIN_HINT)


def varied(strategy: Strategy, values: Mapping[str, float]) -> Strategy:
    """The strategy with other parameters. Raises StrategyError if it does not allow them."""
    changed, error = _attempt(partial(replace, strategy, **values))
    if changed is None:
        raise StrategyError(f"{strategy.name} does not allow these parameters: {error}", hint="change one of them")
    return changed


def builtin_strategies() -> tuple[Strategy, ...]:
    """The 14 built-in strategies, group by group, with their published parameters."""
    singles = (
        MovingAverage(),
        Macd(),
        Confirmed(),
        Rsi(),
        BollingerMeanReversion(),
        Grid(),
        Divergence(),
        Momentum(),
        VolatilityBreakout(),
        MarketMaking(),
        Dca(),
        Sentiment(),
        PairsTrading(),
    )
    return (*singles, Consensus(singles))


def load_strategies() -> StrategySet:
    """The built-in strategies and those of installed packages. Raises StrategyError as `discover` does, or if two have
    the same name."""
    from importlib.metadata import entry_points

    return StrategySet((*builtin_strategies(), *discover(entry_points(group=ENTRY_POINT_GROUP))))


def discover(found: Iterable[EntryPoint]) -> tuple[Strategy, ...]:
    """The user's own strategies by entry point name. Each is a Strategy, its class, or a function that makes it.

    Raises StrategyError that names the entry point if it cannot be loaded or is not a strategy.
    """
    strategies = []
    for entry_point in sorted(found, key=lambda entry_point: entry_point.name):
        strategy, error = _attempt(partial(_loaded, entry_point))
        if strategy is None:
            raise StrategyError(
                f"entry point {entry_point.name} = {entry_point.value} gives no strategy: {error}", hint=PLUGIN_HINT
            )
        strategies.append(strategy)
    return tuple(strategies)


def _loaded(entry_point: EntryPoint) -> Strategy:
    loaded = entry_point.load()
    strategy = loaded if isinstance(loaded, Strategy) else loaded()
    if not isinstance(strategy, Strategy):
        raise StrategyError(f"it is a {type(strategy).__name__}, not a Strategy", hint=PLUGIN_HINT)
    if not (strategy.name and type(strategy.name) is str):
        raise StrategyError("its name is not a text", hint=PLUGIN_HINT)
    if not isinstance(strategy.group, StrategyGroup):
        raise StrategyError(f"its group {strategy.group!r} is not a StrategyGroup", hint=PLUGIN_HINT)
    if not all(0.0 <= strategy.regime_fit[regime] <= 1.0 for regime in Regime):
        raise StrategyError("its regime_fit does not give every regime a number in [0, 1]", hint=PLUGIN_HINT)
    if type(strategy.candles_needed) is not int or not 1 <= strategy.candles_needed <= WINDOW:
        raise StrategyError(f"its candles_needed is not a whole number from 1 to {WINDOW}", hint=PLUGIN_HINT)
    return strategy


def _answers(
    questions: Mapping[str, Callable[[], SignalArrays]], length: int, errors: dict[str, str]
) -> dict[str, SignalArrays]:
    """Each strategy's arrays, neutral after a failure; failures are added to ``errors``."""
    answers = _attempts(questions, errors)
    errors |= faults(answers, length)
    return {name: SignalArrays.neutral(length) if name in errors else answers[name] for name in questions}


def _reasons(explanations: Mapping[str, Callable[[], str]], errors: dict[str, str]) -> dict[str, str]:
    """Each strategy's explanation, or its error instead; failures are added to ``errors``."""
    reasons = _attempts({name: explain for name, explain in explanations.items() if name not in errors}, errors)
    return {name: str(reason) for name, reason in reasons.items()} | {
        name: f"failed: {error}" for name, error in errors.items()
    }


def _attempts(calls: Mapping[str, Callable[[], T]], errors: dict[str, str]) -> dict[str, T]:
    """The results of the calls that succeed; failures are added to ``errors``."""
    results: dict[str, T] = {}
    for name, call in calls.items():
        result, error = _attempt(call)
        if error:
            errors[name] = error
        else:
            results[name] = cast(T, result)
    return results


def _attempt(run: Callable[[], T]) -> tuple[T | None, str]:
    """The result, or the error as a text; the other is None.

    Strategies may be anyone's code and can fail in any way. A failure must cost only the strategy's own opinion, so
    every exception is caught here.
    """
    try:
        return run(), ""
    except Exception as error:  # noqa: BLE001 - see above
        return None, f"{type(error).__name__}: {error}"
