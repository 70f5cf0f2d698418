"""A model's card: on one screen the evidence that decides, in full every section."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from autopilot.cli.render.blocks import BLANK, Block, Paragraph, Screen, Span, Style, banner, heading, line, stacked
from autopilot.cli.render.models.evidence import (
    brief_comparison,
    brief_gate,
    comparison_section,
    drift_line,
    drift_section,
    gate_section,
    leak_section,
    metrics_section,
    paths_section,
    reliability_section,
    thresholds_section,
)
from autopilot.cli.render.models.parts import (
    classes_section,
    data_line,
    data_section,
    groups_section,
    importance_section,
    strategies_section,
    versions_section,
)
from autopilot.cli.render.models.words import TO_TRAIN, meaning, state_span
from autopilot.domain.card_types import CardDocument
from autopilot.domain.document_types import Document

_SECTIONS: tuple[Callable[[CardDocument], Screen], ...] = (
    data_section,
    classes_section,
    lambda card: metrics_section(card["metrics"]),
    comparison_section,
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
