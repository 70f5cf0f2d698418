"""Lists of orders, positions and round trips."""

from __future__ import annotations

from typing import Any

from autopilot.cli.render.banner import banner
from autopilot.cli.render.blocks import Column, Screen, Span, Style, line, table
from autopilot.cli.render.words import NOTHING, count, duration, money, price, quantity, result, spoken, utc

_STATUS_STYLES = {
    "filled": Style.GOOD,
    "rejected": Style.BAD,
    "unknown": Style.WARNING,
    "canceled": Style.FAINT,
    "expired": Style.FAINT,
}
ORDER_COLUMNS = (
    Column("created"),
    Column("symbol"),
    Column("side"),
    Column("type", rank=3),
    Column("purpose", rank=1),
    Column("quantity", right=True),
    Column("price", right=True, rank=2),
    Column("filled", right=True, rank=4),
    Column("status"),
    Column("strategy", rank=5),
    Column("decision", rank=6),
    Column("detail", rank=7),
)
POSITION_COLUMNS = (
    Column("symbol"),
    Column("quantity", right=True),
    Column("entry", right=True),
    Column("cost", right=True, rank=2),
    Column("stop", right=True),
    Column("target", right=True),
    Column("fees", right=True, rank=3),
    Column("strategy", rank=4, shrink_to=12),
    Column("opened", rank=1),
    Column("decision", rank=5),
)
TRADE_COLUMNS = (
    Column("closed"),
    Column("symbol"),
    Column("quantity", right=True, rank=3),
    Column("entry", right=True),
    Column("exit", right=True),
    Column("net", right=True),
    Column("net %", right=True),
    Column("fees", right=True, rank=4),
    Column("held", rank=5),
    Column("ended by", rank=1),
    Column("strategy", rank=2, shrink_to=12),
    Column("decision", rank=6),
)


def orders_screen(document: dict[str, Any]) -> Screen:
    """``{"orders": [Order…]}``."""
    orders = document["orders"]
    if not orders:
        return (line("No orders yet.", Style.FAINT),)
    rows = [
        (
            utc(order["created_at_ms"]),
            order["symbol"],
            order["side"],
            order["type"],
            spoken(order["purpose"]),
            quantity(order["quantity"]),
            _asked_price(order),
            quantity(order["filled"]),
            Span(_status(order["status"]), _STATUS_STYLES.get(order["status"], Style.PLAIN)),
            order["strategy"],
            order["decision_id"] or NOTHING,
            order["detail"],
        )
        for order in orders
    ]
    return (*banner(orders), table(ORDER_COLUMNS, rows), *_protections(orders))


def _protections(orders: list[dict[str, Any]]) -> Screen:
    """Why positions were closed that neither a signal nor a level closed."""
    return tuple(
        line(f"{utc(order['created_at_ms'])} {order['symbol']}: protection, {order['reason']}", Style.FAINT, hang=2)
        for order in orders
        if order["purpose"] == "protection"
    )


def positions_screen(document: dict[str, Any]) -> Screen:
    """``{"positions": [Position…]}``."""
    positions = document["positions"]
    if not positions:
        return (line("No open positions.", Style.FAINT),)
    rows = [
        (
            position["symbol"],
            quantity(position["quantity"]),
            price(position["entry_price"]),
            money(position["cost"]),
            price(position["stop"]),
            price(position["target"]),
            money(position["fees"]),
            position["strategy"],
            utc(position["opened_at_ms"]),
            position["decision_id"] or NOTHING,
        )
        for position in positions
    ]
    return (*banner(positions), table(POSITION_COLUMNS, rows))


def trades_screen(document: dict[str, Any]) -> Screen:
    """``{"trades": [RoundTrip…]}``."""
    trades = document["trades"]
    if not trades:
        return (line("No round trips yet: a trade is listed when its position is closed.", Style.FAINT),)
    rows = [
        (
            utc(trade["closed_at_ms"]),
            trade["symbol"],
            quantity(trade["quantity"]),
            price(trade["entry_price"]),
            price(trade["exit_price"]),
            result(trade["net"]),
            result(trade["net_pct"]),
            money(trade["fees"]),
            duration((trade["closed_at_ms"] - trade["opened_at_ms"]) / 1000),
            spoken(trade["exit_purpose"]),
            trade["strategy"],
            trade["decision_id"] or NOTHING,
        )
        for trade in trades
    ]
    won = sum(float(trade["net"]) > 0 for trade in trades)
    return (*banner(trades), table(TRADE_COLUMNS, rows), line(f"{count(len(trades), 'trade')}, {won} with a gain"))


def _asked_price(order: dict[str, Any]) -> str:
    """Of a stop order the price that sets it off."""
    if order["type"] == "stop":
        return f"stop {price(order['trigger_price'])}"
    return price(order["price"]) if order["price"] else "market"


def _status(code: str) -> str:
    return "part filled" if code == "partially_filled" else code
