"""Exits that the exchange refuses: when the next attempt is due, and who hears of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from decimal import Decimal

from autopilot.domain.errors import ExchangeError
from autopilot.domain.market import Market
from autopilot.domain.money import ZERO
from autopilot.domain.portfolio import Position
from autopilot.domain.refusal import RefusedExit
from autopilot.domain.timeframe import MINUTE_MS
from autopilot.execution.account_books import AccountBooks
from autopilot.ports.broker import Broker
from autopilot.ports.clock import Clock
from autopilot.ports.observer import EventSink
from autopilot.risk.preflight import could_be_sold

LOOK_EVERY_MS = 2 * MINUTE_MS
"""During a pause the free balance is asked for this often: a change ends the pause."""
FRESH_LOOK_MS = 5_000
"""A balance that is not older is not asked for again."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Look:
    """The coins that were free, None if the exchange did not say, and the market's rules at that time."""

    at_ms: int
    free: Decimal | None
    market: Market


@dataclass(frozen=True, slots=True)
class _Announced:
    """The refusals that were last seen, and all words of theirs that were published."""

    refused: RefusedExit
    words: frozenset[str]


class Refusals:
    """One account's. The attempts are counted in the books, so a pause survives a restart; the last look at the balance
    does not. Methods raise StoreError."""

    def __init__(self, books: AccountBooks, broker: Broker, clock: Clock, events: EventSink) -> None:
        self._books = books
        self._broker = broker
        self._clock = clock
        self._events = events
        self._looks: dict[str, _Look] = {}
        self._announced: dict[str, _Announced] = {}

    def of(self, position: Position) -> RefusedExit | None:
        """The refusals of its exits, a stop order on the exchange not counted."""
        refused = self._books.ledger.refused_exit(position)
        return None if refused is None or refused.is_stop else refused

    def stop_is_due(self, position: Position) -> bool:
        """Whether its stop order may be sent to the exchange now."""
        refused = self._books.ledger.refused_exit(position)
        return refused is None or refused.is_due(self._clock.now_ms(), refused.last.reference_price)

    async def is_due(self, position: Position, price: Decimal, market: Market) -> bool:
        """Whether an exit may be sent now: nothing was refused, or the pause is over. A change of the market's rules or
        of the free balance ends it. While too few coins are free for any order, only the balance does."""
        refused = self.of(position)
        if refused is None:
            return True
        now_ms, look = self._clock.now_ms(), self._looks.get(market.symbol)
        is_over = refused.is_due(now_ms, price) or (look is not None and look.market != market)
        if is_over and (look is None or _can_sell(look, position, price)):
            return True
        if look is not None and 0 <= now_ms - look.at_ms < LOOK_EVERY_MS:
            return False
        free = await self._look(market)
        return look is not None and None not in (free, look.free) and free != look.free

    async def free(self, market: Market) -> Decimal | None:
        """The coins that no order holds back, from a fresh look; None if the exchange does not say."""
        look = self._looks.get(market.symbol)
        if look is not None and 0 <= self._clock.now_ms() - look.at_ms <= FRESH_LOOK_MS:
            return look.free
        return await self._look(market)

    def announce(self, market: Market) -> None:
        """Publish that refusals of a position's exits have begun, that the exchange has other words, or that they have
        ended. A new process publishes those it finds."""
        held = self._books.position(market)
        refused = self._books.ledger.refused_exit(held) if held else None
        before = self._announced.pop(market.symbol, None)
        if refused is None:
            self._looks.pop(market.symbol, None)
            if before:
                log.info("%s: the exchange no longer refuses the exit", market.symbol)
                self._publish("ended", before.refused)
            return
        began = before is None or before.refused.is_stop is not refused.is_stop
        known = before.words if before and not began else frozenset()
        self._announced[market.symbol] = _Announced(refused, known | {refused.words})
        if refused.words not in known:
            what = "the stop order" if refused.is_stop else "the exit"
            log.warning("%s: %s is refused: %s", market.symbol, what, refused.words)
            self._publish("began" if began else "changed", refused)

    async def _look(self, market: Market) -> Decimal | None:
        try:
            owned = (await self._broker.balances()).get(market.base)
        except ExchangeError:
            free = None
        else:
            free = owned.free if owned else ZERO
        self._looks[market.symbol] = _Look(self._clock.now_ms(), free, market)
        return free

    def _publish(self, state: str, refused: RefusedExit) -> None:
        where = {"account": refused.last.account, "symbol": refused.last.symbol}
        self._events.publish("exit_refused", where, state=state, **refused.document())


def _can_sell(look: _Look, position: Position, price: Decimal) -> bool:
    return look.free is None or could_be_sold(look.market, min(look.free, position.quantity), price)
