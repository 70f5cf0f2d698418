"""docs/strategies.md says what the code does, and its example runs."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from autopilot.analysis.regime import LEAST_CANDLES
from autopilot.analysis.view import MarketView
from autopilot.strategies.base import Strategy
from autopilot.strategies.registry import StrategySet, builtin_strategies

PAGE = (Path(__file__).parents[3] / "docs" / "strategies.md").read_text(encoding="utf-8")


def section(name: str) -> str:
    found = re.search(rf"^### {name}\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/strategies.md has no section for {name}"
    return " ".join(found.group(1).split())


@pytest.mark.parametrize("strategy", builtin_strategies(), ids=lambda strategy: strategy.name)
def test_each_strategy_is_described_with_its_parameters(strategy: Strategy) -> None:
    text = section(strategy.name)
    for parameter in fields(strategy):  # type: ignore[arg-type]  # every strategy is a dataclass
        value = getattr(strategy, parameter.name)
        assert f"`{parameter.name}`" + (f" {value:g}" if isinstance(value, int | float) else "") in text
    for regime, fit in strategy.regime_fit.items():
        assert f"{regime} {fit:g}" in text
    assert "Source: " in text
    assert "Typical failure: " in text


def test_nothing_else_is_described() -> None:
    assert re.findall(r"^### (\w+)$", PAGE, re.MULTILINE) == [strategy.name for strategy in builtin_strategies()]


def test_the_example_is_a_working_strategy(view_of: Callable[..., MarketView], monkeypatch: pytest.MonkeyPatch) -> None:
    source = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert source
    module = ModuleType("streak_of_the_docs")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(source.group(1), "docs/strategies.md", "exec"), module.__dict__)
    view = view_of(np.concatenate([np.tile([0.004, -0.004], 250), np.full(4, -0.004)]))
    evaluation = StrategySet((*builtin_strategies(), module.Streak())).evaluate(view)
    assert not evaluation.errors
    assert evaluation.signals["streak"].signal_type == "buy"
    assert evaluation.signals["streak"].reason == "5 of the last 5 closes fell, 0 rose"


def test_the_page_says_how_many_candles_are_needed() -> None:
    needs = {one.name: one.candles_needed for one in builtin_strategies()}
    confirmed, consensus = needs.pop("confirmed"), needs.pop("consensus")
    words = f"`confirmed` needs {confirmed} and `consensus` {consensus}; the others need {min(needs.values())} to"
    assert f"{words} {max(needs.values())}. A regime needs {LEAST_CANDLES}." in " ".join(PAGE.split())
