"""A real-money trader is killed wherever it does something, and again while it recovers: nothing is sent twice, lost or
unknown. `python -m benchmarks kills` does it at every point, this at some of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from kill_everywhere import CLOCKS_MS, Death, Outcome, Traders, traders

GOOD = Outcome()


@dataclass(frozen=True)
class Undisturbed:
    """A life to its end: ``points`` in order, and by how many bytes the database's log has grown."""

    lives: Traders
    points: tuple[str, ...]
    grown: int

    def nth(self, start: str, share: float = 0) -> int:
        """The number of one of the points that begin so."""
        numbers = [number for number, each in enumerate(self.points, 1) if each.startswith(start)]
        return numbers[int(share * (len(numbers) - 1))]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undisturbed]:
    with traders(tmp_path_factory.mktemp("kills")) as lives:
        told, outcome = lives.live()
        assert outcome == GOOD
        yield Undisturbed(lives, tuple(told["points"]), told["grown"])


def test_there_is_something_to_be_killed_in(undisturbed: Undisturbed) -> None:
    assert len(undisturbed.points) > 250
    assert {
        *("after BEGIN", "after INSERT", "before COMMIT", "after COMMIT"),
        *(f"before the answer to {name}" for name in ("AddOrder", "CancelOrder", "OpenOrders", "QueryTrades")),
    } <= set(undisturbed.points)


@pytest.mark.parametrize(
    ("start", "share"),
    [
        ("before the request AddOrder", 0.0),
        ("after the request AddOrder", 1.0),
        ("after the request CancelOrder", 0.0),
        ("before the answer to CancelOrder", 1.0),
        ("before the answer", 0.5),
        ("after the answer to AddOrder", 0.6),
        ("before COMMIT", 0.35),
        ("after COMMIT", 0.1),
        ("after COMMIT", 0.95),
        ("after INSERT", 0.6),
    ],
)
def test_killed_once(undisturbed: Undisturbed, start: str, share: float) -> None:
    _, outcome = undisturbed.lives.live(Death(undisturbed.nth(start, share)))
    assert outcome == GOOD


@pytest.mark.parametrize("share", [0.2, 0.75])
def test_killed_within_a_write(undisturbed: Undisturbed, share: float) -> None:
    _, outcome = undisturbed.lives.live(Death(torn=int(share * undisturbed.grown)))
    assert outcome == GOOD


@pytest.mark.parametrize("steps", CLOCKS_MS, ids=str)
@pytest.mark.parametrize("start", ["after the request AddOrder", "before the nonces"])
def test_killed_while_somebody_sets_the_clock(undisturbed: Undisturbed, start: str, steps: tuple[int, ...]) -> None:
    """It is another one in each cycle, and after the restart."""
    _, outcome = undisturbed.lives.live(Death(undisturbed.nth(start, 0.5), steps=steps))
    assert (outcome, outcome.entries) == (GOOD, 1)


def test_with_the_answer_to_an_order_in_flight_one_is_there_and_one_is_known(undisturbed: Undisturbed) -> None:
    """freqtrade, killed there: 2 filled, 1 known."""
    _, outcome = undisturbed.lives.live(Death(undisturbed.nth("before the answer to AddOrder")))
    assert (outcome, outcome.entries) == (GOOD, 1)


@pytest.mark.parametrize("second", [11, 41, 97])
def test_killed_again_in_recovery(undisturbed: Undisturbed, second: int) -> None:
    _, outcome = undisturbed.lives.live(Death(undisturbed.nth("before the answer to AddOrder", 0.5)), Death(second))
    assert outcome == GOOD
