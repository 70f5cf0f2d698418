"""Protections beside a twin that sets locks as round trips end, one after the other; and exits beside all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from autopilot.config.schema import AutopilotConfig
from autopilot.domain.market import Market
from autopilot.domain.order import Purpose
from autopilot.domain.portfolio import Portfolio, Position, RoundTrip, SymbolRecord
from autopilot.domain.selection import DecidedBy, GroupScore, Selection
from autopilot.domain.signal import SignalType, StrategyGroup, StrategySignal
from autopilot.domain.timeframe import Timeframe
from autopilot.engine.judgement import Judgement, judge
from autopilot.risk.decision_context import DecisionContext
from autopilot.risk.limits import LowProfit, OnLimit, RecentDrawdown, RiskLimits, StopGuard
from autopilot.risk.protections import (
    few_stops_in_account,
    few_stops_in_symbol,
    recent_drawdown_is_bearable,
    symbol_earns,
)
from autopilot.strategies.registry import load_strategies

HOUR = Timeframe.H1.ms
NOW = 100 * HOUR
EQUITY = Decimal(10_000)
BTC = Market("BTC/USD", "BTC", "USD", *map(Decimal, ("0.0001", "0.01", "0.001", "5", "0.001", "0.002")))
MACD = next(each for each in load_strategies() if each.name == "macd")
COUNTS = st.integers(1, 4)
CANDLES = st.integers(1, 12)


def ended(at_ms: int, net: int, symbol: str, purpose: Purpose) -> RoundTrip:
    """It cost 100 USD."""
    prices = Decimal(100), Decimal(100 + net)
    return RoundTrip(
        "paper:test", symbol, "macd", None, Decimal(1), *prices, Decimal(0), Decimal(net), at_ms - 1, at_ms, purpose
    )


TRIPS = st.lists(
    st.builds(
        ended,
        at_ms=st.integers(84, 100).map(lambda hour: hour * HOUR) | st.integers(84 * HOUR, NOW),
        net=st.integers(-9, 5),
        symbol=st.sampled_from(["BTC/USD", "ETH/USD"]),
        purpose=st.sampled_from([Purpose.STOP_LOSS, Purpose.TAKE_PROFIT]),
    ),
    max_size=14,
).map(lambda trips: tuple(sorted(trips, key=lambda trip: trip.closed_at_ms)))


def entry_after(trips: tuple[RoundTrip, ...], limits: RiskLimits) -> DecisionContext:
    portfolio = Portfolio("paper:test", "USD", EQUITY, EQUITY, EQUITY, EQUITY, Decimal(0), {}, recent=trips)
    price = Decimal(100)
    return DecisionContext(
        market=BTC,
        timeframe=Timeframe.H1,
        portfolio=portfolio,
        limits=limits,
        last_close=price,
        price=price,
        closed_at_ms=NOW,
        now_ms=NOW,
    )


def is_locked(
    trips: Sequence[RoundTrip], lookback: int, pause: int, minds: Callable[[Sequence[RoundTrip]], bool]
) -> bool:
    """As freqtrade does it: each time a trade ends, the trades of the look-back are judged, and what is minded sets a
    lock from the latest of them on."""
    locked_until = 0
    for number, trip in enumerate(trips):
        so_far = [each for each in trips[: number + 1] if each.closed_at_ms > trip.closed_at_ms - lookback * HOUR]
        if minds(so_far):
            locked_until = max(locked_until, trip.closed_at_ms + pause * HOUR)
    return locked_until > NOW


@settings(max_examples=400)
@given(trips=TRIPS, stops=COUNTS, lookback=CANDLES, pause=CANDLES)
def test_the_stop_guard(trips: tuple[RoundTrip, ...], stops: int, lookback: int, pause: int) -> None:
    assume(stops <= lookback + 1)
    guard = StopGuard(symbol_stops=stops, account_stops=stops, lookback_candles=lookback, pause_candles=pause)
    entry = entry_after(trips, RiskLimits(stop_guard=guard))
    stopped = [trip for trip in trips if trip.exit_purpose is Purpose.STOP_LOSS and trip.net < 0]
    own = [trip for trip in stopped if trip.symbol == "BTC/USD"]

    def too_many(window: Sequence[RoundTrip]) -> bool:
        return len(window) >= stops

    locked = is_locked(stopped, lookback, pause, too_many)
    event("locked" if locked else "free")
    assert few_stops_in_account(entry).passed is not locked
    assert few_stops_in_symbol(entry).passed is not is_locked(own, lookback, pause, too_many)


@settings(max_examples=400)
@given(trips=TRIPS, least=COUNTS, required=st.integers(-8, 5), lookback=CANDLES, pause=CANDLES)
def test_low_profit(trips: tuple[RoundTrip, ...], least: int, required: int, lookback: int, pause: int) -> None:
    assume(least <= lookback + 1)
    wanted = LowProfit(min_trades=least, required_pct=float(required), lookback_candles=lookback, pause_candles=pause)
    check = symbol_earns(entry_after(trips, RiskLimits(low_profit=wanted)))
    own = [trip for trip in trips if trip.symbol == "BTC/USD"]

    def too_little(window: Sequence[RoundTrip]) -> bool:
        return len(window) >= least and sum(trip.net for trip in window) < required

    locked = is_locked(own, lookback, pause, too_little)
    event("locked" if locked else "free")
    assert check.passed is not locked


@settings(max_examples=400)
@given(trips=TRIPS, least=COUNTS, most=st.integers(1, 30), lookback=CANDLES, pause=CANDLES)
def test_recent_drawdown(trips: tuple[RoundTrip, ...], least: int, most: int, lookback: int, pause: int) -> None:
    """``most``: hundredths of a percent, which here is about as many USD."""
    wanted = RecentDrawdown(max_pct=most / 100, min_trades=least, lookback_candles=lookback, pause_candles=pause)
    check = recent_drawdown_is_bearable(entry_after(trips, RiskLimits(recent_drawdown=wanted)))

    def falls(window: Sequence[RoundTrip]) -> bool:
        if len(window) < least:
            return False
        later = [trip for trip in trips if trip.closed_at_ms >= window[0].closed_at_ms]
        curve = [EQUITY - sum(trip.net for trip in later)]
        for trip in window:
            curve.append(curve[-1] + trip.net)
        deepest = max((peak - low) / peak for at, peak in enumerate(curve) for low in curve[at:])
        return float(deepest * 100) >= most / 100

    locked = is_locked(trips, lookback, pause, falls)
    event("locked" if locked else "free")
    assert check.passed is not locked


STRICT = RiskLimits(
    exit_cooldown_candles=999,
    stop_guard=StopGuard(symbol_stops=1, account_stops=1, lookback_candles=999, pause_candles=999),
    low_profit=LowProfit(min_trades=1, required_pct=900.0, lookback_candles=999, pause_candles=999),
    recent_drawdown=RecentDrawdown(max_pct=0.001, lookback_candles=999, pause_candles=999),
    on_daily_loss=OnLimit.CLOSE_POSITIONS,
    on_drawdown=OnLimit.CLOSE_POSITIONS,
    drawdown_pause_days=9,
)


@settings(max_examples=200)
@given(trips=TRIPS, equity=st.integers(1, 10_000).map(Decimal), price=st.integers(50, 200))
def test_no_protection_holds_an_exit_back(trips: tuple[RoundTrip, ...], equity: Decimal, price: int) -> None:
    loose = decided(RiskLimits(), SignalType.SELL, trips, equity, price)
    strict = decided(STRICT, SignalType.SELL, trips, equity, price)
    assert strict == loose
    assert strict.order is not None
    bought = decided(STRICT, SignalType.BUY, trips, equity, price)
    assert not trips or bought.denied, "they do hold entries back"


def decided(
    limits: RiskLimits, side: SignalType, trips: tuple[RoundTrip, ...], equity: Decimal, price: int
) -> Judgement:
    hundred, one, nothing = Decimal(100), Decimal(1), Decimal(0)
    money = one, hundred, hundred, nothing, nothing
    held = Position("paper:test", "BTC/USD", *money, hundred / 2, None, "macd", None, 0, one, hundred, nothing)
    last = SymbolRecord(last_exit_at_ms=trips[-1].closed_at_ms if trips else None)
    portfolio = Portfolio(
        account="paper:test",
        currency="USD",
        free=equity,
        equity=equity,
        day_start_equity=EQUITY,
        peak_equity=EQUITY,
        exposure=nothing,
        positions={"BTC/USD": held} if side is SignalType.SELL else {},
        history={"BTC/USD": last},
        recent=trips,
    )
    group = StrategyGroup.TREND_FOLLOWING
    selection = Selection(DecidedBy.RULES, group, "macd", 1.0, 1.0, (GroupScore(group, 1.0, ""),), ())
    signal = StrategySignal("BTC/USD", side, 0.9, 1.0, float(price), price * 0.9, price * 1.1, "macd", group, "")
    settings = AutopilotConfig().trading(
        "BTC/USD", exchange="simulated", timeframe=Timeframe.H1, interval_s=60.0, auto_execute=True
    )
    context = DecisionContext(
        market=BTC,
        timeframe=settings.timeframe,
        portfolio=portfolio,
        limits=limits,
        last_close=Decimal(price),
        price=Decimal(price),
        closed_at_ms=NOW,
        now_ms=NOW,
        decision_id="d",
    )
    return judge(signal, selection, MACD, settings, context)
