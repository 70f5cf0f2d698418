"""Pause, resume and panic: commands for whole accounts, with a daemon or without."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence

from autopilot.adapters.store.trading_modes import SqliteTradingModes
from autopilot.control.errors import Conflict
from autopilot.domain.account import BooksState, exchange_of
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document
from autopilot.domain.errors import AutopilotError, StoreError
from autopilot.domain.order import Purpose
from autopilot.domain.trading_mode import (
    EVERY_ACCOUNT,
    PANIC,
    PAUSED_BY_USER,
    ModeEntry,
    TradingMode,
    accounts_of,
    mode_of,
)
from autopilot.engine.account_result import TRY_AGAIN, AccountResult, Remainder
from autopilot.engine.account_watch import AccountWatch
from autopilot.engine.liquidation import Liquidation
from autopilot.ports.clock import Clock
from autopilot.ports.observer import EventSink

_PANIC = "panic called by the user"
_PAUSE = "paused by the user"
_ENTRIES = frozenset({Purpose.ENTRY})
_ALL = frozenset(Purpose)

log = logging.getLogger(__name__)


class TradingControl:
    """``busy`` returns the accounts with open orders or positions; ``open_account`` opens an account by its name and
    raises AutopilotError; ``clock`` is the machine's time. `resume` and `halt` raise StoreError if a mode cannot be
    stored. Other errors are in the returned document as ``left``."""

    def __init__(
        self,
        modes: SqliteTradingModes,
        watch: AccountWatch,
        busy: Callable[[], Sequence[str]],
        open_account: Callable[[str], Liquidation],
        events: EventSink,
        clock: Clock,
    ) -> None:
        self._modes = modes
        self._watch = watch
        self._busy = busy
        self._open_account = open_account
        self._events = events
        self._clock = clock

    def books(self) -> Mapping[str, BooksState]:
        """The state of the books by account, as last compared."""
        return self._watch.books()

    async def pause(self, exchange: str | None, actor: str) -> Document:
        """Stop buying, and cancel resting entries. Returns the modes and `results_document`. The mode comes first; if
        it cannot be stored, the rest is done all the same, and the document says so."""
        changed, unstored = self._set(self._entry(exchange, TradingMode.REDUCING, PAUSED_BY_USER, _PAUSE, actor))
        done = await self._everywhere(exchange, lambda at: at.cancel(_ENTRIES, "not sent: paused"))
        return changed | results_document([*unstored, *done])

    async def panic(self, actor: str, *, flatten: bool) -> Document:
        """Halt, cancel all our orders and, with ``flatten``, sell all positions. The mode comes first, as in
        `pause`."""
        changed, unstored = self._set(self._entry(None, TradingMode.HALTED, PANIC, _PANIC, actor))
        why = "not sent: panic"
        done = await self._everywhere(None, lambda at: at.flatten(why) if flatten else at.cancel(_ALL, why))
        return changed | results_document([*unstored, *done])

    def halt(self, actor: str) -> Document:
        """Send no order but stop-losses. Raises StoreError if the mode cannot be stored."""
        return self._store(self._entry(None, TradingMode.HALTED, PANIC, _PANIC, actor))

    async def resume(self, exchange: str | None, actor: str, *, write_off: bool = False) -> Document:
        """Lift the modes that users set, and accept the books as they are; with ``write_off`` also remove missing
        coins and positions on vanished markets. Raises Conflict to resume one exchange while all
        accounts are restricted."""
        general = mode_of([*self._modes.restrictions(EVERY_ACCOUNT), *self._watch.restrictions(EVERY_ACCOUNT)])
        if exchange and general is not TradingMode.ACTIVE:
            raise Conflict(
                f"{exchange} stays {general}, as every exchange does", hint="autopilot resume lifts it for all of them"
            )
        scope = accounts_of(exchange)
        lifted = self._modes.lift(scope, actor)
        for entry in lifted:
            self._tell(entry, entry.mode, TradingMode.ACTIVE)
        self._watch.release(scope)
        self._watch.accept(exchange)
        before = max((general, *(each.mode for each in lifted)), key=lambda mode: mode.strictness)
        changed = self._change(scope, before, TradingMode.ACTIVE)
        if not write_off:
            return changed
        return changed | results_document(await self._everywhere(exchange, lambda at: at.write_off()))

    def _entry(self, exchange: str | None, mode: TradingMode, code: str, why: str, actor: str) -> ModeEntry:
        return ModeEntry(accounts_of(exchange), mode, code, why, self._clock.now_ms(), actor)

    def _set(self, wanted: ModeEntry) -> tuple[Document, list[AccountResult]]:
        """Set the mode: in this process even if it cannot be stored, which the result then says."""
        self._watch.hold(wanted)
        try:
            changed = self._store(wanted)
        except StoreError as error:
            name = "halt" if wanted.mode is TradingMode.HALTED else "pause"
            what = f"the {name} is not stored, and is over when process {os.getpid()} ends: {error}"
            unstored = AccountResult(wanted.account, left=[Remainder("*", what, error.hint)])
            now = mode_of(self._watch.restrictions(wanted.account))
            return self._change(wanted.account, self._stored(wanted.account), now), [unstored]
        self._watch.stored(wanted)
        return changed, []

    def _store(self, wanted: ModeEntry) -> Document:
        """Raises StoreError."""
        before = mode_of(self._modes.restrictions(wanted.account))
        if self._modes.restrict(wanted) == wanted:
            self._tell(wanted, before, wanted.mode)
        return self._change(wanted.account, before, mode_of(self._modes.restrictions(wanted.account)))

    def _stored(self, scope: str) -> TradingMode:
        """As far as it can be read."""
        try:
            return mode_of(self._modes.restrictions(scope))
        except StoreError:
            return TradingMode.ACTIVE

    def _change(self, scope: str, before: TradingMode, now: TradingMode) -> Document:
        return {"account": scope, "before": before.value, "now": now.value}

    async def _everywhere(
        self, exchange: str | None, act: Callable[[Liquidation], Awaitable[AccountResult]]
    ) -> list[AccountResult]:
        """On every account of ``exchange`` with open orders or positions."""
        try:
            chosen = [account for account in self._busy() if exchange in (None, exchange_of(account))]
        except StoreError as error:
            return [AccountResult(accounts_of(exchange), left=[Remainder("*", str(error), error.hint or TRY_AGAIN)])]
        return await asyncio.gather(*(self._at(account, act) for account in chosen))

    async def _at(self, account: str, act: Callable[[Liquidation], Awaitable[AccountResult]]) -> AccountResult:
        try:
            return await act(self._open_account(account))
        except AutopilotError as error:
            return AccountResult(account, left=[Remainder("*", str(error), error.hint or TRY_AGAIN)])
        except Exception as error:
            log.exception("%s: the command failed", account)
            return AccountResult(
                account,
                left=[Remainder("*", f"internal error: {error}", "see the daemon's log")],
            )

    def _tell(self, entry: ModeEntry, previous: TradingMode, mode: TradingMode) -> None:
        body = {"account": entry.account, "code": entry.code, "previous": previous, "mode": mode, "why": entry.why}
        self._events.publish("mode", body)


def results_document(outcomes: Sequence[AccountResult]) -> Document:
    """``{"accounts": […], "complete"}``: one entry per account; complete if no account has anything ``left``."""
    accounts = [
        {
            **document(each),
            "canceled": [_order(order) for order in document(each.canceled)],
            "written_off": {gone.symbol: format(gone.quantity, "f") for gone in each.write_offs},
        }
        for each in outcomes
    ]
    return {"accounts": accounts, "complete": not any(each.left for each in outcomes)}


def _order(order: Document) -> Document:
    shown = ("client_order_id", "symbol", "side", "type", "purpose", "quantity", "filled", "price", "status", "detail")
    return {name: order[name] for name in shown}
