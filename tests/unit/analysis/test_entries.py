"""Each function gives a float the same bits as an entry of an array."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.analysis import entries
from autopilot.strategies.rules import ramp

NUMBERS = st.lists(st.floats(-1e9, 1e9) | st.just(math.nan), min_size=1, max_size=20)
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "log": lambda x: entries.log(abs(x) + 1e-3),
    "log1p": lambda x: entries.log1p(abs(x)),
    "sine": lambda x: entries.sine_and_cosine(x)[0],
    "cosine": lambda x: entries.sine_and_cosine(x)[1],
    "root": lambda x: entries.root(abs(x)),
    "larger": lambda x: entries.larger(x, 0.5),
    "smaller": lambda x: entries.smaller(x, 0.5),
    "sign": entries.sign,
    "floor": entries.floor,
    "either": lambda x: entries.either(x > 0.5, x, 0.25),
    "finite": lambda x: entries.finite(x) * 1.0,
    "negated": lambda x: entries.negated(x > 0.5) * 1.0,
    "both": lambda x: entries.both(x > -0.5, lambda: x < 0.5) * 1.0,
    "how_many": lambda x: entries.how_many([x > -0.5, x > 0.0, x > 0.5]) * 1.0,
    "quotient": lambda x: entries.quotient(1.5, entries.floor(x), 0.25),
    "unit": entries.unit,
    "ramp": lambda x: ramp(x, 0.7, -0.2),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@given(numbers=NUMBERS)
def test_a_float_is_as_an_entry_of_an_array(name: str, numbers: list[float]) -> None:
    function = FUNCTIONS[name]
    with np.errstate(invalid="ignore"):
        over = function(np.array(numbers))
        at = [function(number) for number in numbers]
    assert {type(value) for value in at} == {float}
    np.testing.assert_array_equal(over, at)
