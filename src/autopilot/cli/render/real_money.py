"""The lines about real money on the status screen."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from autopilot.cli.render.blocks import Paragraph, Style, line
from autopilot.cli.render.words import money, utc
from autopilot.domain.status_types import RealMoneyDocument


def real_money_lines(accounts: Sequence[RealMoneyDocument]) -> list[Paragraph]:
    """``accounts``: the status document's ``real_money``. Empty without real money."""
    return [each for account in accounts for each in (*_trading(account), *_allowance(account), *_unarmed(account))]


def _trading(account: RealMoneyDocument) -> list[Paragraph]:
    if not account["symbols"]:
        return []
    return [line(f"REAL MONEY on {account['exchange']}: {', '.join(account['symbols'])}", Style.BAD, hang=2)]


def _allowance(account: RealMoneyDocument) -> list[Paragraph]:
    arming = account["arming"]
    if not account["armed"] or arming is None:
        return []
    until = f"until {utc(arming['expires_at_ms'])}{', UNPROVEN' if arming['unproven'] else ''}"
    invested, limit = money(arming["invested"]), money(arming["limit"])
    lost = Decimal(arming["limit"]) < Decimal(arming["max_value"])
    used = f"{invested} invested of {limit}, reduced by losses" if lost else f"{invested} of it invested"
    idle = "" if account["symbols"] else "; no symbol trades it now"
    words = f"{account['account']}: armed for {money(arming['max_value'])} {arming['currency']} {until}; {used}{idle}"
    return [line(words, Style.WARNING, hang=2)]


def _unarmed(account: RealMoneyDocument) -> list[Paragraph]:
    symbols = account["unarmed_symbols"]
    if not symbols:
        return []
    exchange, arming = account["exchange"], account["arming"]
    currency = ""
    if arming is None:
        why = "it was never armed"
    elif account["armed"]:
        why, currency = f"only {arming['currency']} is armed", f" --currency {symbols[0].partition('/')[2]}"
    else:
        why = f"its authorization ended at {utc(arming['expires_at_ms'])}"
    return [
        line(f"NOT ARMED on {exchange}, so {', '.join(symbols)} is not bought: {why}", Style.WARNING, hang=2),
        line(f"  try: autopilot arm --exchange {exchange} --max-value AMOUNT{currency}", Style.FAINT, hang=2),
    ]
