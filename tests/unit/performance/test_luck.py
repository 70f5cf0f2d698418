"""What luck could have made of the same trades, and of the same positions at other times."""

from __future__ import annotations

import numpy as np
import pytest

from autopilot.performance.luck import timing, trade_orders


def test_ten_trades_are_the_least() -> None:
    assert trade_orders(np.full(9, 0.01)) is None
    assert trade_orders(np.full(10, 0.01)) is not None


def test_trades_that_are_all_alike_have_one_path() -> None:
    found = trade_orders(np.full(20, 0.01))
    assert found
    np.testing.assert_allclose(found.total_return, [1.01**20 - 1] * 3)
    assert (found.losing, found.drawdown) == (0.0, (0.0, 0.0, 0.0))


def test_another_order_changes_the_drawdown_and_not_the_result() -> None:
    returns = np.array([0.05] * 20 + [-0.05] * 20)
    found = trade_orders(returns)
    assert found
    whole = 1.0 - 0.95**20
    assert found.drawdown_reordered[0] < found.drawdown_reordered[2] < whole
    assert found.total_return[0] < (1.05 * 0.95) ** 20 - 1 < found.total_return[2]
    assert trade_orders(returns) == found


def brute(positions: np.ndarray, returns: np.ndarray) -> float:
    length = positions.shape[1]
    sums = [float((np.roll(positions, shift, axis=1) * returns).sum()) for shift in range(length)]
    return (1 + sum(each >= sums[0] - 1e-12 for each in sums[1:])) / length


@pytest.mark.parametrize("seed", range(3))
def test_all_shifts_are_tried(seed: int) -> None:
    random = np.random.default_rng(seed)
    returns, positions = random.normal(size=(2, 101)), (random.random((2, 101)) < 0.3).astype(float)
    found = timing(positions, returns)
    assert found
    assert found.p_value == pytest.approx(brute(positions, returns), abs=1e-9)
    assert found.earned == pytest.approx(float((positions * returns).sum()))


def test_it_is_uniform_where_timing_is_chance_and_tiny_where_it_is_not() -> None:
    random = np.random.default_rng(5)
    values = []
    for _ in range(200):
        returns = random.normal(size=(1, 400))
        held = np.repeat(random.random((1, 40)) < 0.4, 10, axis=1).astype(float)
        found = timing(held, returns)
        assert found
        values.append(found.p_value)
    assert 0.4 < np.mean(values) < 0.6
    assert np.mean(np.array(values) <= 0.1) < 0.17
    returns = random.normal(size=(1, 2000))
    found = timing((returns > 0.0).astype(float), returns)
    assert found
    assert found.p_value <= 1 / 1000


def test_where_nothing_changed_there_is_no_timing() -> None:
    assert timing(np.zeros((1, 50)), np.ones((1, 50))) is None
    assert timing(np.ones((2, 50)), np.ones((2, 50))) is None
    assert timing(np.zeros((1, 0)), np.zeros((1, 0))) is None
