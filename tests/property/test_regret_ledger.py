"""What holds of every regret ledger."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from autopilot.domain.timeframe import HOUR_MS
from autopilot.performance.regret import MaturedDecisions, RegretVerdict, regret_ledger

STRATEGIES = ("a", "b", "c")
earned = st.one_of(st.just(0.0), st.just(float("nan")), st.floats(-0.5, 0.5))


@st.composite
def decisions(draw: st.DrawFn) -> MaturedDecisions:
    """One a candle and symbol, as the database holds them."""
    keys = draw(
        st.lists(st.tuples(st.integers(0, 24 * 30), st.sampled_from(["BTC/USD", "ETH/USD"])), min_size=1, unique=True)
    )
    count = len(keys)

    def column(values: st.SearchStrategy[object]) -> list[object]:
        return draw(st.lists(values, min_size=count, max_size=count))

    return MaturedDecisions(
        candle_at_ms=np.array([hour * HOUR_MS for hour, _ in keys], dtype=np.int64),
        symbol=np.array([symbol for _, symbol in keys]),
        regime=np.array(column(st.sampled_from(["quiet", "volatile", "ranging"]))),
        decided_by=np.array(column(st.sampled_from(["rules", "model"]))),
        confidence=np.array(column(st.floats(0, 1)), dtype=float),
        chosen=np.array(column(st.integers(-1, 2)), dtype=np.int64),
        rule_choice=np.array(column(st.integers(-1, 2)), dtype=np.int64),
        strategies=STRATEGIES,
        returns=np.array(column(st.tuples(earned, earned, earned)), dtype=float),
        buy_and_hold=np.array(column(earned), dtype=float),
    )


@settings(max_examples=30)
@given(decisions(), st.floats(0, 1), st.randoms())
def test_the_order_of_the_rows_does_not_matter(rows: MaturedDecisions, threshold: float, random: object) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = rows.rows(np.array(order, dtype=np.int64))
    assert asdict(regret_ledger(shuffled, threshold)) == asdict(regret_ledger(rows, threshold))


@settings(max_examples=30)
@given(decisions(), st.floats(0, 1))
def test_nobody_regrets_his_own_choice(rows: MaturedDecisions, threshold: float) -> None:
    ledger = regret_ledger(rows, threshold)
    parts = (ledger, *ledger.by_regime, *ledger.by_symbol, *ledger.by_decider)
    for lines in (part.lines for part in parts):
        selector = lines[0]
        regret = selector.regret_bps
        assert selector.name == "selector"
        assert regret.point == 0.0
        if selector.days > 1:
            assert (regret.lower, regret.upper, selector.verdict) == (0.0, 0.0, RegretVerdict.SAME)


@settings(max_examples=30)
@given(decisions())
def test_the_threshold_is_all_between_the_selector_its_choice_and_cash(rows: MaturedDecisions) -> None:
    selector, always, *_ = regret_ledger(rows, 0.0).lines
    assert (selector.decisions, selector.mean_bps) == (always.decisions, always.mean_bps)
    never = regret_ledger(rows, 1.1)
    assert never.followed == 0
    assert never.lines[0].mean_bps == never.lines[-1].mean_bps


@settings(max_examples=30)
@given(decisions(), st.floats(0, 1))
def test_the_slices_hold_every_decision_once(rows: MaturedDecisions, threshold: float) -> None:
    ledger = regret_ledger(rows, threshold)
    for slices in (ledger.by_regime, ledger.by_symbol, ledger.by_decider):
        assert sum(each.decisions for each in slices) == ledger.decisions == len(rows)
        for at, whole in enumerate(ledger.lines):
            assert sum(each.lines[at].decisions for each in slices) == whole.decisions


@settings(max_examples=30)
@given(decisions(), st.floats(0, 1))
def test_a_strategy_that_never_traded_is_neither_the_best_nor_better(rows: MaturedDecisions, threshold: float) -> None:
    strategies = regret_ledger(rows, threshold).strategies
    active = [each for each in strategies if each.traded]
    assert list(strategies[: len(active)]) == active == sorted(active, key=lambda line: -line.mean_bps.point)
    for each in strategies:
        assert (each.verdict is RegretVerdict.NO_TRADES) == (not each.traded)
