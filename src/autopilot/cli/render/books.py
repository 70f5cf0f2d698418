"""Lists of orders, positions and trades."""

from __future__ import annotations

from autopilot.cli.render.banner import banner
from autopilot.cli.render.blocks import Field, Screen, Span, Style, field, line, listed
from autopilot.cli.render.words import NOTHING, count, duration, money, price, quantity, result, side_span, spoken, utc
from autopilot.domain.document_types import Document, OrderDocument, PositionDocument, TradeDocument

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


def orders_screen(document: Document) -> Screen:
    """``{"orders": [Order…]}``."""
    orders: list[OrderDocument] = document["orders"]
    if not orders:
        return (line("No orders yet.", Style.FAINT),)
    return (*banner(orders), listed(ORDER_FIELDS, orders), *_protections(orders))


def positions_screen(document: Document) -> Screen:
    """``{"positions": [Position…]}``."""
    positions: list[PositionDocument] = document["positions"]
    if not positions:
        return (line("No open positions.", Style.FAINT),)
    return (*banner(positions), listed(POSITION_FIELDS, positions))


def trades_screen(document: Document) -> Screen:
    """``{"trades": [RoundTrip…]}``."""
    trades: list[TradeDocument] = document["trades"]
    if not trades:
        return (line("No trades yet: a trade is listed when its position is closed.", Style.FAINT),)
    won = sum(float(trade["net"]) > 0 for trade in trades)
    return (*banner(trades), listed(TRADE_FIELDS, trades), line(f"{count(len(trades), 'trade')}, {won} with a gain"))


def _protections(orders: list[OrderDocument]) -> Screen:
    """Why positions were closed that neither a signal nor a level closed."""
    return tuple(
        line(f"{utc(order['created_at_ms'])} {order['symbol']}: protection, {order['reason']}", Style.FAINT, hang=2)
        for order in orders
        if order["purpose"] == "protection"
    )
