"""autopilot data: the candles kept on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson, OneSymbol
from autopilot.cli.render.candles import import_screen, list_screen, sentiment_screen, verify_screen
from autopilot.cli.render.progress import progress_view
from autopilot.cli.session import Session
from autopilot.domain.document_types import Document
from autopilot.domain.timeframe import Timeframe

if TYPE_CHECKING:
    from autopilot.adapters.store.database import Database

app = typer.Typer(help="The candles kept on this machine.", add_completion=False, rich_markup_mode=None)
OneExchange = Annotated[str | None, typer.Option("--exchange", metavar="NAME", help="Only this exchange.")]
OneTimeframe = Annotated[
    str | None, typer.Option("--timeframe", metavar="TIMEFRAME", help="Only candles of this length.")
]


@app.command("import")
def import_(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file, or a folder of files named as their markets.")],
    exchange: OneExchange = None,
    symbol: OneSymbol = None,
    timeframe: OneTimeframe = None,
    sentiment: Annotated[
        bool, typer.Option("--sentiment", help="The file is a Crypto Fear & Greed index, a value a day.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Take candles from files: CSV, also gzipped, JSON, feather or parquet. Importing again changes nothing.

    What the file's name does not tell, as KRAKEN_BTC-USD_1h.csv.gz does, the options must. It works beside a running
    daemon and without one.
    """
    session = Session.of(context, as_json)
    if sentiment:
        _import_sentiment(session, path)
        return ExitCode.DONE
    from autopilot.adapters.imports.candle_files import import_path
    from autopilot.adapters.store.candles import SqliteCandles

    length = Timeframe.parse(timeframe) if timeframe else None
    with _database(session) as database, progress_view(session.output.remarks, is_short=True) as progress:
        reports = import_path(SqliteCandles(database), path, exchange, symbol, length, progress)
    document = {"imported": [{**asdict(report), "file": str(report.file)} for report in reports]}
    session.output.show(document, import_screen(document))
    return ExitCode.DONE


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> int:
    """Which candles there are, and from when to when."""
    session = Session.of(context, as_json)
    document = {"series": [] if _nothing_stored(session) else _covered(session)}
    session.output.show(document, list_screen(document))
    return ExitCode.DONE


@app.command()
def verify(
    context: typer.Context,
    exchange: OneExchange = None,
    symbol: OneSymbol = None,
    timeframe: OneTimeframe = None,
    as_json: AsJson = False,
) -> int:
    """Look for whatever is wrong with the candles; exit code 1 when there is something."""
    session = Session.of(context, as_json)
    wanted = {"exchange": exchange, "symbol": symbol, "timeframe": timeframe and Timeframe.parse(timeframe).value}
    found = [
        _verified(session, item)
        for item in ([] if _nothing_stored(session) else _covered(session))
        if all(value in (None, item[name]) for name, value in wanted.items())
    ]
    document = {"series": found, "sound": all(item["sound"] for item in found)}
    session.output.show(document, verify_screen(document))
    return ExitCode.DONE if document["sound"] else ExitCode.FAILED


def _import_sentiment(session: Session, path: Path) -> None:
    from autopilot.adapters.imports.sentiment_files import import_sentiment
    from autopilot.adapters.store.sentiment import SqliteSentiment

    with _database(session) as database:
        report = import_sentiment(SqliteSentiment(database), path)
    document = {**asdict(report), "file": str(report.file)}
    session.output.show(document, sentiment_screen(document))


@contextmanager
def _database(session: Session) -> Iterator[Database]:
    """Beside a running daemon or without one; made where there is none yet. Raises StoreError, ConfigError."""
    from autopilot.adapters.store.database import open_database
    from autopilot.config.paths import create_directories

    create_directories(session.paths)
    database = open_database(session.paths.database)
    try:
        yield database
    finally:
        database.close()


def _nothing_stored(session: Session) -> bool:
    """Looking makes no database."""
    return not session.paths.database.exists()


def _covered(session: Session) -> list[Document]:
    from autopilot.adapters.store.candles import SqliteCandles

    with _database(session) as database:
        return [
            {
                "exchange": covered.exchange,
                "symbol": covered.symbol,
                "timeframe": covered.timeframe.value,
                "candles": covered.count,
                "first_at_ms": covered.first_at_ms,
                "last_at_ms": covered.last_at_ms,
            }
            for covered in SqliteCandles(database).coverage()
        ]


def _verified(session: Session, item: Document) -> Document:
    from autopilot.adapters.store.candles import SqliteCandles
    from autopilot.domain.candle_faults import find_faults

    timeframe = Timeframe(item["timeframe"])
    with _database(session) as database:
        stored = SqliteCandles(database).load_candles(item["exchange"], item["symbol"], timeframe)
    bars = (stored.open, stored.high, stored.low, stored.close, stored.volume)
    faults = [asdict(fault) for fault in find_faults(stored.open_at_ms, *bars, timeframe)]
    return {**item, "faults": faults, "sound": not faults}
