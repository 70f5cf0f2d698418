"""Every set of parameters that a strategy allows works, on a window as on the whole series; contradictions are
refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moody_market import moods, moody_market

from autopilot.analysis.market_analyzer import WINDOW
from autopilot.analysis.view import MarketView, market_view
from autopilot.domain.constraints import contradiction
from autopilot.domain.errors import StrategyError
from autopilot.strategies.base import Strategy
from autopilot.strategies.contract import FIELDS
from autopilot.strategies.registry import StrategySet, builtin_strategies

STRATEGIES = StrategySet(builtin_strategies())
CANDLES, REFERENCE = (each[:2000] for each in moody_market(3))
MOODS = moods(CANDLES, 3)


def seen(first: int) -> MarketView:
    return market_view("ETH/USD", CANDLES[first:], REFERENCE[first:], MOODS)


WHOLE, LIVE = seen(0), seen(len(CANDLES) - WINDOW)


def extreme(strategy: Strategy) -> st.SearchStrategy[dict[str, float]]:
    """Numbers within and far beyond the strategy's constraints, their ends included."""
    ends = [each for below in strategy.constraints for each in (below.lower, below.upper) if not isinstance(each, str)]
    drawn = {
        name: st.one_of(st.integers(0, 800), st.sampled_from([int(end) + step for end in ends for step in (-1, 0, 1)]))
        if type(value) is int
        else st.one_of(st.floats(0.0, 2.0 * abs(value) + 0.1), st.sampled_from([float(end) for end in ends]))
        for name, value in strategy.numbers().items()
    }
    return st.fixed_dictionaries(drawn)


@pytest.mark.parametrize("name", STRATEGIES.names)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_is_allowed_works_and_the_rest_is_refused(name: str, data: st.DataObject) -> None:
    strategy = STRATEGIES[name]
    values: dict[str, Any] = data.draw(extreme(strategy))
    problem = contradiction(strategy.constraints, values)
    if problem:
        with pytest.raises(StrategyError) as refused:
            replace(strategy, **values)
        assert str(refused.value) == f"{name}: {problem}"
        return
    made = StrategySet((replace(strategy, **values),))
    whole, live = made.evaluate(WHOLE), made.evaluate(LIVE)
    assert not whole.errors
    for field in FIELDS:
        last = [getattr(each.arrays[name], field)[-1] for each in (whole, live)]
        assert np.isclose(*last, rtol=1e-6, atol=1e-6), (field, values)


def test_the_published_parameters_keep_their_constraints_and_name_only_their_own() -> None:
    for strategy in STRATEGIES:
        numbers = strategy.numbers()
        named = {end for each in strategy.constraints for end in (each.lower, each.upper) if isinstance(end, str)}
        assert named <= numbers.keys()
        assert contradiction(strategy.constraints, numbers) is None
