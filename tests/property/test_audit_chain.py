"""Whatever is done to an audit log, verify finds it, and names the first row that is not what it was."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.domain.audit import GENESIS, AuditKind, AuditRow, Head, canonical, chained, verify

FIELDS = [field.name for field in fields(AuditRow)]
TEXTS = st.text(max_size=12)
KINDS = st.sampled_from([kind for kind in AuditKind if kind is not AuditKind.BREAK])
ENTRIES = st.tuples(st.integers(0, 2**53), KINDS, TEXTS, TEXTS.map(canonical))


def chain(entries: list[Any], begin: Head = GENESIS) -> list[AuditRow]:
    rows, head = [], begin
    for at_ms, kind, actor, body in entries:
        rows.append(chained(head, at_ms, kind.value, actor, body))
        head = Head(rows[-1].seq, rows[-1].hash)
    return rows


LOGS = st.lists(ENTRIES, min_size=1, max_size=8).map(chain)


def end(rows: list[AuditRow]) -> Head:
    return Head(rows[-1].seq, rows[-1].hash)


def by_seq(rows: list[AuditRow]) -> list[AuditRow]:
    return sorted(rows, key=lambda row: row.seq)


@given(LOGS, st.data())
def test_a_log_that_nobody_touched_is_whole_whatever_the_anchors_lag(rows: list[AuditRow], data: st.DataObject) -> None:
    lag = data.draw(st.integers(0, len(rows)))
    anchor = end(rows[:-lag]) if lag < len(rows) and lag else GENESIS if lag else end(rows)
    verdict = verify(rows, anchor)
    assert verdict.is_whole
    assert (verdict.rows, verdict.since_anchor) == (len(rows), lag)
    assert verdict.since_anchor_ms == (rows[-1].at_ms - rows[-lag].at_ms if lag else 0)
    assert verify(rows[1:], anchor if anchor.seq > 1 else end(rows[:1]), end(rows[:1])).fault is None


@given(LOGS, st.data())
def test_an_edit_of_any_field_is_found(rows: list[AuditRow], data: st.DataObject) -> None:
    at, name = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.sampled_from(FIELDS))
    before = getattr(rows[at], name)
    values: Any = st.integers(-5, 2**53) if isinstance(before, int) else TEXTS
    edited = replace(rows[at], **{name: data.draw(values.filter(lambda value: value != before))})
    changed = [*rows[:at], edited, *rows[at + 1 :]]
    if len({row.seq for row in changed}) < len(changed):
        return  # a primary key forbids it
    verdict = verify(by_seq(changed), end(rows))
    assert verdict.fault
    assert verdict.fault.seq <= max(at + 1, edited.seq)


@given(LOGS, st.data())
def test_rows_that_are_gone_are_found_at_the_end_too(rows: list[AuditRow], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.integers(0, len(rows) - 1), min_size=1))
    verdict = verify([row for at, row in enumerate(rows) if at not in gone], end(rows))
    assert verdict.fault
    assert verdict.fault.seq == min(gone) + 1


@given(LOGS.filter(lambda rows: len(rows) > 1), st.data())
def test_rows_that_changed_places_are_found(rows: list[AuditRow], data: st.DataObject) -> None:
    one, other = sorted(data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=2, max_size=2, unique=True)))
    changed = list(rows)
    changed[one] = replace(rows[other], seq=rows[one].seq)
    changed[other] = replace(rows[one], seq=rows[other].seq)
    verdict = verify(changed, end(rows))
    assert verdict.fault
    assert verdict.fault.seq == one + 1
    reordered = list(rows)
    reordered[one], reordered[other] = reordered[other], reordered[one]
    assert verify(reordered, end(rows)).fault


@given(LOGS, ENTRIES, st.data())
def test_a_row_that_was_slipped_in_is_found_even_with_hashes_that_fit_so_far(
    rows: list[AuditRow], entry: Any, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    begin = end(rows[:at]) if at else GENESIS
    made = chain([entry], begin)[0]
    if made.hash == rows[at].hash:
        return  # the very same row
    moved = [replace(row, seq=row.seq + 1) for row in rows[at:]]
    assert verify([*rows[:at], made, *moved], end(rows)).fault


@given(LOGS, st.data())
def test_a_log_written_anew_from_some_row_on_is_found_by_the_anchor(rows: list[AuditRow], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    entries = [(row.at_ms, AuditKind(row.kind), f"{row.actor}!", row.body) for row in rows[at:]]
    verdict = verify([*rows[:at], *chain(entries, end(rows[:at]) if at else GENESIS)], end(rows))
    assert verdict.fault
    assert verdict.fault.seq == len(rows)
    assert "is not the row that the anchor names" in verdict.fault.problem


@given(LOGS)
def test_rows_need_an_anchor(rows: list[AuditRow]) -> None:
    assert verify([], None).is_whole
    fault = verify(rows, None).fault
    assert fault
    assert "anchor is missing" in fault.problem
    emptied = verify([], end(rows)).fault
    assert emptied
    assert emptied.seq == 1


def test_a_recorded_break_is_a_finding_ever_after() -> None:
    rows = chain([(1, AuditKind.BREAK, "daemon", canonical({"problem": "cut"})), (2, AuditKind.DAEMON, "daemon", "{}")])
    verdict = verify(rows, end(rows))
    assert verdict.fault is None
    assert verdict.breaks == (1,)
    assert not verdict.is_whole
    assert verdict.problem is None, "nothing is wrong now"


@pytest.mark.parametrize(
    ("gone", "says"), [({2}, "row 2 is missing"), ({2, 3}, "rows 2 to 3 are missing"), ({4}, "the log had row 4")]
)
def test_the_words_name_the_rows(gone: set[int], says: str) -> None:
    rows = chain([(1, AuditKind.DAEMON, "daemon", "{}")] * 4)
    fault = verify([row for row in rows if row.seq not in gone], end(rows)).fault
    assert fault
    assert says in fault.problem
