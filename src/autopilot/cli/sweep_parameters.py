"""The options of a sweep as its parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from autopilot.backtest.sweep import Parameter
from autopilot.cli.errors import UsageProblem
from autopilot.config.keys import all_keys
from autopilot.domain.constraints import fixed_bounds
from autopilot.strategies.base import Strategy
from autopilot.strategies.registry import StrategySet

MAX_CANDLES = 300
"""The default upper end of whole numbers, which are mostly candles: a live cycle sees 720."""
_PARAMETER = re.compile(r"(?P<name>[a-z][a-z0-9_.]*)=(?P<low>[0-9.]+?)\.\.(?P<high>[0-9.]+)")
_TRADING_KEYS = ("min_confidence_threshold", "max_trades_per_day", "risk.", "orders.")


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
