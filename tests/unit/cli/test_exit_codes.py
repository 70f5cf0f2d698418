"""The contract with scripts: which error is which number and which code."""

from __future__ import annotations

import pytest

from autopilot.cli.errors import NothingDecided, UsageProblem, exit_code
from autopilot.control.errors import (
    CommandRefused,
    Conflict,
    DaemonNotRunning,
    DaemonUnreachable,
    KeysLocked,
    SafetyRefused,
)
from autopilot.domain.errors import (
    AutopilotError,
    ConfigError,
    Kind,
    MarketEnded,
    ModelError,
    NotFound,
    StoreCorrupt,
    UnknownExchange,
    UnknownSymbol,
    UnknownTimeframe,
    VaultLocked,
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
        (NotFound("x"), 1, "NOT_FOUND"),
        (ModelError("x"), 1, "MODEL_ERROR"),
        (MarketEnded("x"), 1, "MARKET_ENDED"),
        (VaultLocked("x"), 5, "VAULT_LOCKED"),
        (SafetyRefused("x"), 5, "SAFETY_REFUSED"),
        (KeysLocked("x"), 5, "KEYS_LOCKED"),
        (Conflict("x"), 4, "CONFLICT"),
        (DaemonNotRunning("x"), 3, "DAEMON_NOT_RUNNING"),
        (DaemonUnreachable("x"), 4, "DAEMON_UNREACHABLE"),
        (CommandRefused("x", code="NOT_FOUND", kind=Kind.NOT_FOUND, status=404), 1, "NOT_FOUND"),
        (CommandRefused("x", code="CONFIG_ERROR", kind=Kind.USAGE, status=400), 4, "CONFIG_ERROR"),
        (CommandRefused("x", code="REQUEST_INVALID", kind=Kind.USAGE, status=400), 2, "REQUEST_INVALID"),
        (CommandRefused("x"), 4, "COMMAND_REFUSED"),
        (CommandRefused("x", code="FORBIDDEN", status=403), 4, "FORBIDDEN"),
        (CommandRefused("x", code="SAFETY_REFUSED", kind=Kind.SAFETY, status=403), 5, "SAFETY_REFUSED"),
        (CommandRefused("x", code="KEYS_LOCKED", kind=Kind.SAFETY, status=403), 5, "KEYS_LOCKED"),
    ],
)
def test_each_error_has_its_number_and_its_code(error: AutopilotError, number: int, code: str) -> None:
    assert (exit_code(error), error.code) == (number, code)
