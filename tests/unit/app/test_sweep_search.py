"""A search proposes values that make sense, each set once, and no more than there are."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from autopilot.app.sweep.search import Search, searches_of
from autopilot.backtest.sweep import MIN_TRADES, Parameter, Try, Values

DEFAULTS = {"fast": 12, "slow": 26}


def below(values: Values) -> bool:
    return values["fast"] < values["slow"]


def tried(search: Search) -> list[tuple[float, ...]]:
    """All values that the search proposes; larger sums score better."""
    found = []
    while (values := search.ask()) is not None:
        found.append(tuple(values.values()))
        search.answer(Try(values, np.array([0.01, 0.02, 0.001 * sum(values.values())]), MIN_TRADES))
    return found


ends = st.tuples(st.integers(1, 60), st.integers(0, 40)).map(lambda pair: (pair[0], sum(pair)))


@settings(max_examples=25, deadline=None)
@given(fast=ends, slow=ends, tries=st.integers(2, 12), seed=st.integers(0, 3))
def test_every_try_makes_sense_and_is_new(fast: tuple[int, int], slow: tuple[int, int], tries: int, seed: int) -> None:
    sensible = {pair for pair in product(*(range(low, high + 1) for low, high in (fast, slow))) if pair[0] < pair[1]}
    if not sensible:
        return
    parameters = (Parameter("fast", *fast, is_whole=True), Parameter("slow", *slow, is_whole=True))
    for search in searches_of(parameters, DEFAULTS, below, tries, seed, (1, 2)):
        found = tried(search)
        assert set(found) <= sensible
        assert len(set(found)) == len(found) == min(tries, len(sensible), search.limit)
        if (12, 26) in sensible:
            assert found[0] == (12, 26)


def test_a_search_of_numbers_that_hardly_ever_make_sense_ends() -> None:
    parameters = (Parameter("fast", 0.0, 1.0, is_whole=False), Parameter("slow", 0.0, 1.0, is_whole=False))
    (search,) = searches_of(parameters, DEFAULTS, lambda values: values["fast"] < 0.0, 5, 1, (1,))
    assert tried(search) == []
