"""docs/risk.md tells of every rule and every key."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from autopilot.config.keys import all_keys
from autopilot.risk.decision_context import DecisionContext
from autopilot.risk.limits import LowProfit, RecentDrawdown, StopGuard
from autopilot.risk.rules import rules_of

PAGE = (Path(__file__).parents[3] / "docs" / "risk.md").read_text()
NAMES = set(re.findall(r"`([\w.]+)`", PAGE))


def test_every_rule_stands_there(make_entry: Callable[..., DecisionContext]) -> None:
    limits = {
        "exit_cooldown_candles": 1,
        "stop_guard": StopGuard(symbol_stops=1, account_stops=1),
        "low_profit": LowProfit(min_trades=1),
        "recent_drawdown": RecentDrawdown(max_pct=1.0),
    }
    entry = make_entry(limits=limits)
    codes = {rule(entry).code for rule in rules_of(entry)}
    assert len(codes) == 16
    assert codes <= NAMES


def test_every_key_stands_there() -> None:
    keys = {name.removeprefix("risk.") for name in all_keys() if name.startswith("risk.")}
    untold = {key for key in keys if key not in NAMES and key.rpartition(".")[2] not in NAMES}
    assert not untold
