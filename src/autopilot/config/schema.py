"""Every key of the configuration: its type, its default, what is allowed and what it does.

A section's fields carry the names of the settings dataclass that the core takes; `settings` builds it.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.functional_validators import AfterValidator

from autopilot.domain.errors import UnknownSymbol
from autopilot.domain.market import split_symbol
from autopilot.domain.money import to_decimal
from autopilot.domain.timeframe import Timeframe

if TYPE_CHECKING:
    from autopilot.adapters.exchange.replay import ReplaySettings
    from autopilot.adapters.exchange.simulated import SimulatedSettings
    from autopilot.execution.order_type import OrderSettings
    from autopilot.execution.paper import PaperSettings
    from autopilot.risk.evaluation import EvaluationSettings
    from autopilot.risk.limits import RiskLimits

OFFLINE_EXCHANGES = ("replay", "simulated")
"""Ours; they ask nobody, so that no interval is too short for them."""

SHORTEST_INTERVAL_S = 1.0


def _unset(value: Any) -> Any:
    """TOML has no null: an empty text says "not set"."""
    return None if value == "" else value


def _amount(value: Any) -> Any:
    """Money is written as a number or as text; a float means the decimal that it is written as."""
    return to_decimal(value) if isinstance(value, float) else value


def _refuse_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic reports ValueError
    return value


def _date_text(value: Any) -> Any:
    """TOML's own dates are welcome without quotes."""
    return value.isoformat() if isinstance(value, dt.date) else value


def _iso_moment(text: str) -> str:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError('must be a date as "2024-01-31" or a moment as "2024-01-31T12:00:00Z", in UTC') from None
    return text


def _symbol(text: str) -> str:
    try:
        split_symbol(text)
    except UnknownSymbol as error:
        raise ValueError(f"{error}: {error.hint}") from None
    return text


def _distinct(symbols: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
    if twice:
        raise ValueError(f"names {', '.join(twice)} more than once")
    return symbols


def _check_order(start: str | None, end: str | None) -> None:
    if start and end and _moment(start) >= _moment(end):
        raise ValueError(f'end = "{end}" does not come after start = "{start}"')


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


Amount = Annotated[
    Decimal, BeforeValidator(_amount), BeforeValidator(_refuse_bool), Field(strict=False, le=10**12, max_digits=24)
]
Percent = Annotated[float, Field(gt=0, le=100)]
Fee = Annotated[float, Field(ge=0, le=10)]
Share = Annotated[float, Field(ge=0, le=1)]
Moment = Annotated[
    str, BeforeValidator(_date_text), AfterValidator(_iso_moment), Field(json_schema_extra={"format": "moment"})
]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40, json_schema_extra={"format": "name"})]


class Section(BaseModel):
    """Frozen, finite, strict; a key that it does not know is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class RiskSection(Section):
    """Limits that hold in every mode; a signal beyond one of them is denied."""

    max_position_pct: Percent = 20.0
    """The largest position in one symbol, in percent of equity."""
    max_exposure_pct: Percent = 60.0
    """The largest sum of all positions, in percent of equity."""
    max_open_positions: Annotated[int, Field(ge=1, le=1_000)] = 5
    """Positions held at the same time."""
    risk_per_trade_pct: Percent = 1.0
    """What a trade may lose between its entry and its stop, in percent of equity."""
    max_daily_loss_pct: Percent = 5.0
    """Loss since midnight UTC, in percent of that day's first equity, after which no position is opened."""
    max_drawdown_pct: Percent = 20.0
    """Fall of equity from its peak, in percent, after which no position is opened."""
    cooldown_candles: Annotated[int, Field(ge=0, le=10_000)] = 3
    """Candles that a symbol rests after a stop-loss."""
    max_consecutive_losses: Annotated[int, Field(ge=1, le=1_000)] = 3
    """Losing round trips in a row after which a symbol pauses."""
    loss_pause_candles: Annotated[int, Field(ge=0, le=10_000)] = 24
    """Candles that this pause lasts."""
    max_candle_age: Annotated[float, Field(gt=0, le=1_000)] = 2.0
    """Age of the last closed candle, in timeframes after its close, beyond which it is too stale to trade on."""
    max_price_deviation_pct: Percent = 2.0
    """Distance of the latest price from the last close, in percent, beyond which no position is opened."""
    min_order_value: Annotated[Amount, Field(ge=0)] = Decimal(1)
    """The smallest order, in quote currency; the market's own minimum holds as well."""

    @model_validator(mode="after")
    def _position_fits_exposure(self) -> Self:
        if self.max_position_pct > self.max_exposure_pct:
            raise ValueError(
                f"max_position_pct = {self.max_position_pct:g} is more than max_exposure_pct = "
                f"{self.max_exposure_pct:g}: one position may not be larger than all together"
            )
        return self

    def settings(self) -> RiskLimits:
        from autopilot.risk.limits import RiskLimits

        return RiskLimits(**self.model_dump())


class OrdersSection(Section):
    """How an approved signal becomes an order."""

    strong_signal: Share = 0.80
    """A signal stronger than this enters at the market's price, a weaker one with a limit order."""
    limit_offset_pct: Annotated[float, Field(ge=0, le=10)] = 0.1
    """Distance of a limit order from the price, in percent: a buy below it, a sell above it."""
    limit_life_candles: Annotated[int, Field(ge=1, le=1_000)] = 3
    """Candles that a limit order waits; then an entry is dropped and an exit goes to the market."""

    def settings(self) -> OrderSettings:
        from autopilot.execution.order_type import OrderSettings

        return OrderSettings(**self.model_dump())


class PaperSection(Section):
    """The paper exchange: made-up money on the prices of the chosen exchange."""

    balance: Annotated[Amount, Field(gt=0)] = Decimal(10_000)
    """Money at the start, of each quote currency traded. An account that exists keeps what it has."""
    slippage_bps: Annotated[float, Field(ge=0, le=1_000)] = 5.0
    """How much worse than the price a market order fills, in hundredths of a percent."""
    maker_fee_pct: Annotated[Fee | None, BeforeValidator(_unset)] = None
    """Fee of a limit order, in percent of its value; "" takes the market's own."""
    taker_fee_pct: Annotated[Fee | None, BeforeValidator(_unset)] = None
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

    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 1
    """The same seed makes the same market."""
    start: Moment = "2024-01-01"
    """The market's first day, UTC."""
    end: Annotated[Moment | None, BeforeValidator(_unset)] = None
    """Where the market ends, UTC; "" never."""
    speed: Annotated[float, Field(ge=0, le=1e9)] = 3600.0
    """Market seconds in a second; 0 goes as fast as the cycles do."""

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        _check_order(self.start, self.end)
        return self

    def settings(self) -> SimulatedSettings:
        from autopilot.adapters.exchange.simulated import SimulatedSettings

        return SimulatedSettings(**self.model_dump())


class ReplaySection(Section):
    """The exchange `replay`: stored candles as a market (autopilot data import)."""

    source: Annotated[Name | None, BeforeValidator(_unset)] = None
    """The exchange whose stored candles are replayed; "" takes the only one there is."""
    start: Annotated[Moment | None, BeforeValidator(_unset)] = None
    """Where to begin, UTC; "" at the first stored candle."""
    end: Annotated[Moment | None, BeforeValidator(_unset)] = None
    """Where to end, UTC; "" at the last stored candle."""
    speed: Annotated[float, Field(ge=0, le=1e9)] = 3600.0
    """Market seconds in a second; 0 goes as fast as the cycles do."""

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        _check_order(self.start, self.end)
        return self

    def settings(self) -> ReplaySettings:
        from autopilot.adapters.exchange.replay import ReplaySettings

        return ReplaySettings(**self.model_dump())


class SentimentSection(Section):
    """The Crypto Fear & Greed index, a number a day for the whole market."""

    enabled: bool = True
    """Whether it is fetched; without it every strategy that asks for it has no opinion."""


class AutopilotConfig(Section):
    """The whole file."""

    symbols: Annotated[
        tuple[Annotated[str, AfterValidator(_symbol)], ...],
        Field(strict=False, min_length=1, max_length=200),
        AfterValidator(_distinct),
    ] = ("BTC/USD", "ETH/USD")
    """What is traded when `autopilot start` names nothing."""
    exchange: Name = "coinbase"
    """Where candles come from: a name that ccxt knows, or `replay` or `simulated`."""
    timeframe: Annotated[Timeframe, Field(strict=False)] = Timeframe.H1
    """Length of a candle."""
    interval: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    """Seconds between two cycles of a symbol; at least 1 on a real exchange."""
    paper_trading: bool = True
    """Whether orders go to the paper exchange. This release trades on paper only."""
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

    @model_validator(mode="after")
    def _spare_real_exchanges(self) -> Self:
        if self.interval < SHORTEST_INTERVAL_S and self.exchange not in OFFLINE_EXCHANGES:
            raise ValueError(
                f"interval = {self.interval:g} is too short for the exchange {self.exchange}: "
                f"at least {SHORTEST_INTERVAL_S:g} second"
            )
        return self

    def evaluation(self) -> EvaluationSettings:
        from autopilot.risk.evaluation import EvaluationSettings

        return EvaluationSettings(
            min_confidence_threshold=self.min_confidence_threshold,
            max_trades_per_day=self.max_trades_per_day,
            auto_execute=self.auto_execute,
        )
