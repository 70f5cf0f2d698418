"""The market of a demo: the simulated one, or the user's own candles."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from autopilot.adapters.exchange.venues.known import COIN_NAMES
from autopilot.adapters.imports.candle_files import import_path, market_of
from autopilot.adapters.imports.sentiment_files import import_sentiment
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.sentiment import SqliteSentiment
from autopilot.domain.errors import CandleError
from autopilot.domain.timeframe import DAY_MS, iso_utc

SYMBOLS = ("BTC/USD", "ETH/USD")
SIMULATED_START_MS = 1_704_067_200_000
"""2024-01-01."""
WATCHED_S = 25.0
"""Duration of the demo's market, long enough to follow it by eye."""


@dataclass(frozen=True, slots=True)
class DemoMarket:
    """The traded period is ``start_ms`` to ``end_ms``. ``settings`` returns the configuration of this market."""

    exchange: str
    symbols: tuple[str, ...]
    timeframe: str
    start_ms: int
    end_ms: int
    source: str | None = None

    def settings(self) -> dict[str, object]:
        period: dict[str, object] = {
            "start": iso_utc(self.start_ms),
            "end": iso_utc(self.end_ms),
            "speed": (self.end_ms - self.start_ms) / 1000 / WATCHED_S,
        }
        return {
            "symbols": list(self.symbols),
            "exchange": self.exchange,
            "timeframe": self.timeframe,
            "auto_execute": True,
            self.exchange: period | ({"source": self.source} if self.source else {}),
        }


def simulated(days: int) -> DemoMarket:
    return DemoMarket("simulated", SYMBOLS, "1h", SIMULATED_START_MS, SIMULATED_START_MS + days * DAY_MS)


def imported(database_path: Path, data: Path, days: int) -> tuple[DemoMarket, list[Path]]:
    """Import the best pair of markets in ``data`` (a file, or a folder with subfolders), and the Fear & Greed index if
    it is there. Returns a market of their last ``days`` in common, and the imported files. Raises CandleError when
    there are no candle files."""
    files = [data] if data.is_file() else _best_markets(path for path in sorted(data.rglob("*")) if path.is_file())
    if not files:
        raise CandleError(
            f"{data} has no candle files", hint="name files as KRAKEN_BTC-USD_1h.csv.gz: exchange, market, timeframe"
        )
    with closing(open_database(database_path)) as database:
        store = SqliteCandles(database)
        reports = [report for file in files for report in import_path(store, file, coin_names=COIN_NAMES)]
        sentiments = sorted(data.rglob("FEAR_GREED*.csv")) if data.is_dir() else []
        for file in sentiments:
            import_sentiment(SqliteSentiment(database), file)
        symbols = tuple(report.symbol for report in reports)
        timeframe = reports[0].timeframe
        covered = [each for each in store.coverage() if each.symbol in symbols]
    end_ms = min(each.last_at_ms for each in covered) + timeframe.ms
    market = DemoMarket("replay", symbols, timeframe.value, end_ms - days * DAY_MS, end_ms, source=reports[0].exchange)
    return market, [*files, *sentiments]


def _best_markets(files: Iterable[Path]) -> list[Path]:
    """The files of Bitcoin and Ether in dollars at 1h from one exchange, or else the closest match; two at most."""
    groups: dict[tuple[str | None, str, str], dict[str, Path]] = {}
    for file in files:
        market = market_of(file.name, COIN_NAMES)
        if market.symbol and market.timeframe:
            base, _, quote = market.symbol.partition("/")
            groups.setdefault((market.exchange, quote, market.timeframe.value), {}).setdefault(base, file)

    def rank(item: tuple[tuple[str | None, str, str], dict[str, Path]]) -> tuple[bool, bool, bool, bool, int]:
        (_, quote, timeframe), by_base = item
        return timeframe == "1h", "BTC" in by_base and "ETH" in by_base, quote == "USD", "BTC" in by_base, len(by_base)

    if not groups:
        return []
    _, by_base = max(groups.items(), key=rank)
    return [by_base[base] for base in sorted(by_base, key=lambda base: (base not in ("BTC", "ETH"), base))[:2]]
