"""Why an exchange refuses an exit, in its own words, and when the next attempt is due."""

from __future__ import annotations

from decimal import Decimal

import pytest
from orders import an_order

from autopilot.domain.order import OrderType, Side
from autopilot.domain.refusal import RefusalReason, RefusedExit, reason_of

R = RefusalReason
PRICE = Decimal(100)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("kraken rejected it: EOrder:Insufficient funds", R.FUNDS),
        ("kraken rejected it: EGeneral:Invalid arguments:volume minimum not met", R.TOO_SMALL),
        ("kraken rejected it: EOrder:Cost minimum not met", R.TOO_SMALL),
        ("kraken rejected it: EService:Market in cancel_only mode", R.CLOSED),
        ("kraken rejected it: EService:Market in limit_only mode", R.MARKET_ORDERS),
        ("kraken rejected it: EService:Market in post_only mode", R.MARKET_ORDERS),
        ("kraken rejected it: EGeneral:Permission denied", R.PERMISSION),
        ("kraken rejected it: EAPI:Invalid key", R.PERMISSION),
        ("kraken rejected it: ETrade:User Locked", R.LOCKED),
        ("kraken rejected it: EAuth:Account temporary disabled", R.LOCKED),
        ("kraken rejected it: EGeneral:Invalid arguments", R.OTHER),
        ("binance rejected it: -2010: Account has insufficient balance for requested action.", R.FUNDS),
        ("binance rejected it: -1013: Filter failure: NOTIONAL", R.TOO_SMALL),
        ("binance rejected it: -1013: Filter failure: MARKET_LOT_SIZE", R.MARKET_ORDERS),
        ("binance rejected it: -2010: Market orders are not supported for this symbol.", R.MARKET_ORDERS),
        ("binance rejected it: -2010: Market is closed.", R.CLOSED),
        ("binance rejected it: -2010: This action is disabled on this account.", R.LOCKED),
        ("binance rejected it: -2010: This symbol is not permitted for this account.", R.PERMISSION),
        ("binance rejected it: -2015: Invalid API-key, IP, or permissions for action.", R.PERMISSION),
        ("binance rejected it: -1013: Filter failure: PERCENT_PRICE_BY_SIDE", R.OTHER),
        ("coinbase rejected it: INSUFFICIENT_FUND PREVIEW_INSUFFICIENT_FUND", R.FUNDS),
        ("coinbase rejected it: PREVIEW_INVALID_LEDGER_BALANCE", R.FUNDS),
        ("coinbase rejected it: PREVIEW_INVALID_BASE_SIZE_TOO_SMALL", R.TOO_SMALL),
        ("coinbase rejected it: PREVIEW_INVALID_BASE_SIZE_TOO_LARGE", R.TOO_LARGE),
        ("coinbase rejected it: PREVIEW_NOT_ALLOWED_BY_MARKET_STATE", R.MARKET_ORDERS),
        ("coinbase rejected it: INVALID_NO_LIQUIDITY", R.MARKET_ORDERS),
        ("coinbase rejected it: ORDER_ENTRY_DISABLED", R.CLOSED),
        ("coinbase rejected it: TRADING_DISABLED", R.CLOSED),
        ("coinbase rejected it: permission_denied: no", R.PERMISSION),
        ("coinbase rejected it: INVALID_LIMIT_PRICE_POST_ONLY", R.OTHER),
        ("", R.OTHER),
    ],
)
def test_the_exchanges_words_give_the_reason(words: str, reason: RefusalReason) -> None:
    assert reason_of(words) is reason


def refused(attempts: int, kind: OrderType = OrderType.MARKET, words: str = "no") -> RefusedExit:
    order = an_order(
        "exit", side=Side.SELL, type=kind, reference_price=PRICE, created_at_ms=1_000, updated_at_ms=2_000, detail=words
    )
    return RefusedExit(order, order, attempts)


def test_pauses_double_up_to_five_minutes_and_those_of_a_stop_order_to_an_hour() -> None:
    assert [refused(number).pause_ms // 1000 for number in (1, 2, 3, 5, 6, 7, 10**6)] == [
        10,
        20,
        40,
        160,
        300,
        300,
        300,
    ]
    assert [refused(number, OrderType.STOP).pause_ms // 1000 for number in (6, 9, 10, 10**6)] == [320, 2560, 3600, 3600]


@pytest.mark.parametrize(
    ("now_ms", "price", "is_due"),
    [
        (2_000, "100", False),
        (11_999, "100", False),
        (12_000, "100", True),
        (1_999, "100", True),
        (2_000, "99", False),
        (2_000, "98.99", True),
        (2_000, "200", False),
    ],
)
def test_an_attempt_is_due_after_the_pause_a_further_fall_or_a_step_back_of_the_clock(
    now_ms: int, price: str, is_due: bool
) -> None:
    assert refused(1).is_due(now_ms, Decimal(price)) is is_due


@pytest.mark.parametrize("kind", [OrderType.MARKET, OrderType.STOP])
@pytest.mark.parametrize("words", ["insufficient", "too large", "too small", "limit only", "halted", "key", "locked"])
def test_each_refusal_has_advice(words: str, kind: OrderType) -> None:
    hint = refused(1, kind, words).hint
    assert hint
    assert "{" not in hint
