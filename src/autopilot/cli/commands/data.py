"""autopilot data: the candles kept on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autopilot.cli.options import (
    OneSymbol,
    command_group,
    exchange_option,
    one_symbol_option,
    timeframe_option,
    with_session,
)
from autopilot.cli.render.candles import export_screen, import_screen, list_screen, sentiment_screen, verify_screen
from autopilot.cli.render.progress import progress_view
from autopilot.cli.session import Session
from autopilot.domain.document_types import Document
from autopilot.domain.timeframe import Timeframe

if TYPE_CHECKING:
    from autopilot.adapters.store.database import Database
    from autopilot.domain.candles import Candles

app = command_group(help="Import, export, list and verify the candles on this machine.")
OneExchange = Annotated[str | None, exchange_option(help="Only this exchange.")]
FilesExchange = Annotated[str | None, exchange_option(help="The exchange. Default: from the file's name.")]
FilesSymbol = Annotated[
    str | None, one_symbol_option(help="The symbol, such as BTC/USD. Default: from the file's name.")
]
FilesTimeframe = Annotated[str | None, timeframe_option(help="The length of a candle. Default: from the file's name.")]
OneTimeframe = Annotated[str | None, timeframe_option(help="Only candles of this length.")]


@app.command("import")
@with_session
def import_(
    session: Session,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file, or a folder of files named as their markets.")],
    exchange: FilesExchange = None,
    symbol: FilesSymbol = None,
    timeframe: FilesTimeframe = None,
    sentiment: Annotated[
        bool, typer.Option("--sentiment", help="The file is a Crypto Fear & Greed index, one value per day.")
    ] = False,
) -> None:
    """Import candles from files: CSV, also gzipped, JSON, feather or parquet. Importing again changes nothing.

    The file's name says the market, as KRAKEN_BTC-USD_1h.csv.gz does; the options add or replace parts of it. Works
    beside a running daemon and without one.
    """
    if sentiment:
        _import_sentiment(session, path)
        return
    from autopilot.adapters.exchange.venues.known import COIN_NAMES
    from autopilot.adapters.imports.candle_files import import_path
    from autopilot.adapters.store.candles import SqliteCandles

    length = Timeframe.parse(timeframe) if timeframe else None
    with _database(session) as database, progress_view(session.output.remarks, is_short=True) as progress:
        reports = import_path(
            SqliteCandles(database), path, exchange, symbol, length, coin_names=COIN_NAMES, progress=progress
        )
    document = {"imported": [{**asdict(report), "file": str(report.file)} for report in reports]}
    session.show(document, import_screen)


@app.command()
@with_session
def export(
    session: Session,
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="Ends in .csv, .json (either also with .gz), .feather or .parquet.")
    ],
    exchange: FilesExchange = None,
    symbol: FilesSymbol = None,
    timeframe: FilesTimeframe = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write stored candles of one market to a file. Importing the file gives equal candles.

    The file's name says the market, as KRAKEN_BTC-USD_1h.csv.gz does; the options add or replace parts of it.
    """
    from autopilot.adapters.imports.candle_export import export_candles, export_suffix

    export_suffix(path)
    item = _chosen(session, path, exchange, symbol, timeframe)
    with progress_view(session.output.remarks, is_short=True) as progress:
        export_candles(_candles(session, item), path, force=force, progress=progress)
    document = {**item, "file": str(path), "bytes": path.stat().st_size}
    session.show(document, export_screen)


@app.command("list")
@with_session
def list_(session: Session) -> None:
    """List the stored candles: markets, numbers, first and last time."""
    session.show({"series": _stored_series(session)}, list_screen)


@app.command()
@with_session
def verify(
    session: Session,
    exchange: OneExchange = None,
    symbol: OneSymbol = None,
    timeframe: OneTimeframe = None,
) -> int:
    """Check the stored candles for faults; exit code 1 if there are any."""
    series = [_verified(session, item) for item in _matching(session, _wanted(exchange, symbol, timeframe))]
    is_sound = all(item["sound"] for item in series)
    return session.show({"series": series, "sound": is_sound}, verify_screen, is_done=is_sound)


def _import_sentiment(session: Session, path: Path) -> None:
    from autopilot.adapters.imports.sentiment_files import import_sentiment
    from autopilot.adapters.store.sentiment import SqliteSentiment

    with _database(session) as database:
        report = import_sentiment(SqliteSentiment(database), path)
    document = {**asdict(report), "file": str(report.file)}
    session.show(document, sentiment_screen)


@contextmanager
def _database(session: Session) -> Iterator[Database]:
    """The database, created if it does not exist; works beside a running daemon. Raises StoreError, ConfigError."""
    from autopilot.adapters.store.database import open_database
    from autopilot.config.paths import create_directories

    create_directories(session.paths)
    with closing(open_database(session.paths.database)) as database:
        yield database


def _chosen(session: Session, path: Path, *options: str | None) -> Document:
    """The only stored series that matches the options and the file's name. Raises CandleError without any or with
    several."""
    from autopilot.adapters.exchange.venues.known import COIN_NAMES
    from autopilot.adapters.imports.candle_files import market_of
    from autopilot.domain.errors import CandleError

    named = market_of(path.name, COIN_NAMES)
    exchange, symbol, timeframe = (
        option or name for option, name in zip(options, (named.exchange, named.symbol, named.timeframe), strict=True)
    )
    wanted = _wanted(exchange and exchange.lower(), symbol, timeframe)
    series = _matching(session, wanted)
    if len(series) == 1:
        return series[0]
    market = " ".join(value for value in wanted.values() if value)
    if not series:
        raise CandleError(f"no candles{' of ' if market else ''}{market} are stored", hint="see autopilot data list")
    raise CandleError(
        f"{len(series)} markets are stored{' for ' if market else ''}{market}",
        hint=f"say which: {' '.join(f'--{name} {series[0][name]}' for name, value in wanted.items() if not value)}",
    )


def _wanted(exchange: str | None, symbol: str | None, timeframe: str | None) -> dict[str, str | None]:
    """The market of the options. Raises UnknownTimeframe."""
    return {"exchange": exchange, "symbol": symbol, "timeframe": timeframe and Timeframe.parse(timeframe).value}


def _matching(session: Session, wanted: dict[str, str | None]) -> list[Document]:
    """The stored series of a market; None stands for every exchange, symbol or timeframe."""
    return [
        item for item in _stored_series(session) if all(value in (None, item[name]) for name, value in wanted.items())
    ]


def _stored_series(session: Session) -> list[Document]:
    """All stored series. Creates no database."""
    from autopilot.adapters.store.candles import SqliteCandles

    if not session.paths.database.exists():
        return []
    with _database(session) as database:
        return [
            {
                "exchange": series.exchange,
                "symbol": series.symbol,
                "timeframe": series.timeframe.value,
                "candles": series.count,
                "first_at_ms": series.first_at_ms,
                "last_at_ms": series.last_at_ms,
            }
            for series in SqliteCandles(database).coverage()
        ]


def _candles(session: Session, item: Document) -> Candles:
    from autopilot.adapters.store.candles import SqliteCandles

    with _database(session) as database:
        return SqliteCandles(database).load_candles(item["exchange"], item["symbol"], Timeframe(item["timeframe"]))


def _verified(session: Session, item: Document) -> Document:
    from autopilot.domain.candle_faults import find_faults

    stored = _candles(session, item)
    bars = (stored.open, stored.high, stored.low, stored.close, stored.volume)
    faults = [asdict(fault) for fault in find_faults(stored.open_at_ms, *bars, Timeframe(item["timeframe"]))]
    return {**item, "faults": faults, "sound": not faults}
