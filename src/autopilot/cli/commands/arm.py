"""autopilot arm: authorize trading with real money, after checking whether the account is ready."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from autopilot.cli.completion import complete_real_exchange
from autopilot.cli.errors import UsageProblem
from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson
from autopilot.cli.render.arming import armed_screen, readiness_screen
from autopilot.cli.session import Session
from autopilot.cli.unlocking import unlocked
from autopilot.control.errors import SafetyRefused
from autopilot.domain.account import account_name, exchange_of
from autopilot.domain.arming import parse_span, phrase
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document as plain
from autopilot.domain.market import split_symbol

if TYPE_CHECKING:
    from autopilot.app.trading.arming_check import ArmingRequest, Finding


ACCEPTED = "live-money"
MAX_AMOUNT = 10**12
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,8})?")


def _amount(text: str) -> Decimal:
    if not _AMOUNT.fullmatch(text):
        raise typer.BadParameter(f"{text[:40]!r} is not an amount: write digits, and at most 8 decimals")
    if not 0 < (amount := Decimal(text)) <= MAX_AMOUNT:
        raise typer.BadParameter(f"{text!r} is not an amount above 0 and up to {MAX_AMOUNT:,}")
    return amount


def arm(
    context: typer.Context,
    max_value: Annotated[
        Decimal,
        typer.Option("--max-value", metavar="AMOUNT", parser=_amount, help="The limit of what is invested at once."),
    ],
    exchange: Annotated[
        str | None,
        typer.Option(
            "--exchange",
            metavar="NAME",
            autocompletion=complete_real_exchange,
            help="Default: the configured exchange.",
        ),
    ] = None,
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
    as_json: AsJson = False,
) -> int:
    """Authorize trading with real money on an exchange, up to an amount and for a time.

    First it checks whether the account is ready, and stops if a check fails. Then you confirm by typing a phrase. No
    configuration can raise the amount, and losses reduce it. Start the symbols with --live afterwards.
    """
    from autopilot.app.audit_log import recorded
    from autopilot.app.trading.arming import open_armings
    from autopilot.app.trading.arming_check import ArmingRequest
    from autopilot.config.load import load

    session, span_ms = Session.of(context, as_json), parse_span(expires)
    config = load(session.paths).config
    accepted = f"{ACCEPTED}-unproven" if config.model.allow_unproven else ACCEPTED
    if accept_risk not in (None, accepted):
        raise UsageProblem(f"--accept-risk={accept_risk} does not confirm it", hint=f"write --accept-risk={accepted}")
    name = exchange or config.exchange
    money = currency.upper() if currency else _currency_of(config.symbols)
    wanted = ArmingRequest(
        account=account_name(name, paper=False),
        max_value=max_value,
        currency=money,
        symbols=[symbol for symbol in config.symbols if split_symbol(symbol)[1] == money],
        unproven=config.model.allow_unproven,
    )
    shown: Document = {"account": wanted.account, "armed": None, "readiness": []}
    request = {"exchange": name, "max_value": f"{max_value:f}", "currency": money, "expires": expires}
    try:
        with recorded(session.paths, "arm", request), open_armings(session.paths) as armings:
            findings = asyncio.run(armings.findings(wanted, unlocked(session).keys(name)))
            shown["readiness"] = [plain(each) for each in findings]
            if not as_json:
                session.output.show(shown, readiness_screen(shown))
            _require_ready(findings)
            _ask(wanted, accepted, is_said=accept_risk is not None)
            shown["armed"] = plain(armings.arm(wanted, span_ms))
    except SafetyRefused as refusal:
        if not shown["readiness"]:
            raise
        session.output.trouble(refusal)
        if as_json:
            session.output.show(shown, ())
        return ExitCode.SAFETY
    session.output.show(shown, armed_screen(shown["armed"]))
    return ExitCode.DONE


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
