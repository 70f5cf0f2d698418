"""autopilot data export: stored candles to files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autopilot.cli.errors import UsageProblem
from autopilot.cli.options import Begin, End, exchange_option, one_symbol_option, timeframe_option, with_session
from autopilot.cli.render.candles import export_screen
from autopilot.cli.session import Session
from autopilot.cli.stored_series import (
    chosen_series,
    each_series,
    matching_series,
    series_progress,
    stored_candles,
    wanted_market,
)
from autopilot.domain.document_types import Document

if TYPE_CHECKING:
    from autopilot.domain.progress import Progress

FilesExchange = Annotated[str | None, exchange_option(help="The exchange. Default: from the file's name.")]
FilesSymbol = Annotated[
    str | None, one_symbol_option(help="The symbol, such as BTC/USD. Default: from the file's name.")
]
FilesTimeframe = Annotated[str | None, timeframe_option(help="The length of a candle. Default: from the file's name.")]


@with_session
def export(
    session: Session,
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Ends in .csv, .json (either also with .gz), .feather or .parquet. Or a folder, with --format.",
        ),
    ],
    exchange: FilesExchange = None,
    symbol: FilesSymbol = None,
    timeframe: FilesTimeframe = None,
    begin: Begin = None,
    end: End = None,
    ending: Annotated[
        str | None,
        typer.Option("--format", metavar="ENDING", help="One file per market into the folder, such as csv.gz."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write stored candles to a file, or those of many markets into a folder. Importing gives equal candles.

    The file's name says the market, as KRAKEN_BTC-USD_1h.csv.gz does; the options add or replace parts of it. Into a
    folder go all markets that match the options, each as a file of such a name.
    """
    from autopilot.adapters.imports.candle_export import export_suffix
    from autopilot.cli.backtest_request import period_of
    from autopilot.domain.errors import NotFound

    span = period_of(None, begin, end)
    bounds = (span.from_ms, None if span.to_ms is None else span.to_ms - 1)
    if ending is None:
        if path.is_dir():
            raise UsageProblem(f"{path} is a folder", hint="add --format csv.gz for one file per market")
        export_suffix(path)
        item = chosen_series(session, path, exchange, symbol, timeframe)
        with series_progress(session, "a .feather file") as progress:
            document = _exported(session, item, path, bounds, force=force, progress=progress)
        session.show(document, export_screen)
        return
    suffix = export_suffix(Path(f"candles.{ending.removeprefix('.')}"))
    found = matching_series(session, wanted_market(exchange, symbol, timeframe))
    found = [item for item in found if _has_candles(item, bounds)]
    if not found:
        raise NotFound("no candles are stored in that period", hint="see autopilot data list")
    path.mkdir(parents=True, exist_ok=True)
    with series_progress(session, "--exchange", "--symbol", "--timeframe") as progress:
        written = [
            _exported(session, item, path / f"{_stem(item)}{suffix}", bounds, force=force)
            for item in each_series(found, "export", progress)
        ]
    session.show({"exported": written}, export_screen)


def _exported(
    session: Session,
    item: Document,
    path: Path,
    bounds: tuple[int | None, int | None],
    *,
    force: bool,
    progress: Progress | None = None,
) -> Document:
    """Raises CandleError, StoreError."""
    from autopilot.adapters.imports.candle_export import export_candles
    from autopilot.domain.errors import CandleError
    from autopilot.domain.progress import unwatched

    candles = stored_candles(session, item, since_ms=bounds[0], until_ms=bounds[1])
    if not len(candles):
        market = f"{item['exchange']} {item['symbol']} {item['timeframe']}"
        raise CandleError(f"no candles of {market} are stored in that period", hint="see autopilot data list")
    export_candles(candles, path, force=force, progress=progress or unwatched)
    extent = {
        "candles": len(candles),
        "first_at_ms": int(candles.open_at_ms[0]),
        "last_at_ms": candles.last_at_ms,
    }
    return {**item, **extent, "file": str(path), "bytes": path.stat().st_size}


def _has_candles(item: Document, bounds: tuple[int | None, int | None]) -> bool:
    """Of most series; one may have a gap as long as the period."""
    since_ms, until_ms = bounds
    return (since_ms is None or item["last_at_ms"] >= since_ms) and (
        until_ms is None or item["first_at_ms"] <= until_ms
    )


def _stem(item: Document) -> str:
    """As `adapters.imports.file_names` reads it."""
    return f"{item['exchange'].upper()}_{item['symbol'].replace('/', '-')}_{item['timeframe']}"
