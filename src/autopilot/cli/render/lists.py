"""Lists of decisions, signals, orders, positions and trades."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autopilot.cli.render.blocks import Field, Screen, Span, Style, field, line, listing
from autopilot.cli.render.words import (
    NOTHING,
    action_span,
    count,
    duration,
    figure,
    money,
    price,
    quantity,
    result,
    side_span,
    spoken,
    utc,
)

if TYPE_CHECKING:
    from autopilot.domain.document_types import (
        BriefDecisionDocument,
        Document,
        OrderDocument,
        PassedDocument,
        PositionDocument,
        TradeDocument,
    )

_STATUS_STYLES = {
    "filled": Style.GOOD,
    "rejected": Style.BAD,
    "unknown": Style.WARNING,
    "canceled": Style.FAINT,
    "expired": Style.FAINT,
}


def _requested_price(order: OrderDocument) -> str:
    """Of a stop order the price that triggers it."""
    if order["type"] == "stop":
        return f"stop {price(order['trigger_price'])}"
    return price(order["price"]) if order["price"] else "market"


def _status(code: str) -> Span:
    return Span("part filled" if code == "partially_filled" else code, _STATUS_STYLES.get(code, Style.PLAIN))


DECISION_FIELDS: tuple[Field[BriefDecisionDocument], ...] = (
    field("candle", lambda brief: utc(brief["candle_at_ms"]), rank=1),
    field("symbol", lambda brief: brief["symbol"]),
    field("signal", lambda brief: side_span(brief["signal_type"])),
    field("price", lambda brief: price(brief["price"]), right=True, rank=2),
    field("regime", lambda brief: spoken(brief["regime"]), rank=5),
    field("strategy", lambda brief: brief["strategy"], rank=3, shrink_to=10),
    field("conf.", lambda brief: figure(brief["confidence"]), right=True, rank=4),
    field("action", lambda brief: action_span(brief["action"])),
    field("why", lambda brief: Span(brief["denied_code"] or "", Style.DENIED), rank=6),
    field("id", lambda brief: brief["id"]),
)
ORDER_FIELDS: tuple[Field[OrderDocument], ...] = (
    field("created", lambda order: utc(order["created_at_ms"]), rank=1),
    field("symbol", lambda order: order["symbol"]),
    field("side", lambda order: side_span(order["side"])),
    field("type", lambda order: order["type"], rank=5),
    field("purpose", lambda order: spoken(order["purpose"]), rank=3),
    field("quantity", lambda order: quantity(order["quantity"]), right=True),
    field("price", _requested_price, right=True, rank=4),
    field("filled", lambda order: quantity(order["filled"]), right=True, rank=6),
    field("status", lambda order: _status(order["status"])),
    field("strategy", lambda order: order["strategy"], rank=7),
    field("decision", lambda order: order["decision_id"] or NOTHING, rank=8),
    field("detail", lambda order: order["detail"], rank=9),
)
POSITION_FIELDS: tuple[Field[PositionDocument], ...] = (
    field("symbol", lambda position: position["symbol"]),
    field("quantity", lambda position: quantity(position["quantity"]), right=True),
    field("entry", lambda position: price(position["entry_price"]), right=True),
    field("cost", lambda position: money(position["cost"]), right=True, rank=4),
    field("stop", lambda position: price(position["stop"]), right=True, rank=1),
    field("target", lambda position: price(position["target"]), right=True, rank=2),
    field("fees", lambda position: money(position["fees"]), right=True, rank=5),
    field("strategy", lambda position: position["strategy"], rank=6, shrink_to=12),
    field("opened", lambda position: utc(position["opened_at_ms"]), rank=3),
    field("decision", lambda position: position["decision_id"] or NOTHING, rank=7),
)
TRADE_FIELDS: tuple[Field[TradeDocument], ...] = (
    field("closed", lambda trade: utc(trade["closed_at_ms"]), rank=1),
    field("symbol", lambda trade: trade["symbol"]),
    field("quantity", lambda trade: quantity(trade["quantity"]), right=True, rank=6),
    field("entry", lambda trade: price(trade["entry_price"]), right=True, rank=3),
    field("exit", lambda trade: price(trade["exit_price"]), right=True, rank=2),
    field("net", lambda trade: result(trade["net"]), right=True),
    field("net %", lambda trade: result(trade["net_pct"]), right=True),
    field("fees", lambda trade: money(trade["fees"]), right=True, rank=7),
    field("held", lambda trade: duration((trade["closed_at_ms"] - trade["opened_at_ms"]) / 1000), rank=8),
    field("ended by", lambda trade: spoken(trade["exit_purpose"]), rank=4),
    field("strategy", lambda trade: trade["strategy"], rank=5, shrink_to=12),
    field("decision", lambda trade: trade["decision_id"] or NOTHING, rank=9),
)


def decisions_screen(document: Document) -> Screen:
    """``{"decisions": [brief…], "passed": [PassedDocument…]}``."""
    passed = [line(passed_words(each), Style.WARNING, hang=2) for each in document.get("passed", ())]
    nothing = "No decisions yet: one is made for each closed candle."
    return (*listing(DECISION_FIELDS, document["decisions"], nothing), *passed)


def passed_words(passed: PassedDocument) -> str:
    """Which candles were passed over, and why."""
    span = utc(passed["first_at_ms"])
    if passed["candles"] > 1:
        span += f" to {utc(passed['last_at_ms'])} ({count(passed['candles'], 'candle')})"
    return f"{passed['symbol']} {passed['timeframe']}, {span}: passed over, {passed['detail']}"


def signals_screen(document: Document) -> Screen:
    """``{"signals": [brief…]}``."""
    nothing = "No signals yet: no chosen strategy has said buy or sell."
    return listing(DECISION_FIELDS, document["signals"], nothing)


def orders_screen(document: Document) -> Screen:
    """``{"orders": [Order…]}``."""
    orders: list[OrderDocument] = document["orders"]
    return (*listing(ORDER_FIELDS, orders, "No orders yet."), *_protections(orders))


def positions_screen(document: Document) -> Screen:
    """``{"positions": [Position…]}``."""
    return listing(POSITION_FIELDS, document["positions"], "No open positions.")


def trades_screen(document: Document) -> Screen:
    """``{"trades": [RoundTrip…]}``."""
    trades: list[TradeDocument] = document["trades"]
    won = sum(float(trade["net"]) > 0 for trade in trades)
    total = (line(f"{count(len(trades), 'trade')}, {won} with a gain"),) if trades else ()
    return (*listing(TRADE_FIELDS, trades, "No trades yet: a trade is listed when its position is closed."), *total)


def signal_spans(brief: BriefDecisionDocument) -> tuple[Span, ...]:
    """A decision as one line of `signals --follow`."""
    side = side_span(brief["signal_type"])
    return (
        Span(f"{utc(brief['candle_at_ms'])}  "),
        Span(f"{side.text.upper():<4}", side.style),
        Span(f"  {brief['symbol']}  {price(brief['price'])}  {brief['strategy']}  "),
        Span(f"{figure(brief['confidence'])}  "),
        action_span(brief["action"]),
        Span(f"  {brief['denied_code']}" if brief["denied_code"] else "", Style.DENIED),
        Span(f"  {brief['id']}"),
    )


def _protections(orders: list[OrderDocument]) -> Screen:
    """Why positions were closed that neither a signal nor a level closed."""
    return tuple(
        line(f"{utc(order['created_at_ms'])} {order['symbol']}: protection, {order['reason']}", Style.FAINT, hang=2)
        for order in orders
        if order["purpose"] == "protection"
    )
