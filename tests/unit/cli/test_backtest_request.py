"""What a user asks of a backtest, and what makes no sense."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from autopilot.app.backtest.data import Period
from autopilot.app.backtest.request import BacktestRequest, StoredModel, WalkForward
from autopilot.cli.backtest_request import backtest_request, deciding_model, period_of
from autopilot.cli.errors import UsageProblem
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.errors import AutopilotError
from autopilot.domain.signal import StrategyGroup
from autopilot.domain.timeframe import DAY_MS, Timeframe


def requested(config: AutopilotConfig | None = None, **options: Any) -> BacktestRequest:
    """The request of these options; the others are left out."""

    def given(name: str, default: Any = None) -> Any:
        return options.pop(name, default)

    period = period_of(given("days"), given("begin"), given("end"))
    model = deciding_model(
        no_model=given("no_model", False),
        model=given("model"),
        in_sample=given("in_sample", False),
        retrain_every=given("retrain_every", "30d"),
        ungated=given("ungated", False),
    )
    return backtest_request(config or AutopilotConfig(), period=period, model=model, compare=True, **options)


def test_what_is_not_asked_is_as_configured() -> None:
    config = AutopilotConfig(exchange="kraken", symbols=("SOL/USD",), timeframe=Timeframe.H4)
    found = requested(config)
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
    assert getattr(requested(**asked), name) == expected


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"days": 3, "begin": "2024-01-01"}, "--days and --from"),
        ({"begin": "2024-01-02", "end": "2024-01-02"}, "not after"),
        ({"begin": "yesterday"}, "not a date"),
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
        requested(**asked)
    assert caught.value.hint


def test_a_group_is_known_by_its_names() -> None:
    with pytest.raises(UsageProblem) as caught:
        requested(group="x")
    assert all(group.value in caught.value.hint for group in StrategyGroup)
