"""The checks of `autopilot arm`: whether an account is ready for real money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
from typing import Protocol

from autopilot.adapters.store.armings import PaperRecord
from autopilot.distribution import installed_version
from autopilot.domain.credentials import KeyRights
from autopilot.domain.errors import ExchangeError
from autopilot.domain.model_state import ModelScope, ModelState
from autopilot.domain.money import ZERO
from autopilot.domain.timeframe import Timeframe
from autopilot.execution.reconciliation import Reconciliation, reconcile
from autopilot.ports.broker import Balance, Broker
from autopilot.ports.ledger import Ledger

PAPER_DAYS = 7
PAPER_TRIPS = 5
"""The minimum of paper trading before real money."""
MAX_OFFSET_MS = 3_000
"""Candles close by both clocks; some exchanges state their time in whole seconds."""
MIN_FREE_BYTES = 500 * 1024 * 1024


class Account(Broker, Protocol):
    """A real account. Methods raise MarketUnavailable."""

    async def rights(self) -> KeyRights: ...

    async def clock_offset_ms(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. ``remedy``: what to do if it did not pass."""

    code: str
    passed: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmingRequest:
    """The authorization that the user wants. ``symbols``: whose orders are checked; ``timeframe``: that of their
    candles; ``unproven``: whether real money may follow a model that is not live, or the rule table."""

    account: str
    max_value: Decimal
    currency: str
    symbols: Sequence[str]
    timeframe: Timeframe
    unproven: bool


@dataclass(frozen=True, slots=True)
class Deciding:
    """The state of the model that decides about candles of this ``scope``; None for the rule table, and ``why``."""

    scope: ModelScope
    state: ModelState | None
    why: str = ""

    def __str__(self) -> str:
        if self.state is None:
            return f"the rule table decides: {self.why}"
        return f"a model that is {self.state} decides about {self.scope}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFacts:
    """Facts that need no exchange. ``unsettled``: the number of the account's orders whose fate is unknown;
    ``audit_problem``: where the audit log is broken now, None if it is whole; ``audit_breaks``: rows that record an
    earlier break, as after a restored backup, which is shown and does not fail; ``deciding``: what decides about the
    real candles that the account trades, by timeframe, at least one."""

    paper: PaperRecord
    unsettled: int
    audit_problem: str | None
    audit_breaks: tuple[int, ...]
    free_bytes: int
    deciding: tuple[Deciding, ...]


async def arming_findings(
    wanted: ArmingRequest, facts: LocalFacts, account: Account, ledger: Ledger
) -> tuple[Finding, ...]:
    """The results of all checks, also after one failed. A check that the exchange does not answer fails; a key without
    the permissions to trade ends the checks. Raises StoreError."""
    versions = f"autopilot {installed_version()} with ccxt {version('ccxt')}"
    found = [Finding("VERSION", True, versions), *local_findings(facts), _model(wanted, facts.deciding)]
    try:
        rights = await account.rights()
    except ExchangeError as error:
        return (*found, Finding("ACCOUNT_ANSWERS", False, str(error), error.hint))
    found.append(Finding("ACCOUNT_ANSWERS", True, "the exchange takes the key"))
    found.append(_rights(rights))
    if rights.missing:
        return tuple(found)
    try:
        found.append(_balance(wanted, await account.balances()))
        found.append(_clock(await account.clock_offset_ms()))
        found += _books(await reconcile(wanted.account, wanted.symbols, account, ledger))
    except ExchangeError as error:
        found.append(Finding("EXCHANGE_ANSWERS", False, str(error), error.hint))
    return tuple(found)


def local_findings(facts: LocalFacts) -> list[Finding]:
    """The results of the checks that need no exchange."""
    paper, unsettled, problem = facts.paper, facts.unsettled, facts.audit_problem
    free_mb = facts.free_bytes // (1024 * 1024)
    return [
        Finding(
            "PAPER_DAYS",
            paper.days >= PAPER_DAYS,
            f"{paper.days} days of decisions on paper, at least {PAPER_DAYS}",
            f"let it run on paper first: autopilot start --exchange {paper.exchange} --paper --auto-execute",
        ),
        Finding(
            "PAPER_TRADES",
            paper.round_trips >= PAPER_TRIPS,
            f"{paper.round_trips} trades closed on paper, at least {PAPER_TRIPS}",
            "let it trade on paper first (auto_execute); autopilot explain shows why it does not",
        ),
        Finding(
            "ORDERS_SETTLED",
            unsettled == 0,
            f"{unsettled} orders of the account have an unknown fate",
            "start its symbols, so that Autopilot asks the exchange; then see autopilot orders",
        ),
        Finding("AUDIT_WHOLE", problem is None, problem or _whole(facts.audit_breaks), "autopilot audit verify"),
        Finding(
            "DISK_FREE",
            facts.free_bytes >= MIN_FREE_BYTES,
            f"{free_mb:,} MB free on the disk, at least {MIN_FREE_BYTES // (1024 * 1024)}",
            "free some space: an order is only sent after it was stored",
        ),
    ]


def _whole(breaks: tuple[int, ...]) -> str:
    if not breaks:
        return "the audit log is intact"
    return (
        f"the audit log is intact since row {breaks[-1]}, where a daemon found it changed; see autopilot audit verify"
    )


def _model(wanted: ArmingRequest, deciding: Sequence[Deciding]) -> Finding:
    """Real money follows a model that is *live*, trained on real candles of the timeframe that is traded, unless the
    user allows an unproven one."""
    unproven = [each for each in deciding if each.state is not ModelState.LIVE]
    if unproven and wanted.unproven:
        said = "; ".join(map(str, unproven))
        return Finding("MODEL_PROVEN", True, f"{said}; unproven, as allow_unproven allows")
    timeframe = (unproven or deciding)[0].scope.timeframe
    return Finding(
        "MODEL_PROVEN",
        not unproven,
        f"{'; '.join(map(str, unproven or deciding))}; real money requires a live model of real candles",
        f"autopilot model-info --kind real --timeframe {timeframe} shows what is missing, autopilot retrain trains one;"
        " allow_unproven = true in [model] trades without it",
    )


def _balance(wanted: ArmingRequest, balances: Mapping[str, Balance]) -> Finding:
    balance = balances.get(wanted.currency, Balance(ZERO, ZERO))
    return Finding(
        "BALANCE_FREE",
        balance.free > ZERO,
        f"{balance.free:f} {wanted.currency} free of {balance.total:f}; {wanted.max_value:f} would be armed",
        f"deposit {wanted.currency}, or name another --currency",
    )


def _clock(offset_ms: int) -> Finding:
    return Finding(
        "CLOCK_RIGHT",
        abs(offset_ms) <= MAX_OFFSET_MS,
        f"the exchange's clock is {offset_ms / 1000:+.1f} s from ours, at most {MAX_OFFSET_MS / 1000:g} s",
        "set this machine's clock (NTP); candles close and orders end by it",
    )


def _rights(rights: KeyRights) -> Finding:
    if rights.can_move_money:
        return Finding(
            "KEY_RIGHTS",
            False,
            "the key may withdraw money from the account",
            "make a key without withdrawals and transfers, then: autopilot keys rotate",
        )
    if rights.can_trade is False:
        lacks = f": it lacks {', '.join(rights.missing)}" if rights.missing else ""
        return Finding(
            "KEY_RIGHTS",
            False,
            f"the key may not trade{lacks}",
            "make a key with the permission to trade, then: autopilot keys rotate",
        )
    if rights == KeyRights():
        return Finding(
            "KEY_RIGHTS", True, "the exchange does not say what the key may do; make sure that it cannot withdraw"
        )
    return Finding("KEY_RIGHTS", True, "the key may trade and cannot withdraw money")


def _books(found: Reconciliation) -> list[Finding]:
    foreign, differences = len(found.foreign), [words for words in found.words if "left alone" not in words]
    return [
        Finding("FOREIGN_ORDERS", True, f"{foreign} open orders that are not ours; they are never touched"),
        Finding(
            "BOOKS_AGREE",
            not differences,
            "; ".join(differences) or "our books and the exchange agree",
            "start its symbols, so that Autopilot settles this, or see docs/security.md",
        ),
    ]
