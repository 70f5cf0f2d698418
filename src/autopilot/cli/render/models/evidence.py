"""What a model is worth: every figure beside what one gets without it, with its interval."""

from __future__ import annotations

from autopilot.cli.render.blocks import Block, Column, Span, Style, line, table
from autopilot.cli.render.models.data import number
from autopilot.cli.render.models.numbers import (
    STANDINGS,
    bps,
    in_unit,
    interval,
    interval_title,
    judged,
    percent,
    standing,
)
from autopilot.cli.render.words import NOTHING, figure
from autopilot.domain.document_types import Document

UNBEATABLE = "perfect"
"""A baseline that is the ideal itself: nothing is better, and being worse says nothing."""


def metrics_section(card: Document) -> list[Block]:
    """Each metric, its interval and its baseline."""
    metrics = card["metrics"]
    if not metrics:
        return []
    columns = (
        Column("figure", shrink_to=18),
        Column("value", right=True),
        Column(interval_title(metrics), right=True),
        Column("baseline", right=True),
        Column("which", shrink_to=8),
        Column("reads"),
    )
    rows = [
        (
            metric["name"],
            in_unit(metric["value"], metric["unit"]),
            interval(metric["lower"], metric["upper"], metric["unit"]),
            in_unit(metric["baseline_value"], metric["unit"]),
            metric["baseline"],
            _reading(metric),
        )
        for metric in metrics
    ]
    return [line("Figures out of sample, each beside its baseline", Style.HEADING), table(columns, rows)]


def _reading(metric: Document) -> Span:
    if metric["baseline"] == UNBEATABLE:
        return Span(NOTHING)
    low_is_good = metric["better"] == "lower"
    said = standing(metric["lower"], metric["upper"], metric["baseline_value"], low_is_good=low_is_good)
    return Span(said, STANDINGS.get(said, Style.PLAIN))


def comparison_section(card: Document) -> list[Block]:
    """Net basis points a day, and how far the model is ahead on the same days."""
    compared = card["comparison"]
    if not compared:
        return []
    title = interval_title(compared)
    columns = (
        Column("what", shrink_to=16),
        Column("bp a day", right=True),
        Column(title, right=True),
        Column("model ahead", right=True),
        Column(title, right=True),
    )
    rows = [
        (
            item["name"],
            bps(item["bps"]),
            interval(item["lower"], item["upper"]),
            judged(bps(item["ahead_bps"]), item["ahead_lower"], item["ahead_upper"]),
            interval(item["ahead_lower"], item["ahead_upper"]),
        )
        for item in compared
    ]
    days = max((item["days"] for item in compared if item["days"] is not None), default=None)
    return [line(f"Compared on {number(days)} days, net of all costs", Style.HEADING), table(columns, rows)]


def thresholds_section(card: Document) -> list[Block]:
    """What it means to act only above a confidence; the intervals are of the comparison's level."""
    columns = (
        Column("confidence from", right=True),
        Column("decisions", right=True),
        Column("share", right=True),
        Column("hit rate", right=True),
        Column("net bp each", right=True),
        Column(interval_title(card["comparison"]), right=True),
    )
    rows = [
        (
            figure(item["threshold"]),
            number(item["decisions"]),
            percent(item["share"], 1),
            percent(item["hit_rate"]),
            judged(bps(item["edge_bps"]), item["lower"], item["upper"]),
            interval(item["lower"], item["upper"]),
        )
        for item in card["thresholds"]
    ]
    return [line("What the confidence threshold means", Style.HEADING), table(columns, rows)] if rows else []


_RELIABILITY_COLUMNS = (
    Column("probability", right=True),
    Column("decisions", right=True),
    Column("stated", right=True),
    Column("observed", right=True),
    Column("difference", right=True),
)


def reliability_section(card: Document) -> list[Block]:
    """What was stated against what came."""
    rows = [
        (
            f"{figure(item['lower'])} to {figure(item['upper'])}",
            number(item["count"]),
            percent(item["stated"], 1),
            percent(item["observed"], 1),
            _difference(item),
        )
        for item in card["reliability"]
    ]
    return (
        [line("Stated probability against what came", Style.HEADING), table(_RELIABILITY_COLUMNS, rows)] if rows else []
    )


def _difference(item: Document) -> str:
    if item["stated"] is None or item["observed"] is None:
        return NOTHING
    return f"{100 * (item['observed'] - item['stated']):+.1f} points"
