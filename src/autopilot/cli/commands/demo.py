"""autopilot demo: the whole job in a minute, on made-up prices or on the user's own candles."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from autopilot.cli.options import with_session
from autopilot.cli.render.blocks import heading
from autopilot.cli.render.demo import demo_screen
from autopilot.cli.session import Session


@with_session
def demo(
    session: Session,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="PATH", exists=True, help="Real candles: a file, or a folder of files."),
    ] = None,
    days: Annotated[int, typer.Option("--days", min=2, max=3650, metavar="N", help="Days to trade.")] = 60,
) -> int:
    """Run a daemon on paper money, kill it halfway, and show that nothing is lost.

    It needs no network and no keys, works in a temporary directory, and leaves nothing behind. Without --data the
    market is simulated: its prices are made up.
    """
    from autopilot.app.report.period import period_report
    from autopilot.cli.demo import Demo, imported, simulated
    from autopilot.config.load import load

    with tempfile.TemporaryDirectory(prefix="autopilot-demo-") as name:
        directory = Path(name)
        if data is None:
            market = simulated(days)
        else:
            market, files = imported(directory / "autopilot.db", data, days)
            if not session.output.as_json:
                session.output.show({}, (heading(f"Imported {', '.join(file.name for file in files)}"),))
        trading = Demo(market, directory, session.output)
        books = trading.run()
        report = period_report(trading.paths, load(trading.paths).config, None).document
    document = {"report": report, "books": asdict(books)}
    return session.show(document, demo_screen, is_done=not books.disagreements)
