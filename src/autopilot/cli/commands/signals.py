"""autopilot signals: the signals to buy or sell, and the result."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson, Limit, OneSymbol
from autopilot.cli.render.banner import banner
from autopilot.cli.render.blocks import Paragraph
from autopilot.cli.render.decisions import signal_spans, signals_screen
from autopilot.cli.session import Session


def signals(
    context: typer.Context,
    symbol: OneSymbol = None,
    limit: Limit = 20,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print new signals as they come, until Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """List buy and sell signals with the action taken, the latest first.

    Without a daemon: from the database, and exit code 3. With --follow and --json: one JSON document per line.
    """
    session = Session.of(context, as_json)
    if follow:
        return _follow(session, symbol)
    return session.query("signals", signals_screen, symbol=symbol, limit=limit)


def _follow(session: Session, symbol: str | None) -> int:
    markets: set[str] = set()
    for event in session.client().events(kinds=("signal",)):
        brief = event["body"]
        if symbol not in (None, brief["symbol"]):
            continue
        if session.output.as_json:
            session.output.write(json.dumps(brief, ensure_ascii=False))
            continue
        unannounced = () if brief["market"] in markets else banner([brief])
        markets.add(brief["market"])
        session.output.show(brief, (*unannounced, Paragraph(signal_spans(brief))))
    session.output.remark("the daemon has ended; nothing more will follow")
    return ExitCode.NOT_RUNNING
