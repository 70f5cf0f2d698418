"""What a user asks of a backtest, and what makes no sense."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from autopilot.app.backtest.data import Period
from autopilot.app.backtest.request import StoredModel, WalkForward
from autopilot.cli.backtest_request import Asked, backtest_request
from autopilot.cli.errors import UsageProblem
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.errors import AutopilotError
from autopilot.domain.signal import StrategyGroup
from autopilot.domain.timeframe import DAY_MS, Timeframe

NOTHING = Asked(
    symbols=None,
    days=None,
    begin=None,
    end=None,
    timeframe=None,
    exchange=None,
    strategy=None,
    group=None,
    no_model=False,
    retrain_every="30d",
    ungated=False,
    model=None,
    in_sample=False,
    fee=None,
    slippage=None,
    balance=None,
    detail=None,
    compare=True,
)


def test_what_is_not_asked_is_as_configured() -> None:
    config = AutopilotConfig(exchange="kraken", symbols=("SOL/USD",), timeframe=Timeframe.H4)
    found = backtest_request(NOTHING, config)
    assert (found.exchange, found.symbols, found.timeframe) == ("kraken", ("SOL/USD",), Timeframe.H4)
    assert (found.period, found.model, found.group, found.strategy) == (Period(), WalkForward(), None, None)
    assert (found.fee_pct, found.slippage_bps, found.balance, found.compare) == (None, None, None, True)


@pytest.mark.parametrize(
    ("asked", "name", "expected"),
    [
        ({"symbols": ["btc-usd", "BTC/USD", "eth/usd"]}, "symbols", ("BTC/USD", "ETH/USD")),
        ({"begin": "1970-01-02", "end": "1970-01-03"}, "period", Period(DAY_MS, 2 * DAY_MS)),
        ({"days": 7, "end": "1970-01-03"}, "period", Period(None, 2 * DAY_MS, 7)),
        ({"no_model": True}, "model", None),
        ({"strategy": "rsi"}, "model", None),
        ({"strategy": "rsi"}, "strategy", "rsi"),
        ({"strategy": "rsi"}, "compare", False),
        ({"group": "momentum"}, "group", StrategyGroup.MOMENTUM),
        ({"retrain_every": "2w", "ungated": True}, "model", WalkForward(every_days=14, is_gated=False)),
        ({"model": "m-1"}, "model", StoredModel("m-1")),
        ({"model": "m-1", "in_sample": True}, "model", StoredModel("m-1", is_in_sample=True)),
        ({"balance": "2500.50"}, "balance", Decimal("2500.50")),
    ],
)
def test_what_is_asked(asked: dict[str, Any], name: str, expected: object) -> None:
    assert getattr(backtest_request(replace(NOTHING, **asked), AutopilotConfig()), name) == expected


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"days": 3, "begin": "2024-01-01"}, "--days and --from"),
        ({"begin": "2024-01-02", "end": "2024-01-02"}, "not after"),
        ({"begin": "yesterday"}, "not a moment"),
        ({"in_sample": True}, "--in-sample"),
        ({"model": "m-1", "no_model": True}, "--model"),
        ({"strategy": "rsi", "group": "momentum"}, "exclude each other"),
        ({"group": "martingale"}, "martingale"),
        ({"retrain_every": "soon"}, "soon"),
        ({"retrain_every": "0d"}, "0d"),
        ({"balance": "-5"}, "-5"),
        ({"balance": "NaN"}, "NaN"),
        ({"balance": "much"}, "much"),
    ],
)
def test_what_makes_no_sense_is_said_with_a_way_out(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(AutopilotError, match=words) as caught:
        backtest_request(replace(NOTHING, **asked), AutopilotConfig())
    assert caught.value.hint


def test_a_group_is_known_by_its_names() -> None:
    with pytest.raises(UsageProblem) as caught:
        backtest_request(replace(NOTHING, group="x"), AutopilotConfig())
    assert all(group.value in caught.value.hint for group in StrategyGroup)
