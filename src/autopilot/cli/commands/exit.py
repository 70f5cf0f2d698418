"""autopilot exit: close a position, or a part of it, and go on."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

import typer

from autopilot.cli.options import complete_symbol, with_session
from autopilot.cli.render.trading import exited_screen
from autopilot.cli.session import Session, address, symbol_of

EXIT_TIMEOUT_S = 60.0
"""It waits for a cycle under way, then for the exchange."""
_ACCOUNT = re.compile(r"(paper|live):[a-z_][a-z0-9_]*")
_AMOUNT = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")


def _amount(text: str) -> Decimal:
    if not _AMOUNT.fullmatch(text) or not (amount := Decimal(text)):
        wanted = "an amount above 0: write digits, such as 0.25, with at most 18 decimals"
        raise typer.BadParameter(f"{text[:40]!r} is not {wanted}")
    return amount


def _account(text: str) -> str:
    if not _ACCOUNT.fullmatch(text):
        raise typer.BadParameter(
            f"{text[:40]!r} is not an account such as paper:kraken; autopilot positions lists them"
        )
    return text


@with_session
def exit(  # noqa: A001 - the command's name
    session: Session,
    symbol: Annotated[
        str, typer.Argument(metavar="SYMBOL", autocompletion=complete_symbol, help="The symbol, such as BTC/USD.")
    ],
    quantity: Annotated[
        Decimal | None,
        typer.Option(
            "--quantity", metavar="AMOUNT", parser=_amount, help="Sell only this much, in coins. Default: all of it."
        ),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(
            "--account",
            metavar="ACCOUNT",
            parser=_account,
            help="Such as paper:kraken; needed if several hold the symbol.",
        ),
    ] = None,
) -> int:
    """Sell a symbol's position at market, or a part of it. The symbol runs on.

    Its open orders are canceled first. After a part was sold, stop and target hold for the rest. It sells in every
    trading mode, as panic --flatten does. Exit code 1 when something is left to do.
    """
    body = {
        "symbol": symbol_of(symbol),
        "quantity": None if quantity is None else format(quantity, "f"),
        "account": account,
    }
    document = session.client(EXIT_TIMEOUT_S).post(address("exit"), body)
    return session.show(document, exited_screen, is_done=document["complete"])
