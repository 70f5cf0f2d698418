"""The sections and the settings that the core takes are one thing written twice; here they are held together."""

from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from autopilot.adapters.exchange.offline_markets.faults import FaultPlan
from autopilot.adapters.exchange.offline_markets.replay import ReplaySettings
from autopilot.adapters.exchange.offline_markets.simulated import SimulatedSettings
from autopilot.config.risk_section import LowProfitSection, RecentDrawdownSection, RiskSection, StopGuardSection
from autopilot.config.schema import (
    AutopilotConfig,
    FaultsSection,
    OrdersSection,
    PaperSection,
    ReplaySection,
    SimulatedSection,
)
from autopilot.execution.order_type import OrderSettings
from autopilot.execution.paper import PaperSettings
from autopilot.risk.evaluation import EvaluationSettings
from autopilot.risk.limits import LowProfit, OnLimit, RecentDrawdown, RiskLimits, StopGuard

CONFIG = AutopilotConfig()


@pytest.mark.parametrize(
    ("made", "kind", "section"),
    [
        (CONFIG.risk.settings(), RiskLimits, RiskSection),
        (CONFIG.risk.stop_guard.settings(), StopGuard, StopGuardSection),
        (CONFIG.risk.low_profit.settings(), LowProfit, LowProfitSection),
        (CONFIG.risk.recent_drawdown.settings(), RecentDrawdown, RecentDrawdownSection),
        (CONFIG.orders.settings(), OrderSettings, OrdersSection),
        (CONFIG.paper.settings(), PaperSettings, PaperSection),
        (CONFIG.simulated.settings(), SimulatedSettings, SimulatedSection),
        (CONFIG.replay.settings(), ReplaySettings, ReplaySection),
        (CONFIG.replay.faults.settings(), FaultPlan, FaultsSection),
    ],
)
def test_a_section_has_the_settings_fields_and_defaults(made: Any, kind: type[Any], section: type[Any]) -> None:
    assert is_dataclass(kind)
    assert set(section.model_fields) == {field.name for field in fields(kind)}
    assert made == kind()
    for field in fields(made):
        assert type(getattr(made, field.name)) is type(getattr(kind(), field.name)), field.name


def test_evaluation_is_taken_from_the_top_level() -> None:
    assert CONFIG.evaluation() == EvaluationSettings()
    changed = AutopilotConfig(min_confidence_threshold=0.5, max_trades_per_day=3, auto_execute=True)
    assert changed.evaluation() == EvaluationSettings(
        min_confidence_threshold=0.5, max_trades_per_day=3, auto_execute=True
    )


def test_values_reach_the_settings() -> None:
    config = AutopilotConfig.model_validate({"risk": {"max_position_pct": 7}, "paper": {"maker_fee_pct": 0.2}})
    assert config.risk.settings() == RiskLimits(max_position_pct=7.0)
    assert config.paper.settings() == PaperSettings(maker_fee_pct=0.2)
    guarded = AutopilotConfig.model_validate(
        {"risk": {"stop_guard": {"symbol_stops": 2}, "on_drawdown": "close_positions"}}
    )
    assert guarded.risk.settings() == RiskLimits(
        stop_guard=StopGuard(symbol_stops=2), on_drawdown=OnLimit.CLOSE_POSITIONS
    )
    faults = {"rejected": 0.5, "maintenance_ms": [5, 9]}
    replay = AutopilotConfig.model_validate({"replay": {"speed": 0, "faults": faults}}).replay
    assert replay.settings() == ReplaySettings(speed=0.0, faults=FaultPlan(rejected=0.5, maintenance_ms=(5, 9)))
