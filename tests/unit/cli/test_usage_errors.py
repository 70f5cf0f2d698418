"""A value that cannot be used is answered in our words, never in those of a library."""

from __future__ import annotations

import pytest

from autopilot.cli.app import run_command
from autopilot.cli.errors import UsageProblem


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("signals --limit 0", "--limit must be at least 1, not 0"),
        ("signals --limit 1001", "--limit must be at most 1000, not 1001"),
        ("signals --limit many", "--limit must be a whole number, not many"),
        ("signals --limit 1.5", "--limit must be a whole number, not 1.5"),
        ("backtest --fee 20", "--fee must be at most 10, not 20"),
        ("backtest --fee none", "--fee must be a number, not none"),
        ("keys add kraken --from-fd -1", "--from-fd must be at least 0, not -1"),
        ("decisions --action buy", "--action: 'buy' is not one of 'hold', 'signal', 'denied', 'order'"),
        (
            "arm --max-value x",
            "Invalid value for '--max-value': 'x' is not an amount: write digits, and at most 8 decimals",
        ),
        ("signals --nothing", "No such option: --nothing"),
        ("nothing", "No such command 'nothing'."),
        ("arm", "Missing option '--max-value'."),
    ],
)
def test_a_value_that_cannot_be_used(command: str, message: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        run_command(command.split())
    assert str(caught.value) == message
