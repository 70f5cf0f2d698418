"""Backtests without a model: the rule table, one group, or one strategy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from autopilot.app.backtest.data import TestedSymbol
from autopilot.app.backtest.request import BacktestRequest
from autopilot.backtest.choices import BacktestChoices, group_choices, rule_choices, strategy_choices
from autopilot.backtest.decided import BacktestSymbol
from autopilot.backtest.stages import BacktestStage
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.errors import ConfigError
from autopilot.domain.progress import Progress
from autopilot.execution.paper_settings import PaperSettings
from autopilot.performance.outcomes import ASSUMED_COST
from autopilot.selection.strategy_rules import StrategyProfile
from autopilot.strategies.registry import StrategySet
from autopilot.training.data.series import SymbolSeries, symbol_series


def account_of(request: BacktestRequest) -> str:
    """The name of the account, from which ids are derived."""
    return f"backtest:{request.exchange}"


def paper_settings(config: AutopilotConfig, request: BacktestRequest) -> PaperSettings:
    """The configured paper settings, with the costs and the balance of the request."""
    wanted: dict[str, Any] = {
        "maker_fee_pct": request.fee_pct,
        "taker_fee_pct": request.fee_pct,
        "slippage_bps": request.slippage_bps,
        "balance": request.balance,
    }
    return replace(config.paper, **{name: value for name, value in wanted.items() if value is not None})


def check_currencies(tested: Sequence[TestedSymbol]) -> None:
    """Raises ConfigError if the symbols have more than one quote currency."""
    quotes = sorted({each.market.quote for each in tested})
    if len(quotes) > 1:
        raise ConfigError(
            f"the symbols are quoted in {' and '.join(quotes)}; a backtest account has one currency",
            hint="run one backtest for each currency",
        )


def all_series(tested: Sequence[TestedSymbol], strategies: StrategySet, progress: Progress) -> list[SymbolSeries]:
    """The series of every symbol, with everything known at each candle."""
    progress(BacktestStage.SERIES, 0, len(tested))
    found = []
    for number, each in enumerate(tested, start=1):
        found.append(symbol_series(each.history, strategies, ASSUMED_COST, each.first))
        progress(BacktestStage.SERIES, number, len(tested), each.history.symbol)
    return found


def traded_symbol(
    config: AutopilotConfig,
    request: BacktestRequest,
    tested: TestedSymbol,
    series: SymbolSeries,
    choices: BacktestChoices,
) -> BacktestSymbol:
    """The symbol with the settings of the daemon."""
    settings = config.trading(
        tested.history.symbol,
        exchange=request.exchange,
        timeframe=request.timeframe,
        interval_s=config.interval,
        auto_execute=True,
    )
    traded = BacktestSymbol(tested.market, settings, series, choices, tested.detail)
    return traded if request.group is None and request.strategy is None else _sure(traded)


def only(traded: BacktestSymbol, profiles: Sequence[StrategyProfile], name: str) -> BacktestSymbol:
    """The symbol traded by one strategy alone."""
    length = len(traded.series.candles)
    return _sure(replace(traded, choices=strategy_choices(length, traded.choices.first, profiles, name)))


def _sure(traded: BacktestSymbol) -> BacktestSymbol:
    """Without a confidence threshold: the user chose the strategy."""
    evaluation = replace(traded.settings.evaluation, min_confidence_threshold=0.0)
    return replace(traded, settings=replace(traded.settings, evaluation=evaluation))


def rules_choose(
    request: BacktestRequest,
    series: Sequence[SymbolSeries],
    firsts: Sequence[int],
    profiles: Sequence[StrategyProfile],
) -> list[BacktestChoices]:
    """The choices of the rules, for each symbol, before any model."""
    if request.strategy is not None:
        lengths = [len(each.candles) for each in series]
        return [
            strategy_choices(length, first, profiles, request.strategy)
            for length, first in zip(lengths, firsts, strict=True)
        ]
    choices = rule_choices(series, firsts, profiles)
    return choices if request.group is None else [group_choices(each, request.group) for each in choices]
