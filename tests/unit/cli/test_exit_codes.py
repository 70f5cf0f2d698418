"""The contract with scripts: which error is which number and which code."""

from __future__ import annotations

import pytest

from autopilot.cli.errors import NothingDecided, UsageProblem
from autopilot.cli.exit_codes import error_code, exit_code
from autopilot.control.errors import CommandRefused, DaemonNotRunning, DaemonUnreachable
from autopilot.domain.errors import (
    AutopilotError,
    ConfigError,
    StoreCorrupt,
    UnknownExchange,
    UnknownSymbol,
    UnknownTimeframe,
)


@pytest.mark.parametrize(
    ("error", "number", "code"),
    [
        (NothingDecided("x"), 1, "NOTHING_DECIDED"),
        (StoreCorrupt("x"), 1, "STORE_CORRUPT"),
        (UsageProblem("x"), 2, "USAGE_PROBLEM"),
        (ConfigError("x"), 2, "CONFIG_ERROR"),
        (UnknownSymbol("x"), 2, "UNKNOWN_SYMBOL"),
        (UnknownTimeframe("x"), 2, "UNKNOWN_TIMEFRAME"),
        (UnknownExchange("x"), 2, "UNKNOWN_EXCHANGE"),
        (DaemonNotRunning("x"), 3, "DAEMON_NOT_RUNNING"),
        (DaemonUnreachable("x"), 4, "DAEMON_UNREACHABLE"),
        (CommandRefused("x", code="NOT_FOUND", status=404), 4, "NOT_FOUND"),
        (CommandRefused("x"), 4, "COMMAND_REFUSED"),
        (CommandRefused("x", code="FORBIDDEN", status=403), 4, "FORBIDDEN"),
        (CommandRefused("x", code="SAFETY_REFUSED", status=403), 5, "SAFETY_REFUSED"),
        (CommandRefused("x", code="KEYS_LOCKED", status=403), 5, "KEYS_LOCKED"),
    ],
)
def test_each_error_has_its_number_and_its_code(error: AutopilotError, number: int, code: str) -> None:
    assert (exit_code(error), error_code(error)) == (number, code)
