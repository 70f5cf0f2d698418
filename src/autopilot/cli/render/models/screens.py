"""Screens of models: all of them, a card with the evidence that decides or with every section, and changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from autopilot.cli.render.blocks import (
    BLANK,
    Block,
    Field,
    Paragraph,
    Screen,
    Span,
    Style,
    as_screen,
    banner,
    field,
    heading,
    line,
    listed,
    section,
    stacked,
)
from autopilot.cli.render.models.sections import (
    brief_comparison,
    brief_gate,
    classes_section,
    comparison_section,
    data_line,
    data_section,
    drift_line,
    drift_section,
    gate_section,
    groups_section,
    importance_section,
    leak_section,
    metrics_section,
    paths_section,
    reliability_section,
    strategies_section,
    thresholds_section,
    versions_section,
)
from autopilot.cli.render.words import NOTHING, TO_TRAIN, count, day, meaning, state_span, utc
from autopilot.domain.card_types import CardDocument
from autopilot.domain.document_types import Document

_SECTIONS: tuple[Callable[[CardDocument], Screen], ...] = (
    data_section,
    classes_section,
    lambda card: metrics_section(card["metrics"]),
    lambda card: comparison_section(card["comparison"]),
    thresholds_section,
    reliability_section,
    groups_section,
    strategies_section,
    lambda card: gate_section(card["gate"]),
    leak_section,
    paths_section,
    drift_section,
    importance_section,
    versions_section,
)


def model_info_screen(document: Document, *, full: bool = False) -> Screen:
    """``document``: a card with ``drift`` and ``loaded``, or ``{"state": "untrained", …}`` where there is no model.

    It fits 24 lines of 80 columns, unless ``full`` asks for every section.
    """
    if document["state"] == "untrained":
        return (_standing("untrained"), line(f"To train one: {TO_TRAIN}"))
    card = cast("CardDocument", document)
    if full:
        return stacked(_header(card), *(section(card) for section in _SECTIONS))
    return (
        *_header(card),
        *data_line(card),
        BLANK,
        *brief_comparison(card),
        BLANK,
        *brief_gate(card),
        *drift_line(card),
        line(f"All of it: autopilot model-info {card['id']} --full", Style.FAINT, hang=2),
    )


def _header(card: CardDocument) -> list[Block]:
    return [
        heading(f"Model {card['id']}"),
        line(f"{card['exchange']}, {card['timeframe']}, {', '.join(card['symbols'])}", Style.FAINT),
        *banner([{"market": card["exchange"]}]),
        _standing(card["state"]),
        line(card["verdict"]),
        *([line(card["note"])] if card["note"] else []),
        _in_use(card),
    ]


def _standing(state: str) -> Paragraph:
    return Paragraph((state_span(state), Span(f": {meaning(state)}")))


def _in_use(card: CardDocument) -> Paragraph:
    loaded = card["loaded"]
    if loaded is None:
        return line("The daemon has no model loaded.", Style.FAINT)
    which = "it" if loaded["id"] == card["id"] else loaded["id"]
    if loaded["usable"]:
        return line(f"The daemon has {which} loaded.", Style.FAINT)
    why = f"and the rule table decides: {loaded['message']}"
    return line(f"The daemon cannot use {which}, {why}", Style.WARNING, hang=2)


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
