"""The size of an entry: the strategy's own, within the limits of the account."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal, localcontext

from autopilot.domain.money import ONE, ZERO, floor_to_step, to_decimal
from autopilot.risk.decision_context import DecisionContext

FEE_MARGIN = Decimal("0.002")
"""Cash reserved beyond the fee, for a market order that fills above the decision's price."""


def entry_quantity(entry: DecisionContext, size: Decimal, price: Decimal, stop: Decimal) -> Decimal:
    """Quantity in base currency, rounded down to the market's amount step; ``price`` is the price to pay.

    The smallest of: the strategy's size, the position limit, the remaining exposure, the free cash and the remaining
    allowance (both after fee and margin), and the size that loses ``risk_per_trade_pct`` of equity at the stop. Zero if
    nothing remains, or if the stop is not below the price.
    """
    if stop >= price:
        return ZERO
    portfolio, limits = entry.portfolio, entry.limits
    payable = portfolio.free
    if portfolio.allowance is not None:
        payable = min(payable, portfolio.allowance.value - portfolio.invested)
    # A quotient has more digits than a Decimal keeps; rounded down, it is never more than the limit it came from.
    with localcontext(rounding=ROUND_FLOOR):
        most = min(
            size,
            portfolio.equity * _share(limits.max_position_pct) / price,
            (portfolio.equity * _share(limits.max_exposure_pct) - portfolio.exposure) / price,
            payable / (price * (ONE + entry.market.taker_fee + FEE_MARGIN)),
            portfolio.equity * _share(limits.risk_per_trade_pct) / (price - stop),
        )
        return floor_to_step(max(most, ZERO), entry.market.amount_step)


def _share(percent: float) -> Decimal:
    return to_decimal(percent) / 100
