"""A decision in words: the market, the choices, every check with its numbers, and the changes it would take."""

from __future__ import annotations

from typing import cast

from autopilot.cli.render.banner import banner
from autopilot.cli.render.blocks import BLANK, Block, Field, Paragraph, Screen, Span, Style, field, line, listed
from autopilot.cli.render.feature_words import feature_words
from autopilot.cli.render.layout import plain
from autopilot.cli.render.remedies import checks_of, remedies
from autopilot.cli.render.words import count, figure, price, quantity, side_span, spoken, utc
from autopilot.domain.document_types import (
    CheckDocument,
    ConditionsDocument,
    DecisionDocument,
    Document,
    OpinionDocument,
    OrderDocument,
    SelectionDocument,
    SignalDocument,
    StrategyScoreDocument,
)

_HEADLINES = {
    "order": ("ORDER", Style.GOOD),
    "signal": ("SIGNAL ONLY, nothing is traded", Style.WARNING),
    "denied": ("DENIED, nothing is traded", Style.DENIED),
    "hold": ("HOLD, no signal", Style.PLAIN),
}
_SILENT: Document = {"signal_type": "none", "strength": None}
"""Stands for a signal that the decision did not keep."""


def explain_lines(decision: Document) -> list[str]:
    """The explanation as plain text, one paragraph a line."""
    return plain(explain_screen(decision))


def explain_screen(document: Document) -> Screen:
    """``document``: a DecisionDocument."""
    decision = cast("DecisionDocument", document)
    sections = (
        _header(decision),
        _market(decision["conditions"]),
        _groups(decision["selection"]),
        _model(decision["selection"].get("model")),
        _strategies(decision),
        _signal(decision["signal"]),
        _confidence(decision["selection"]),
        _checks(checks_of(decision)),
        _order(decision["order"]),
        _exits(decision.get("exits", [])),
        _change(decision),
    )
    blocks: list[Block] = []
    for section in sections:
        blocks += [BLANK, *section] if blocks and section else section
    return tuple(blocks)


def _header(decision: DecisionDocument) -> list[Block]:
    words, style = _HEADLINES[decision["action"]]
    denied = decision["denied"]
    where = f"{decision['exchange']}, account {decision['account']}"
    blocks: list[Block] = [
        line(f"{decision['symbol']} {decision['timeframe']}, candle of {utc(decision['candle_at_ms'])}", Style.HEADING),
        line(f"decision {decision['id']} on {where}, chosen by {decision['selection']['decided_by']}", Style.FAINT),
        *banner([decision]),
        Paragraph((Span(words, style),)),
    ]
    if denied:
        blocks.append(line(f"{denied['code']}: {denied['detail']}", Style.DENIED, hang=2))
    return blocks


def _market(seen: ConditionsDocument) -> list[Block]:
    direction = f"{spoken(seen['regime'])}, strength {figure(seen['regime_strength'])}"
    moves = f"{figure(seen['volatility'] and seen['volatility'] * 100)} % a candle"
    return [
        line("Market", Style.HEADING),
        line(
            f"  {direction}, for {count(seen['candles_in_regime'], 'candle')}: price {price(seen['price'])}, "
            f"ADX {figure(seen['adx'], 1)}, RSI {figure(seen['rsi'], 1)}, ATR {price(seen['atr'])}, "
            f"volatility {moves} ({figure(seen['volatility_ratio'])} × its usual), "
            f"volume {figure(seen['volume_ratio'])} × its median; "
            f"external signals {'available' if seen['external_signals'] else 'not available'}",
            hang=2,
        ),
    ]


def _groups(selection: SelectionDocument) -> list[Block]:
    by = {"rules": "chosen by the rule table", "model": "chosen by the learned model"}[selection["decided_by"]]
    blocks: list[Block] = [line(f"Groups, {by}", Style.HEADING)]
    for score in selection["groups"]:
        name = _marked(spoken(score["group"]), score["group"] == selection["group"])
        edge = score["expected_edge_bps"]
        expected = "" if edge is None else f"expects {edge:+.1f} bps: "
        standing = f"{name.text:<19} {figure(score['confidence'])}"
        reason = Span(f"  {expected}{score['reason']}", Style.FAINT)
        blocks.append(Paragraph((Span(standing, name.style), reason), hang=26))
    if selection["note"] and not selection.get("model"):
        blocks.append(line(f"  {selection['note']}", Style.FAINT, hang=2))
    return blocks


def _model(opinion: OpinionDocument | None) -> list[Block]:
    """The learned model's opinion; decisions of older versions do not have it."""
    if not opinion:
        return []
    likely = sorted(opinion["probabilities"].items(), key=lambda item: -item[1])
    said = ", ".join(f"{'no group' if name == 'none' else spoken(name)} {figure(share)}" for name, share in likely)
    novelty = f"{100 * opinion['novelty']:.0f} % of the features are outside what it was trained on"
    blocks: list[Block] = [
        line(f"Learned model {opinion['model_id']} ({opinion['state']})", Style.HEADING),
        line(f"  earns most with probability: {said}", hang=2),
        line(f"  {novelty}, at most {100 * opinion['novelty_limit']:.0f} % may be", hang=2),
    ]
    for each in opinion["contributions"]:
        effect, value = f"  {each['effect_bps']:+6.1f} bps  ", figure(each["value"])
        words = f"{feature_words(each['feature'])}: {value}"
        blocks.append(Paragraph((Span(effect), Span(words, Style.FAINT)), hang=14))
    return blocks


def _strategies(decision: DecisionDocument) -> list[Block]:
    selection, signals, errors = decision["selection"], decision["signals"], decision["strategy_errors"]
    scores = [score for score in selection["strategies"] if score["group"] == selection["group"]]
    fields: tuple[Field[StrategyScoreDocument], ...] = (
        field("  strategy", lambda score: _marked(score["strategy"], score["strategy"] == selection["strategy"])),
        field("score", lambda score: figure(score["score"]), right=True, rank=4),
        field("regime fit", lambda score: figure(score["regime_fit"]), right=True, rank=5),
        field("recent bps", lambda score: figure(score["recent_return_bps"], 1), right=True, rank=3),
        field("says", lambda score: _says(score["strategy"], signals, errors)),
        field(
            "strength", lambda score: figure(signals.get(score["strategy"], _SILENT)["strength"]), right=True, rank=2
        ),
        field("confidence", lambda score: figure(score["confidence"]), right=True, rank=1),
    )
    blocks: list[Block] = [line(f"Strategies of {spoken(selection['group'])}", Style.HEADING), listed(fields, scores)]
    for name, error in errors.items():
        blocks.append(line(f"  {name} had no opinion, it failed: {error}", Style.WARNING, hang=2))
    return blocks


def _says(strategy: str, signals: dict[str, SignalDocument], errors: dict[str, str]) -> Span:
    """Whether it says buy or sell. A decision keeps only the signals that do."""
    return side_span("failed" if strategy in errors else signals.get(strategy, _SILENT)["signal_type"])


def _signal(signal: SignalDocument) -> list[Block]:
    said = signal["signal_type"]
    heading = line("Signal", Style.HEADING)
    if said == "none":
        return [heading, line(f"  {signal['strategy']} gives no new signal: {signal['reason']}", hang=2)]
    side = side_span(said)
    at = signal["price"]
    blocks: list[Block] = [
        heading,
        Paragraph(
            (
                Span(f"  {side.text.upper()}", side.style),
                Span(f" at {price(at)}, strength {figure(signal['strength'])}"),
            )
        ),
        line(f"  {signal['strategy']}: {signal['reason']}", hang=2),
    ]
    if said == "buy" and at:
        blocks.append(line(f"  stop {_level(signal['stop'], at)}, target {_level(signal['target'], at)}", hang=2))
    return blocks


def _confidence(selection: SelectionDocument) -> list[Block]:
    group, strategy = selection["group_confidence"], selection["strategy_confidence"]
    return [
        line("Confidence", Style.HEADING),
        line(f"  {figure(group)} (group) × {figure(strategy)} (strategy) = {figure(group * strategy, 3)}", hang=2),
    ]


def _checks(checks: list[CheckDocument]) -> list[Block]:
    if not checks:
        return []
    blocks: list[Block] = [line("Checks", Style.HEADING)]
    for check in checks:
        sign = Span("  ✓ ", Style.GOOD) if check["passed"] else Span("  ✗ ", Style.BAD)
        code = "" if check["passed"] else f"{check['code']}: "
        blocks.append(Paragraph((sign, Span(f"{code}{check['detail']}")), hang=4))
    return blocks


def _order(order: OrderDocument | None) -> list[Block]:
    if not order:
        return []
    at = f"limit {price(order['price'])}" if order["price"] else "at the market"
    return [
        line("Order", Style.HEADING),
        line(
            f"  {order['side'].upper()} {quantity(order['quantity'])} {order['symbol']} {at}: "
            f"{spoken(order['purpose'])}, {order['reason']}",
            hang=2,
        ),
        line(f"  {order['client_order_id']}", Style.FAINT),
    ]


def _exits(orders: list[OrderDocument]) -> list[Block]:
    """The sales from this candle's close to the next one that no signal caused."""
    if not orders:
        return []
    return [
        line("Sold without a signal", Style.HEADING),
        *(
            line(
                f"  {utc(order['created_at_ms'])} {quantity(order['quantity'])} {order['symbol']}: "
                f"{spoken(order['purpose'])}, {order['reason']}; {spoken(order['status'])}",
                hang=2,
            )
            for order in orders
        ),
    ]


def _change(decision: DecisionDocument) -> list[Block]:
    found = remedies(decision)
    if not found:
        return []
    return [
        line("What would have to change", Style.HEADING),
        *(line(f"  - {item}", hang=4) for item in found),
    ]


def _marked(name: str, chosen: bool) -> Span:
    return Span(f"> {name}", Style.HEADING) if chosen else Span(f"  {name}")


def _level(value: float, at: float) -> str:
    return f"{price(value)} ({100 * (value / at - 1):+.1f} %)"
