"""The options of a backtest as a request, and those of a sweep as its parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from autopilot.adapters.clock import moment_ms
from autopilot.app.backtest.data import Period
from autopilot.app.backtest.request import BacktestRequest, StoredModel, WalkForward
from autopilot.backtest.sweep import Parameter
from autopilot.cli.errors import UsageProblem
from autopilot.cli.session import symbol_of
from autopilot.config.keys import all_keys
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.constraints import fixed_bounds
from autopilot.domain.signal import StrategyGroup
from autopilot.domain.suggestion import did_you_mean
from autopilot.domain.timeframe import Timeframe
from autopilot.strategies.base import Strategy
from autopilot.strategies.registry import StrategySet

_SPAN = re.compile(r"(?P<count>[1-9][0-9]{0,3})(?P<unit>[dw])")
MAX_CANDLES = 300
"""The default upper end of whole numbers, which are mostly candles: a live cycle sees 720."""
_PARAMETER = re.compile(r"(?P<name>[a-z][a-z0-9_.]*)=(?P<low>[0-9.]+?)\.\.(?P<high>[0-9.]+)")
_TRADING_KEYS = ("min_confidence_threshold", "max_trades_per_day", "risk.", "orders.")


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
) -> BacktestRequest:
    """The request; missing options come from the configuration. A ``group`` or ``strategy`` replaces the ``model``.

    Raises UsageProblem, UnknownSymbol, UnknownTimeframe.
    """
    if strategy is not None and group is not None:
        raise UsageProblem("--strategy and --group exclude each other", hint="remove one of them")
    return BacktestRequest(
        exchange=exchange or config.exchange,
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
    )


def period_of(days: int | None, begin: str | None, end: str | None) -> Period:
    """The period of --days, --from and --to. Raises UsageProblem, ConfigError."""
    if days is not None and begin is not None:
        raise UsageProblem("--days and --from both set the start", hint="remove one of them")
    begin_ms = moment_ms(begin) if begin else None
    end_ms = moment_ms(end) if end else None
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


def parameters_of(ranges: Sequence[str], strategy: str | None, strategies: StrategySet) -> tuple[Parameter, ...]:
    """The requested parameters, else all of the strategy's, each from half to twice its value.

    Raises UsageProblem, and StrategyError for an unknown strategy.
    """
    own = _of_strategy(strategies[strategy]) if strategy is not None else {}
    if not ranges and strategy is None:
        raise UsageProblem(
            "there is nothing to search",
            hint="name a --strategy, or parameters such as --param risk.risk_per_trade_pct=0.5..2",
        )
    if not ranges and not own:
        raise UsageProblem(f"{strategy} has no parameters", hint="name a configuration key with --param")
    parameters = tuple(_parameter(text, own) for text in ranges) or tuple(own.values())
    if len({each.name for each in parameters}) < len(parameters):
        raise UsageProblem("a parameter is named twice", hint="give each --param once")
    if strategy is not None:
        _require_sense(parameters, strategies[strategy])
    return parameters


def _of_strategy(strategy: Strategy) -> Mapping[str, Parameter]:
    """The numbers above 0 among the strategy's fields."""
    parameters = {}
    for name, value in strategy.numbers().items():
        least, most = fixed_bounds(strategy.constraints, name)
        if isinstance(value, int) and value > 0:
            low, high = max(1, round(value / 2), least + 1), max(min(2 * value, MAX_CANDLES, most - 1), value)
            parameters[name] = Parameter(name, int(low), int(high), is_whole=True)
        elif value > 0.0:
            parameters[name] = Parameter(name, max(value / 2.0, least), min(2.0 * value, most), is_whole=False)
    return parameters


def _require_sense(parameters: Sequence[Parameter], strategy: Strategy) -> None:
    """Raises UsageProblem if a constraint of the strategy allows no values in these ranges."""
    ranges = {name: (value, value) for name, value in strategy.numbers().items()}
    ranges |= {each.name: (each.low, each.high) for each in parameters}
    for each in strategy.constraints:
        least = {each.lower: ranges[each.lower][0]} if isinstance(each.lower, str) else {}
        most = {each.upper: ranges[each.upper][1]} if isinstance(each.upper, str) else {}
        if each.is_broken(least | most):
            ends = [f"{name} is at least {value:g}" for name, value in least.items()]
            ends += [f"{name} is at most {value:g}" for name, value in most.items()]
            raise UsageProblem(
                f"{strategy.name}: {each}, but {' and '.join(ends)}", hint="give another range with --param"
            )


def _parameter(text: str, own_parameters: Mapping[str, Parameter]) -> Parameter:
    parts = _PARAMETER.fullmatch(text)
    if not parts:
        raise UsageProblem(f"--param {text} is not a range", hint="write NAME=LOW..HIGH, such as fast=5..20")
    name = parts["name"]
    is_whole = own_parameters[name].is_whole if name in own_parameters else _is_whole(name, own_parameters)
    try:
        low, high = (int(parts[end]) if is_whole else float(parts[end]) for end in ("low", "high"))
    except ValueError:
        kind = "whole numbers" if is_whole else "numbers"
        raise UsageProblem(
            f"--param {text}: {name} takes {kind}", hint="write NAME=LOW..HIGH, such as fast=5..20"
        ) from None
    if low >= high:
        raise UsageProblem(f"--param {text}: {low:g} is not below {high:g}", hint="give the lower end first")
    return Parameter(name, low, high, is_whole, is_key=name not in own_parameters)


def _is_whole(name: str, own_parameters: Mapping[str, Parameter]) -> bool:
    """Whether the values of this trading configuration key are whole numbers. Raises UsageProblem for other keys."""
    key = all_keys().get(name)
    sweepable = key is not None and name.startswith(_TRADING_KEYS) and type(key.default) in (int, float)
    if key is None or not sweepable:
        names = f"its parameters {', '.join(own_parameters)}, or " if own_parameters else ""
        raise UsageProblem(
            f"{name} cannot be searched",
            hint=f"name {names}a number of the sections [risk] and [orders], min_confidence_threshold or "
            "max_trades_per_day (autopilot config show)",
        )
    return type(key.default) is int
