"""autopilot data: the candles kept on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson, OneSymbol
from autopilot.cli.render.candles import list_screen, verify_screen
from autopilot.cli.session import Document, Session

if TYPE_CHECKING:
    from autopilot.adapters.store.candles import SqliteCandles

app = typer.Typer(help="The candles kept on this machine.", add_completion=False, rich_markup_mode=None)
OneExchange = Annotated[str | None, typer.Option("--exchange", metavar="NAME", help="Only this exchange.")]
OneTimeframe = Annotated[
    str | None, typer.Option("--timeframe", metavar="TIMEFRAME", help="Only candles of this length.")
]


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> int:
    """Which candles there are, and from when to when."""
    session = Session.of(context, as_json)
    with _stored(session) as store:
        document = {"series": _series(store)}
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
    """Look for gaps and for candles that no market can have produced; exit code 1 when there are any."""
    from autopilot.cli.candle_check import check
    from autopilot.domain.timeframe import Timeframe

    session = Session.of(context, as_json)
    wanted = {"exchange": exchange, "symbol": symbol, "timeframe": timeframe and Timeframe.parse(timeframe).value}
    found = []
    with _stored(session) as store:
        for item in _series(store):
            if any(value not in (None, item[name]) for name, value in wanted.items()):
                continue
            assert store is not None
            verdict = check(store.load_candles(item["exchange"], item["symbol"], Timeframe(item["timeframe"])))
            found.append({**item, **asdict(verdict), "missing": verdict.missing, "sound": verdict.sound})
    document = {"series": found, "sound": all(item["sound"] for item in found)}
    session.output.show(document, verify_screen(document))
    return ExitCode.DONE if document["sound"] else ExitCode.FAILED


@contextmanager
def _stored(session: Session) -> Iterator[SqliteCandles | None]:
    """The store, beside a running daemon or without one; None where there is none yet. Raises StoreError."""
    from autopilot.adapters.store.candles import SqliteCandles
    from autopilot.adapters.store.database import open_database

    if not session.paths.database.exists():
        yield None
        return
    database = open_database(session.paths.database)
    try:
        yield SqliteCandles(database)
    finally:
        database.close()


def _series(store: SqliteCandles | None) -> list[Document]:
    return [
        {
            "exchange": covered.exchange,
            "symbol": covered.symbol,
            "timeframe": covered.timeframe.value,
            "candles": covered.count,
            "first_at_ms": covered.first_at_ms,
            "last_at_ms": covered.last_at_ms,
        }
        for covered in (store.coverage() if store else ())
    ]
