"""autopilot decisions, signals, orders, positions and trades: the lists; and explain: one decision in full."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from autopilot.cli.errors import ExitCode, NothingDecided
from autopilot.cli.options import Before, Limit, OneSymbol, Since, complete_decision, with_session
from autopilot.cli.render.blocks import Paragraph, banner
from autopilot.cli.render.explain import explain_screen
from autopilot.cli.render.lists import (
    decisions_screen,
    orders_screen,
    positions_screen,
    signal_spans,
    signals_screen,
    trades_screen,
)
from autopilot.cli.session import Session, ask_view, recall_view, symbol_of
from autopilot.domain.document_types import ActionName, Document


@with_session
def decisions(
    session: Session,
    symbol: OneSymbol = None,
    action: Annotated[ActionName | None, typer.Option("--action", help="Only decisions with this action.")] = None,
    limit: Limit = 20,
    since: Since = None,
    before: Before = None,
) -> int:
    """List the decision for each closed candle, the latest first.

    Without a daemon: from the database, and exit code 3.
    """
    return session.query(
        "decisions", decisions_screen, symbol=symbol, action=action, limit=limit, since_ms=since, before=before
    )


@with_session
def orders(
    session: Session,
    symbol: OneSymbol = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only orders that may still be filled.")] = False,
    limit: Limit = 20,
    since: Since = None,
    before: Before = None,
) -> int:
    """List orders with their status, the latest first.

    Without a daemon: from the database, and exit code 3.
    """
    return session.query(
        "orders", orders_screen, symbol=symbol, open_only=open_only, limit=limit, since_ms=since, before=before
    )


@with_session
def positions(session: Session) -> int:
    """List open positions with cost, stop and target.

    Without a daemon: from the database, and exit code 3.
    """
    return session.query("positions", positions_screen)


@with_session
def trades(
    session: Session, symbol: OneSymbol = None, limit: Limit = 20, since: Since = None, before: Before = None
) -> int:
    """List trades, which are closed positions, with their net result.

    Without a daemon: from the database, and exit code 3.
    """
    return session.query("trades", trades_screen, symbol=symbol, limit=limit, since_ms=since, before=before)


@with_session
def signals(
    session: Session,
    symbol: OneSymbol = None,
    limit: Limit = 20,
    since: Since = None,
    before: Before = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print new signals as they come, until Ctrl-C.")
    ] = False,
) -> int:
    """List buy and sell signals with the action taken, the latest first.

    Without a daemon: from the database, and exit code 3. With --follow and --json: one JSON document per line.
    """
    if follow:
        return _follow(session, symbol)
    return session.query("signals", signals_screen, symbol=symbol, limit=limit, since_ms=since, before=before)


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


@with_session
def explain(
    session: Session,
    which: Annotated[
        str | None,
        typer.Argument(
            metavar="SYMBOL|ID",
            autocompletion=complete_decision,
            help="A symbol, for its latest decision, or a decision's id. Default: the latest of all.",
        ),
    ] = None,
) -> int:
    """Explain a decision: all its numbers, and what would have changed it.

    Without a daemon: from the database, and exit code 3.
    """
    wanted = symbol_of(which) if which and not which.isalnum() else which

    def find(read: Callable[..., Document]) -> Document:
        """``read``: gives a view by its name and parameters."""
        return read("decisions/{ref}", ref=wanted or _latest(read("decisions", limit=1)))

    return session.answer(
        lambda daemon: find(partial(ask_view, daemon)),
        lambda database: find(partial(recall_view, database)),
        explain_screen,
    )


def _latest(listed: Document) -> str:
    if not listed["decisions"]:
        raise NothingDecided(
            "nothing has been decided yet", hint="autopilot status; a decision is made when a candle closes"
        )
    return str(listed["decisions"][0]["id"])
