"""autopilot arm and disarm: authorize trading with real money, after a check of the account, and end it."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from autopilot.cli.errors import ExitCode, UsageProblem
from autopilot.cli.options import real_exchange_option, with_session
from autopilot.cli.render.real_money import armed_screen, disarmed_screen, readiness_screen
from autopilot.cli.secret_input import keys_of
from autopilot.cli.session import Session, address
from autopilot.control.errors import ControlError, SafetyRefused
from autopilot.domain.account import account_name, exchange_of
from autopilot.domain.arming import parse_span, phrase
from autopilot.domain.document_types import Document
from autopilot.domain.market import split_symbol

if TYPE_CHECKING:
    from autopilot.app.trading.arming_check import ArmingRequest, Finding
    from autopilot.domain.order import Order


ACCEPTED = "live-money"
MAX_AMOUNT = 10**12
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,8})?")


def _amount(text: str) -> Decimal:
    if not _AMOUNT.fullmatch(text):
        raise typer.BadParameter(f"{text[:40]!r} is not an amount: write digits, and at most 8 decimals")
    if not 0 < (amount := Decimal(text)) <= MAX_AMOUNT:
        raise typer.BadParameter(f"{text!r} is not an amount above 0 and up to {MAX_AMOUNT:,}")
    return amount


@with_session
def arm(
    session: Session,
    max_value: Annotated[
        Decimal,
        typer.Option("--max-value", metavar="AMOUNT", parser=_amount, help="The limit of what is invested at once."),
    ],
    exchange: Annotated[str | None, real_exchange_option(help="Default: the configured exchange.")] = None,
    expires: Annotated[str, typer.Option("--expires", metavar="SPAN", help="How long it lasts: 12h, 7d, 2w.")] = "7d",
    currency: Annotated[
        str | None,
        typer.Option(
            "--currency", metavar="CODE", help="The amount's currency. Default: that of the configured symbols."
        ),
    ] = None,
    accept_risk: Annotated[
        str | None,
        typer.Option("--accept-risk", metavar=ACCEPTED, help="For scripts: confirms without a prompt."),
    ] = None,
) -> int:
    """Authorize trading with real money on an exchange, up to an amount and for a time.

    First it checks whether the account is ready, and stops if a check fails. Then you confirm by typing a phrase. No
    configuration can raise the amount, and losses reduce it. Start the symbols with --live afterwards.
    """
    from autopilot.adapters.exchange.venues.known import venue_rules
    from autopilot.app.trading.arming import open_armings
    from autopilot.app.trading.arming_check import ArmingRequest
    from autopilot.domain.documents import document

    span_ms, config, as_json = parse_span(expires), session.config, session.output.as_json
    accepted = f"{ACCEPTED}-unproven" if config.model.allow_unproven else ACCEPTED
    if accept_risk not in (None, accepted):
        raise UsageProblem(f"--accept-risk={accept_risk} does not confirm it", hint=f"write --accept-risk={accepted}")
    name = exchange or config.exchange
    venue_rules(name)
    money = currency.upper() if currency else _currency_of(config.symbols)
    wanted = ArmingRequest(
        account=account_name(name, paper=False),
        max_value=max_value,
        currency=money,
        symbols=[symbol for symbol in config.symbols if split_symbol(symbol)[1] == money],
        timeframe=config.timeframe,
        unproven=config.model.allow_unproven,
    )
    shown: Document = {"account": wanted.account, "armed": None, "readiness": []}
    request = {"exchange": name, "max_value": f"{max_value:f}", "currency": money, "expires": expires}
    try:
        with session.recorded("arm", request), open_armings(session.paths) as armings:
            findings = asyncio.run(armings.findings(wanted, keys_of(session)(name)))
            shown["readiness"] = [document(each) for each in findings]
            if not as_json:
                session.output.show(shown, readiness_screen(shown))
            _require_ready(findings)
            _ask(wanted, accepted, is_said=accept_risk is not None)
            shown["armed"] = document(armings.arm(wanted, span_ms))
    except SafetyRefused as refusal:
        if not shown["readiness"]:
            raise
        session.output.trouble(refusal)
        if as_json:
            session.output.show(shown, ())
        return ExitCode.SAFETY
    return session.show(shown, lambda document: armed_screen(document["armed"]))


@with_session
def disarm(
    session: Session,
    exchange: Annotated[str | None, real_exchange_option(help="Only this exchange. Default: all.")] = None,
) -> int:
    """End the authorization to trade with real money: at once, with a running daemon or without one.

    No more buy orders are sent, and the daemon cancels the open ones. Positions stay open; their stops, targets and
    sell signals go on. Exit code 1 if buy orders stay open that no daemon cancels.
    """
    from autopilot.adapters.exchange.venues.known import venue_rules
    from autopilot.app.trading.arming import open_armings

    account = account_name(venue_rules(exchange).name, paper=False) if exchange else None
    with session.recorded("disarm", {"exchange": exchange}), open_armings(session.paths) as armings:
        ended, resting = armings.disarm(account), armings.resting_entries(account)
    handled = _canceled_by_daemon(session) if resting else set()
    uncanceled = [_brief(order) for order in resting if (order.account, order.symbol) not in handled]
    return session.show({"disarmed": list(ended), "resting": uncanceled}, disarmed_screen, is_done=not uncanceled)


def _currency_of(symbols: Sequence[str]) -> str:
    """The quote currency of the configured symbols. Raises UsageProblem if they have several."""
    quotes = sorted({split_symbol(symbol)[1] for symbol in symbols})
    if len(quotes) > 1:
        raise UsageProblem(
            f"the configured symbols are bought with {', '.join(quotes)}", hint=f"choose one: --currency {quotes[0]}"
        )
    return quotes[0]


def _require_ready(findings: Sequence[Finding]) -> None:
    """Raises SafetyRefused."""
    failed = [each for each in findings if not each.passed]
    if failed:
        raise SafetyRefused(
            f"nothing was armed, the account is not ready: {', '.join(each.code for each in failed)}",
            hint=failed[0].remedy,
        )


def _ask(wanted: ArmingRequest, accepted: str, *, is_said: bool) -> None:
    """Raises SafetyRefused unless the user confirms by typing the phrase, or ``is_said`` already."""
    if is_said:
        return
    words = phrase(exchange_of(wanted.account), wanted.max_value, wanted.currency, unproven=wanted.unproven)
    if not sys.stdin.isatty():
        raise SafetyRefused(
            "nothing was armed: there is no terminal to ask on", hint=f"in a script: --accept-risk={accepted}"
        )
    if typer.prompt(f"This trades real money. To arm, type: {words}\n", err=True, prompt_suffix="> ").strip() != words:
        raise SafetyRefused("nothing was armed: the phrase does not match", hint=f"type exactly: {words}")


def _canceled_by_daemon(session: Session) -> set[tuple[str, str]]:
    """(account, symbol) of every symbol whose buy orders a daemon cancels in its next cycle."""
    try:
        symbols = session.client().get(address("status"))["symbols"]
    except ControlError:
        return set()
    return {(each["account"], each["symbol"]) for each in symbols if each["running"]}


def _brief(order: Order) -> Document:
    from autopilot.domain.documents import document

    shown = ("client_order_id", "account", "symbol", "quantity", "filled", "price", "status")
    full = document(order)
    return {name: full[name] for name in shown}
