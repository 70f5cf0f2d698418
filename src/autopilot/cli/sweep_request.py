"""The parameters of a sweep and their ranges, from the options."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields

from autopilot.backtest.sweep import Parameter
from autopilot.cli.errors import UsageProblem
from autopilot.config.keys import all_keys
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
    chosen = strategies[strategy] if strategy is not None else None
    known = _of_strategy(chosen) if chosen else {}
    if not ranges and chosen is None:
        raise UsageProblem(
            "there is nothing to search",
            hint="name a --strategy, or parameters such as --param risk.risk_per_trade_pct=0.5..2",
        )
    if not ranges and not known:
        raise UsageProblem(f"{strategy} has no parameters", hint="name a configuration key with --param")
    if not ranges:
        return tuple(known.values())
    found = tuple(_parameter(text, known) for text in ranges)
    names = [each.name for each in found]
    if len(set(names)) < len(names):
        raise UsageProblem("a parameter is named twice", hint="give each --param once")
    return found


def _of_strategy(strategy: Strategy) -> Mapping[str, Parameter]:
    found = {}
    for field in fields(strategy):
        value = getattr(strategy, field.name)
        if type(value) is int and value > 0:
            low, high = max(1, round(value / 2)), max(min(2 * value, MAX_CANDLES), value)
            found[field.name] = Parameter(field.name, low, high, is_whole=True)
        elif type(value) is float and value > 0.0:
            found[field.name] = Parameter(field.name, value / 2.0, 2.0 * value, is_whole=False)
    return found


def _parameter(text: str, known: Mapping[str, Parameter]) -> Parameter:
    parts = _PARAMETER.fullmatch(text)
    if not parts:
        raise UsageProblem(f"--param {text} is not a range", hint="write NAME=LOW..HIGH, such as fast=5..20")
    name = parts["name"]
    is_whole = known[name].is_whole if name in known else _is_whole(name, known)
    try:
        low, high = (int(parts[end]) if is_whole else float(parts[end]) for end in ("low", "high"))
    except ValueError:
        kind = "whole numbers" if is_whole else "numbers"
        raise UsageProblem(
            f"--param {text}: {name} takes {kind}", hint="write NAME=LOW..HIGH, such as fast=5..20"
        ) from None
    if low >= high:
        raise UsageProblem(f"--param {text}: {low:g} is not below {high:g}", hint="give the lower end first")
    return Parameter(name, low, high, is_whole, is_key=name not in known)


def _is_whole(name: str, known: Mapping[str, Parameter]) -> bool:
    """Whether the values of this trading configuration key are whole numbers. Raises UsageProblem for other keys."""
    key = all_keys().get(name)
    sweepable = key is not None and name.startswith(_TRADING_KEYS) and type(key.default) in (int, float)
    if key is None or not sweepable:
        own = f"its parameters {', '.join(known)}, or " if known else ""
        raise UsageProblem(
            f"{name} cannot be searched",
            hint=f"name {own}a number of the sections [risk] and [orders], min_confidence_threshold or "
            "max_trades_per_day (autopilot config show)",
        )
    return type(key.default) is int
