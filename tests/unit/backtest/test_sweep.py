"""A search is judged by what follows it, and the best of many tries by what luck makes of as many."""

from __future__ import annotations

import numpy as np
import pytest

from autopilot.backtest.sweep import MIN_TRADES, Luck, SweepFold, Try, best_of, folds_of, luck_of

DAYS, TRIES = 365, 50


def made(daily: object, trades: int = MIN_TRADES, **values: float) -> Try:
    return Try(values, np.asarray(daily, dtype=np.float64), trades)


def test_each_part_but_the_first_is_tested_once_after_all_before_it_was_searched() -> None:
    assert folds_of(0, 500, 4) == (SweepFold(100, 200), SweepFold(200, 300), SweepFold(300, 400), SweepFold(400, 500))
    assert folds_of(7, 17, 1) == (SweepFold(12, 17),)


def test_the_best_has_the_highest_sharpe_ratio_among_those_that_traded_enough() -> None:
    steady, wild = made([0.01, 0.02, 0.01]), made([0.5, -0.4, 0.1])
    lucky = made([0.1, 0.11, 0.1], trades=MIN_TRADES - 1)
    assert best_of([wild, lucky, steady]) is steady
    assert best_of([lucky]) is None
    assert best_of([]) is None


def test_of_equals_the_first_is_best() -> None:
    first, second = made([0.01, 0.02]), made([0.01, 0.02])
    assert best_of([first, second]) is first


def noise(random: np.random.Generator, mean: float = 0.0) -> list[Try]:
    return [made(random.normal(mean, 0.01, DAYS)) for _ in range(TRIES)]


def judged(tries: list[Try]) -> Luck:
    best = best_of(tries)
    assert best
    return luck_of(tries, best)


def test_the_best_of_many_without_skill_is_told_as_luck() -> None:
    found = [judged(noise(np.random.default_rng(seed))) for seed in range(100)]
    assert sum(each.is_skill for each in found) <= 5
    assert np.mean([each.best for each in found]) == pytest.approx(np.mean([each.expected for each in found]), rel=0.1)


def test_skill_among_the_tries_is_seen() -> None:
    random = np.random.default_rng(1)
    skilled = made(random.normal(0.004, 0.01, DAYS))
    luck = judged([*noise(random), skilled])
    assert luck.is_skill
    assert luck.tries == TRIES + 1


def test_a_single_try_pays_for_nothing() -> None:
    luck = judged([made(np.random.default_rng(2).normal(0.002, 0.01, DAYS))])
    assert (luck.tries, luck.expected) == (1, 0.0)
    assert luck.deflated > 0.9


def test_tries_that_hardly_traded_count_as_tries() -> None:
    random = np.random.default_rng(3)
    tries = noise(random)
    silent = [made(np.zeros(DAYS), trades=0) for _ in range(500)]
    assert judged([*tries, *silent]).expected > judged(tries).expected
