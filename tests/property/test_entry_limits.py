"""Whatever the account, the market and the wish: what is approved keeps every limit."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import event, given, settings
from hypothesis import strategies as st

from autopilot.domain.market import Market
from autopilot.domain.money import floor_to_step
from autopilot.domain.order import OrderType
from autopilot.domain.portfolio import Portfolio
from autopilot.domain.signal import SignalType, StrategyGroup, StrategySignal
from autopilot.domain.timeframe import Timeframe
from autopilot.risk.decision_context import DecisionContext
from autopilot.risk.limits import RiskLimits
from autopilot.risk.verdict import Approved, OrderDraft, review_entry

MONEY = st.decimals(500, 100_000, places=8)
SHARE = st.sampled_from([Decimal(text) for text in ("0", "0.013", "0.1", "0.31", "0.57", "0.99999999", "1.1")])
PERCENT = st.floats(1.0, 100.0).map(lambda value: round(value, 3))


def limits_of(one: float, other: float, risk_per_trade_pct: float) -> RiskLimits:
    return RiskLimits(
        max_position_pct=min(one, other), max_exposure_pct=max(one, other), risk_per_trade_pct=risk_per_trade_pct
    )


@st.composite
def markets_and_prices(draw: st.DrawFn) -> tuple[Market, Decimal]:
    """A price of 100 to 10,000 steps, and amounts whose step is worth from 0.01 to 10 USD, whatever the coin."""
    price_step = draw(st.sampled_from([Decimal(text) for text in ("1", "0.5", "0.05", "0.01", "0.0001", "0.00000001")]))
    price = draw(st.integers(100, 10_000)) * price_step
    amount_step = Decimal(1).scaleb(draw(st.integers(-2, 0)) - price.adjusted()) * draw(st.sampled_from([1, 5]))
    market = Market(
        "BTC/USD",
        "BTC",
        "USD",
        amount_step=amount_step,
        price_step=price_step,
        min_amount=amount_step * draw(st.integers(0, 10)),
        min_cost=draw(st.decimals(0, 20, places=2)),
        maker_fee=Decimal(0),
        taker_fee=draw(st.decimals(0, "0.02", places=5)),
    )
    return market, price


@settings(max_examples=400)
@given(
    traded=markets_and_prices(),
    equity=MONEY,
    free_share=SHARE,
    committed_share=SHARE,
    asked_value=st.floats(50, 50_000).map(Decimal),
    stop_share=st.floats(0.5, 0.99) | st.floats(0.5, 1.01),
    offset=st.none() | st.decimals("0.99", 1, places=4),
    limits=st.builds(limits_of, PERCENT, PERCENT, risk_per_trade_pct=PERCENT),
)
def test_an_approved_entry_keeps_every_limit_and_minimum(
    traded: tuple[Market, Decimal],
    equity: Decimal,
    free_share: Decimal,
    committed_share: Decimal,
    asked_value: Decimal,
    stop_share: float,
    offset: Decimal | None,
    limits: RiskLimits,
) -> None:
    market, price = traded
    asked = asked_value / price
    limit = max(floor_to_step(price * offset, market.price_step), market.price_step) if offset else None
    free = equity * free_share
    exposure = equity * Decimal(str(limits.max_exposure_pct)) / 100 * committed_share
    portfolio = Portfolio("paper:test", "USD", free, equity, equity, equity, exposure, {})
    entry = DecisionContext(
        market=market,
        timeframe=Timeframe.H1,
        portfolio=portfolio,
        limits=limits,
        last_close=price,
        price=price,
        closed_at_ms=0,
        now_ms=0,
    )
    stop = float(price) * stop_share
    signal = StrategySignal(
        "BTC/USD", SignalType.BUY, 0.5, 0.9, float(price), stop, stop * 2, "macd", StrategyGroup.TREND_FOLLOWING, ""
    )
    kind = OrderType.LIMIT if limit else OrderType.MARKET
    draft = OrderDraft(type=kind, limit=limit, expires_at_ms=None, strategy="macd", reason="", decision_id=None)
    verdict = review_entry(entry, signal, asked, draft)
    event("approved" if isinstance(verdict, Approved) else verdict.code)
    if not isinstance(verdict, Approved):
        return
    order, pays = verdict.order, Fraction(limit or price)
    quantity, of_equity = Fraction(order.quantity), Fraction(equity) / 100
    assert order.stop is not None
    assert 0 < quantity <= Fraction(asked)
    assert Fraction(order.quantity) % Fraction(market.amount_step) == 0
    assert quantity >= Fraction(market.min_amount)
    assert quantity * pays >= max(Fraction(market.min_cost), 1)
    assert quantity * pays <= of_equity * Fraction(str(limits.max_position_pct))
    assert quantity * pays + Fraction(exposure) <= of_equity * Fraction(str(limits.max_exposure_pct))
    assert quantity * (pays - Fraction(order.stop)) <= of_equity * Fraction(str(limits.risk_per_trade_pct))
    assert quantity * pays * (1 + Fraction(market.taker_fee)) <= Fraction(free)
