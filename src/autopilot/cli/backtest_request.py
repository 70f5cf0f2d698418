"""The options of a backtest as a request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from autopilot.adapters.clock import moment_ms
from autopilot.adapters.exchange.ccxt_import import lending_exchange
from autopilot.app.backtest.data import Period
from autopilot.app.backtest.request import BacktestRequest, StoredModel, WalkForward
from autopilot.cli.errors import UsageProblem
from autopilot.cli.session import symbol_of
from autopilot.domain.signal import StrategyGroup
from autopilot.domain.suggestion import did_you_mean
from autopilot.domain.timeframe import Timeframe

if TYPE_CHECKING:
    from autopilot.config.schema import AutopilotConfig

_SPAN = re.compile(r"(?P<count>[1-9][0-9]{0,3})(?P<unit>[dw])")


def backtest_request(
    config: AutopilotConfig,
    *,
    period: Period,
    symbols: Sequence[str] | None = None,
    timeframe: str | None = None,
    exchange: str | None = None,
    model: WalkForward | StoredModel | None = None,
    group: str | None = None,
    strategy: str | None = None,
    fee: float | None = None,
    slippage: float | None = None,
    balance: str | None = None,
    detail: str | None = None,
    compare: bool = False,
    source: str | None = None,
) -> BacktestRequest:
    """The request; missing options come from the configuration. A ``group`` or ``strategy`` replaces the ``model``.

    Raises UsageProblem, ConfigError, UnknownExchange, UnknownSymbol, UnknownTimeframe.
    """
    if strategy is not None and group is not None:
        raise UsageProblem("--strategy and --group exclude each other", hint="remove one of them")
    tested = exchange or config.exchange
    return BacktestRequest(
        exchange=tested,
        symbols=tuple(dict.fromkeys(symbol_of(each) for each in symbols or ())) or config.symbols,
        timeframe=Timeframe.parse(timeframe) if timeframe else config.timeframe,
        period=period,
        model=model if strategy is None and group is None else None,
        group=_group(group),
        strategy=strategy,
        fee_pct=fee,
        slippage_bps=slippage,
        balance=_amount(balance),
        detail=Timeframe.parse(detail) if detail else None,
        compare=compare and strategy is None,
        source=lending_exchange(source, tested) or config.data.history_exchange,
    )


def period_of(days: int | None, begin: str | None, end: str | None) -> Period:
    """The period of --days, --from and --to. Raises UsageProblem, ConfigError."""
    if days is not None and begin is not None:
        raise UsageProblem("--days and --from both set the start", hint="remove one of them")
    begin_ms = None if begin is None else moment_ms(begin)
    end_ms = None if end is None else moment_ms(end)
    if begin_ms is not None and end_ms is not None and end_ms <= begin_ms:
        raise UsageProblem(f"--to {end} is not after --from {begin}", hint="give a later --to")
    return Period(begin_ms, end_ms, days)


def deciding_model(
    *, no_model: bool, model: str | None, in_sample: bool, retrain_every: str, ungated: bool
) -> WalkForward | StoredModel | None:
    """The stored model ``model``, or models trained along the way; None with --no-model. Raises UsageProblem."""
    if in_sample and model is None:
        raise UsageProblem("--in-sample needs a stored model", hint="name it with --model")
    if model is not None and (no_model or ungated):
        raise UsageProblem("--model excludes --no-model and --ungated", hint="remove one of them")
    if no_model:
        return None
    if model is not None:
        return StoredModel(model, in_sample)
    return WalkForward(every_days=_days(retrain_every), is_gated=not ungated)


def _group(name: str | None) -> StrategyGroup | None:
    names = [group.value for group in StrategyGroup]
    if name is not None and name not in names:
        hint = f"{did_you_mean(name, names)} use one of {', '.join(names)}".strip()
        raise UsageProblem(f"unknown group {name!r}", hint=hint)
    return None if name is None else StrategyGroup(name)


def _days(span: str) -> int:
    parts = _SPAN.fullmatch(span)
    if not parts:
        raise UsageProblem(f"--retrain-every {span} is not a number of days or weeks", hint="write 30d or 4w")
    return int(parts["count"]) * (7 if parts["unit"] == "w" else 1)


def _amount(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount <= 0:
        raise UsageProblem(f"--balance {text} is not an amount of money", hint="write a number above 0, such as 10000")
    return amount
