"""The audit log of a process: the rows that it writes, and the anchor that follows them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from autopilot.adapters.audit_head import Anchor, read_head, write_head
from autopilot.adapters.clock import WallClock
from autopilot.adapters.durable_file import locked
from autopilot.adapters.store.audit import AuditTrail, advanced, latest, verify_recent
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.trading_modes import SqliteTradingModes
from autopilot.app.config_hash import config_sha256
from autopilot.config.paths import Paths, create_directories
from autopilot.control.peer import Peer
from autopilot.distribution import installed_version
from autopilot.domain.audit import AuditKind
from autopilot.domain.document_types import Document
from autopilot.domain.errors import AutopilotError, StoreError
from autopilot.domain.trading_mode import AUDIT_ALTERED, EVERY_ACCOUNT, ModeEntry, TradingMode, mode_of

if TYPE_CHECKING:
    from autopilot.config.schema import AutopilotConfig

DAEMON = "daemon"

log = logging.getLogger(__name__)


@contextmanager
def audited(database: Database, head_file: Path) -> Iterator[AuditTrail]:
    """The audit log for a command or a training that changes something without the daemon."""
    anchor = _anchor(database, head_file)
    try:
        yield AuditTrail(anchor, this_process(), WallClock().now_ms)
    finally:
        anchor.flush()


def this_process() -> str:
    """The actor of a command that works without the daemon, as the log names it."""
    return str(Peer(os.getpid(), os.getuid()))


DECLINED = "DECLINED"
"""The result of a command whose question the user answered with no."""


@dataclass(slots=True)
class CommandRow:
    """The part of a command's row that is known at its end. ``outcome`` must hold no secret."""

    result: str = "done"
    outcome: Document = field(default_factory=dict)


@contextmanager
def commanded(database: Database, trail: AuditTrail, command: str, request: Document) -> Iterator[CommandRow]:
    """Record a command that works without a daemon when it is over: ``done``, or the error's code. ``request`` must
    hold no secret."""
    row = CommandRow()
    try:
        yield row
    except AutopilotError as error:
        row.result = error.code
        raise
    except KeyboardInterrupt:
        row.result = "INTERRUPTED"
        raise
    except BaseException:
        row.result = "FAILED"
        raise
    finally:
        outcome = {"outcome": row.outcome} if row.outcome else {}
        _record_command(database, trail, None, command, request, row.result, **outcome)


@contextmanager
def recorded(paths: Paths, command: str, request: Document) -> Iterator[CommandRow]:
    """As `commanded`; creates the database if it does not exist. Raises ConfigError and StoreError before the block
    begins."""
    create_directories(paths)
    with (
        closing(open_database(paths.database)) as database,
        audited(database, paths.audit_head) as trail,
        commanded(database, trail, command, request) as row,
    ):
        yield row


class DaemonAudit:
    """The daemon's part of the log: its start, its stop and its commands. Others write to ``trail``."""

    def __init__(self, database: Database, head_file: Path, config: AutopilotConfig) -> None:
        self._database = database
        self._head_file = head_file
        self._config = config
        self._anchor = _anchor(database, head_file)
        self.trail = AuditTrail(self._anchor, DAEMON, WallClock().now_ms)

    def open(self) -> None:
        """Compare the log with its anchor; a difference is logged and recorded, and the anchor is set again. Nothing is
        bought from then on until the user resumes: the log may have lost a pause or a disarming.

        Then record the start and move the anchor to it, so that it covers the rows of earlier runs. Raises StoreError.
        """
        problem = self._problem()
        if problem:
            log.error("THE AUDIT LOG WAS CHANGED: %s; try: autopilot audit verify", problem)
            self.trail.record(self._database, AuditKind.BREAK, {"problem": problem})
            self._hold_back(f"the audit log was changed: {problem}")
            # Last: until then a start after a crash finds the difference again.
            with locked(self._head_file.parent):
                write_head(self._head_file, latest(self._database.path))
        self._record("start")
        self._anchor.flush()

    def _hold_back(self, why: str) -> None:
        """A mode of the user that is stricter stays as strict."""
        modes = SqliteTradingModes(self._database, self.trail)
        is_halted = mode_of(modes.restrictions(EVERY_ACCOUNT)) is TradingMode.HALTED
        mode = TradingMode.HALTED if is_halted else TradingMode.REDUCING
        modes.restrict(ModeEntry(EVERY_ACCOUNT, mode, AUDIT_ALTERED, why, WallClock().now_ms(), DAEMON))

    def commanded(self, caller: Peer, command: str, request: Document, result: str) -> None:
        _record_command(self._database, self.trail, str(caller), command, request, result)

    async def close(self) -> None:
        """Record the stop, and move the anchor to it. Raises StoreError."""
        try:
            self._record("stop")
        finally:
            self._anchor.flush()

    def _record(self, event: str) -> None:
        body = {"event": event, "version": installed_version(), "config_sha256": config_sha256(self._config)}
        self.trail.record(self._database, AuditKind.DAEMON, {**body, "pid": os.getpid()})

    def _problem(self) -> str | None:
        try:
            verdict = verify_recent(self._database.path, read_head(self._head_file))
        except StoreError as error:
            return str(error)
        return verdict.fault.problem if verdict.fault else None


def _record_command(
    database: Database,
    trail: AuditTrail,
    actor: str | None,
    command: str,
    request: Document,
    result: str,
    **outcome: Document,
) -> None:
    """The command is over: a failure to record it goes to the log, of a command to standard error."""
    try:
        body = {"command": command, "asked": request, "result": result, **outcome}
        trail.record(database, AuditKind.COMMAND, body, actor=actor)
    except StoreError as error:
        log.error("%s was not recorded: %s", command, error)  # noqa: TRY400 - it says all there is


def _anchor(database: Database, head_file: Path) -> Anchor:
    return Anchor(head_file, partial(advanced, database.path))
