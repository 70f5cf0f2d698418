"""The inputs of a backtest: stored or simulated candles, the market's rules, and sentiment."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autopilot.adapters.exchange.offline_markets.replay import ReplayExchange
from autopilot.adapters.exchange.offline_markets.session import OfflineExchange
from autopilot.adapters.exchange.offline_markets.settings import ReplaySettings
from autopilot.adapters.sentiment.offline import sentiment_over
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.sentiment import SqliteSentiment
from autopilot.app.data.joined import LentHistory, joined_candles
from autopilot.backtest.stages import BacktestStage
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.candles import Candles
from autopilot.domain.errors import ConfigError, UnknownSymbol, UnknownTimeframe
from autopilot.domain.market import Market, MarketKind, reference_of
from autopilot.domain.progress import Progress
from autopilot.domain.timeframe import DAY_MS, Timeframe, utc_text
from autopilot.ports.market_data import Coverage
from autopilot.training.data.series import SymbolData

if TYPE_CHECKING:
    from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange

SIMULATED_DAYS = 365
SIMULATED_PAST_DAYS = 730
"""Days before the first decision, as training data for models."""


@dataclass(frozen=True, slots=True)
class Period:
    """The closed candles that open in [from_ms, to_ms). None: from the first, up to the last candle there is. ``days``
    counts back from the end, in place of ``from_ms``."""

    from_ms: int | None = None
    to_ms: int | None = None
    days: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TestedSymbol:
    """``first``: the index of the first candle to decide; earlier candles are history. ``detail``: finer candles from
    then on."""

    market: Market
    history: SymbolData
    first: int
    detail: Candles | None = None


class _FixedCandles(SqliteCandles):
    """Stored candles, whose extent is read once for all symbols."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._coverage = super().coverage()

    def coverage(self) -> tuple[Coverage, ...]:
        return self._coverage


async def tested_symbols(
    config: AutopilotConfig,
    database: Database,
    exchange: str,
    symbols: tuple[str, ...],
    timeframe: Timeframe,
    period: Period,
    detail: Timeframe | None,
    least_history: int,
    progress: Progress,
    lender: str | None,
) -> tuple[TestedSymbol, ...]:
    """The symbols, sorted by name, with stored candles of the timeframe ``detail`` unless it is None. At least
    ``least_history`` candles are before the first one to decide. Stored candles of ``lender`` stand before the first
    one of the exchange.

    Raises ExchangeError if a symbol has no candles, ConfigError if there are too few in the period or before it."""
    market: OfflineExchange
    if MarketKind.of(exchange) is MarketKind.SIMULATED:
        market, held = await _simulated(config, symbols, timeframe, period, progress)
    else:
        market, held = _stored(config, database, exchange, symbols, timeframe, period, lender, progress)
    candles = {symbol: each.candles for symbol, each in held.items()}
    sentiment = await sentiment_over(market, SqliteSentiment(database), candles)
    found = []
    for symbol in sorted(symbols):
        own, reference = candles[symbol], candles.get(reference_of(symbol))
        first = _first(symbol, own, period, least_history)
        history = SymbolData(symbol, own, reference, sentiment, (), int(own.open_at_ms[0]), held[symbol].lent)
        finer = None if detail is None else _detail(market, database, own[first:], symbol, detail)
        found.append(TestedSymbol(await market.market(symbol), history, first, finer))
    return tuple(found)


async def _simulated(
    config: AutopilotConfig, symbols: tuple[str, ...], timeframe: Timeframe, period: Period, progress: Progress
) -> tuple[SimulatedExchange, Mapping[str, LentHistory]]:
    from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange

    market = SimulatedExchange(config.simulated)
    market.subscribe(symbols, timeframe, None)
    from_ms = period.from_ms or market.clock.now_ms()
    to_ms = period.to_ms or from_ms + (period.days or SIMULATED_DAYS) * DAY_MS
    market.subscribe(symbols, timeframe, to_ms)
    wanted = (to_ms - from_ms + SIMULATED_PAST_DAYS * DAY_MS) // timeframe.ms
    needed = dict.fromkeys([*symbols, *map(reference_of, symbols)])
    candles = {}
    progress(BacktestStage.CANDLES, 0, len(needed))
    for number, each in enumerate(needed, start=1):
        candles[each] = LentHistory(await market.history(each, timeframe, to_ms - 1, wanted))
        progress(BacktestStage.CANDLES, number, len(needed), each)
    return market, candles


def _stored(
    config: AutopilotConfig,
    database: Database,
    exchange: str,
    symbols: tuple[str, ...],
    timeframe: Timeframe,
    period: Period,
    lender: str | None,
    progress: Progress,
) -> tuple[ReplayExchange, Mapping[str, LentHistory]]:
    store = _FixedCandles(database)
    source = config.replay.source if exchange == ReplayExchange.name else exchange
    market = ReplayExchange(store, ReplaySettings(source=source, speed=0.0))
    candles: dict[str, LentHistory] = {}
    references = sorted({reference_of(each) for each in symbols} - set(symbols))
    progress(BacktestStage.CANDLES, 0, len(symbols) + len(references))
    for each in (*symbols, *references):
        with suppress(UnknownSymbol, UnknownTimeframe) if each in references else nullcontext():
            until_ms = None if period.to_ms is None else period.to_ms - 1
            source = market.coverage(each, timeframe).exchange
            candles[each] = joined_candles(store, source, lender, each, timeframe, until_ms=until_ms)
        progress(BacktestStage.CANDLES, len(candles), len(symbols) + len(references), each)
    return market, candles


def _detail(
    market: OfflineExchange, database: Database, candles: Candles, symbol: str, timeframe: Timeframe
) -> Candles:
    """The finer candles of the tested period. Raises ConfigError if there are none."""
    if not isinstance(market, ReplayExchange):
        raise ConfigError(
            f"the simulated market makes its {timeframe} and {candles.timeframe} candles independently",
            hint="use --detail with stored candles",
        )
    if timeframe.ms >= candles.timeframe.ms:
        raise ConfigError(
            f"--detail {timeframe} is not finer than {candles.timeframe}", hint="use a finer one, such as --detail 1m"
        )
    source = market.coverage(symbol, candles.timeframe).exchange
    until_ms = candles.last_at_ms + candles.timeframe.ms - 1
    found = SqliteCandles(database).load_candles(source, symbol, timeframe, until_ms=until_ms)
    found = found.since(int(candles.open_at_ms[0]))
    if not len(found):
        raise ConfigError(
            f"{source} has no stored {timeframe} candles of {symbol} in that period",
            hint="autopilot data list shows the stored candles; autopilot data download adds more",
        )
    return found


def _first(symbol: str, candles: Candles, period: Period, least_history: int) -> int:
    """The index of the first candle to decide. Raises ConfigError if the period has none."""
    if not len(candles):
        raise ConfigError(
            f"there are no candles of {symbol} before the end of that period",
            hint="use a later --to; autopilot data list shows the stored candles",
        )
    from_ms = period.from_ms or 0
    if period.days is not None and period.from_ms is None:
        from_ms = candles.last_at_ms + candles.timeframe.ms - period.days * DAY_MS
    if from_ms > candles.last_at_ms:
        raise ConfigError(
            f"{symbol}: no candle opens at {utc_text(from_ms)} or later; the last one opens at "
            f"{utc_text(candles.last_at_ms)}",
            hint="use an earlier --from",
        )
    first = max(least_history, len(candles) - len(candles.since(from_ms)))
    if first >= len(candles):
        raise ConfigError(
            f"{symbol}: {len(candles):,} candles up to {utc_text(candles.last_at_ms)} are too few: the first "
            f"{least_history:,} are history, which leaves no candle to decide",
            hint="bring in earlier candles (autopilot data import FILE, or --source with another exchange), "
            "or use a later --from",
        )
    return first
