"""Where a model's results come from: groups, strategies, features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autopilot.cli.render.blocks import Block, Field, Style, field, line, listed
from autopilot.cli.render.models.numbers import bps, interval, interval_title, judged, percent
from autopilot.cli.render.words import figure, integer, spoken
from autopilot.domain.card_types import CardDocument, GroupEvidenceDocument, ImportanceDocument

LEADING = 15
"""The number of features shown; the document has all of the card's."""


def groups_section(card: CardDocument) -> list[Block]:
    """The results of each group where it was chosen; the intervals are of the comparison's level."""
    fields: tuple[Field[GroupEvidenceDocument], ...] = (
        field("group", lambda item: spoken(item["group"]), shrink_to=10),
        field("chosen", lambda item: integer(item["chosen"]), right=True, rank=3),
        field("acted", lambda item: integer(item["acted"]), right=True, rank=4),
        field("hit rate", lambda item: percent(item["hit_rate"]), right=True, rank=2),
        field("net bps", lambda item: judged(bps(item["edge_bps"]), item["lower"], item["upper"]), right=True),
        field(interval_title(card["comparison"]), lambda item: interval(item["lower"], item["upper"]), right=True),
        field("expected", lambda item: bps(item["expected_bps"]), right=True, rank=1),
    )
    return [line("By group", Style.HEADING), listed(fields, card["groups"])] if card["groups"] else []


_STRATEGY_FIELDS: tuple[Field[Mapping[str, Any]], ...] = (
    field("strategy", lambda item: item["strategy"]),
    field("group", lambda item: spoken(item["group"]), rank=6, shrink_to=5),
    field("matured", lambda item: integer(item["matured"]), right=True, rank=1),
    field("mean bps", lambda item: bps(item["mean_bps"]), right=True),
    field("sd bps", lambda item: figure(item["sd_bps"], 1), right=True, rank=4),
    field("rank corr.", lambda item: figure(item["rank_correlation"], 3), right=True, rank=3),
    field("chosen", lambda item: integer(item["chosen"]), right=True, rank=2),
)


def strategies_section(card: CardDocument) -> list[Block]:
    """Every strategy with its matured outcomes, judged or not."""
    unjudged: dict[str, Any] = dict.fromkeys(("group", "mean_bps", "sd_bps", "rank_correlation", "chosen"))
    items: dict[str, Mapping[str, Any]] = {
        **{
            name: {"strategy": name, "matured": matured, **unjudged}
            for name, matured in card["data"]["matured"].items()
        },
        **{item["strategy"]: item for item in card["strategies"]},
    }
    if not items:
        return []
    return [line("By strategy, over all its matured outcomes", Style.HEADING), listed(_STRATEGY_FIELDS, items.values())]


_FEATURE_FIELDS: tuple[Field[ImportanceDocument], ...] = (
    field("feature", lambda item: item["feature"], shrink_to=40),
    field("share of the gain", lambda item: percent(item["share"], 1), right=True),
)


def importance_section(card: CardDocument) -> list[Block]:
    """The features that the members gain most from."""
    leading = sorted(card["importance"], key=lambda item: -(item["share"] or 0.0))[:LEADING]
    return [line("Leading features", Style.HEADING), listed(_FEATURE_FIELDS, leading)] if leading else []
