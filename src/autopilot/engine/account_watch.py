"""Restrictions that cycles find: the exchange of an account does not answer, or its books differ."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from autopilot.domain.account import exchange_of
from autopilot.domain.errors import AnswerLost, AutopilotError, MarketUnavailable
from autopilot.domain.money import ZERO
from autopilot.domain.trading_mode import BOOKS_DIFFER, EXCHANGE_UNREACHABLE, PANIC, Restriction, TradingMode
from autopilot.execution.reconciliation import Reconciliation
from autopilot.ports.clock import Clock
from autopilot.ports.observer import EventSink
from autopilot.ports.restrictions import RestrictionSource


class AccountWatch(RestrictionSource):
    """Forgets everything at a restart: the first cycles find it again. It also holds every account back while a halt
    that the user ordered is not stored yet.

    ``clock``: the machine's time.
    """

    def __init__(self, clock: Clock, events: EventSink) -> None:
        self._clock = clock
        self._events = events
        self._halt: Restriction | None = None
        self._silent: dict[tuple[str, str], Restriction] = {}
        self._short: dict[str, Restriction] = {}
        self._missing: dict[str, Mapping[str, Decimal]] = {}
        self._accepted: dict[str, Mapping[str, Decimal]] = {}

    def restrictions(self, account: str) -> tuple[Restriction, ...]:
        short = self._short.get(account)
        silent = (each for (owner, _), each in self._silent.items() if owner == account)
        return tuple(each for each in (self._halt, short, *silent) if each)

    def halt(self, why: str) -> None:
        """Send nothing but stop-losses, on any account."""
        self._halt = Restriction(PANIC, TradingMode.HALTED, why, self._clock.now_ms(), "autopilot resume")

    def end_halt(self) -> None:
        """The halt is stored now, or the user lifted it."""
        self._halt = None

    def failed(self, account: str, symbol: str, error: AutopilotError) -> None:
        """The symbol's cycle failed. Only an error of the exchange counts."""
        if isinstance(error, MarketUnavailable | AnswerLost) and (account, symbol) not in self._silent:
            found = Restriction(
                EXCHANGE_UNREACHABLE,
                TradingMode.REDUCING,
                f"the exchange does not answer: {error}",
                self._clock.now_ms(),
                "nothing to do: every cycle tries again",
            )
            self._silent[account, symbol] = found
            self._publish(account, found, begins=True)

    def answered(self, account: str, symbol: str) -> None:
        """Clear the symbol's outage: the exchange answered, or the symbol was stopped."""
        ended = self._silent.pop((account, symbol), None)
        if ended:
            self._publish(account, ended, begins=False)

    def compared(self, account: str, found: Reconciliation) -> None:
        """The account's books were compared with the exchange."""
        missing = {each.currency: each.booked - each.owned for each in found.shortfalls}
        accepted = {name: min(much, missing.get(name, ZERO)) for name, much in self._accepted.get(account, {}).items()}
        self._missing[account], self._accepted[account] = missing, accepted
        if any(amount > accepted.get(currency, ZERO) for currency, amount in missing.items()):
            words = "; ".join(
                f"{each.booked} {each.currency} are booked, only {each.owned} owned" for each in found.shortfalls
            )
            self._differ(account, words)
        else:
            self._agree(account)

    def accept(self, exchange: str | None) -> Mapping[str, Mapping[str, Decimal]]:
        """Trade on although coins are missing, on one exchange or (None) on all. Returns the accepted amounts by
        account and currency."""
        concerned = {
            account: missing
            for account, missing in self._missing.items()
            if missing and exchange in (None, exchange_of(account))
        }
        for account, missing in concerned.items():
            self._accepted[account] = missing
            self._agree(account)
        return concerned

    def _differ(self, account: str, words: str) -> None:
        before = self._short.get(account)
        since_ms = before.since_ms if before else self._clock.now_ms()
        self._short[account] = Restriction(
            BOOKS_DIFFER,
            TradingMode.REDUCING,
            f"the books differ: {words}",
            since_ms,
            "return the missing coins, or take them out of the books: autopilot resume --write-off",
        )
        if before is None:
            self._publish(account, self._short[account], begins=True)

    def _agree(self, account: str) -> None:
        ended = self._short.pop(account, None)
        if ended:
            self._publish(account, ended, begins=False)

    def _publish(self, account: str, restriction: Restriction, *, begins: bool) -> None:
        previous, mode = (TradingMode.ACTIVE, restriction.mode) if begins else (restriction.mode, TradingMode.ACTIVE)
        body = {
            "account": account,
            "code": restriction.code,
            "previous": previous,
            "mode": mode,
            "why": restriction.detail,
        }
        self._events.publish("mode", body)
