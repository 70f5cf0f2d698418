"""autopilot data: the candles kept on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autopilot.cli.commands.download import download
from autopilot.cli.commands.prune import prune
from autopilot.cli.errors import ExitCode, UsageProblem
from autopilot.cli.options import (
    OneSymbol,
    Yes,
    command_group,
    complete_layout,
    confirmed,
    exchange_option,
    one_symbol_option,
    timeframe_option,
    with_session,
)
from autopilot.cli.render.candles import (
    delete_screen,
    export_screen,
    import_screen,
    list_screen,
    rename_screen,
    sentiment_screen,
    verify_screen,
)
from autopilot.cli.render.progress import Forecast, progress_view
from autopilot.cli.session import Session, symbol_or_none
from autopilot.cli.stored_series import (
    candle_database,
    chosen_series,
    judged_series,
    matching_series,
    named_series,
    one_market,
    stored_candles,
    stored_series,
    verified_series,
    wanted_market,
)
from autopilot.domain.document_types import Document
from autopilot.domain.suggestion import did_you_mean
from autopilot.domain.timeframe import Timeframe

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from autopilot.adapters.imports.layouts import Layout
    from autopilot.domain.progress import Progress

app = command_group(help="Download, import, export, list and mend the candles on this machine.")
app.command()(download)
app.command()(prune)
OneExchange = Annotated[str | None, exchange_option(help="Only this exchange.")]
FilesExchange = Annotated[str | None, exchange_option(help="The exchange. Default: from the file's name.")]
FilesSymbol = Annotated[
    str | None, one_symbol_option(help="The symbol, such as BTC/USD. Default: from the file's name.")
]
FilesTimeframe = Annotated[str | None, timeframe_option(help="The length of a candle. Default: from the file's name.")]
_IMPORTED = ("exchange", "symbol", "timeframe", "read", "written")
"""The part of a file's import that the audit log keeps."""
OneTimeframe = Annotated[str | None, timeframe_option(help="Only candles of this length.")]


@app.command("import")
@with_session
def import_(
    session: Session,
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", help="Files, zip archives, or folders of files named as their markets."),
    ],
    exchange: FilesExchange = None,
    symbol: FilesSymbol = None,
    timeframe: FilesTimeframe = None,
    layout: Annotated[
        str | None,
        typer.Option(
            "--layout", metavar="NAME", autocompletion=complete_layout, help="The columns of rows without a header."
        ),
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option("--timezone", metavar="ZONE", help="Of times written without a zone. Default: UTC."),
    ] = None,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Take the good rows, even if more than 1 % of a file's cannot be used.")
    ] = False,
    max_size: Annotated[
        str,
        typer.Option("--max-size", metavar="SIZE", help="The most that one table may have unpacked, such as 500MB."),
    ] = "2GB",
    sentiment: Annotated[
        bool, typer.Option("--sentiment", help="The file is a Crypto Fear & Greed index, one value per day.")
    ] = False,
) -> int | None:
    """Import candles from files: CSV, JSON, feather, parquet, also packed (gzip, zip). Again, it changes nothing.

    The file's name says the market, as KRAKEN_BTC-USD_1h.csv.gz does; the options add or replace parts of it. The
    header says what the columns are; rows without one need a name that shows their source, or --layout. Works beside a
    running daemon and without one.
    """
    max_bytes = _size(max_size)
    if sentiment:
        return _import_sentiment(session, paths, max_bytes)
    from autopilot.adapters.imports.candle_files import ImportOptions, import_paths
    from autopilot.adapters.store.candles import SqliteCandles
    from autopilot.domain.errors import CandleError

    length = Timeframe.parse(timeframe) if timeframe else None
    options = ImportOptions(exchange, symbol, length, _layout(layout), _zone(timezone), lenient, max_bytes)
    request = {"files": _names(paths), "exchange": exchange, "symbol": symbol, "timeframe": length and length.value}
    with (
        session.recorded("data import", request) as row,
        candle_database(session) as database,
        _progress(session, "fewer or shorter files") as progress,
    ):
        outcome = import_paths(SqliteCandles(database), paths, options, progress)
        row.outcome = {
            "imported": [{name: asdict(report)[name] for name in _IMPORTED} for report in outcome.imported],
            "refused": len(outcome.refused),
            "skipped": len(outcome.skipped),
        }
        refused = [CandleError(refusal.message, hint=refusal.hint) for refusal in outcome.refused]
        if len(refused) == 1 and not outcome.imported:
            raise refused[0]
    for error in refused:
        session.output.trouble(error)
    return session.show(asdict(outcome), import_screen, is_done=not refused)


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
    item = chosen_series(session, path, exchange, symbol, timeframe)
    with _progress(session, "a .feather file") as progress:
        export_candles(stored_candles(session, item), path, force=force, progress=progress)
    document = {**item, "file": str(path), "bytes": path.stat().st_size}
    session.show(document, export_screen)


@app.command("list")
@with_session
def list_(session: Session) -> None:
    """List the stored candles: numbers, first and last time, coverage, and series that look wrongly imported."""
    series = [judged_series(session, item) for item in stored_series(session, with_coverage=True)]
    session.show({"series": series}, list_screen)


@app.command()
@with_session
def verify(
    session: Session,
    exchange: OneExchange = None,
    symbol: OneSymbol = None,
    timeframe: OneTimeframe = None,
) -> int:
    """Check the stored candles for faults; exit code 1 if there are any, but 0 for gaps alone."""
    found = matching_series(session, wanted_market(exchange, symbol, timeframe))
    with _progress(session, "--exchange", "--symbol", "--timeframe") as progress:
        series = [verified_series(session, item) for item in _each(found, "verify", progress)]
    is_sound = all(item["sound"] for item in series)
    return session.show({"series": series, "sound": is_sound}, verify_screen, is_done=is_sound)


@app.command()
@with_session
def rename(
    session: Session,
    exchange: OneExchange = None,
    symbol: OneSymbol = None,
    timeframe: OneTimeframe = None,
    to_exchange: Annotated[
        str | None, typer.Option("--to-exchange", metavar="NAME", help="The right exchange.")
    ] = None,
    to_symbol: Annotated[
        str | None, typer.Option("--to-symbol", metavar="SYMBOL", callback=symbol_or_none, help="The right symbol.")
    ] = None,
) -> int:
    """Move stored candles to another symbol or exchange. Refused where other candles are stored there."""
    from autopilot.adapters.store.candles import SqliteCandles

    if to_exchange is None and to_symbol is None:
        raise UsageProblem("the new name is missing", hint="add --to-symbol or --to-exchange")
    wanted = one_market(exchange, symbol, timeframe)
    request = {**wanted, "to_exchange": to_exchange, "to_symbol": to_symbol}
    with session.recorded_change("data rename", request) as row:
        moves = [
            {**item, "to_exchange": (to_exchange or item["exchange"]).lower(), "to_symbol": to_symbol or item["symbol"]}
            for item in named_series(session, wanted)
        ]
        row.outcome = {"series": moves}
        with candle_database(session) as database, _progress(session, "--timeframe") as progress:
            store = SqliteCandles(database)
            for move in _each(moves, "rename", progress):
                length = Timeframe(move["timeframe"])
                store.rename_candles(move["exchange"], move["symbol"], length, move["to_exchange"], move["to_symbol"])
    return session.show({"renamed": moves}, rename_screen)


@app.command()
@with_session
def delete(
    session: Session,
    exchange: OneExchange = None,
    symbol: OneSymbol = None,
    timeframe: OneTimeframe = None,
    yes: Yes = False,
) -> int:
    """Delete stored candles, and the strategies' results that were computed from them. Asks first."""
    from autopilot.adapters.store.candles import SqliteCandles
    from autopilot.app.audit_log import DECLINED

    wanted = one_market(exchange, symbol, timeframe)
    with session.recorded_change("data delete", wanted) as row:
        found = named_series(session, wanted)
        if not (yes or _may_delete(session, found, timeframe)):
            row.result = DECLINED
            return ExitCode.FAILED
        row.outcome = {"series": found}
        with candle_database(session) as database, _progress(session, "--timeframe") as progress:
            store = SqliteCandles(database)
            for item in _each(found, "delete", progress):
                store.delete_candles(item["exchange"], item["symbol"], Timeframe(item["timeframe"]))
    return session.show({"deleted": found}, delete_screen)


def _may_delete(session: Session, found: list[Document], timeframe: str | None) -> bool:
    """The user's answer. Raises SafetyRefused without a terminal."""
    shown = ", ".join(f"{item['candles']:,} of {item['symbol']} {item['timeframe']}" for item in found)
    question = f"Delete the candles of {found[0]['exchange']}: {shown}?"
    only = f" --timeframe {found[0]['timeframe']}" if timeframe else ""
    command = f"autopilot data delete --exchange {found[0]['exchange']} --symbol {found[0]['symbol']}{only} --yes"
    return confirmed(session, question, refusal="nothing was deleted", hint=command)


def _progress(session: Session, *shorter: str) -> AbstractContextManager[Progress]:
    """Of one stage, of which no lines are shown; ``shorter``: what makes the work so."""
    return progress_view(session.output.remarks, Forecast({}, shorter), is_short=True)


def _each(series: list[Document], stage: str, progress: Progress) -> Iterator[Document]:
    """The series one by one, reported as steps."""
    for done, item in enumerate(series):
        progress(stage, done, len(series), f"{item['symbol']} {item['timeframe']}")
        yield item
    progress(stage, len(series), len(series))


def _names(paths: list[Path]) -> list[str]:
    """For the audit log, which holds no directories of the user."""
    return [path.name for path in paths]


def _layout(name: str | None) -> Layout | None:
    """Raises UsageProblem."""
    from autopilot.adapters.imports.layouts import LAYOUTS

    if name is not None and name not in LAYOUTS:
        guess = did_you_mean(name, LAYOUTS) or f"use one of {', '.join(LAYOUTS)}"
        raise UsageProblem(f"there is no layout {name!r}", hint=guess)
    return LAYOUTS[name] if name else None


def _zone(name: str | None) -> ZoneInfo | None:
    """Raises UsageProblem."""
    from zoneinfo import ZoneInfo, available_timezones

    if name is not None and name not in available_timezones():
        raise UsageProblem(f"there is no time zone {name!r}", hint="write it as Europe/Berlin, or leave it out for UTC")
    return ZoneInfo(name) if name else None


def _size(text: str) -> int:
    """Bytes. Raises UsageProblem."""
    from autopilot.adapters.imports.containers import size_of

    try:
        return size_of(text)
    except ValueError:
        raise UsageProblem(f"{text!r} is not a size", hint="write it as 500MB or 4GB") from None


def _import_sentiment(session: Session, paths: list[Path], max_bytes: int) -> int:
    from autopilot.adapters.imports.sentiment_files import import_sentiment
    from autopilot.adapters.store.sentiment import SqliteSentiment

    if len(paths) > 1:
        raise UsageProblem("--sentiment takes one file", hint="import the others without it")
    with session.recorded("data import", {"files": _names(paths), "sentiment": True}) as row:
        with candle_database(session) as database:
            report = import_sentiment(SqliteSentiment(database), paths[0], max_bytes)
        row.outcome = {"read": report.read, "written": report.written}
    document = {**asdict(report), "file": str(report.file)}
    return session.show(document, sentiment_screen)
