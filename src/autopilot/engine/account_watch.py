"""Restrictions that cycles find: the exchange of an account does not answer, or its books differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from autopilot.domain.account import BooksState, exchange_of
from autopilot.domain.errors import AnswerLost, AutopilotError, KeyShared, MarketGone, MarketUnavailable
from autopilot.domain.money import ZERO
from autopilot.domain.trading_mode import (
    BOOKS_DIFFER,
    EVERY_ACCOUNT,
    EXCHANGE_UNREACHABLE,
    KEY_SHARED,
    ModeEntry,
    Restriction,
    TradingMode,
    holds_for,
)
from autopilot.execution.reconciliation import Shortfall
from autopilot.ports.clock import Clock
from autopilot.ports.observer import EventSink
from autopilot.ports.restrictions import RestrictionSource

_BOOKS = ""


class AccountWatch(RestrictionSource):
    """Forgets everything at a restart: the first cycles find it again. It also holds accounts back while a mode that
    the user set is not stored yet.

    ``clock``: the machine's time.
    """

    def __init__(self, clock: Clock, events: EventSink) -> None:
        self._clock = clock
        self._events = events
        self._unstored: dict[str, ModeEntry] = {}
        self._found: dict[tuple[str, str], Restriction] = {}
        """By account and, of an outage, the symbol that met it; `_BOOKS` if the account's books differ."""
        self._books: dict[str, BooksState] = {}
        self._missing: dict[str, Mapping[str, Decimal]] = {}
        self._accepted: dict[str, Mapping[str, Decimal]] = {}

    def restrictions(self, account: str) -> tuple[Restriction, ...]:
        differing = self._found.get((account, _BOOKS))
        silent = (each for (owner, name), each in self._found.items() if owner == account and name != _BOOKS)
        unstored = (each.restriction for each in self._unstored.values() if holds_for(each.account, account))
        return tuple(each for each in (*unstored, differing, *silent) if each)

    def hold(self, entry: ModeEntry) -> None:
        """Restrict accounts from now on, until the mode is stored; unless they are held as strictly already."""
        before = self._unstored.get(entry.account)
        if before is None or before.mode.strictness < entry.mode.strictness:
            self._unstored[entry.account] = entry

    def stored(self, entry: ModeEntry) -> None:
        """The mode is stored now. A stricter one that is not stays."""
        held = self._unstored.get(entry.account)
        if held and held.mode.strictness <= entry.mode.strictness:
            del self._unstored[entry.account]

    def release(self, scope: str) -> None:
        """The user lifted the modes of ``scope``, for `EVERY_ACCOUNT` all modes."""
        for held in [*self._unstored]:
            if scope in (EVERY_ACCOUNT, held):
                del self._unstored[held]

    def failed(self, account: str, symbol: str, error: AutopilotError) -> None:
        """The symbol's cycle failed. Only an error of the exchange counts, and a market that is gone: until the next
        comparison finds it."""
        if isinstance(error, MarketGone):
            before = self._books.get(account, BooksState())
            self._books[account] = replace(before, gone=tuple(sorted({*before.gone, symbol})))
        before_code = found.code if (found := self._found.get((account, symbol))) else None
        if isinstance(error, KeyShared) and before_code != KEY_SHARED:
            self._begin(account, symbol, KEY_SHARED, str(error), error.hint)
        elif isinstance(error, MarketUnavailable | AnswerLost) and before_code is None:
            words = f"the exchange does not answer: {error}"
            self._begin(account, symbol, EXCHANGE_UNREACHABLE, words, "nothing to do: every cycle tries again")

    def answered(self, account: str, symbol: str) -> None:
        """Clear the symbol's outage: the exchange answered, or the symbol was stopped."""
        self._end(account, symbol)

    def books(self) -> Mapping[str, BooksState]:
        """By account, as last compared."""
        return self._books

    def markets_compared(self, account: str, gone: Sequence[str]) -> None:
        """Every symbol in the account's books was looked for on the exchange."""
        self._books[account] = BooksState(tuple(gone))

    def not_compared(self, account: str, error: AutopilotError) -> None:
        """The account's books could not be compared."""
        self._books[account] = replace(self._books.get(account, BooksState()), uncompared=str(error), hint=error.hint)

    def compared(self, account: str, shortfalls: Sequence[Shortfall]) -> None:
        """The account's positions were compared with its coins."""
        missing = {each.currency: each.booked - each.owned for each in shortfalls}
        accepted = {name: min(much, missing.get(name, ZERO)) for name, much in self._accepted.get(account, {}).items()}
        self._missing[account], self._accepted[account] = missing, accepted
        if any(amount > accepted.get(currency, ZERO) for currency, amount in missing.items()):
            words = "; ".join(each.words for each in shortfalls)
            hint = "return the missing coins, or take them out of the books: autopilot resume --write-off"
            self._begin(account, _BOOKS, BOOKS_DIFFER, f"the books differ: {words}", hint)
        else:
            self._end(account, _BOOKS)

    def accept(self, exchange: str | None) -> None:
        """Trade on although coins are missing, on one exchange or (None) on all."""
        for account, missing in self._missing.items():
            if missing and exchange in (None, exchange_of(account)):
                self._accepted[account] = missing
                self._end(account, _BOOKS)

    def _begin(self, account: str, name: str, code: str, words: str, hint: str) -> None:
        """Restrict the account, or update the words of its restriction."""
        before = self._found.get((account, name))
        since_ms = before.since_ms if before else self._clock.now_ms()
        found = self._found[account, name] = Restriction(code, TradingMode.REDUCING, words, since_ms, hint)
        if before is None:
            self._publish(account, found, TradingMode.ACTIVE, found.mode)

    def _end(self, account: str, name: str) -> None:
        ended = self._found.pop((account, name), None)
        if ended:
            self._publish(account, ended, ended.mode, TradingMode.ACTIVE)

    def _publish(self, account: str, restriction: Restriction, previous: TradingMode, mode: TradingMode) -> None:
        body = {"account": account, "code": restriction.code, "previous": previous, "mode": mode}
        self._events.publish("mode", {**body, "why": restriction.detail})
