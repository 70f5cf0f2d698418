"""Lists of decisions and of the signals among them."""

from __future__ import annotations

from autopilot.cli.render.banner import banner
from autopilot.cli.render.blocks import Field, Screen, Span, Style, field, line, listed
from autopilot.cli.render.words import figure, price, side_span, spoken, utc
from autopilot.domain.document_types import BriefDecisionDocument, Document

_ACTION_STYLES = {"order": Style.GOOD, "signal": Style.WARNING, "denied": Style.DENIED}


def action(brief: BriefDecisionDocument) -> Span:
    """The action of a decision, in its color."""
    return Span(brief["action"], _ACTION_STYLES.get(brief["action"], Style.PLAIN))


FIELDS: tuple[Field[BriefDecisionDocument], ...] = (
    field("candle", lambda brief: utc(brief["candle_at_ms"]), rank=1),
    field("symbol", lambda brief: brief["symbol"]),
    field("signal", lambda brief: side_span(brief["signal_type"])),
    field("price", lambda brief: price(brief["price"]), right=True, rank=2),
    field("regime", lambda brief: spoken(brief["regime"]), rank=5),
    field("strategy", lambda brief: brief["strategy"], rank=3, shrink_to=10),
    field("conf.", lambda brief: figure(brief["confidence"]), right=True, rank=4),
    field("action", action),
    field("why", lambda brief: Span(brief["denied_code"] or "", Style.DENIED), rank=6),
    field("id", lambda brief: brief["id"]),
)


def decisions_screen(document: Document) -> Screen:
    """``{"decisions": [brief…]}``."""
    return _screen(document["decisions"], "No decisions yet: one is made for each closed candle.")


def signals_screen(document: Document) -> Screen:
    """``{"signals": [brief…]}``."""
    return _screen(document["signals"], "No signals yet: no chosen strategy has said buy or sell.")


def signal_spans(brief: BriefDecisionDocument) -> tuple[Span, ...]:
    """A decision as one line of `signals --follow`."""
    side = side_span(brief["signal_type"])
    return (
        Span(f"{utc(brief['candle_at_ms'])}  "),
        Span(f"{side.text.upper():<4}", side.style),
        Span(f"  {brief['symbol']}  {price(brief['price'])}  {brief['strategy']}  "),
        Span(f"{figure(brief['confidence'])}  "),
        action(brief),
        Span(f"  {brief['denied_code']}" if brief["denied_code"] else "", Style.DENIED),
        Span(f"  {brief['id']}"),
    )


def _screen(briefs: list[BriefDecisionDocument], nothing: str) -> Screen:
    if not briefs:
        return (line(nothing, Style.FAINT),)
    return (*banner(briefs), listed(FIELDS, briefs))
