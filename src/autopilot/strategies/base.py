"""The base of strategies: a pure function from a market view to signal arrays, and a size for its signals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from types import MappingProxyType
from typing import ClassVar

from autopilot.analysis.market_analyzer import WINDOW
from autopilot.analysis.view import MarketView
from autopilot.domain.candles import BoolArray, FloatArray, Int8Array, IntArray
from autopilot.domain.conditions import Regime
from autopilot.domain.constraints import Below, contradiction
from autopilot.domain.errors import StrategyError
from autopilot.domain.money import ONE, ZERO, to_decimal
from autopilot.domain.signal import SignalArrays, SignalType, StrategyGroup, StrategySignal

__all__ = [
    "Below",
    "BoolArray",
    "CompositeStrategy",
    "FloatArray",
    "Int8Array",
    "IntArray",
    "MarketView",
    "SignalArrays",
    "Strategy",
    "StrategyGroup",
    "StrategySignal",
    "quantity_for",
    "signal_at",
    "suits",
]
"""With the types in a strategy's signature, so that its author finds them in one place."""

RISK_PER_TRADE = Decimal("0.01")
_SIGNAL_TYPES = {1: SignalType.BUY, -1: SignalType.SELL, 0: SignalType.NONE}


@dataclass(frozen=True)
class Strategy(ABC):
    """A trading rule for one symbol. Subclasses are frozen dataclasses whose fields are the rule's parameters.

    ``constraints``: the parameters that make sense; others raise StrategyError, and a sweep does not try them.
    ``regime_fit``: how well the rule suits each regime, in [0, 1]. ``needs_reference`` and ``needs_sentiment``: whether
    the rule needs this external series; while it is missing, the rule has no opinion.
    """

    name: ClassVar[str]
    group: ClassVar[StrategyGroup]
    regime_fit: ClassVar[Mapping[Regime, float]]
    constraints: ClassVar[tuple[Below, ...]] = ()
    needs_reference: ClassVar[bool] = False
    needs_sentiment: ClassVar[bool] = False

    def __post_init__(self) -> None:
        problem = contradiction(self.constraints, self.numbers())
        if problem:
            raise StrategyError(f"{self.name}: {problem}", hint="change one of these parameters")

    def numbers(self) -> dict[str, float]:
        """The parameters that are numbers, by name."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if type(value) in (int, float)}

    @property
    def candles_needed(self) -> int:
        """The number of candles, from 1 to `WINDOW`, with which the last entry of `signals` equals the entry on the
        whole series to 1e-9. While there are fewer, the rule is not asked."""
        return WINDOW

    @abstractmethod
    def signals(self, view: MarketView) -> SignalArrays:
        """The opinion at every candle's close, each from that candle and at most 720 before it. So the last entry on a
        window of 1,000 candles equals the entry on the whole series.

        A side lasts from the candle on which the rule fires for the few candles that its parameters say, not as long as
        a position may be held.
        """

    @abstractmethod
    def explain(self, view: MarketView, index: int) -> str:
        """The rule's numbers on candle ``index``, as a text."""

    def calculate_position_size(self, signal: StrategySignal, balance: Decimal) -> Decimal:
        """Quantity in base currency, unrounded, for a buy of this signal; ``balance`` is free quote currency.

        A fall to the stop costs 1 % of the balance times the confidence; the value never exceeds the balance. Zero
        unless the signal is a buy: a sell closes the position.
        """
        price, stop = to_decimal(signal.price), to_decimal(signal.stop)
        loss_per_unit = price - stop
        if loss_per_unit <= ZERO:
            return ZERO
        wanted = RISK_PER_TRADE * to_decimal(signal.confidence) * price / loss_per_unit
        return quantity_for(signal, balance, wanted)


class CompositeStrategy(Strategy):
    """A strategy that combines the market view with the signals of other strategies, its voters."""

    @property
    @abstractmethod
    def voters(self) -> tuple[Strategy, ...]:
        """The combined strategies, none of them composite."""

    @abstractmethod
    def combine(self, view: MarketView, opinions: Mapping[str, SignalArrays]) -> SignalArrays:
        """`Strategy.signals`, given each voter's arrays by its name."""

    @abstractmethod
    def explain_votes(self, view: MarketView, opinions: Mapping[str, SignalArrays], index: int) -> str:
        """`Strategy.explain`, given each voter's arrays by its name."""

    def signals(self, view: MarketView) -> SignalArrays:
        return self.combine(view, self._ask(view))

    def explain(self, view: MarketView, index: int) -> str:
        return self.explain_votes(view, self._ask(view), index)

    def _ask(self, view: MarketView) -> Mapping[str, SignalArrays]:
        return {voter.name: voter.signals(view) for voter in self.voters}


def suits(
    *, trending_up: float, trending_down: float, ranging: float, volatile: float, quiet: float
) -> Mapping[Regime, float]:
    """How well a rule suits each regime, from 0 (not at all) to 1."""
    return MappingProxyType(
        {
            Regime.TRENDING_UP: trending_up,
            Regime.TRENDING_DOWN: trending_down,
            Regime.RANGING: ranging,
            Regime.VOLATILE: volatile,
            Regime.QUIET: quiet,
        }
    )


def quantity_for(signal: StrategySignal, balance: Decimal, fraction: Decimal) -> Decimal:
    """Base currency that ``fraction`` of ``balance`` (at most all of it) buys at the signal's price."""
    if signal.signal_type is not SignalType.BUY or balance <= ZERO:
        return ZERO
    return balance * min(max(fraction, ZERO), ONE) / to_decimal(signal.price)


def signal_at(strategy: Strategy, view: MarketView, arrays: SignalArrays, index: int, reason: str) -> StrategySignal:
    """The strategy's opinion at candle ``index``; ``arrays`` are its signals on ``view``."""
    return signal_of(
        strategy,
        view.symbol,
        float(view.candles.close[index]),
        int(arrays.side[index]),
        float(arrays.strength[index]),
        float(arrays.confidence[index]),
        float(arrays.stop_distance[index]),
        float(arrays.target_distance[index]),
        reason,
    )


def signal_of(
    strategy: Strategy,
    symbol: str,
    price: float,
    side: int,
    strength: float,
    confidence: float,
    stop_distance: float,
    target_distance: float,
    reason: str = "",
) -> StrategySignal:
    """The strategy's opinion at a candle that closes at ``price``; the rest as in `SignalArrays`."""
    return StrategySignal(
        symbol=symbol,
        signal_type=_SIGNAL_TYPES[side],
        strength=strength,
        confidence=confidence,
        price=price,
        stop=price * (1.0 - stop_distance),
        target=price * (1.0 + target_distance),
        strategy=strategy.name,
        group=strategy.group,
        reason=reason,
    )
