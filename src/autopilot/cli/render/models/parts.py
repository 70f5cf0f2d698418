"""Where a model's results come from: groups, strategies, features."""

from __future__ import annotations

from autopilot.cli.render.blocks import Block, Column, Style, line, table
from autopilot.cli.render.models.data import number
from autopilot.cli.render.models.numbers import bps, interval, interval_title, judged, percent
from autopilot.cli.render.words import figure, spoken
from autopilot.domain.document_types import Document

LEADING = 15
"""So many features are shown; the document has all that the card has."""


def groups_section(card: Document) -> list[Block]:
    """What came of each group where it was chosen; the intervals are of the comparison's level."""
    columns = (
        Column("group", shrink_to=10),
        Column("chosen", right=True),
        Column("acted", right=True),
        Column("hit rate", right=True),
        Column("net bp", right=True),
        Column(interval_title(card["comparison"]), right=True),
        Column("expected", right=True),
    )
    rows = [
        (
            spoken(item["group"]),
            number(item["chosen"]),
            number(item["acted"]),
            percent(item["hit_rate"]),
            judged(bps(item["edge_bps"]), item["lower"], item["upper"]),
            interval(item["lower"], item["upper"]),
            bps(item["expected_bps"]),
        )
        for item in card["groups"]
    ]
    return [line("By group", Style.HEADING), table(columns, rows)] if rows else []


_STRATEGY_COLUMNS = (
    Column("strategy"),
    Column("group", rank=1, shrink_to=6),
    Column("matured", right=True),
    Column("mean bp", right=True),
    Column("sd bp", right=True),
    Column("rank corr.", right=True),
    Column("chosen", right=True),
)


def strategies_section(card: Document) -> list[Block]:
    """Every strategy with its matured outcomes, judged or not."""
    judged_ones = {item["strategy"]: item for item in card["strategies"]}
    matured = {**card["data"]["matured"], **{name: item["matured"] for name, item in judged_ones.items()}}
    nothing: Document = dict.fromkeys(("group", "mean_bps", "sd_bps", "rank_correlation", "chosen"))
    rows = [
        (
            name,
            spoken(item["group"]),
            number(outcomes),
            bps(item["mean_bps"]),
            figure(item["sd_bps"], 1),
            figure(item["rank_correlation"], 3),
            number(item["chosen"]),
        )
        for name, outcomes in matured.items()
        for item in (judged_ones.get(name, nothing),)
    ]
    if not rows:
        return []
    return [line("By strategy, over all its matured outcomes", Style.HEADING), table(_STRATEGY_COLUMNS, rows)]


def importance_section(card: Document) -> list[Block]:
    """The features that the members gain most from."""
    ordered = sorted(card["importance"], key=lambda item: -(item["share"] or 0.0))[:LEADING]
    rows = [(item["feature"], percent(item["share"], 1)) for item in ordered]
    columns = (Column("feature", shrink_to=40), Column("share of the gain", right=True))
    return [line("Leading features", Style.HEADING), table(columns, rows)] if rows else []
