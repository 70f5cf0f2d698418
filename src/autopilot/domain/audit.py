"""The audit log: each row holds the hash of the row before it, so that no past row changes unnoticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class AuditKind(StrEnum):
    """The kind of event that a row records."""

    COMMAND = "command"
    """A user ran a command that changes something."""
    DAEMON = "daemon"
    """The daemon started or stopped."""
    MODEL = "model"
    """A model was promoted or demoted, or its state changed."""
    MODE = "mode"
    """A user changed a trading mode: pause, resume or panic."""
    ARMING = "arming"
    """A user armed or disarmed real-money trading."""
    DECISION = "decision"
    """A decision that led to an order."""
    ORDER = "order"
    """An order changed its status or got a fill."""
    WRITE_OFF = "write_off"
    """A user took something out of the books that cannot be sold."""
    BREAK = "break"
    """A daemon found at its start that the log had been altered."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """``seq`` counts from 1 without a gap. ``at_ms`` is the machine's time, even on an offline market. ``actor`` is
    ``daemon`` or ``uid 1000 pid 4242``; ``body`` is canonical JSON; ``previous`` is the hash of the row before."""

    seq: int
    at_ms: int
    kind: str
    actor: str
    body: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """A row's number and hash. No row up to it can change without changing this hash."""

    seq: int
    hash: str


GENESIS = Head(0, "0" * 64)
"""The head of an empty log."""


@dataclass(frozen=True, slots=True)
class Fault:
    """``seq``: the first row that was altered or is missing."""

    seq: int
    problem: str


@dataclass(frozen=True, slots=True)
class Compared:
    """Rows of another table that were compared with the latest entries of the log. ``altered``: the names of those
    that differ."""

    count: int
    altered: tuple[str, ...]


NOT_COMPARED = Compared(0, ())


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a check. ``rows``: number of rows; ``since_anchor``: number of rows after the anchor;
    ``since_anchor_ms``: time between the first and the last of those. ``fault``: the first fault found now; ``breaks``:
    rows in which a daemon recorded an earlier fault. ``armings`` and ``modes`` by account, ``models`` by id.
    """

    rows: int
    since_anchor: int
    since_anchor_ms: int
    fault: Fault | None
    breaks: tuple[int, ...]
    armings: Compared = NOT_COMPARED
    modes: Compared = NOT_COMPARED
    models: Compared = NOT_COMPARED

    @property
    def is_whole(self) -> bool:
        """Whether the log has no fault now and never had one."""
        return self.problem is None and not self.breaks

    @property
    def problem(self) -> str | None:
        """The first problem found now; None without one."""
        if self.fault:
            return self.fault.problem
        for name, found in (("arming of", self.armings), ("mode of", self.modes), ("model", self.models)):
            if found.altered:
                return f"the stored {name} {found.altered[0]} differs from the one in the audit log"
        return None


def canonical(value: Any) -> str:
    """The canonical JSON text of a JSON value: keys sorted, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def chained(head: Head, at_ms: int, kind: str, actor: str, body: str) -> AuditRow:
    """The row after ``head``."""
    seq = head.seq + 1
    return AuditRow(seq, at_ms, kind, actor, body, head.hash, row_hash(seq, at_ms, kind, actor, body, head.hash))


def row_hash(seq: int, at_ms: int, kind: str, actor: str, body: str, previous: str) -> str:
    """SHA-256 in hexadecimal, over the JSON list of the row's other values."""
    return hashlib.sha256(canonical([seq, at_ms, kind, actor, body, previous]).encode()).hexdigest()


def verify(rows: Iterable[AuditRow], anchor: Head | None, begin: Head = GENESIS) -> Verdict:
    """Check that ``rows``, all rows after ``begin`` in their order, form one chain that contains ``anchor``.

    The anchor is kept outside the log: only it shows that rows are missing at the end. It may lag behind. Only an empty
    log needs no anchor.
    """
    head, count, breaks = begin, 0, []
    times: list[int] = []
    fault: Fault | None = None
    is_met = anchor is None or anchor == begin
    for row in rows:
        count += 1
        fault = fault or _row_fault(row, head)
        head = Head(row.seq, row.hash)
        is_met = is_met or head == anchor
        if row.kind == AuditKind.BREAK:
            breaks.append(row.seq)
        if anchor and row.seq > anchor.seq:
            times = [*times[:1], row.at_ms]
    fault = fault or _anchor_fault(anchor, head, count, is_met=is_met)
    since = max(0, head.seq - anchor.seq) if anchor else count
    return Verdict(count, since, times[-1] - times[0] if times else 0, fault, tuple(breaks))


def _row_fault(row: AuditRow, head: Head) -> Fault | None:
    first, last = head.seq + 1, row.seq - 1
    if row.seq < first:
        return Fault(row.seq, f"row {row.seq} was inserted")
    if row.seq > first:
        return Fault(first, f"row {first} is missing" if last == first else f"rows {first} to {last} are missing")
    if row.previous != head.hash:
        return Fault(row.seq, f"row {row.seq} does not follow the row before it: one of the two was replaced or moved")
    if row.hash != row_hash(row.seq, row.at_ms, row.kind, row.actor, row.body, row.previous):
        return Fault(row.seq, f"row {row.seq} was edited: its hash does not match its content")
    return None


def _anchor_fault(anchor: Head | None, head: Head, count: int, *, is_met: bool) -> Fault | None:
    if anchor is None:
        return Fault(head.seq, f"the anchor is missing, though there are rows up to {head.seq}") if count else None
    if is_met:
        return None
    if anchor.seq > head.seq:
        return Fault(head.seq + 1, f"the end was cut off: the log had row {anchor.seq}, its last row now is {head.seq}")
    return Fault(anchor.seq, f"row {anchor.seq} is not the row that the anchor names: the log was rewritten")
