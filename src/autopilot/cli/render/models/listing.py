"""All trained models, the changes of champion, and the result of a change."""

from __future__ import annotations

from collections.abc import Iterator

from autopilot.cli.render.blocks import (
    BLANK,
    Block,
    Field,
    Screen,
    Span,
    Style,
    as_screen,
    banner,
    field,
    line,
    listed,
    section,
)
from autopilot.cli.render.models.words import TO_TRAIN, meaning, state_span
from autopilot.cli.render.words import NOTHING, count, day, utc
from autopilot.domain.document_types import Document


@as_screen
def models_screen(document: Document) -> Iterator[Block]:
    """``{"models": [ModelEntry…], "history": [ModelChange…]}``, the newest first."""
    models = document["models"]
    yield from banner({"market": model.get("exchange")} for model in models)
    if not models:
        yield line(f"No model has been trained. To train one: {TO_TRAIN}")
    else:
        yield listed(_FIELDS, models)
        champions = [line(f"{model['id']} {_plainly(model)}", hang=2) for model in models if model["is_champion"]]
        yield from champions or (line("The rule table decides."),)
    if history := section("History", _HISTORY_FIELDS, document["history"]):
        yield from (BLANK, *history)


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


@as_screen
def changed_screen(document: Document) -> Iterator[Block]:
    """Of a promotion or rollback: ``{"champion", "state", "previous", "means"}``."""
    champion, means = document["champion"], document["means"]
    yield line(f"{champion}: {means}" if champion else f"No model decides: {means}", hang=2)
    if document["previous"] not in (None, champion):
        yield line(f"Before: {document['previous']}", Style.FAINT)


def reset_screen(document: Document) -> Screen:
    """``{"models", "backup", "means"}``."""
    if not document["models"]:
        return (line("There was no model to reset."),)
    return (
        line(f"{count(document['models'], 'model')} retired: {document['means']}", hang=2),
        line(f"Backup: {document['backup']}"),
    )
