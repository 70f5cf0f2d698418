"""The details of a symbol, below its row in `autopilot status SYMBOL`."""

from __future__ import annotations

from autopilot.cli.render.blocks import Block, Paragraph, Span, Style
from autopilot.cli.render.words import count, figure, price, quantity, spoken, utc
from autopilot.domain.document_types import (
    AnalysisDocument,
    BriefDecisionDocument,
    OrderDocument,
    PositionDocument,
    SelectedDocument,
)
from autopilot.domain.status_types import CandleRangeDocument, SymbolDocument

_WIDTH = 10


def symbol_blocks(symbol: SymbolDocument) -> list[Block]:
    """A line for each detail that is known."""
    facts = [
        ("runs on", f"{symbol['exchange']}, {symbol['timeframe']} candles, a cycle every {symbol['interval']:g} s"),
        ("market", _market(symbol["last_analysis"])),
        ("strategy", _strategy(symbol["selected_strategy"])),
        ("position", _position(symbol["position"])),
        *(("order", _order(order)) for order in symbol["open_orders"]),
        ("candles", _candles(symbol["ohlcv_data"])),
        ("cycles", _cycles(symbol)),
        ("decision", _decision(symbol["last_decision"])),
    ]
    return [
        Paragraph((Span(f"{name:<{_WIDTH}}", Style.FAINT), Span(words)), hang=_WIDTH) for name, words in facts if words
    ]


def _market(analysis: AnalysisDocument | None) -> str:
    if not analysis:
        return ""
    return (
        f"{spoken(analysis['regime'])}, strength {figure(analysis['regime_strength'])}, "
        f"for {count(analysis['candles_in_regime'], 'candle')}; ADX {figure(analysis['adx'], 1)}, "
        f"RSI {figure(analysis['rsi'], 1)}"
    )


def _strategy(selected: SelectedDocument | None) -> str:
    if not selected:
        return ""
    group, confidence = spoken(selected["group"]), figure(selected["confidence"])
    return f"{selected['strategy']} ({group}), confidence {confidence}, chosen by {selected['decided_by']}"


def _position(held: PositionDocument | None) -> str:
    if not held:
        return "none"
    levels = f"stop {price(held['stop'])}, target {price(held['target'])}"
    return f"{quantity(held['quantity'])} at {price(held['entry_price'])}, {levels}, since {utc(held['opened_at_ms'])}"


def _order(order: OrderDocument) -> str:
    at = f"at {price(order['price'])}" if order["price"] else "at the market"
    done = f"{quantity(order['filled'])} filled"
    return f"{order['side']} {quantity(order['quantity'])} {at}, {spoken(order['purpose'])}: {order['status']}, {done}"


def _candles(data: CandleRangeDocument) -> str:
    if not data["candles"]:
        return "none yet"
    return f"{data['candles']:,}, {utc(data['first_at_ms'])} to {utc(data['last_at_ms'])}"


def _cycles(symbol: SymbolDocument) -> str:
    counts = f"{count(symbol['cycles'], 'cycle')}, {count(symbol['decisions'], 'decision')}"
    errors = f", {count(symbol['errors'], 'error')}" if symbol["errors"] else ""
    if not symbol["running"]:
        return counts + errors
    # An offline market has its own time, but the time of the next cycle is that of the wall clock.
    coming = f", next {utc(symbol['next_cycle_at_ms'])}" if symbol["market"] == "real" else ""
    return f"{counts}{errors}; last {utc(symbol['last_cycle_at_ms'])}{coming}"


def _decision(brief: BriefDecisionDocument | None) -> str:
    if not brief:
        return "none yet"
    refused = f" ({brief['denied_code']})" if brief["denied_code"] else ""
    return f"{brief['action']}{refused}, candle of {utc(brief['candle_at_ms'])}: autopilot explain {brief['id']}"
