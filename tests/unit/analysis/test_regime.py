from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from autopilot.analysis.indicators import Indicators
from autopilot.analysis.regime import LEAST_CANDLES, MAX_CANDLES_IN_REGIME, REGIMES, WARM_UP, RegimeArrays, classify
from autopilot.domain.candles import Candles, FloatArray
from autopilot.domain.conditions import Regime
from autopilot.domain.timeframe import Timeframe

BEFORE = 1100
"""Candles of an ordinary ranging market that every market here begins with."""


def market(tail: FloatArray, *, busy: int = 0, noise: float = 0.004) -> Candles:
    """A price that swings around a level, then moves by the log returns of ``tail``; the last ``busy`` candles trade
    six times the usual volume."""
    random = np.random.default_rng(5)
    swings = noise * random.normal(size=BEFORE)
    level = np.diff(swings * 2.0, prepend=0.0)
    close = 2_000.0 * np.exp(np.cumsum(np.concatenate([level, tail])))
    length = len(close)
    opened = np.concatenate([close[:1], close[:-1]])
    spread = 1.0 + 0.3 * np.concatenate([np.full(BEFORE, noise), np.full(len(tail), np.std(tail) + 1e-5)])
    volume = 10.0 * np.exp(0.2 * random.normal(size=length))
    volume[length - busy :] *= 6.0
    high, low = np.maximum(opened, close) * spread, np.minimum(opened, close) / spread
    return Candles.from_arrays(Timeframe.H1, np.arange(length) * Timeframe.H1.ms, opened, high, low, close, volume)


def regimes_of(candles: Candles) -> RegimeArrays:
    return classify(Indicators(candles))


def noise(size: int, deviation: float) -> FloatArray:
    return deviation * np.random.default_rng(8).normal(size=size)


MARKETS = [
    (market(0.004 + noise(60, 0.003)), Regime.TRENDING_UP),
    (market(-0.004 + noise(60, 0.003)), Regime.TRENDING_DOWN),
    (market(np.diff(noise(61, 0.008))), Regime.RANGING),
    (market(np.diff(noise(61, 0.0008))), Regime.QUIET),
    (market(np.concatenate([np.diff(noise(61, 0.008)), [0.07]]), busy=1), Regime.VOLATILE),
    (market(np.concatenate([np.diff(noise(61, 0.008)), [-0.07]]), busy=1), Regime.VOLATILE),
]


@pytest.mark.parametrize(("candles", "expected"), MARKETS)
def test_a_clear_market_is_told_clearly(candles: Candles, expected: Regime) -> None:
    regimes = regimes_of(candles)
    assert regimes.regime(-1) is expected
    assert regimes.strength[-1] > 0.75


def test_a_jump_without_volume_is_no_burst() -> None:
    assert regimes_of(market(np.concatenate([np.diff(noise(61, 0.008)), [0.07]]))).regime(-1) is not Regime.VOLATILE


def test_a_burst_is_over_after_a_few_candles() -> None:
    after = np.diff(noise(31, 0.004))
    regimes = regimes_of(market(np.concatenate([[0.07], after])))
    candles = market(np.concatenate([[0.07], after]), busy=len(after) + 1)
    burst = regimes_of(candles).codes == REGIMES.index(Regime.VOLATILE)
    assert burst[BEFORE : BEFORE + 4].all()
    assert not burst[BEFORE + 8 :].any()
    assert not (regimes.codes == REGIMES.index(Regime.VOLATILE))[BEFORE:].any()


def test_strength_says_how_near_the_edge_a_market_is() -> None:
    """A stronger and stronger drift: the range gets less and less clear, then the trend clearer and clearer."""
    seen = [regimes_of(market(drift + noise(60, 0.012))) for drift in np.linspace(0.0032, 0.006, 29)]
    names = [regimes.regime(-1) for regimes in seen]
    strengths = np.array([regimes.strength[-1] for regimes in seen])
    turn = names.index(Regime.TRENDING_UP)
    assert names == [Regime.RANGING] * turn + [Regime.TRENDING_UP] * (len(names) - turn)
    assert (np.diff(strengths[:turn]) < 0).all()
    assert (np.diff(strengths[turn:]) >= 0).all()
    assert np.abs(np.diff(np.delete(strengths, turn))).max() < 0.35
    assert strengths[turn - 1] < 0.5 < strengths[-1]


FIRST = LEAST_CANDLES - 1


def test_candles_without_a_regime_are_marked() -> None:
    regimes = regimes_of(market(noise(10, 0.004)))
    assert (regimes.codes[:FIRST] == -1).all()
    assert (regimes.codes[FIRST:] >= 0).all()
    assert np.isnan(regimes.strength[:FIRST]).all()
    assert np.isfinite(regimes.strength[FIRST:]).all()
    assert (regimes.candles_in_regime[:FIRST] == 0).all()
    with pytest.raises(ValueError, match="needs 550 candles"):
        regimes.regime(FIRST - 1)


@pytest.mark.parametrize("length", [0, 1, LEAST_CANDLES - 1])
def test_a_short_series_has_no_regime(random_candles: Callable[..., Candles], length: int) -> None:
    regimes = regimes_of(random_candles(1, 800)[:length])
    assert len(regimes.codes) == length
    assert (regimes.codes == -1).all()
    assert (regimes.candles_in_regime == 0).all()


@pytest.mark.parametrize("length", [LEAST_CANDLES, 600, 719, 720, 721, WARM_UP, WARM_UP + 1, 900])
def test_a_short_series_has_the_regimes_of_a_longer_one_that_begins_with_it(
    random_candles: Callable[..., Candles], length: int
) -> None:
    candles = random_candles(4, 1_200)
    short, long = regimes_of(candles[:length]), regimes_of(candles)
    for name in ("codes", "strength", "candles_in_regime", "previous"):
        np.testing.assert_array_equal(getattr(short, name), getattr(long, name)[:length], err_msg=name)


def test_a_shorter_past_of_the_volatility_seldom_changes_the_regime(random_candles: Callable[..., Candles]) -> None:
    """With Kraken's 719 closed candles the rank has 28 of 29 periods; with the fewest 21."""
    same = {719: [], LEAST_CANDLES: []}
    for seed in range(5):
        candles = random_candles(seed, 3_000)
        whole = regimes_of(candles)
        for length, agreed in same.items():
            for end in range(1_000, 3_000, 40):
                agreed.append(regimes_of(candles[end - length : end]).codes[-1] == whole.codes[end - 1])
    assert np.mean(same[719]) > 0.97
    assert np.mean(same[LEAST_CANDLES]) > 0.9


def test_runs_are_counted_as_one_would_by_hand(random_candles: Callable[..., Candles]) -> None:
    regimes = regimes_of(random_candles(2, 4000))
    run, before = 0, -1
    for index in range(FIRST, 4000):
        if index > FIRST and regimes.codes[index] != regimes.codes[index - 1]:
            run, before = 0, regimes.codes[index - 1]
        run += 1
        assert regimes.candles_in_regime[index] == min(run, MAX_CANDLES_IN_REGIME)
        assert regimes.previous[index] == (before if run < MAX_CANDLES_IN_REGIME else -1)


def test_a_market_that_stands_still_for_weeks_stays_in_one_regime_with_a_capped_count() -> None:
    flat = market(np.zeros(1500), noise=0.004)
    still = Candles(flat.timeframe, *(getattr(flat[-1400:], name) for name in ("open_at_ms", *["close"] * 4, "volume")))
    regimes = regimes_of(still)
    assert len(set(regimes.codes[WARM_UP:].tolist())) == 1
    assert regimes.candles_in_regime[-1] == MAX_CANDLES_IN_REGIME
    assert np.isfinite(regimes.strength[WARM_UP:]).all()


def test_regimes_last_and_all_occur(random_candles: Callable[..., Candles]) -> None:
    codes = regimes_of(random_candles(3, 12_000)).codes[WARM_UP:]
    shares = np.bincount(codes, minlength=5) / len(codes)
    assert (shares > 0.03).all()
    assert len(codes) / (1 + np.count_nonzero(np.diff(codes))) > 8.0
