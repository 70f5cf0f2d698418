"""A real-money trader is killed wherever it does something, and again while it recovers: nothing is sent twice, lost or
unknown. `python -m benchmarks kills` does it at every point, this at some of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from kill_everywhere import Death, Outcome, Traders, traders

GOOD = Outcome()


@dataclass(frozen=True)
class Undisturbed:
    """A life to its end: ``points`` in order, and by how many bytes the database's log has grown."""

    lives: Traders
    points: tuple[str, ...]
    grown: int

    def nth(self, label: str, share: float) -> int:
        """The number of one of the points of this kind."""
        numbers = [number for number, each in enumerate(self.points, 1) if each == label]
        return numbers[int(share * (len(numbers) - 1))]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undisturbed]:
    with traders(tmp_path_factory.mktemp("kills")) as lives:
        told, outcome = lives.live()
        assert outcome == GOOD
        yield Undisturbed(lives, tuple(told["points"]), told["grown"])


def test_there_is_something_to_be_killed_in(undisturbed: Undisturbed) -> None:
    assert len(undisturbed.points) > 250
    assert {"a request", "an answer", "BEGIN", "INSERT", "COMMIT"} <= {
        label.split(" ", 1)[1] for label in undisturbed.points
    }


@pytest.mark.parametrize(
    ("label", "share"),
    [
        ("before a request", 0.3),
        ("after a request", 0.15),
        ("after a request", 0.9),
        ("before an answer", 0.15),
        ("before an answer", 0.5),
        ("after an answer", 0.7),
        ("before COMMIT", 0.35),
        ("after COMMIT", 0.1),
        ("after COMMIT", 0.95),
        ("after INSERT", 0.6),
    ],
)
def test_killed_once(undisturbed: Undisturbed, label: str, share: float) -> None:
    _, outcome = undisturbed.lives.live(Death(undisturbed.nth(label, share)))
    assert outcome == GOOD


@pytest.mark.parametrize("share", [0.2, 0.75])
def test_killed_within_a_write(undisturbed: Undisturbed, share: float) -> None:
    _, outcome = undisturbed.lives.live(Death(torn=int(share * undisturbed.grown)))
    assert outcome == GOOD


@pytest.mark.parametrize("second", [11, 41, 97])
def test_killed_again_in_recovery(undisturbed: Undisturbed, second: int) -> None:
    _, outcome = undisturbed.lives.live(Death(undisturbed.nth("before an answer", 0.3)), Death(second))
    assert outcome == GOOD
