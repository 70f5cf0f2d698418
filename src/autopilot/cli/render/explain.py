"""A decision in words: the market, the choices, every check with its numbers, and the changes it would take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from autopilot.cli.render.blocks import (
    Block,
    Field,
    Paragraph,
    Screen,
    Span,
    Style,
    banner,
    checked,
    field,
    heading,
    line,
    listed,
    stacked,
)
from autopilot.cli.render.lists import passed_words
from autopilot.cli.render.remedies import checks_of, remedies
from autopilot.cli.render.words import (
    after_close,
    candles_of,
    count,
    feature_words,
    figure,
    price,
    quantity,
    side_span,
    spoken,
    utc,
)
from autopilot.domain.document_types import (
    BasisDocument,
    CheckDocument,
    ConditionsDocument,
    DecisionDocument,
    Document,
    OpinionDocument,
    OrderDocument,
    PassedDocument,
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


def explain_screen(document: Document) -> Screen:
    """``document``: a DecisionDocument."""
    decision = cast("DecisionDocument", document)
    return stacked(
        (*_passed(decision.get("passed")), *_header(decision)),
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


def _header(decision: DecisionDocument) -> Iterator[Block]:
    words, style = _HEADLINES[decision["action"]]
    where = f"{decision['exchange']}, account {decision['account']}"
    yield heading(f"{decision['symbol']} {decision['timeframe']}, candle of {utc(decision['candle_at_ms'])}")
    yield line(f"decision {decision['id']} on {where}, chosen by {decision['selection']['decided_by']}", Style.FAINT)
    if basis := decision.get("basis"):
        yield line(_based_on(basis, decision["exchange"]), Style.FAINT, hang=2)
    if decision["market"] == "real":
        yield line(f"decided {after_close(decision)}", Style.FAINT)
    if decision.get("candles_changed"):
        yield line(
            "its candles have changed since: the exchange revised some, or missing ones came later", Style.WARNING
        )
    yield from banner([decision])
    yield line(words, style)
    if denied := decision["denied"]:
        yield line(f"{denied['code']}: {denied['detail']}", Style.DENIED, hang=2)


def _based_on(basis: BasisDocument, exchange: str) -> str:
    """The candles of the decision: how many, of which exchange, and which strategies need more."""
    words = f"based on {count(basis['count'], 'candle')}"
    if basis["joined_from"]:
        own = basis["count"] - basis["joined"]
        words += f", {basis['joined']:,} of {basis['joined_from']} and then {own:,} of {exchange}"
    if basis["left_out"]:
        words += f"; these need more: {', '.join(basis['left_out'])}"
    return words


def _passed(passed: PassedDocument | None) -> Screen:
    return (line(passed_words(passed), Style.WARNING, hang=2),) if passed else ()


def _market(seen: ConditionsDocument) -> Screen:
    direction = f"{spoken(seen['regime'])}, strength {figure(seen['regime_strength'])}"
    moves = f"{figure(seen['volatility'] and seen['volatility'] * 100)} % per candle"
    return (
        heading("Market"),
        line(
            f"  {direction}, for {count(seen['candles_in_regime'], 'candle')}: price {price(seen['price'])}, "
            f"ADX {figure(seen['adx'], 1)}, RSI {figure(seen['rsi'], 1)}, ATR {price(seen['atr'])}, "
            f"volatility {moves} ({figure(seen['volatility_ratio'])} × its usual), "
            f"volume {figure(seen['volume_ratio'])} × its median; "
            f"external signals {'available' if seen['external_signals'] else 'not available'}",
            hang=2,
        ),
    )


def _groups(selection: SelectionDocument) -> Iterator[Block]:
    by = {"rules": "chosen by the rule table", "model": "chosen by the learned model"}[selection["decided_by"]]
    yield heading(f"Groups, {by}")
    for score in selection["groups"]:
        name = _marked(spoken(score["group"]), score["group"] == selection["group"])
        edge = score["expected_edge_bps"]
        expected = "" if edge is None else f"expects {edge:+.1f} bps: "
        standing = f"{name.text:<19} {figure(score['confidence'])}"
        reason = Span(f"  {expected}{score['reason']}", Style.FAINT)
        yield Paragraph((Span(standing, name.style), reason), hang=26)
    if selection["note"] and not selection.get("model"):
        yield line(f"  {selection['note']}", Style.FAINT, hang=2)


def _model(opinion: OpinionDocument | None) -> Iterator[Block]:
    """The learned model's opinion; decisions of older versions do not have it."""
    if not opinion:
        return
    likely = sorted(opinion["probabilities"].items(), key=lambda item: -item[1])
    said = ", ".join(f"{'no group' if name == 'none' else spoken(name)} {figure(share)}" for name, share in likely)
    novelty = f"{100 * opinion['novelty']:.0f} % of the features are outside what it was trained on"
    trained_on = opinion.get("trained_on")
    about = f", trained on {candles_of(trained_on)}" if trained_on else ""
    yield heading(f"Learned model {opinion['model_id']} ({opinion['state']}{about})")
    yield line(f"  earns most with probability: {said}", hang=2)
    yield line(f"  {novelty}, at most {100 * opinion['novelty_limit']:.0f} % may be", hang=2)
    for each in opinion["contributions"]:
        effect, value = f"  {each['effect_bps']:+6.1f} bps  ", figure(each["value"])
        words = f"{feature_words(each['feature'])}: {value}"
        yield Paragraph((Span(effect), Span(words, Style.FAINT)), hang=14)


def _strategies(decision: DecisionDocument) -> Screen:
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
    return (
        heading(f"Strategies of {spoken(selection['group'])}"),
        listed(fields, scores),
        *(
            line(f"  {name} had no opinion, it failed: {error}", Style.WARNING, hang=2)
            for name, error in errors.items()
        ),
    )


def _says(strategy: str, signals: dict[str, SignalDocument], errors: dict[str, str]) -> Span:
    """Whether it says buy or sell. A decision keeps only the signals that do."""
    return side_span("failed" if strategy in errors else signals.get(strategy, _SILENT)["signal_type"])


def _signal(signal: SignalDocument) -> Iterator[Block]:
    side, at = side_span(signal["signal_type"]), signal["price"]
    yield heading("Signal")
    if side.text == "none":
        yield line(f"  {signal['strategy']} gives no new signal: {signal['reason']}", hang=2)
        return
    strength = Span(f" at {price(at)}, strength {figure(signal['strength'])}")
    yield Paragraph((Span(f"  {side.text.upper()}", side.style), strength))
    yield line(f"  {signal['strategy']}: {signal['reason']}", hang=2)
    if side.text == "buy" and at:
        yield line(f"  stop {_level(signal['stop'], at)}, target {_level(signal['target'], at)}", hang=2)


def _confidence(selection: SelectionDocument) -> Screen:
    group, strategy = selection["group_confidence"], selection["strategy_confidence"]
    return (
        heading("Confidence"),
        line(f"  {figure(group)} (group) × {figure(strategy)} (strategy) = {figure(group * strategy, 3)}", hang=2),
    )


def _checks(checks: list[CheckDocument]) -> Iterator[Block]:
    if checks:
        yield heading("Checks")
    for check in checks:
        code = "" if check["passed"] else f"{check['code']}: "
        yield Paragraph((checked(check["passed"]), Span(f"{code}{check['detail']}")), hang=4)


def _order(order: OrderDocument | None) -> Screen:
    if not order:
        return ()
    at = f"limit {price(order['price'])}" if order["price"] else "at the market"
    return (
        heading("Order"),
        line(
            f"  {order['side'].upper()} {quantity(order['quantity'])} {order['symbol']} {at}: "
            f"{spoken(order['purpose'])}, {order['reason']}",
            hang=2,
        ),
        line(f"  {order['client_order_id']}", Style.FAINT),
    )


def _exits(orders: list[OrderDocument]) -> Iterator[Block]:
    """The sales from this candle's close to the next one that no signal caused."""
    if orders:
        yield heading("Sold without a signal")
    for order in orders:
        yield line(
            f"  {utc(order['created_at_ms'])} {quantity(order['quantity'])} {order['symbol']}: "
            f"{spoken(order['purpose'])}, {order['reason']}; {spoken(order['status'])}",
            hang=2,
        )


def _change(decision: DecisionDocument) -> Screen:
    changes = [line(f"  - {item}", hang=4) for item in remedies(decision)]
    return (heading("What would have to change"), *changes) if changes else ()


def _marked(name: str, chosen: bool) -> Span:
    return Span(f"> {name}", Style.HEADING) if chosen else Span(f"  {name}")


def _level(value: float, at: float) -> str:
    return f"{price(value)} ({100 * (value / at - 1):+.1f} %)"
