"""Numbers that only ever grow, whatever becomes of the process, its clock and its files."""

from __future__ import annotations

import logging
import stat
from itertools import pairwise
from pathlib import Path

import pytest
from fake_clock import FakeClock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autopilot.adapters.exchange.nonces import BLOCK_MS, FURTHEST_MS, Nonces
from autopilot.domain.timeframe import DAY_MS, HOUR_MS

KEY = "the-api-key"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def opened(directory: Path, clock: FakeClock) -> Nonces:
    return Nonces(directory / "nonces", "kraken", KEY, clock)


def ceiling(directory: Path) -> Path:
    (file,) = (directory / "nonces").iterdir()
    return file


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from([None, 0, 1, 999, BLOCK_MS, HOUR_MS, -1, -BLOCK_MS, -HOUR_MS, DAY_MS // 2, -DAY_MS // 2]),
        max_size=30,
    )
)
def test_they_grow_across_restarts_and_every_step_of_the_clock(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int | None]
) -> None:
    """None is a restart, a number a step. What is used is never above what is on the disk."""
    directory, clock = tmp_path_factory.mktemp("nonces"), FakeClock()
    nonces, used = opened(directory, clock), []
    for step in steps:
        if step is None:
            nonces = opened(directory, clock)
        else:
            clock.at_ms = min(max(clock.at_ms + step, 1_900_000_000_000 - DAY_MS), 1_900_000_000_000 + DAY_MS)
        used.append(nonces.next())
        assert used[-1] <= int(ceiling(directory).read_text())
    assert all(before < after for before, after in pairwise(used))


def test_few_of_them_wait_for_the_disk(tmp_path: Path, clock: FakeClock) -> None:
    nonces, files = opened(tmp_path, clock), set()
    for _ in range(500):
        clock.at_ms += 100
        nonces.next()
        files.add(ceiling(tmp_path).read_text())
    assert len(files) == 500 * 100 // BLOCK_MS


def test_the_file_is_for_its_owner_and_does_not_tell_the_key(tmp_path: Path, clock: FakeClock) -> None:
    opened(tmp_path, clock).next()
    file = ceiling(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert KEY not in str(file) + file.read_text()


def test_another_key_has_other_numbers(tmp_path: Path, clock: FakeClock) -> None:
    opened(tmp_path, clock).next()
    Nonces(tmp_path / "nonces", "kraken", "another", clock).next()
    assert len(list((tmp_path / "nonces").iterdir())) == 2


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"soon", b"-5", b"9" * 63, b"1e99", str(2**64).encode(), b"0" * 4_000]
)
def test_nonsense_in_the_file_locks_nobody_out(
    tmp_path: Path, clock: FakeClock, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    opened(tmp_path, clock).next()
    file = ceiling(tmp_path)
    file.write_bytes(content)
    clock.at_ms += HOUR_MS
    assert opened(tmp_path, clock).next() == clock.at_ms
    assert int(file.read_text()) == clock.at_ms + BLOCK_MS
    assert len(caplog.records) == (content != b"0" * 4_000)


def test_they_grow_after_an_exchange_whose_own_clock_was_days_ahead(tmp_path: Path, clock: FakeClock) -> None:
    """It took nonces of that time from the key, and never forgets them."""
    clock.at_ms += 3 * DAY_MS
    used = [opened(tmp_path, clock).next()]
    clock.at_ms -= 3 * DAY_MS
    used += [opened(tmp_path, clock).next() for _ in range(3)]
    assert all(before < after for before, after in pairwise(used))


def test_requests_go_on_when_nothing_can_be_written(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """An exit is worth more than a number."""
    (tmp_path / "nonces").write_text("not a directory")
    nonces = opened(tmp_path, clock)
    with caplog.at_level(logging.WARNING):
        used = [nonces.next() for _ in range(50)]
    assert all(before < after for before, after in pairwise(used))
    assert len({record.message for record in caplog.records}) == len(caplog.records) <= 2


def test_two_processes_with_one_key_get_out_of_each_others_way(tmp_path: Path, clock: FakeClock) -> None:
    """As `autopilot arm` beside the daemon: after a refusal the next nonce is above everything that either used."""
    pair = opened(tmp_path, clock), opened(tmp_path, clock)
    highest = 0
    for turn in range(20):
        clock.at_ms += 700
        mine = pair[turn % 2]
        if (nonce := mine.next()) <= highest:
            mine.refused()
            nonce = mine.next()
        mine.accepted()
        assert nonce > highest
        highest = nonce


@pytest.mark.parametrize("ahead_ms", [0, 5_000, HOUR_MS, 20 * HOUR_MS])
def test_a_key_that_was_ahead_is_caught_up_with(tmp_path: Path, clock: FakeClock, ahead_ms: int) -> None:
    """As after an older version whose clock was set back."""
    theirs, nonces, refused = clock.at_ms + ahead_ms, opened(tmp_path, clock), 0
    while nonces.next() <= theirs:
        nonces.refused()
        refused += 1
    assert refused <= 10


def test_they_are_never_more_than_a_day_ahead(tmp_path: Path, clock: FakeClock) -> None:
    nonces, last = opened(tmp_path, clock), 0
    for _ in range(100):
        nonces.refused()
        last = nonces.next()
        assert last <= clock.at_ms + FURTHEST_MS + 100
    for _ in range(100):
        before, last = last, opened(tmp_path, clock).next()
        assert before < last <= clock.at_ms + FURTHEST_MS + 300
