"""autopilot data: the candles kept on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autopilot.cli.completion import complete_exchange, complete_symbol, complete_timeframe
from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson, OneSymbol
from autopilot.cli.render.candles import export_screen, import_screen, list_screen, sentiment_screen, verify_screen
from autopilot.cli.render.progress import progress_view
from autopilot.cli.session import Session
from autopilot.cli.shell import command_group
from autopilot.cli.symbols import symbol_or_none
from autopilot.domain.document_types import Document
from autopilot.domain.timeframe import Timeframe

if TYPE_CHECKING:
    from autopilot.adapters.store.database import Database

app = command_group(help="Import, export, list and verify the candles on this machine.")
OneExchange = Annotated[
    str | None, typer.Option("--exchange", metavar="NAME", autocompletion=complete_exchange, help="Only this exchange.")
]
OneTimeframe = Annotated[
    str | None,
    typer.Option(
        "--timeframe", metavar="TIMEFRAME", autocompletion=complete_timeframe, help="Only candles of this length."
    ),
]
FilesExchange = Annotated[
    str | None,
    typer.Option(
        "--exchange",
        metavar="NAME",
        autocompletion=complete_exchange,
        help="The exchange. Default: from the file's name.",
    ),
]
FilesSymbol = Annotated[
    str | None,
    typer.Option(
        "--symbol",
        metavar="SYMBOL",
        callback=symbol_or_none,
        autocompletion=complete_symbol,
        help="The symbol, such as BTC/USD. Default: from the file's name.",
    ),
]
FilesTimeframe = Annotated[
    str | None,
    typer.Option(
        "--timeframe",
        metavar="TIMEFRAME",
        autocompletion=complete_timeframe,
        help="The length of a candle. Default: from the file's name.",
    ),
]


@app.command("import")
def import_(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file, or a folder of files named as their markets.")],
    exchange: FilesExchange = None,
    symbol: FilesSymbol = None,
    timeframe: FilesTimeframe = None,
    sentiment: Annotated[
        bool, typer.Option("--sentiment", help="The file is a Crypto Fear & Greed index, one value per day.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Import candles from files: CSV, also gzipped, JSON, feather or parquet. Importing again changes nothing.

    The file's name says the market, as KRAKEN_BTC-USD_1h.csv.gz does; the options add or replace parts of it. Works
    beside a running daemon and without one.
    """
    session = Session.of(context, as_json)
    if sentiment:
        _import_sentiment(session, path)
        return ExitCode.DONE
    from autopilot.adapters.exchange.venues.known import COIN_NAMES
    from autopilot.adapters.imports.candle_files import import_path
    from autopilot.adapters.store.candles import SqliteCandles

    length = Timeframe.parse(timeframe) if timeframe else None
    with _database(session) as database, progress_view(session.output.remarks, is_short=True) as progress:
        reports = import_path(
            SqliteCandles(database), path, exchange, symbol, length, coin_names=COIN_NAMES, progress=progress
        )
    document = {"imported": [{**asdict(report), "file": str(report.file)} for report in reports]}
    session.output.show(document, import_screen(document))
    return ExitCode.DONE


@app.command()
def export(
    context: typer.Context,
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="Ends in .csv, .json (either also with .gz), .feather or .parquet.")
    ],
    exchange: FilesExchange = None,
    symbol: FilesSymbol = None,
    timeframe: FilesTimeframe = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    as_json: AsJson = False,
) -> int:
    """Write stored candles of one market to a file. Importing the file gives equal candles.

    The file's name says the market, as KRAKEN_BTC-USD_1h.csv.gz does; the options add or replace parts of it.
    """
    from autopilot.adapters.imports.candle_export import export_candles, export_suffix
    from autopilot.adapters.store.candles import SqliteCandles

    session = Session.of(context, as_json)
    export_suffix(path)
    item = _chosen(session, path, exchange, symbol, timeframe)
    with _database(session) as database:
        candles = SqliteCandles(database).load_candles(item["exchange"], item["symbol"], Timeframe(item["timeframe"]))
    with progress_view(session.output.remarks, is_short=True) as progress:
        export_candles(candles, path, force=force, progress=progress)
    document = {**item, "file": str(path), "bytes": path.stat().st_size}
    session.output.show(document, export_screen(document))
    return ExitCode.DONE


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> int:
    """List the stored candles: markets, numbers, first and last time."""
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
    """Check the stored candles for faults; exit code 1 if there are any."""
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
    """The database, created if it does not exist; works beside a running daemon. Raises StoreError, ConfigError."""
    from autopilot.adapters.store.database import open_database
    from autopilot.config.paths import create_directories

    create_directories(session.paths)
    database = open_database(session.paths.database)
    try:
        yield database
    finally:
        database.close()


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
    wanted = {
        "exchange": exchange and exchange.lower(),
        "symbol": symbol,
        "timeframe": timeframe and Timeframe.parse(timeframe).value,
    }
    stored = [] if _nothing_stored(session) else _covered(session)
    found = [each for each in stored if all(value in (None, each[name]) for name, value in wanted.items())]
    if len(found) == 1:
        return found[0]
    market = " ".join(value for value in wanted.values() if value)
    if not found:
        raise CandleError(f"no candles{' of ' if market else ''}{market} are stored", hint="see autopilot data list")
    raise CandleError(
        f"{len(found)} markets are stored{' for ' if market else ''}{market}",
        hint=f"say which: {' '.join(f'--{name} {found[0][name]}' for name, value in wanted.items() if not value)}",
    )


def _nothing_stored(session: Session) -> bool:
    """A check that creates no database."""
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
