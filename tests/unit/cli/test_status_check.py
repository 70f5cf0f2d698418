"""Every problem of a status is on one side of `autopilot status --check`: a new one is put there, and documented."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from autopilot.adapters.store.views import problems
from autopilot.cli.status_query import ALARMING_WARNINGS, is_alarming
from autopilot.domain.trading_mode import TradingMode

COMMANDS = Path(__file__).parents[3] / "docs" / "commands.md"
LEVELS = {TradingMode.REDUCING: "warning", TradingMode.HALTED: "error"}
"""Of a trading mode's reasons."""
FAIL = {
    "AUDIT_ALTERED", "ARMING_ALTERED", "CLOCK_WRONG", "DATABASE_LOCKED", "DISK_FULL", "DISK_NEARLY_FULL",
    "ENTRY_UNFOLLOWED", "EXIT_REFUSED", "KEYS_LOCKED", "KEY_SHARED", "MARKET_GONE", "MODE_ALTERED",
    "ORDER_UNKNOWN", "ORDER_UNMONITORED", "PANIC", "POSITION_UNMONITORED", "SYMBOL_LEFT_OUT",
}  # fmt: skip
"""Somebody must act: money may be at risk that nothing watches, or Autopilot cannot do its work."""
PASS = {
    "BOOKS_COMPARED", "BOOKS_DIFFER", "BOOKS_UNCOMPARED", "CANDLES_DOUBTFUL", "CHAMPION_LOST", "EXCHANGE_UNREACHABLE",
    "HISTORY_TOO_SHORT", "LEAVE_EXCEEDED", "MODEL_DISPLACED", "MODEL_UNREAD", "MODEL_UNUSABLE",
    "NOT_ARMED", "PAUSED_BY_USER", "SENTIMENT_STALE", "SYMBOL_RETRYING",
}  # fmt: skip
"""Exits go on, and Autopilot tries again by itself or the user asked for it."""


def documented() -> dict[str, str]:
    """The codes of docs/commands.md with their level, or with the mode of those that are its reasons."""
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| (error|warning|info|reducing|halted)[^|]*\|", COMMANDS.read_text(), re.MULTILINE
    )
    return dict(rows)


def emitted() -> set[str]:
    """The codes that the source of the problems names."""
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(problems))) if isinstance(node, ast.Call)]
    found: set[str] = set()
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id == "_problem":
            code = call.args[0]
            if isinstance(code, ast.Constant):
                found.add(str(code.value))
            elif isinstance(code, ast.Name) and code.id.isupper():
                found.add(str(getattr(problems, code.id)))
    return found


def test_every_problem_is_documented() -> None:
    assert len(emitted()) > 8
    assert emitted() - documented().keys() == set()


def test_every_documented_problem_is_on_one_side() -> None:
    assert set() == FAIL & PASS
    assert documented().keys() - (FAIL | PASS) == set()


@pytest.mark.parametrize("code", sorted(documented()))
def test_a_documented_level_puts_its_problem_on_that_side(code: str) -> None:
    named = documented()[code]
    level = LEVELS[TradingMode(named)] if named in set(TradingMode) else named
    level = "error" if code in ("DISK_FULL", "AUDIT_ALTERED") else level
    assert is_alarming({"code": code, "level": level}) is (code in FAIL)


def test_a_warning_that_fails_is_on_the_failing_side() -> None:
    assert ALARMING_WARNINGS <= FAIL
