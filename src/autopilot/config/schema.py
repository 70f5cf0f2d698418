"""Every key of the configuration: its type, its default, what is allowed and what it does.

A section's fields carry the names of the settings dataclass that the core takes; `settings` builds it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from autopilot.config.risk_section import RiskSection
from autopilot.config.section import Section
from autopilot.config.value_types import (
    NONE_IF_EMPTY,
    Amount,
    CronSchedule,
    Fee,
    Moment,
    Name,
    Percent,
    SchedulerAddress,
    Seed,
    Share,
    Span,
    Symbols,
    check_order,
)
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import Timeframe

if TYPE_CHECKING:
    from autopilot.adapters.exchange.offline_markets.faults import FaultPlan
    from autopilot.adapters.exchange.offline_markets.replay import ReplaySettings
    from autopilot.adapters.exchange.offline_markets.simulated import SimulatedSettings
    from autopilot.engine.settings import AutopilotSettings
    from autopilot.execution.order_type import OrderSettings
    from autopilot.execution.paper import PaperSettings
    from autopilot.risk.evaluation import EvaluationSettings
    from autopilot.training.request import Acting

SHORTEST_INTERVAL_S = 1.0
"""On a real market; the simulated and the replayed one may run faster."""


class OrdersSection(Section):
    """How an approved signal becomes an order."""

    strong_signal: Share = 0.80
    """A signal stronger than this enters at the market's price, a weaker one with a limit order."""
    limit_offset_pct: Annotated[float, Field(ge=0, le=10)] = 0.1
    """Distance of a limit order from the price, in percent: a buy below it, a sell above it."""
    limit_life_candles: Annotated[int, Field(ge=1, le=1_000)] = 3
    """Candles that a limit order waits; then an entry is dropped and an exit goes to the market."""
    stop_on_exchange: bool = False
    """Whether stops of real money also rest on the exchange (kraken, binance): they work while this machine is off."""

    def settings(self) -> OrderSettings:
        from autopilot.execution.order_type import OrderSettings

        return OrderSettings(**self.model_dump())


class PaperSection(Section):
    """The paper exchange: made-up money on the prices of the chosen exchange."""

    balance: Annotated[Amount, Field(gt=0)] = Decimal(10_000)
    """Money at the start, of each quote currency traded. An account that exists keeps what it has."""
    slippage_bps: Annotated[float, Field(ge=0, le=1_000)] = 5.0
    """How much worse than the price a market order fills, in hundredths of a percent."""
    maker_fee_pct: Annotated[Fee | None, NONE_IF_EMPTY] = None
    """Fee of a limit order, in percent of its value; "" takes the market's own."""
    taker_fee_pct: Annotated[Fee | None, NONE_IF_EMPTY] = None
    """Fee of a market order, in percent of its value; "" takes the market's own."""
    max_volume_share_pct: Percent = 10.0
    """The largest part of a candle's volume that a limit order fills, in percent; the rest waits."""
    fill_at_touch: bool = False
    """Whether a limit order fills when the price only touches it; otherwise it must be traded through."""

    def settings(self) -> PaperSettings:
        from autopilot.execution.paper import PaperSettings

        return PaperSettings(**self.model_dump())


class SimulatedSection(Section):
    """The exchange `simulated`: a market made up from a seed."""

    seed: Seed = 1
    """The same seed makes the same market."""
    start: Moment = "2024-01-01"
    """The market's first day, UTC."""
    end: Annotated[Moment | None, NONE_IF_EMPTY] = None
    """Where the market ends, UTC; "" never."""
    speed: Annotated[float, Field(ge=0, le=1e9)] = 3600.0
    """Market seconds in a second; 0 goes as fast as the cycles do."""

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        check_order(self.start, self.end)
        return self

    def settings(self) -> SimulatedSettings:
        from autopilot.adapters.exchange.offline_markets.simulated import SimulatedSettings

        return SimulatedSettings(**self.model_dump())


class FaultsSection(Section):
    """Faults that the replayed exchange shows, to see that nothing is lost by them; chances from 0 to 1 a call."""

    seed: Seed = 1
    """The same seed makes the same faults."""
    fetch_unavailable: Share = 0.0
    """A fetch of candles fails."""
    fetch_slow: Share = 0.0
    """A fetch of candles takes long."""
    slow_s: Annotated[float, Field(ge=0, le=60)] = 0.05
    """How long, in seconds."""
    lost_after_accept: Share = 0.0
    """An order is accepted, and the answer lost."""
    lost_before_accept: Share = 0.0
    """An order is lost on its way, and the answer with it."""
    rejected: Share = 0.0
    """An order is refused."""
    broker_unavailable: Share = 0.0
    """A call about orders or balances finds nobody."""
    maintenance_ms: Annotated[Span | None, NONE_IF_EMPTY] = None
    """Market time in which no order is taken and the rest fails once, in ms since 1970, UTC."""
    clock_skew_ms: Annotated[int, Field(ge=-86_400_000, le=86_400_000)] = 0
    """How far the exchange's clock is ahead, in milliseconds."""

    @model_validator(mode="after")
    def _one_fate_an_order(self) -> Self:
        total = self.rejected + self.lost_before_accept + self.lost_after_accept
        if total > 1:
            raise ValueError(f"rejected + lost_before_accept + lost_after_accept = {total:g} is more than 1")
        return self

    def settings(self) -> FaultPlan:
        from autopilot.adapters.exchange.offline_markets.faults import FaultPlan

        return FaultPlan(**self.model_dump())


class ReplaySection(Section):
    """The exchange `replay`: stored candles as a market (autopilot data import)."""

    source: Annotated[Name | None, NONE_IF_EMPTY] = None
    """The exchange whose stored candles are replayed; "" when only one has the symbol."""
    start: Annotated[Moment | None, NONE_IF_EMPTY] = None
    """Where to begin, UTC; "" at the first stored candle."""
    end: Annotated[Moment | None, NONE_IF_EMPTY] = None
    """Where to end, UTC; "" at the last stored candle."""
    speed: Annotated[float, Field(ge=0, le=1e9)] = 3600.0
    """Market seconds in a second; 0 goes as fast as the cycles do."""
    faults: FaultsSection = FaultsSection()

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        check_order(self.start, self.end)
        return self

    def settings(self) -> ReplaySettings:
        from autopilot.adapters.exchange.offline_markets.replay import ReplaySettings

        return ReplaySettings(**self.model_dump(exclude={"faults"}), faults=self.faults.settings())


class SentimentSection(Section):
    """The Crypto Fear & Greed index, a number a day for the whole market."""

    enabled: bool = True
    """Whether it is fetched; without it every strategy that asks for it has no opinion."""


class TrainingSection(Section):
    """What the learned model is trained on: `autopilot retrain`."""

    days: Annotated[int, Field(ge=1, le=3_650)] = 90
    """Days of history."""
    timeframe: Annotated[Timeframe, Field(strict=False)] = Timeframe.H1
    """Length of a candle."""
    min_samples_per_strategy: Annotated[int, Field(ge=1, le=100_000)] = 10
    """Matured outcomes that at least one strategy must have."""
    symbols: Symbols = ("BTC/USD", "ETH/USD")
    """All symbols together make one model; more of them, and more days, are what helps."""
    schedule: Annotated[CronSchedule | None, NONE_IF_EMPTY] = None
    """When the daemon retrains by itself, in UTC; "" never."""
    seed: Seed = 1
    """The same data and seed make the same model."""


class ModelSection(Section):
    """When the learned model is followed."""

    min_edge_bps: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """The least net return over 24 hours that it must expect of an entry, in hundredths of a percent."""
    life_days: Annotated[int, Field(ge=1, le=3_650)] = 60
    """Days after its last sample for which it is used, in market time: twice the days between two retrainings."""
    allow_unproven: bool = False
    """Whether real money may follow the rules, or a model that has not proven itself; `autopilot arm` asks again."""


class ComputeSection(Section):
    """Where training computes."""

    scheduler: Annotated[SchedulerAddress | None, NONE_IF_EMPTY] = None
    """A Dask scheduler that symbols and folds are sent to (extra `cluster`); "" uses this machine's processors."""


class AutopilotConfig(Section):
    """The whole file."""

    symbols: Symbols = ("BTC/USD", "ETH/USD")
    """What is traded when `autopilot start` names nothing."""
    exchange: Name = "coinbase"
    """Where candles come from: a name that ccxt knows, or `replay` or `simulated`."""
    timeframe: Annotated[Timeframe, Field(strict=False)] = Timeframe.H1
    """Length of a candle."""
    interval: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    """Seconds between two cycles of a symbol; at least 1 on a real exchange."""
    paper_trading: bool = True
    """Whether orders go to the paper exchange; real money also wants keys and `autopilot arm`."""
    auto_execute: bool = False
    """Whether signals become orders; otherwise they are shown and nothing is traded."""
    min_confidence_threshold: Share = 0.75
    """The least confidence of a signal that is acted on."""
    max_trades_per_day: Annotated[int, Field(ge=0, le=100_000)] = 10
    """Entries of a symbol in a day, UTC; exits are never counted."""
    risk: RiskSection = RiskSection()
    orders: OrdersSection = OrdersSection()
    paper: PaperSection = PaperSection()
    replay: ReplaySection = ReplaySection()
    simulated: SimulatedSection = SimulatedSection()
    sentiment: SentimentSection = SentimentSection()
    training: TrainingSection = TrainingSection()
    model: ModelSection = ModelSection()
    compute: ComputeSection = ComputeSection()

    @model_validator(mode="after")
    def _spare_real_exchanges(self) -> Self:
        if self.interval < SHORTEST_INTERVAL_S and MarketKind.of(self.exchange) is MarketKind.REAL:
            raise ValueError(
                f"interval = {self.interval:g} is too short for the exchange {self.exchange}: "
                f"at least {SHORTEST_INTERVAL_S:g} second"
            )
        return self

    def evaluation(self, auto_execute: bool | None = None) -> EvaluationSettings:
        """``auto_execute`` as a user may say it when starting a symbol; None: as configured."""
        from autopilot.risk.evaluation import EvaluationSettings

        return EvaluationSettings(
            min_confidence_threshold=self.min_confidence_threshold,
            min_edge_bps=self.model.min_edge_bps,
            max_trades_per_day=self.max_trades_per_day,
            auto_execute=self.auto_execute if auto_execute is None else auto_execute,
        )

    def trading(
        self,
        symbol: str,
        *,
        exchange: str,
        timeframe: Timeframe,
        interval_s: float,
        auto_execute: bool,
        paper_trading: bool = True,
    ) -> AutopilotSettings:
        """One symbol on one account."""
        from autopilot.engine.settings import AutopilotSettings

        return AutopilotSettings(
            symbol=symbol,
            exchange=exchange,
            timeframe=timeframe,
            interval_s=interval_s,
            paper_trading=paper_trading,
            evaluation=self.evaluation(auto_execute),
            limits=self.risk.settings(),
            orders=self.orders.settings(),
        )

    def acting(self) -> Acting:
        """When a learned model's choice is followed."""
        from autopilot.training.request import Acting

        return Acting(self.min_confidence_threshold, self.model.min_edge_bps)
