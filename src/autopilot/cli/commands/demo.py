"""autopilot demo: the whole job in a minute, on made-up prices or on the user's own candles."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson
from autopilot.cli.render.demo import demo_screen, heading, held_instead
from autopilot.cli.session import Session
from autopilot.domain.document_types import Document


def demo(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="PATH", exists=True, help="Real candles: a file, or a folder of files."),
    ] = None,
    days: Annotated[int, typer.Option("--days", min=2, max=3650, metavar="N", help="Days to trade.")] = 60,
    as_json: AsJson = False,
) -> int:
    """Run a daemon on paper money, kill it half-way, and show that nothing is lost.

    It needs no network and no keys, works in a temporary directory, and leaves nothing behind. Without --data the
    market is simulated: its prices are made up.
    """
    from autopilot.adapters.exchange.offline_markets.replay import TAKER_FEE
    from autopilot.cli.demo.market import imported, simulated
    from autopilot.cli.demo.run import Demo

    session = Session.of(context, as_json)
    with tempfile.TemporaryDirectory(prefix="autopilot-demo-") as name:
        directory = Path(name)
        if data is None:
            market = simulated(days)
        else:
            market, files = imported(directory / "autopilot.db", data, days)
            if not as_json:
                session.output.show({}, (heading(f"Imported {', '.join(file.name for file in files)}"),))
        summary, books = Demo(market, directory, session.output).run()
    document = _document(summary, asdict(books), TAKER_FEE)
    session.output.show(document, demo_screen(document))
    return ExitCode.FAILED if books.disagreements else ExitCode.DONE


def _document(summary: Document, books: dict[str, Any], fee: Decimal) -> Document:
    account, symbols = summary["accounts"][0], summary["symbols"]
    start = Decimal(account["start_equity"])
    held = held_instead(symbols, start, fee)
    return {
        "summary": summary,
        "books": books,
        "results": [{**row, "buy_and_hold": f"{gain:.2f}"} for row, gain in zip(symbols, held, strict=True)],
        "result": {
            "currency": account["currency"],
            "net": f"{Decimal(account['equity']) - start:.2f}",
            "fees": f"{sum((Decimal(row['fees']) for row in symbols), Decimal(0)):.2f}",
            "buy_and_hold": f"{sum(held, Decimal(0)):.2f}",
        },
    }
