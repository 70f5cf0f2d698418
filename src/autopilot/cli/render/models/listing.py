"""All trained models, the changes of champion, and the result of a change."""

from __future__ import annotations

from autopilot.cli.render.banner import banner
from autopilot.cli.render.blocks import BLANK, Block, Field, Screen, Span, Style, field, line, listed
from autopilot.cli.render.models.states import TO_TRAIN, meaning, state_span
from autopilot.cli.render.words import NOTHING, count, day, utc
from autopilot.domain.document_types import Document


def models_screen(document: Document) -> Screen:
    """``{"models": [ModelEntry…], "history": [ModelChange…]}``, the newest first."""
    models, history = document["models"], document["history"]
    blocks: list[Block] = [*banner({"market": model.get("exchange")} for model in models)]
    if models:
        blocks.append(listed(_FIELDS, models))
    else:
        blocks.append(line(f"No model is stored. To train one: {TO_TRAIN}"))
    champion = next((model for model in models if model["is_champion"]), None)
    if champion:
        blocks.append(line(f"{champion['id']} {_plainly(champion)}", hang=2))
    elif models:
        blocks.append(line("The rule table decides."))
    if history:
        blocks += [BLANK, line("History", Style.HEADING), listed(_HISTORY_FIELDS, history)]
    return tuple(blocks)


def _decides(model: Document) -> Span | str:
    if model["is_champion"]:
        return Span("now", Style.GOOD)
    return NOTHING if model["retired_at_ms"] is None else f"until {day(model['retired_at_ms'])}"


def _market(model: Document) -> str:
    """Unknown where the model's card cannot be read."""
    return f"{model['exchange']} {model['timeframe']}" if model.get("exchange") else NOTHING


def _plainly(model: Document) -> str:
    note = f" ({model['note']})" if model["note"] else ""
    return f"{meaning(model['state'])}{note}. {model['verdict']}"


_FIELDS: tuple[Field[Document], ...] = (
    field("model", lambda model: model["id"]),
    field("market", _market, rank=2),
    field("trained", lambda model: day(model["created_at_ms"]), rank=3),
    field("state", lambda model: state_span(model["state"])),
    field("decides", _decides, rank=1),
    field("features", lambda model: model["schema"], rank=5),
    field("verdict", lambda model: model["verdict"], rank=4, shrink_to=30),
)
_HISTORY_FIELDS: tuple[Field[Document], ...] = (
    field("when", lambda change: utc(change["at_ms"]), rank=1),
    field("what", lambda change: change["event"]),
    field("model", lambda change: change["model_id"] or "the rules"),
    field("before", lambda change: change["previous_id"] or "the rules", rank=3),
    field("why", lambda change: change["reason"], rank=2, shrink_to=12),
)


def changed_screen(document: Document) -> Screen:
    """Of a promotion or rollback: ``{"champion", "state", "previous", "means"}``."""
    who, means = document["champion"], document["means"]
    blocks = [line(f"{who}: {means}" if who else f"No model decides: {means}", hang=2)]
    if document["previous"] not in (None, who):
        blocks.append(line(f"Before: {document['previous']}", Style.FAINT))
    return tuple(blocks)


def reset_screen(document: Document) -> Screen:
    """``{"models", "backup", "means"}``."""
    if not document["models"]:
        return (line("There was no model to reset."),)
    return (
        line(f"{count(document['models'], 'model')} retired: {document['means']}", hang=2),
        line(f"Backup: {document['backup']}"),
    )
