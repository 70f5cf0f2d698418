"""A model's card: what it has seen, what it is worth and how that is known, section by section."""

from __future__ import annotations

from collections.abc import Callable

from autopilot.cli.render.banner import banner
from autopilot.cli.render.blocks import BLANK, Block, Paragraph, Screen, Span, Style, line
from autopilot.cli.render.models.data import classes_section, data_section, versions_section
from autopilot.cli.render.models.evidence import (
    comparison_section,
    metrics_section,
    reliability_section,
    thresholds_section,
)
from autopilot.cli.render.models.parts import groups_section, importance_section, strategies_section
from autopilot.cli.render.models.proof import drift_section, gate_section, leak_section, paths_section
from autopilot.cli.render.models.states import TO_TRAIN, meaning, state_span
from autopilot.domain.document_types import Document

_SECTIONS: tuple[Callable[[Document], list[Block]], ...] = (
    data_section,
    classes_section,
    metrics_section,
    comparison_section,
    thresholds_section,
    reliability_section,
    groups_section,
    strategies_section,
    gate_section,
    leak_section,
    paths_section,
    drift_section,
    importance_section,
    versions_section,
)


def model_info_screen(document: Document) -> Screen:
    """``document``: a card with ``drift`` and ``loaded``, or ``{"state": "untrained", …}`` where there is no model."""
    if document["state"] == "untrained":
        return (_standing("untrained"), line(f"To train one: {TO_TRAIN}"))
    blocks: list[Block] = _header(document)
    for section in _SECTIONS:
        found = section(document)
        blocks += [BLANK, *found] if found else []
    return tuple(blocks)


def _header(card: Document) -> list[Block]:
    return [
        line(f"Model {card['id']}", Style.HEADING),
        line(f"{card['exchange']}, {card['timeframe']}, {', '.join(card['symbols'])}", Style.FAINT),
        *banner([{"market": card["exchange"]}]),
        _standing(card["state"]),
        line(card["verdict"]),
        *([line(card["note"])] if card["note"] else []),
        _in_use(card),
    ]


def _standing(state: str) -> Paragraph:
    return Paragraph((state_span(state), Span(f": {meaning(state)}")))


def _in_use(card: Document) -> Paragraph:
    loaded = card["loaded"]
    if loaded is None:
        return line("The daemon has no model loaded.", Style.FAINT)
    which = "it" if loaded["id"] == card["id"] else loaded["id"]
    if loaded["usable"]:
        return line(f"The daemon has {which} loaded.", Style.FAINT)
    return line(f"The daemon cannot use {which}, and goes by the rules: {loaded['message']}", Style.WARNING, hang=2)
