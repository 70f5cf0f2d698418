"""One limit, one function: each looks at an entry and says what it found, passed or not.

To add a rule: write it here, add its limit to RiskLimits and the function to RULES. What round trips say is in
protections.py, what the account lost in losses.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autopilot.domain.arming import NO_ALLOWANCE
from autopilot.domain.decision import Check
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
    """Named by the restriction that holds an order of this purpose back."""
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
    """``age``: how long ago the decided candle closed, in candles. It holds for every signal, a sell included."""
    return Check(
        "CANDLE_STALE",
        age <= limit,
        age,
        limit,
        "candles",
        f"the candle closed {age:.1f} candles ago, at most {limit:g}",
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
        f"the price {entry.price} is {away:.2f} % from the last close {entry.last_close}, at most {limit:g} %",
    )


def no_position_yet(entry: DecisionContext) -> Check:
    """Dust that could not be sold does not count: it would block its symbol for ever."""
    held = entry.portfolio.position(entry.market.symbol)
    return Check(
        "POSITION_OPEN",
        held is None or not could_be_sold(entry.market, held.quantity, entry.price),
        float(held.quantity) if held else 0.0,
        0.0,
        entry.market.base,
        f"{held.quantity if held else 'no'} {entry.market.base} held; one position a symbol",
    )


def no_entry_pending(entry: DecisionContext) -> Check:
    pending = entry.pending_entries.count(entry.market.symbol)
    return Check("ENTRY_PENDING", pending == 0, pending, 0, "orders", f"{pending} entry orders of the symbol are open")


def positions_left(entry: DecisionContext) -> Check:
    """Of other symbols, those about to be opened included; the symbol's own is what the two rules above look at."""
    others = {*entry.portfolio.positions, *entry.pending_entries} - {entry.market.symbol}
    count, limit = len(others), entry.limits.max_open_positions
    return Check(
        "OPEN_POSITIONS_REACHED",
        count < limit,
        count,
        limit,
        "positions",
        f"{count} positions in other symbols, at most {limit} in all",
    )


def exposure_left(entry: DecisionContext) -> Check:
    share, limit = percent_of(entry.portfolio.exposure, entry.portfolio.equity), entry.limits.max_exposure_pct
    return Check(
        "EXPOSURE_REACHED",
        share < limit,
        share,
        limit,
        "%",
        f"{share:.1f} % of equity is invested, at most {limit:g} %",
    )


def leave_is_left(entry: DecisionContext) -> Check:
    """Whatever the configuration says. Only of real money."""
    invested, limit = entry.portfolio.invested, (entry.portfolio.allowance or NO_ALLOWANCE).value
    currency = entry.portfolio.currency
    return Check(
        "ARMED_VALUE_REACHED",
        invested < limit,
        float(invested),
        float(limit),
        currency,
        f"{invested:.2f} {currency} is invested; the user armed for {limit:.2f}, what was lost since taken off",
    )


def proof_is_enough(entry: DecisionContext) -> Check:
    """Only of real money: it follows a model that has proven itself, unless the user takes less."""
    unproven = (entry.portfolio.allowance or NO_ALLOWANCE).unproven
    decided = "by a model that is live" if entry.is_proven else "without a model that is live"
    return Check(
        "MODEL_UNPROVEN",
        entry.is_proven or unproven,
        float(entry.is_proven),
        0.0 if unproven else 1.0,
        "proof",
        f"it was decided {decided}{', which the user armed for' if unproven else ''}",
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
        "no stop-loss yet" if stopped_at is None else f"{rested:.1f} candles since the stop-loss, {limit} are to pass",
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
        f"{losses} losses in a row; from {limit} on the symbol pauses for {limits.loss_pause_candles} candles",
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

LIVE_RULES: tuple[Rule, ...] = (*RULES, leave_is_left, proof_is_enough)
"""Where it is real money."""


def rules_of(entry: DecisionContext) -> tuple[Rule, ...]:
    always = RULES if entry.portfolio.allowance is None else LIVE_RULES
    return (*always, *protections_of(entry.limits))
