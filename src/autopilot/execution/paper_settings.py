"""The configuration keys of the paper exchange."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from annotated_types import Ge, Gt, Le

from autopilot.domain.setting_types import STRICT, Amount, Fee, Percent


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSettings:
    """The paper exchange: virtual money, at the prices of the chosen exchange."""

    __pydantic_config__ = STRICT

    balance: Annotated[Amount, Gt(0)] = Decimal(10_000)
    """Initial balance of each quote currency that is traded. An account that exists keeps its balance."""
    slippage_bps: Annotated[float, Ge(0), Le(1_000)] = 5.0
    """How much worse than the market's price a market order fills, in bps (hundredths of a percent)."""
    maker_fee_pct: Fee | None = None
    """Fee of a limit order, in percent of its value; "" uses the market's own."""
    taker_fee_pct: Fee | None = None
    """Fee of a market order, in percent of its value; "" uses the market's own."""
    max_volume_share_pct: Percent = 10.0
    """The largest part of a candle's volume that a limit order fills, in percent; the rest of the order waits."""
    fill_at_touch: bool = False
    """Whether a limit order fills when the price only touches it; otherwise the price must go through it."""
