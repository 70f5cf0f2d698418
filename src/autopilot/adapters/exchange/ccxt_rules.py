"""A market's rules, from ccxt's description of it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from autopilot.domain.market import Market
from autopilot.domain.money import ZERO, to_decimal

MAKER_FEE, TAKER_FEE = Decimal("0.0025"), Decimal("0.0040")
"""Where an exchange does not say."""
_FINEST = Decimal("1e-8")


def market_rules(described: Mapping[str, Any], precision_mode: int) -> Market:
    """``described`` is ccxt's unified market. What it leaves out is taken to be as usual; steps as fine as they get."""
    from ccxt.base.decimal_to_precision import DECIMAL_PLACES, TICK_SIZE

    def step(name: str) -> Decimal:
        value = _amount(described.get("precision"), name)
        if value is not None and precision_mode == DECIMAL_PLACES:
            return Decimal(1).scaleb(-int(value))
        return value if value and precision_mode == TICK_SIZE else _FINEST

    def least(name: str) -> Decimal | None:
        limits = described.get("limits") or {}
        return _amount(limits.get(name), "min")

    def fee(name: str, usual: Decimal) -> Decimal:
        stated = _amount(described, name)
        return usual if stated is None else stated

    amount_step = step("amount")
    return Market(
        symbol=described["symbol"],
        base=described["base"],
        quote=described["quote"],
        amount_step=amount_step,
        price_step=step("price"),
        min_amount=least("amount") or amount_step,
        min_cost=least("cost") or ZERO,
        maker_fee=fee("maker", MAKER_FEE),
        taker_fee=fee("taker", TAKER_FEE),
    )


def _amount(values: Mapping[str, Any] | None, name: str) -> Decimal | None:
    """None where there is no number."""
    value = (values or {}).get(name)
    return None if value is None else to_decimal(value)
