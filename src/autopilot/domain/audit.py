"""The audit log: rows of which each holds the hash of the one before, so that no past row changes unnoticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class AuditKind(StrEnum):
    """What a row tells of."""

    COMMAND = "command"
    """Somebody asked the daemon to change something."""
    DAEMON = "daemon"
    """It started or stopped."""
    MODEL = "model"
    """Another model decides, or its state changed."""
    MODE = "mode"
    """What accounts may do by themselves was changed by a user."""
    ARMING = "arming"
    """Somebody gave leave to trade real money, or took it back."""
    DECISION = "decision"
    """One that led to an order."""
    ORDER = "order"
    """An order has another status, or more of it is filled."""
    BREAK = "break"
    """A daemon that started found that the log is not what it was."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """``seq`` counts from 1 without a gap. ``at_ms``: the machine's time, whatever the market's. ``actor``: who did it,
    as ``daemon`` or ``uid 1000 pid 4242``; ``body``: canonical JSON; ``previous``: the hash of the row before."""

    seq: int
    at_ms: int
    kind: str
    actor: str
    body: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """A row's number and hash: nothing up to it can change without changing this."""

    seq: int
    hash: str


GENESIS = Head(0, "0" * 64)
"""Before the first row."""


@dataclass(frozen=True, slots=True)
class Fault:
    """``seq``: the first row that is not as it was written, or is not there."""

    seq: int
    problem: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``rows``: how many there are, ``since_anchor``: how many of them came after the anchor, ``since_anchor_ms``: the
    time from the first to the last of these. ``fault``: where the log ceases to be whole now; ``breaks``: the rows in
    which a daemon says that it found it so. ``altered``: the accounts whose arming is not the one that it tells of."""

    rows: int
    since_anchor: int
    since_anchor_ms: int
    fault: Fault | None
    breaks: tuple[int, ...]
    altered: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Now and ever."""
        return self.problem is None and not self.breaks

    @property
    def problem(self) -> str | None:
        """The first that is found now."""
        if self.fault:
            return self.fault.problem
        if self.altered:
            return f"the arming of {self.altered[0]} is not the one that the audit log tells of"
        return None


def canonical(value: Any) -> str:
    """The one JSON text of a JSON value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def chained(head: Head, at_ms: int, kind: str, actor: str, body: str) -> AuditRow:
    """The row after ``head``."""
    seq = head.seq + 1
    return AuditRow(seq, at_ms, kind, actor, body, head.hash, row_hash(seq, at_ms, kind, actor, body, head.hash))


def row_hash(seq: int, at_ms: int, kind: str, actor: str, body: str, previous: str) -> str:
    """SHA-256 in hexadecimal, over the JSON list of all that the row holds beside it."""
    return hashlib.sha256(canonical([seq, at_ms, kind, actor, body, previous]).encode()).hexdigest()


def verify(rows: Iterable[AuditRow], anchor: Head | None, begin: Head = GENESIS) -> Verdict:
    """Whether ``rows``, all that follow ``begin`` in the order of their numbers, are one chain that holds ``anchor``.

    The anchor is kept elsewhere: it alone shows that rows are missing at the end. It may lag behind. Only a log
    without rows needs none.
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
        return Fault(row.seq, f"row {row.seq} was slipped in where no row can be")
    if row.seq > first:
        return Fault(first, f"row {first} is missing" if last == first else f"rows {first} to {last} are missing")
    if row.previous != head.hash:
        return Fault(row.seq, f"row {row.seq} does not follow the row before it: one of them was replaced or moved")
    if row.hash != row_hash(row.seq, row.at_ms, row.kind, row.actor, row.body, row.previous):
        return Fault(row.seq, f"row {row.seq} was edited: its hash is not that of what it holds")
    return None


def _anchor_fault(anchor: Head | None, head: Head, count: int, *, is_met: bool) -> Fault | None:
    if anchor is None:
        return Fault(head.seq, f"the anchor is missing, though there are rows up to {head.seq}") if count else None
    if is_met:
        return None
    if anchor.seq > head.seq:
        return Fault(head.seq + 1, f"the end was cut off: row {anchor.seq} was there, the last one now is {head.seq}")
    return Fault(anchor.seq, f"row {anchor.seq} is another one than the anchor names: the log was written anew")
