"""The settings of one autopilot."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.domain.account import account_name
from autopilot.domain.timeframe import Timeframe
from autopilot.execution.order_type import OrderSettings
from autopilot.risk.evaluation import EvaluationSettings
from autopilot.risk.limits import RiskLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class AutopilotSettings:
    """The settings for one symbol on one exchange. ``interval_s``: seconds between two cycles."""

    symbol: str
    exchange: str
    timeframe: Timeframe
    interval_s: float
    paper_trading: bool
    evaluation: EvaluationSettings
    limits: RiskLimits
    orders: OrderSettings

    @property
    def account(self) -> str:
        """The name of the account to trade on."""
        return account_name(self.exchange, paper=self.paper_trading)
