"""The stored candles as the commands of `autopilot data` name, choose and check them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from autopilot.cli.errors import UsageProblem
from autopilot.cli.session import Session, address
from autopilot.control.errors import Conflict, DaemonNotRunning
from autopilot.domain.document_types import Document
from autopilot.domain.errors import NotFound
from autopilot.domain.timeframe import Timeframe

if TYPE_CHECKING:
    from autopilot.adapters.store.candles import SqliteCandles
    from autopilot.adapters.store.database import Database
    from autopilot.domain.candles import Candles


@contextmanager
def candle_database(session: Session) -> Iterator[Database]:
    """The database, created if it does not exist; works beside a running daemon. Raises StoreError, ConfigError."""
    from autopilot.adapters.store.database import open_database
    from autopilot.config.paths import create_directories

    create_directories(session.paths)
    with closing(open_database(session.paths.database)) as database:
        yield database


def chosen_series(session: Session, path: Path, *options: str | None) -> Document:
    """The only stored series that matches the options and the file's name. Raises CandleError without any or with
    several."""
    from autopilot.adapters.imports.file_names import named_market
    from autopilot.domain.errors import CandleError

    named = named_market(path.name, *options[:2])
    exchange, symbol, timeframe = (
        option or name for option, name in zip(options, (named.exchange, named.symbol, named.timeframe), strict=True)
    )
    wanted = wanted_market(exchange and exchange.lower(), symbol, timeframe)
    series = matching_series(session, wanted)
    if len(series) == 1:
        return series[0]
    market = " ".join(value for value in wanted.values() if value)
    if not series:
        raise CandleError(f"no candles{' of ' if market else ''}{market} are stored", hint="see autopilot data list")
    raise CandleError(
        f"{len(series)} markets are stored{' for ' if market else ''}{market}",
        hint=f"say which: {' '.join(f'--{name} {series[0][name]}' for name, value in wanted.items() if not value)}",
    )


def wanted_market(exchange: str | None, symbol: str | None, timeframe: str | None) -> dict[str, str | None]:
    """The market of the options. Raises UnknownTimeframe."""
    return {"exchange": exchange, "symbol": symbol, "timeframe": timeframe and Timeframe.parse(timeframe).value}


def matching_series(session: Session, wanted: dict[str, str | None]) -> list[Document]:
    """The stored series of a market; None stands for every exchange, symbol or timeframe."""
    return [
        item for item in stored_series(session) if all(value in (None, item[name]) for name, value in wanted.items())
    ]


def stored_series(session: Session, *, with_coverage: bool = False) -> list[Document]:
    """All stored series; ``with_coverage``: with their spans and gaps. Creates no database."""
    from autopilot.adapters.store.candles import SqliteCandles
    from autopilot.adapters.store.database import open_for_queries

    if not session.paths.database.exists():
        return []
    with open_for_queries(session.paths.database) as database:
        store = SqliteCandles(database)
        return [
            {
                "exchange": series.exchange,
                "symbol": series.symbol,
                "timeframe": series.timeframe.value,
                "candles": series.count,
                "first_at_ms": series.first_at_ms,
                "last_at_ms": series.last_at_ms,
                **(_coverage(store, series.exchange, series.symbol, series.timeframe) if with_coverage else {}),
            }
            for series in store.coverage()
        ]


def _coverage(store: SqliteCandles, exchange: str, symbol: str, timeframe: Timeframe) -> Document:
    series = exchange, symbol, timeframe
    return {
        "spans": [
            {**asdict(each.span), "way": each.way.value, "fetched_at_ms": each.fetched_at_ms}
            for each in store.covered(*series)
        ],
        "gaps": [
            {
                **asdict(each.span),
                "reason": each.reason.value,
                "tries": each.tries,
                "next_try_at_ms": each.next_try_at_ms,
            }
            for each in store.gaps(*series)
        ],
    }


def stored_candles(session: Session, item: Document, last: int | None = None) -> Candles:
    from autopilot.adapters.store.candles import SqliteCandles
    from autopilot.adapters.store.database import open_for_queries

    with open_for_queries(session.paths.database) as database:
        store = SqliteCandles(database)
        return store.load_candles(item["exchange"], item["symbol"], Timeframe(item["timeframe"]), last=last)


def verified_series(session: Session, item: Document) -> Document:
    from autopilot.domain.candle_faults import find_faults
    from autopilot.domain.candles import FaultKind

    stored = stored_candles(session, item)
    bars = (stored.open, stored.high, stored.low, stored.close, stored.volume)
    faults = [asdict(fault) for fault in find_faults(stored.open_at_ms, *bars, Timeframe(item["timeframe"]))]
    is_sound = all(fault["kind"] == FaultKind.GAP for fault in faults)
    return {**judged_series(session, item, stored), "faults": faults, "sound": is_sound}


def judged_series(session: Session, item: Document, stored: Candles | None = None) -> Document:
    """The series with its suspicion; None for one that looks right."""
    from autopilot.adapters.imports.doubtful_series import JUDGED, series_suspicion

    candles = stored_candles(session, item, last=JUDGED) if stored is None else stored
    suspicion = series_suspicion(item["exchange"], item["symbol"], candles)
    return {**item, "suspicion": suspicion and asdict(suspicion)}


def one_market(exchange: str | None, symbol: str | None, timeframe: str | None) -> dict[str, str | None]:
    """The market of the options. Raises UsageProblem without both names, UnknownTimeframe."""
    if exchange is None or symbol is None:
        absent = [f"--{name}" for name, value in (("exchange", exchange), ("symbol", symbol)) if value is None]
        raise UsageProblem(f"{' and '.join(absent)} must say which candles", hint="see autopilot data list")
    return wanted_market(exchange.lower(), symbol, timeframe)


def named_series(session: Session, wanted: dict[str, str | None]) -> list[Document]:
    """The stored series of one market. Raises NotFound if nothing is stored, Conflict if the daemon uses it."""
    found = matching_series(session, wanted)
    if not found:
        market = " ".join(value for value in wanted.values() if value)
        raise NotFound(f"no candles of {market} are stored", hint="see autopilot data list")
    try:
        running = session.client().get(address("status"))["symbols"]
    except DaemonNotRunning:
        return found
    used = {item["timeframe"] for item in found}
    if any(each["running"] and each["symbol"] == wanted["symbol"] and each["timeframe"] in used for each in running):
        symbol = wanted["symbol"]
        raise Conflict(f"{symbol} is running on these candles", hint=f"autopilot stop --symbol {symbol}")
    return found
