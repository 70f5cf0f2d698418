from __future__ import annotations

import numpy as np
import pytest

from autopilot.selection.track_record import shrunk_mean


def shrunk(own: list[float], everywhere: list[float], weight: float = 20.0) -> float:
    arrays = (np.array([value]) for value in (sum(own), len(own), sum(everywhere), len(everywhere)))
    return float(shrunk_mean(*arrays, weight)[0])


def test_nothing_known_is_zero() -> None:
    assert shrunk([], []) == 0.0


def test_without_own_returns_the_others_speak() -> None:
    assert shrunk([], [0.01] * 2000) == pytest.approx(0.01, rel=0.02)


def test_many_own_returns_outweigh_the_others() -> None:
    assert shrunk([0.02] * 2000, [-0.01] * 2000 + [0.02] * 2000) == pytest.approx(0.02, rel=0.02)


def test_few_own_returns_count_for_little() -> None:
    others = [-0.001] * 1000
    assert shrunk([0.05], [*others, 0.05]) < 0.002


def test_as_many_as_the_prior_count_half() -> None:
    assert shrunk([0.01] * 20, [0.0] * 1000) == pytest.approx(0.005)


def test_every_strategy_by_itself() -> None:
    mean = shrunk_mean(np.array([0.2, 0.0]), np.array([20, 0]), np.array([0.2, 0.0]), np.array([20, 0]), 20.0)
    np.testing.assert_allclose(mean, [0.0075, 0.0])
