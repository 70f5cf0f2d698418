"""The stored candles as the commands of `autopilot data` name, choose and check them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from autopilot.cli.errors import UsageProblem
from autopilot.cli.render.candles import HOW_TO_GET
from autopilot.cli.render.progress import Forecast, progress_view
from autopilot.cli.session import Session, address
from autopilot.control.errors import Conflict, DaemonNotRunning
from autopilot.domain.document_types import Document
from autopilot.domain.errors import NotFound
from autopilot.domain.timeframe import Timeframe

if TYPE_CHECKING:
    from autopilot.adapters.store.candles import SqliteCandles
    from autopilot.adapters.store.database import Database
    from autopilot.domain.candles import Candles
    from autopilot.domain.progress import Progress


@contextmanager
def candle_database(session: Session) -> Iterator[Database]:
    """The database, created if it does not exist; works beside a running daemon. Raises StoreError, ConfigError."""
    from autopilot.adapters.store.database import open_database
    from autopilot.config.paths import create_directories

    create_directories(session.paths)
    with closing(open_database(session.paths.database)) as database:
        yield database


def chosen_series(session: Session, path: Path, *options: str | None) -> Document:
    """The only stored series that matches the options and the file's name. Raises NotFound without any, CandleError
    with several."""
    from autopilot.adapters.imports.file_names import named_market
    from autopilot.domain.errors import CandleError

    named = named_market(path.name, *options[:2])
    exchange, symbol, timeframe = (
        option or name for option, name in zip(options, (named.exchange, named.symbol, named.timeframe), strict=True)
    )
    wanted = wanted_market(exchange, symbol, timeframe)
    series = matching_series(session, wanted)
    if len(series) == 1:
        return series[0]
    if not series:
        raise NotFound("no candles are stored", hint=HOW_TO_GET)
    market = " ".join(value for value in wanted.values() if value)
    raise CandleError(
        f"{len(series)} markets are stored{' for ' if market else ''}{market}",
        hint=f"say which: {' '.join(f'--{name} {series[0][name]}' for name, value in wanted.items() if not value)}",
    )


def wanted_market(exchange: str | None, symbol: str | None, timeframe: str | None) -> dict[str, str | None]:
    """The market of the options. Raises UnknownTimeframe."""
    return {
        "exchange": exchange and exchange.lower(),
        "symbol": symbol,
        "timeframe": timeframe and Timeframe.parse(timeframe).value,
    }


def matching_series(session: Session, wanted: dict[str, str | None]) -> list[Document]:
    """The stored series of a market; None stands for every exchange, symbol or timeframe. Raises NotFound if there is
    none, unless all are wanted."""
    found = [
        item for item in stored_series(session) if all(value in (None, item[name]) for name, value in wanted.items())
    ]
    market = " ".join(value for value in wanted.values() if value is not None)
    if market and not found:
        raise NotFound(f"no candles of {market} are stored", hint="see autopilot data list")
    return found


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


def stored_candles(
    session: Session,
    item: Document,
    *,
    since_ms: int | None = None,
    until_ms: int | None = None,
    last: int | None = None,
) -> Candles:
    """As `CandleStore.load_candles`."""
    from autopilot.adapters.store.candles import SqliteCandles
    from autopilot.adapters.store.database import open_for_queries

    with open_for_queries(session.paths.database) as database:
        store = SqliteCandles(database)
        series = item["exchange"], item["symbol"], Timeframe(item["timeframe"])
        return store.load_candles(*series, since_ms=since_ms, until_ms=until_ms, last=last)


def verified_series(session: Session, item: Document) -> Document:
    """The series with its faults, and its missing candles by what is known of them."""
    from autopilot.adapters.store.candles import SqliteCandles
    from autopilot.adapters.store.database import open_for_queries
    from autopilot.app.data.ledger import candle_count
    from autopilot.domain.candle_faults import find_faults, gap_fault
    from autopilot.domain.candles import FaultKind
    from autopilot.domain.coverage import union
    from autopilot.domain.holes import judged_holes

    timeframe, stored = Timeframe(item["timeframe"]), stored_candles(session, item)
    with open_for_queries(session.paths.database) as database:
        gaps = SqliteCandles(database).gaps(item["exchange"], item["symbol"], timeframe)
    bars = (stored.open, stored.high, stored.low, stored.close, stored.volume)
    found = find_faults(stored.open_at_ms, *bars, timeframe)
    holes = judged_holes(stored, gaps)
    gap = gap_fault(union([*holes.unsettled, *holes.unasked]), timeframe)
    faults = [fault for fault in found if fault.kind is not FaultKind.GAP]
    return {
        **judged_series(session, item, stored),
        "faults": [asdict(fault) for fault in (*faults, gap) if fault],
        "missing": {
            "confirmed": candle_count(holes.confirmed, timeframe),
            "unsettled": candle_count(holes.unsettled, timeframe),
            "unasked": candle_count(holes.unasked, timeframe),
        },
        "sound": not faults,
    }


def compared_series(session: Session, item: Document, exchange: str, max_bps: float) -> Document:
    """A verified series, compared with that of another exchange; ``against`` is None without stored candles there."""
    from autopilot.domain.candle_comparison import compared
    from autopilot.domain.candles import FaultKind

    if exchange == item["exchange"]:
        return {**item, "against": None}
    there = stored_candles(session, {**item, "exchange": exchange})
    found = compared(stored_candles(session, item), there, max_bps)
    figures = asdict(found)
    faults = figures.pop("faults")
    against = {"exchange": exchange, "candles": len(there), "max_bps": max_bps, **figures}
    is_sound = item["sound"] and all(fault.kind is FaultKind.APART for fault in found.faults)
    return {**item, "faults": [*item["faults"], *faults], "against": against, "sound": is_sound}


def judged_series(session: Session, item: Document, stored: Candles | None = None) -> Document:
    """The series with its suspicion; None for one that looks right."""
    from autopilot.adapters.imports.doubtful_series import JUDGED, series_suspicion

    candles = stored_candles(session, item, last=JUDGED) if stored is None else stored
    suspicion = series_suspicion(item["exchange"], item["symbol"], candles)
    return {**item, "suspicion": suspicion and asdict(suspicion)}


def series_progress(session: Session, *shorter: str) -> AbstractContextManager[Progress]:
    """Of one stage, of which no lines are shown; ``shorter``: what makes the work so."""
    return progress_view(session.output.remarks, Forecast({}, shorter), is_short=True)


def each_series(series: list[Document], stage: str, progress: Progress) -> Iterator[Document]:
    """The series one by one, reported as steps."""
    for done, item in enumerate(series):
        progress(stage, done, len(series), f"{item['symbol']} {item['timeframe']}")
        yield item
    progress(stage, len(series), len(series))


def one_market(exchange: str | None, symbol: str | None, timeframe: str | None) -> dict[str, str | None]:
    """The market of the options. Raises UsageProblem without both names, UnknownTimeframe."""
    if exchange is None or symbol is None:
        absent = [f"--{name}" for name, value in (("exchange", exchange), ("symbol", symbol)) if value is None]
        raise UsageProblem(f"{' and '.join(absent)} must say which candles", hint="see autopilot data list")
    return wanted_market(exchange, symbol, timeframe)


def named_series(session: Session, wanted: dict[str, str | None]) -> list[Document]:
    """The stored series of one market. Raises NotFound if nothing is stored, Conflict if the daemon uses it."""
    found = matching_series(session, wanted)
    try:
        running = session.client().get(address("status"))["symbols"]
    except DaemonNotRunning:
        return found
    used = {item["timeframe"] for item in found}
    if any(each["running"] and each["symbol"] == wanted["symbol"] and each["timeframe"] in used for each in running):
        symbol = wanted["symbol"]
        raise Conflict(f"{symbol} is running on these candles", hint=f"autopilot stop --symbol {symbol}")
    return found
