"""All trained models, how the champion changed, and what a change means."""

from __future__ import annotations

from autopilot.cli.render.blocks import BLANK, Block, Column, Screen, Span, Style, line, table
from autopilot.cli.render.models.states import TO_TRAIN, meaning, state_span
from autopilot.cli.render.words import NOTHING, count, utc
from autopilot.domain.document_types import Document

_COLUMNS = (
    Column("model"),
    Column("trained"),
    Column("state"),
    Column("decides"),
    Column("features", rank=3),
    Column("verdict", rank=2, shrink_to=30),
)
_HISTORY_COLUMNS = (
    Column("when"),
    Column("what"),
    Column("model"),
    Column("before", rank=1),
    Column("why", shrink_to=12),
)


def models_screen(document: Document) -> Screen:
    """``{"models": [ModelEntry…], "history": [ModelChange…]}``, the newest first."""
    models, history = document["models"], document["history"]
    blocks: list[Block] = (
        [_listed(models)] if models else [line(f"No model has been trained. To train one: {TO_TRAIN}")]
    )
    champion = next((model for model in models if model["is_champion"]), None)
    if champion:
        blocks.append(line(f"{champion['id']} {_plainly(champion)}", hang=2))
    elif models:
        blocks.append(line("The rule table decides."))
    if history:
        blocks += [BLANK, line("History", Style.HEADING), _history(history)]
    return tuple(blocks)


def _listed(models: list[Document]) -> Block:
    rows = [
        (
            model["id"],
            utc(model["created_at_ms"]),
            state_span(model["state"]),
            _decides(model),
            model["schema"],
            model["verdict"],
        )
        for model in models
    ]
    return table(_COLUMNS, rows)


def _decides(model: Document) -> Span | str:
    if model["is_champion"]:
        return Span("now", Style.GOOD)
    return NOTHING if model["retired_at_ms"] is None else f"until {utc(model['retired_at_ms'])}"


def _plainly(model: Document) -> str:
    note = f" ({model['note']})" if model["note"] else ""
    return f"{meaning(model['state'])}{note}. {model['verdict']}"


def _history(history: list[Document]) -> Block:
    rows = [
        (
            utc(change["at_ms"]),
            change["event"],
            change["model_id"] or "the rules",
            change["previous_id"] or "the rules",
            change["reason"],
        )
        for change in history
    ]
    return table(_HISTORY_COLUMNS, rows)


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
        line(f"{count(document['models'], 'model')} taken out of use: {document['means']}", hang=2),
        line(f"Backup: {document['backup']}"),
    )
