"""One function per limit: each checks an entry and returns its numbers, passed or not.

To add a rule: write it here, add its limit to RiskLimits and the function to RULES. Limits that depend on recent trades
are in protections.py, those of the account's losses in losses.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autopilot.domain.arming import NO_ALLOWANCE
from autopilot.domain.decision import Check
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelScope
from autopilot.domain.order import Purpose
from autopilot.domain.trading_mode import Restriction, TradingMode, holding_back, mode_of
from autopilot.risk.decision_context import DecisionContext
from autopilot.risk.losses import daily_loss, drawdown, percent_of
from autopilot.risk.preflight import could_be_sold
from autopilot.risk.protections import protections_of

Rule = Callable[[DecisionContext], Check]


def entries_are_on(entry: DecisionContext) -> Check:
    return not_held_back(entry.portfolio.restrictions, Purpose.ENTRY)


def not_held_back(restrictions: Sequence[Restriction], purpose: Purpose) -> Check:
    """Whether orders of this purpose are on. The check's code is that of the restriction that holds them back."""
    mode, held = mode_of(restrictions), holding_back(restrictions, purpose)
    return Check(
        held.code if held else "TRADING_RESTRICTED",
        held is None,
        mode.strictness,
        max(each.strictness for each in TradingMode if each.allows(purpose)),
        "strictness",
        f"trading is {mode}: {held.detail}" if held else f"trading is {mode}",
    )


def candle_is_fresh(entry: DecisionContext) -> Check:
    return freshness(entry.candles_since(entry.closed_at_ms), entry.limits.max_candle_age)


def freshness(age: float, limit: float) -> Check:
    """``age``: candles since the decided candle closed. This check holds for sells too."""
    return Check(
        "CANDLE_STALE",
        age <= limit,
        age,
        limit,
        "candles",
        f"the candle closed {age:.1f} candles ago, the limit is {limit:g}",
    )


def price_is_near(entry: DecisionContext) -> Check:
    away = percent_of(abs(entry.price - entry.last_close), entry.last_close)
    limit = entry.limits.max_price_deviation_pct
    return Check(
        "PRICE_DEVIATION",
        away <= limit,
        away,
        limit,
        "%",
        f"the price {entry.price} is {away:.2f} % from the last close {entry.last_close}, the limit is {limit:g} %",
    )


def no_position_yet(entry: DecisionContext) -> Check:
    """Dust that cannot be sold does not count: it would block its symbol forever."""
    held = entry.portfolio.position(entry.market.symbol)
    return Check(
        "POSITION_OPEN",
        held is None or not could_be_sold(entry.market, held.quantity, entry.price),
        float(held.quantity) if held else 0.0,
        0.0,
        entry.market.base,
        f"{held.quantity if held else 'no'} {entry.market.base} held; the limit is one position per symbol",
    )


def no_entry_pending(entry: DecisionContext) -> Check:
    pending = entry.pending_entries.count(entry.market.symbol)
    return Check("ENTRY_PENDING", pending == 0, pending, 0, "orders", f"open entry orders of the symbol: {pending}")


def positions_left(entry: DecisionContext) -> Check:
    """Int8Array positions and open entries of the other symbols; the two rules above check the symbol's own."""
    others = {*entry.portfolio.positions, *entry.pending_entries} - {entry.market.symbol}
    count, limit = len(others), entry.limits.max_open_positions
    return Check(
        "OPEN_POSITIONS_REACHED",
        count < limit,
        count,
        limit,
        "positions",
        f"positions in other symbols: {count}, the limit is {limit} in all",
    )


def exposure_left(entry: DecisionContext) -> Check:
    share, limit = percent_of(entry.portfolio.exposure, entry.portfolio.equity), entry.limits.max_exposure_pct
    return Check(
        "EXPOSURE_REACHED",
        share < limit,
        share,
        limit,
        "%",
        f"{share:.1f} % of equity is invested, the limit is {limit:g} %",
    )


def allowance_remains(entry: DecisionContext) -> Check:
    """Real money only: whether the allowance that the user armed has room left."""
    invested, limit = entry.portfolio.invested, (entry.portfolio.allowance or NO_ALLOWANCE).value
    currency = entry.portfolio.currency
    return Check(
        "ARMED_VALUE_REACHED",
        invested < limit,
        float(invested),
        float(limit),
        currency,
        f"{invested:.2f} {currency} is invested; the allowance is {limit:.2f}, after losses since it was armed",
    )


def proof_is_enough(entry: DecisionContext) -> Check:
    """Real money only: whether a model decided that has proven itself on real candles of this timeframe, or the user
    authorized trading without one."""
    unproven = (entry.portfolio.allowance or NO_ALLOWANCE).unproven
    wanted = ModelScope(CandleKind.REAL, entry.timeframe)
    is_proven = entry.proven_on == wanted
    decided = "a live model decided" if is_proven else f"no live model of {wanted} decided"
    return Check(
        "MODEL_UNPROVEN",
        is_proven or unproven,
        float(is_proven),
        0.0 if unproven else 1.0,
        "proof",
        f"{decided}{', which you authorized' if unproven else ''}",
    )


def day_is_not_lost(entry: DecisionContext) -> Check:
    return daily_loss(entry.portfolio, entry.limits)


def drawdown_is_bearable(entry: DecisionContext) -> Check:
    return drawdown(entry.portfolio, entry.limits)


def cooled_down(entry: DecisionContext) -> Check:
    stopped_at, limit = entry.history.last_stop_loss_at_ms, entry.limits.cooldown_candles
    rested = float(limit) if stopped_at is None else entry.candles_since(stopped_at)
    return Check(
        "COOLDOWN_ACTIVE",
        stopped_at is None or rested >= limit,
        rested,
        limit,
        "candles",
        "no stop-loss yet"
        if stopped_at is None
        else f"{rested:.1f} candles since the stop-loss, the cool-down is {limit}",
    )


def no_losing_streak(entry: DecisionContext) -> Check:
    history, limits = entry.history, entry.limits
    losses, limit = history.consecutive_losses, limits.max_consecutive_losses
    paused = (
        losses >= limit
        and history.last_loss_at_ms is not None
        and entry.candles_since(history.last_loss_at_ms) < limits.loss_pause_candles
    )
    return Check(
        "LOSING_STREAK",
        not paused,
        losses,
        limit,
        "losses",
        f"losses in a row: {losses}; {limit} or more pause the symbol for {limits.loss_pause_candles} candles",
    )


RULES: tuple[Rule, ...] = (
    entries_are_on,
    candle_is_fresh,
    price_is_near,
    no_position_yet,
    no_entry_pending,
    positions_left,
    exposure_left,
    day_is_not_lost,
    drawdown_is_bearable,
    cooled_down,
    no_losing_streak,
)

LIVE_RULES: tuple[Rule, ...] = (*RULES, allowance_remains, proof_is_enough)
"""The rules for real money."""


def rules_of(entry: DecisionContext) -> tuple[Rule, ...]:
    always = RULES if entry.portfolio.allowance is None else LIVE_RULES
    return (*always, *protections_of(entry.limits))
