"""What a user asks of a backtest, made into a request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from autopilot.adapters.clock import moment_ms
from autopilot.app.backtest.data import Period
from autopilot.app.backtest.request import BacktestRequest, StoredModel, WalkForward
from autopilot.cli.errors import UsageProblem
from autopilot.cli.symbols import symbol_of
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.signal import StrategyGroup
from autopilot.domain.timeframe import Timeframe

_SPAN = re.compile(r"(?P<count>[1-9][0-9]{0,3})(?P<unit>[dw])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options, as they were typed."""

    symbols: Sequence[str] | None
    days: int | None
    begin: str | None
    end: str | None
    timeframe: str | None
    exchange: str | None
    strategy: str | None
    group: str | None
    no_model: bool
    retrain_every: str
    ungated: bool
    model: str | None
    in_sample: bool
    fee: float | None
    slippage: float | None
    balance: str | None
    detail: str | None
    compare: bool


def backtest_request(asked: Asked, config: AutopilotConfig) -> BacktestRequest:
    """What was not asked is as configured. Raises UsageProblem, UnknownSymbol, ConfigError."""
    return BacktestRequest(
        exchange=asked.exchange or config.exchange,
        symbols=tuple(dict.fromkeys(symbol_of(each) for each in asked.symbols or ())) or config.symbols,
        timeframe=Timeframe.parse(asked.timeframe) if asked.timeframe else config.timeframe,
        period=_period(asked),
        model=_model(asked),
        group=_group(asked),
        strategy=asked.strategy,
        fee_pct=asked.fee,
        slippage_bps=asked.slippage,
        balance=_amount(asked.balance),
        detail=Timeframe.parse(asked.detail) if asked.detail else None,
        compare=asked.compare and asked.strategy is None,
    )


def _period(asked: Asked) -> Period:
    if asked.days is not None and asked.begin is not None:
        raise UsageProblem("--days and --from both say where to begin", hint="leave one of them out")
    begin = moment_ms(asked.begin) if asked.begin else None
    end = moment_ms(asked.end) if asked.end else None
    if begin is not None and end is not None and end <= begin:
        raise UsageProblem(f"--to {asked.end} is not after --from {asked.begin}", hint="give a later --to")
    return Period(begin, end, asked.days)


def _model(asked: Asked) -> WalkForward | StoredModel | None:
    if asked.in_sample and asked.model is None:
        raise UsageProblem("--in-sample is said of a stored model", hint="name it with --model")
    if asked.model is not None and (asked.no_model or asked.ungated):
        raise UsageProblem("--model goes with neither --no-model nor --ungated", hint="leave one of them out")
    if asked.no_model or asked.strategy is not None or asked.group is not None:
        return None
    if asked.model is not None:
        return StoredModel(asked.model, asked.in_sample)
    return WalkForward(every_days=_days(asked.retrain_every), is_gated=not asked.ungated)


def _group(asked: Asked) -> StrategyGroup | None:
    if asked.strategy is not None and asked.group is not None:
        raise UsageProblem("--strategy and --group exclude each other", hint="leave one of them out")
    names = [group.value for group in StrategyGroup]
    if asked.group is not None and asked.group not in names:
        raise UsageProblem(f"there is no group {asked.group!r}", hint=f"use one of {', '.join(names)}")
    return None if asked.group is None else StrategyGroup(asked.group)


def _days(span: str) -> int:
    found = _SPAN.fullmatch(span)
    if not found:
        raise UsageProblem(f"--retrain-every {span} is no span of days or weeks", hint="write 30d or 4w")
    return int(found["count"]) * (7 if found["unit"] == "w" else 1)


def _amount(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount <= 0:
        raise UsageProblem(f"--balance {text} is no amount of money", hint="write a number above 0, as 10000")
    return amount
