"""Compares the audit log with its anchor, whenever an account wants to trade: a log without its end may lack a pause or
a disarming. Standard library only: a query must answer at once."""

from __future__ import annotations

from autopilot.adapters.audit_head import HEAD_NAME, HeadFile
from autopilot.adapters.store.database import Database, Store
from autopilot.domain.audit import GENESIS, Head, verify
from autopilot.domain.errors import StoreError
from autopilot.domain.trading_mode import AUDIT_ALTERED, Restriction, TradingMode
from autopilot.ports.restrictions import RestrictionSource

_ANCHORED = "SELECT seq, hash FROM audit WHERE seq = ?"
_LAST = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"
_HINT = "autopilot audit verify shows more; autopilot restart records it, then autopilot resume lets trading go on"


class AnchoredLog(Store, RestrictionSource):
    """Restricts every account while the log does not fit its anchor. Only the anchored row is read."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._anchor = HeadFile(database.path.with_name(HEAD_NAME))

    def restrictions(self, account: str) -> tuple[Restriction, ...]:  # noqa: ARG002 - it holds for every account
        """Empty if the log fits its anchor. An anchor that cannot be read restricts too. Raises StoreError."""
        try:
            # Before the log, which may grow meanwhile.
            anchor = self._anchor.read()
        except StoreError as error:
            problem: str | None = str(error)
        else:
            problem = self._database.settled((_ANCHORED, anchor), lambda: _problem(self._database, anchor))
        if problem is None:
            return ()
        detail = f"the audit log was changed: {problem}"
        return (Restriction(AUDIT_ALTERED, TradingMode.REDUCING, detail, 0, _HINT),)


def _problem(database: Database, anchor: Head | None) -> str | None:
    if anchor is not None and (anchor == GENESIS or _head(database, _ANCHORED, anchor.seq) == anchor):
        return None
    last = _head(database, _LAST)
    if anchor is None:
        return f"the anchor is missing, though there are rows up to {last.seq}" if last != GENESIS else None
    fault = verify((), anchor, last).fault
    return fault.problem if fault else None


def _head(database: Database, sql: str, *parameters: int) -> Head:
    row = database.row(sql, parameters)
    return Head(*row) if row else GENESIS
