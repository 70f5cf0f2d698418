"""Compares the books of every account that holds something with its exchange, whether or not its symbols run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from autopilot.domain.account import exchange_of
from autopilot.domain.errors import AutopilotError
from autopilot.domain.market import MarketKind
from autopilot.engine.account_watch import AccountWatch
from autopilot.engine.liquidation import Liquidation

COMPARE_EVERY_S = 900.0

log = logging.getLogger(__name__)


class BooksWatch:
    """``busy`` returns the accounts with open orders or positions; ``open_account`` opens an account by its name and
    raises AutopilotError. Accounts on offline markets have no exchange to compare with."""

    def __init__(
        self, busy: Callable[[], Sequence[str]], open_account: Callable[[str], Liquidation], watch: AccountWatch
    ) -> None:
        self._busy = busy
        self._open_account = open_account
        self._watch = watch

    async def review(self) -> None:
        """Compare them all and report to the watch. Raises StoreError."""
        accounts = [name for name in self._busy() if MarketKind.of(exchange_of(name)) is MarketKind.REAL]
        await asyncio.gather(*map(self._compare, accounts))

    async def _compare(self, account: str) -> None:
        try:
            found = await self._open_account(account).compare()
        except AutopilotError as error:
            log.warning("%s: its books could not be compared: %s", account, error)
            self._watch.not_compared(account, error)
        else:
            self._watch.compared(account, found.shortfalls)
            self._watch.markets_compared(account, found.gone)
