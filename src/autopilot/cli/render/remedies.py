"""The changes that would turn a decision into an order, read off its failed checks. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from autopilot.cli.render.words import figure, measure, spoken

if TYPE_CHECKING:
    from autopilot.domain.document_types import CheckDocument, DecisionDocument, SelectionDocument

_WISHES = {
    "PAUSED_BY_USER": "the pause to be over: autopilot resume",
    "PANIC": "the halt to be over: autopilot resume",
    "KEY_SHARED": "an API key that no other program uses: autopilot keys rotate",
    "EXCHANGE_UNREACHABLE": "an exchange that answers; Autopilot keeps trying",
    "LEAVE_EXCEEDED": "waiting entry orders within the armed amount; those above it are canceled",
    "BOOKS_DIFFER": "books that agree with the exchange's: autopilot status shows the difference, autopilot resume"
    " --write-off removes what will not come back",
    "TRADES_PER_DAY_REACHED": "fewer than {limit} entries today (were {actual}); the count restarts at midnight UTC",
    "EDGE_BELOW_MINIMUM": "a model that expects more than 0 and at least {limit} bps net (expects {actual} bps)",
    "MARKET_NOVEL": "a market that resembles the training data: autopilot retrain, or wait",
    "CANDLE_STALE": "a candle that closed at most {limit} candles ago (were {actual})",
    "PRICE_DEVIATION": "a price within {limit} % of the last close (was {actual} % away)",
    "POSITION_OPEN": "no position in this symbol; it closes at its stop, its target or a sell signal",
    "ENTRY_PENDING": "no waiting entry order; it must be filled or expire first",
    "OPEN_POSITIONS_REACHED": "fewer than {limit} open positions (were {actual})",
    "EXPOSURE_REACHED": "less than {limit} % of equity invested (was {actual} %)",
    "ARMED_VALUE_REACHED": "less than {limit} {unit} of real money invested (was {actual}); autopilot arm raises it",
    "MODEL_UNPROVEN": "a live model trained on real candles of this timeframe: autopilot models list shows the models;"
    " see docs/security.md",
    "AUDIT_ALTERED": "an audit log that fits its anchor: autopilot audit verify, autopilot restart, autopilot resume",
    "MODEL_UNREAD": "a champion that was read once: it is being read, and decides in a moment",
    "CHAMPION_LOST": "another champion for these candles: autopilot status names them; see docs/learning.md",
    "DAILY_LOSS_REACHED": "a loss of less than {limit} % today (was {actual} %); the count restarts at midnight UTC",
    "DRAWDOWN_REACHED": "equity less than {limit} % below its peak (was {actual} %). Without open positions no price"
    " restores it: when you know why it fell, risk.drawdown_pause_days restarts the measurement",
    "COOLDOWN_ACTIVE": "{limit} candles of rest after the stop-loss (were {actual})",
    "EXIT_COOLDOWN_ACTIVE": "{limit} candles of rest after the last exit (were {actual})",
    "SYMBOL_STOPS_REACHED": "fewer than {limit} stop-losses of the symbol in a short time (were {actual}), or the pause"
    " after them to be over",
    "ACCOUNT_STOPS_REACHED": "fewer than {limit} stop-losses of all symbols in a short time (were {actual}), or the"
    " pause after them to be over",
    "LOW_PROFIT": "trades of the symbol that made {limit} % or more (made {actual} %), or the pause after them to be"
    " over",
    "RECENT_DRAWDOWN_REACHED": "trades that fell less than {limit} % from their best (fell {actual} %), or the pause"
    " after them to be over",
    "LOSING_STREAK": "fewer than {limit} losses in a row (were {actual}), or the pause after them to be over",
    "AMOUNT_BELOW_MINIMUM": "an amount of at least {limit} {unit} (was {actual}): more equity, or a stop nearer by",
    "VALUE_BELOW_MINIMUM": "an order worth at least {limit} {unit} (was {actual}): more equity, or a stop nearer by",
    "EXIT_BELOW_MINIMUM": "a purchase that is worth at least {limit} {unit} at its stop too (would be {actual}): more"
    " equity, or a stop nearer by",
    "BALANCE_INSUFFICIENT": "{limit} {unit} free (were {actual})",
    "POSITION_MISSING": "a position that this signal could close",
    "POSITION_TOO_SMALL": "a position of at least {limit} {unit} (was {actual})",
}
"""By the code of the failed check; any other code is shown with its numbers."""


def remedies(decision: DecisionDocument) -> list[str]:
    """One sentence for each obstacle; empty when the decision led to an order."""
    match decision["action"]:
        case "order":
            return []
        case "hold":
            return _for_hold(decision)
        case "signal":
            return ["auto-execute on: autopilot config set auto_execute true, then autopilot stop and start"]
        case _:
            return [_for_check(check, decision["selection"]) for check in checks_of(decision) if not check["passed"]]


def checks_of(decision: DecisionDocument) -> list[CheckDocument]:
    """All checks, including those of the denial."""
    codes = {check["code"] for check in decision["checks"]}
    denials = decision["denied"]["checks"] if decision["denied"] else []
    return [*decision["checks"], *(check for check in denials if check["code"] not in codes)]


def _for_hold(decision: DecisionDocument) -> list[str]:
    selection = decision["selection"]
    sentences = [f"{selection['strategy']} would have to say buy or sell"]
    group_confidence = {score["group"]: score["confidence"] for score in selection["groups"]}
    for name, signal in decision["signals"].items():
        if signal["signal_type"] == "none" or name == selection["strategy"]:
            continue
        words = f"{name} says {signal['signal_type']} with confidence {figure(signal['confidence'])}"
        if signal["group"] == selection["group"]:
            sentences.append(f"{words}, but {selection['strategy']} scores higher in the same group")
        else:
            standing = figure(group_confidence.get(signal["group"]))
            chosen = f"{figure(selection['group_confidence'])} of {spoken(selection['group'])}"
            sentences.append(f"{words}, but its group {spoken(signal['group'])} stands at {standing} against {chosen}")
    return sentences


def _for_check(check: CheckDocument, selection: SelectionDocument) -> str:
    code, actual, limit, unit = check["code"], check["actual"], check["limit"], check["unit"]
    if actual is None or limit is None:
        return f"{code}: {check['detail']}"
    if code == "CONFIDENCE_BELOW_THRESHOLD":
        return _for_confidence(actual, limit, selection)
    if code in _WISHES:
        return _WISHES[code].format(actual=measure(actual), limit=measure(limit), unit=unit)
    return f"{code}: {measure(actual, unit)} would have to meet {measure(limit, unit)}"


def _for_confidence(actual: float, limit: float, selection: SelectionDocument) -> str:
    """The value that each factor of group × strategy would need if the other stays the same; rounded up."""
    group, strategy = selection["group_confidence"], selection["strategy_confidence"]
    ways = []
    for factor, other, beside in (("strategy", "group", group), ("group", "strategy", strategy)):
        if beside >= limit > 0:
            needed = math.ceil(100 * limit / beside - 1e-9) / 100
            ways.append(f"a {factor} confidence of at least {needed:.2f} (its {other} has {figure(beside)})")
    wish = f"a confidence of at least {figure(limit)} (was {figure(actual, 3)})"
    return f"{wish}: {', or '.join(ways)}" if ways else f"{wish}: neither factor could reach that alone"
