"""Which parameters are searched, and between which ends."""

from __future__ import annotations

import pytest

from autopilot.backtest.sweep import Parameter
from autopilot.cli.errors import UsageProblem
from autopilot.cli.sweep_parameters import parameters_of
from autopilot.domain.errors import StrategyError
from autopilot.strategies.registry import StrategySet, builtin_strategies

STRATEGIES = StrategySet(builtin_strategies())


def test_all_numbers_of_a_strategy_from_half_to_twice() -> None:
    assert parameters_of((), "moving_average", STRATEGIES) == (
        Parameter("fast", 10, 40, True),
        Parameter("slow", 50, 200, True),
        Parameter("band", 0.125, 0.5, False),
        Parameter("hold", 2, 6, True),
        Parameter("slope_limit", 0.25, 1.0, False),
    )


@pytest.mark.parametrize("name", STRATEGIES.names)
def test_every_strategy_lies_within_its_own_ranges(name: str) -> None:
    for each in parameters_of((), name, STRATEGIES):
        assert each.low <= getattr(STRATEGIES[name], each.name) <= each.high
        assert each.low < each.high


@pytest.mark.parametrize(
    ("strategy", "name", "most"), [("rsi", "overbought", 100), ("confirmed", "needed", 6), ("sentiment", "greed", 100)]
)
def test_a_range_ends_where_its_values_end(strategy: str, name: str, most: float) -> None:
    assert next(each.high for each in parameters_of((), strategy, STRATEGIES) if each.name == name) == most


@pytest.mark.parametrize(
    ("text", "strategy", "expected"),
    [
        ("fast=5..20", "moving_average", Parameter("fast", 5, 20, True)),
        ("band=0.1..1", "moving_average", Parameter("band", 0.1, 1.0, False)),
        ("risk.risk_per_trade_pct=0.5..2", None, Parameter("risk.risk_per_trade_pct", 0.5, 2.0, False, is_key=True)),
        ("risk.cooldown_candles=0..12", "macd", Parameter("risk.cooldown_candles", 0, 12, True, is_key=True)),
        ("min_confidence_threshold=.5...9", None, Parameter("min_confidence_threshold", 0.5, 0.9, False, is_key=True)),
    ],
)
def test_a_range_that_was_asked_for(text: str, strategy: str | None, expected: Parameter) -> None:
    assert parameters_of((text,), strategy, STRATEGIES) == (expected,)


@pytest.mark.parametrize(
    ("texts", "strategy", "words"),
    [
        ((), None, "nothing to search"),
        (("fast",), "macd", "not a range"),
        (("fast=20..5",), "macd", "20 is not below 5"),
        (("fast=5..5",), "macd", "5 is not below 5"),
        (("fast=1.5..5",), "macd", "takes whole numbers"),
        (("band=1.2.3..5",), "macd", "takes numbers"),
        (("speed=1..5",), "macd", "speed cannot be searched"),
        (("paper.balance=1..5",), None, "paper.balance cannot be searched"),
        (("risk=1..5",), None, "risk cannot be searched"),
        (("fast=5..20", "fast=6..20"), "macd", "named twice"),
        (("fast=26..40",), "macd", "fast must be below slow, but fast is at least 26 and slow is at most 26"),
        (("fast=30..40", "slow=10..30"), "moving_average", "fast is at least 30 and slow is at most 30"),
        (("slow=81..90",), "macd", "slow must be below 81, but slow is at least 81"),
        (("needed=7..9",), "confirmed", "needed must be below 7"),
        (("overbought=5..30",), "rsi", "oversold must be below overbought"),
        (("hold=0..0.5",), "rsi", "takes whole numbers"),
    ],
)
def test_what_cannot_be_searched_is_said(texts: tuple[str, ...], strategy: str | None, words: str) -> None:
    with pytest.raises(UsageProblem, match=words):
        parameters_of(texts, strategy, STRATEGIES)


def test_a_strategy_that_there_is_not() -> None:
    with pytest.raises(StrategyError, match="martingale"):
        parameters_of((), "martingale", STRATEGIES)
