"""The whole configuration: every key with its type, default, bounds and description.

Most sections are settings dataclasses of the core and of the adapters. The others are declared here.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from enum import StrEnum
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Self, cast

from annotated_types import Ge, Gt, Le, MaxLen
from pydantic import AfterValidator, BaseModel, Field, model_validator

from autopilot.adapters.exchange.ccxt_import import require_exchange
from autopilot.adapters.exchange.offline_markets.settings import ReplaySettings, SimulatedSettings
from autopilot.config.schedule import cron_trigger
from autopilot.distribution import install_hint
from autopilot.domain.errors import UnknownExchange, UnknownSymbol
from autopilot.domain.market import CandleKind, MarketKind, split_symbol
from autopilot.domain.model_state import ModelScope
from autopilot.domain.money import to_decimal
from autopilot.domain.setting_types import STRICT, Allowed, ExchangeName, Seed, Share
from autopilot.domain.timeframe import Timeframe
from autopilot.execution.order_type import OrderSettings
from autopilot.execution.paper_settings import PaperSettings
from autopilot.risk.limits import RiskLimits
from autopilot.training.request import Acting

if TYPE_CHECKING:
    from pydantic import ConfigDict

    from autopilot.engine.settings import AutopilotSettings
    from autopilot.risk.evaluation import EvaluationSettings
SHORTEST_INTERVAL_S = 1.0
"""On a real market; the simulated and the replayed one may run faster."""


def _symbol(text: str) -> str:
    try:
        split_symbol(text)
    except UnknownSymbol as error:
        raise ValueError(f"{error}: {error.hint}") from None
    return text


def _distinct(symbols: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)} is listed more than once")
    return symbols


def _schedule(text: str) -> str:
    cron_trigger(text)
    return text


def _known_exchange(name: str) -> str:
    try:
        require_exchange(name)
    except UnknownExchange as error:
        raise ValueError(error.hint) from None
    return name


def _real_exchange(name: str) -> str:
    if MarketKind.of(name) is not MarketKind.REAL:
        raise ValueError(f"{name} is not a real exchange")
    return name


def _reachable_by_dask(address: str) -> str:
    port = int(address.rpartition(":")[2])
    if not 0 < port < 65_536:
        raise ValueError(f"there is no port {port}")
    if find_spec("distributed") is None:
        raise ValueError(f"Dask is not installed here: {install_hint('cluster')}")
    return address


Symbols = Annotated[
    tuple[Annotated[str, AfterValidator(_symbol)], ...],
    Field(min_length=1, max_length=200),
    AfterValidator(_distinct),
    Allowed('a list such as ["BTC/USD", "ETH/USD"], without duplicates'),
]
CronSchedule = Annotated[
    str,
    MaxLen(100),
    AfterValidator(_schedule),
    Allowed('the five fields of a cron schedule in UTC, such as "0 3 * * 0"'),
]
SchedulerAddress = Annotated[
    str,
    Field(pattern=r"^(tcp|tls|ws|wss)://([^ /:\[\]]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}$"),
    MaxLen(300),
    AfterValidator(_reachable_by_dask),
    Allowed('an address such as "tcp://host:8786"'),
]
Exchange = Annotated[
    ExchangeName,
    AfterValidator(_known_exchange),
    Allowed('the name of an exchange of ccxt, such as "coinbase", or "replay" or "simulated"'),
]


HistoryExchange = Annotated[
    ExchangeName,
    AfterValidator(_known_exchange),
    AfterValidator(_real_exchange),
    Allowed('the name of a real exchange of ccxt, such as "coinbase"'),
]


ArchiveUrl = Annotated[
    str,
    Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$"),
    MaxLen(300),
    Allowed('an address such as "https://data.binance.vision"'),
]


class StreamChoice(StrEnum):
    """Whether streams are used."""

    AUTO = "auto"
    OFF = "off"


class Section(BaseModel):
    """Base of the sections declared here: frozen, and as strict as the settings dataclasses."""

    # Validators are built once, for the whole file. So the sections' defaults are not validated.
    model_config = cast("ConfigDict", STRICT | {"frozen": True, "defer_build": True})


class SentimentSection(Section):
    """The Crypto Fear & Greed index: a number a day for the whole market."""

    enabled: bool = True
    """Whether the index is fetched. Without it, strategies that use sentiment have no opinion."""


class DataSection(Section):
    """Data that are fetched and kept."""

    history_exchange: HistoryExchange | None = None
    """Another exchange, whose candles of the same symbol stand before the first candle of the trading exchange where a
    decision, a backtest or a training has too few; "" for none. Useful for Kraken, which gives only the latest 720.
    Symbols that trade on this exchange itself do not use it. Where both meet, their prices may differ by 3 %; beyond
    that it is another market, and nothing is filled in."""
    archive_url: ArchiveUrl | None = "https://data.binance.vision"
    """Where Binance's archive files are, or a mirror of them; with "" all of Binance's candles come by pages."""
    stream: StreamChoice = StreamChoice.AUTO
    """Whether prices and candles of real markets are streamed where the exchange has streams. Stops are then watched
    between two cycles too. Requests go on as before: what they say counts."""
    keep_decisions_days: Annotated[int, Ge(0), Le(36_500)] = 0
    """Days after which decisions without a signal are deleted; 0 never. On real markets only."""


class TrainingSection(Section):
    """The training of the learned model (autopilot retrain)."""

    days: Annotated[int, Ge(1), Le(3_650)] = 90
    """Days of history."""
    timeframe: Timeframe = Timeframe.H1
    """Length of a candle."""
    min_samples_per_strategy: Annotated[int, Ge(1), Le(100_000)] = 10
    """Samples with a known outcome that at least one strategy must have."""
    symbols: Symbols = ("BTC/USD", "ETH/USD")
    """All symbols together train one model. More symbols and more days make it better."""
    schedule: CronSchedule | None = None
    """When the daemon retrains by itself, in UTC; "" never."""
    seed: Seed = 1
    """The same data and seed make the same model."""

    @model_validator(mode="after")
    def _suffice(self) -> Self:
        """A symbol has at most one sample a day: `training.data.history.SPACING_MS`."""
        most = (self.days + 1) * len(self.symbols)
        if self.min_samples_per_strategy > most:
            raise ValueError(
                f"min_samples_per_strategy = {self.min_samples_per_strategy} can never be reached: days = {self.days} "
                f"with {len(self.symbols)} symbols gives at most {most} samples, one per symbol and day"
            )
        return self


class ModelSection(Section):
    """When the learned model is followed."""

    min_edge_bps: Annotated[float, Ge(0), Le(10_000)] = 0.0
    """The least net return over 24 hours that the model must expect of an entry, in bps (hundredths of a percent)."""
    life_days: Annotated[int, Ge(1), Le(3_650)] = 60
    """Days that a model is used after its last sample, in market time; set twice the days between retrainings."""
    allow_unproven: bool = False
    """Whether real money may follow the rules or a model without proof of an edge; `autopilot arm` asks again."""


class ComputeSection(Section):
    """Where training computes."""

    scheduler: SchedulerAddress | None = None
    """The Dask scheduler to send symbols and folds to (extra `cluster`); "" uses this machine's processors."""


class AutopilotConfig(Section):
    """The whole file."""

    symbols: Symbols = ("BTC/USD", "ETH/USD")
    """The symbols that `autopilot start` trades by default."""
    exchange: Exchange = "coinbase"
    """Source of the candles: an exchange that ccxt knows, or `replay` or `simulated`."""
    timeframe: Timeframe = Timeframe.H1
    """Length of a candle."""
    interval: Annotated[float, Gt(0), Le(86_400)] = 60.0
    """Seconds between two cycles of a symbol; at least 1 on a real exchange."""
    paper_trading: bool = True
    """Whether orders go to the paper exchange. Real money also needs exchange keys and `autopilot arm`."""
    auto_execute: bool = False
    """Whether signals become orders. By default Autopilot only shows signals."""
    min_confidence_threshold: Share = 0.75
    """The confidence that a signal needs to become an order."""
    max_trades_per_day: Annotated[int, Ge(0), Le(100_000)] = 10
    """The most entries per symbol and UTC day. Exits are not counted."""
    risk: RiskLimits = RiskLimits()
    orders: OrderSettings = OrderSettings()
    paper: PaperSettings = PaperSettings()
    replay: ReplaySettings = ReplaySettings()
    simulated: SimulatedSettings = SimulatedSettings()
    data: DataSection = DataSection.model_construct()
    sentiment: SentimentSection = SentimentSection.model_construct()
    training: TrainingSection = TrainingSection.model_construct()
    model: ModelSection = ModelSection.model_construct()
    compute: ComputeSection = ComputeSection.model_construct()

    @classmethod
    def of(cls, tables: Mapping[str, Any]) -> Self:
        """The configuration in TOML's ``tables``; "" stands for a key that is not set.

        Raises ValidationError, or RecursionError if the tables are nested too deeply.
        """
        return cls.model_validate_json(_json(tables))

    @model_validator(mode="after")
    def _permit_an_order(self) -> Self:
        largest = self.paper.balance * to_decimal(self.risk.max_position_pct) / 100
        if self.paper_trading and self.risk.min_order_value > largest:
            raise ValueError(
                f"risk.min_order_value = {self.risk.min_order_value:f} is more than the largest position on paper, "
                f"{largest.normalize():f}: risk.max_position_pct = {self.risk.max_position_pct:g} percent of "
                f"paper.balance = {self.paper.balance:f}"
            )
        return self

    @model_validator(mode="after")
    def _spare_real_exchanges(self) -> Self:
        if self.interval < SHORTEST_INTERVAL_S and MarketKind.of(self.exchange) is MarketKind.REAL:
            raise ValueError(
                f'interval = {self.interval:g} is too short for exchange = "{self.exchange}": '
                f"at least {SHORTEST_INTERVAL_S:g} second"
            )
        return self

    @model_validator(mode="after")
    def _simulate_known_symbols(self) -> Self:
        if MarketKind.of(self.exchange) is MarketKind.SIMULATED:
            from autopilot.adapters.exchange.offline_markets.simulated import simulated_currencies

            for symbol in self.symbols:
                try:
                    simulated_currencies(symbol)
                except UnknownSymbol as error:
                    raise ValueError(f'symbols do not suit exchange = "simulated": {error}; {error.hint}') from None
        return self

    def evaluation(self, auto_execute: bool | None = None) -> EvaluationSettings:
        """The settings of an evaluation. ``auto_execute`` None: as configured."""
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
        """The settings of one symbol on one account."""
        from autopilot.engine.settings import AutopilotSettings

        return AutopilotSettings(
            symbol=symbol,
            exchange=exchange,
            timeframe=timeframe,
            interval_s=interval_s,
            paper_trading=paper_trading,
            evaluation=self.evaluation(auto_execute),
            limits=self.risk,
            orders=self.orders,
        )

    def candle_kind(self, exchange: str) -> CandleKind:
        """The kind of the candles of an exchange; those of `replay` are of the kind of their source."""
        is_replay = MarketKind.of(exchange) is MarketKind.REPLAY
        return CandleKind.of(self.replay.source or exchange) if is_replay else CandleKind.of(exchange)

    def scope(self) -> ModelScope:
        """The candles that `autopilot start` decides about by default."""
        return ModelScope(self.candle_kind(self.exchange), self.timeframe)

    def acting(self) -> Acting:
        """When a learned model's choice is followed."""
        return Acting(self.min_confidence_threshold, self.model.min_edge_bps)


def _json(tables: Mapping[str, Any]) -> bytes:
    """JSON, because pydantic's strict mode then takes what a file can hold: a list for a tuple, a text for an enum."""
    text = json.dumps(_without_empty_texts(tables), default=_text, ensure_ascii=False)
    return text.encode(errors="replace")


def _text(value: Any) -> str:
    """Text of a value that JSON does not have, such as a TOML date without quotes."""
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _without_empty_texts(value: Any) -> Any:
    """The tables with None for each key whose value is an empty text: TOML has no null."""
    if isinstance(value, Mapping):
        return {key: None if each == "" else _without_empty_texts(each) for key, each in value.items()}
    return value
