"""autopilot disarm: end the authorization to trade with real money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from autopilot.cli.completion import complete_real_exchange
from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson
from autopilot.cli.render.arming import disarmed_screen
from autopilot.cli.session import Session, address
from autopilot.control.errors import ControlError
from autopilot.domain.account import account_name
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document as plain

if TYPE_CHECKING:
    from autopilot.domain.order import Order


def disarm(
    context: typer.Context,
    exchange: Annotated[
        str | None,
        typer.Option(
            "--exchange",
            metavar="NAME",
            autocompletion=complete_real_exchange,
            help="Only this exchange. Default: all.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """End the authorization to trade with real money: at once, with a running daemon or without one.

    No more buy orders are sent, and the daemon cancels the open ones. Positions stay open; their stops, targets and
    sell signals go on. Exit code 1 if buy orders stay open that no daemon cancels.
    """
    from autopilot.app.audit_log import recorded
    from autopilot.app.trading.arming import open_armings

    session = Session.of(context, as_json)
    account = account_name(exchange, paper=False) if exchange else None
    with recorded(session.paths, "disarm", {"exchange": exchange}), open_armings(session.paths) as armings:
        ended, resting = armings.disarm(account), armings.resting_entries(account)
    handled = _canceled_by_daemon(session) if resting else set()
    uncanceled = [order for order in resting if (order.account, order.symbol) not in handled]
    document: Document = {"disarmed": list(ended), "resting": [_brief(order) for order in uncanceled]}
    session.output.show(document, disarmed_screen(document))
    return ExitCode.FAILED if uncanceled else ExitCode.DONE


def _canceled_by_daemon(session: Session) -> set[tuple[str, str]]:
    """(account, symbol) of every symbol whose buy orders a daemon cancels in its next cycle."""
    try:
        symbols = session.client().get(address("status"))["symbols"]
    except ControlError:
        return set()
    return {(each["account"], each["symbol"]) for each in symbols if each["running"]}


def _brief(order: Order) -> Document:
    shown = ("client_order_id", "account", "symbol", "quantity", "filled", "price", "status")
    full = plain(order)
    return {name: full[name] for name in shown}
