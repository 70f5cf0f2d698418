"""The evidence for a model: figures with their intervals, the gate, the leak tests, and the decisions since."""

from __future__ import annotations

from collections.abc import Iterator

from autopilot.cli.render.blocks import (
    Block,
    Field,
    Paragraph,
    Screen,
    Span,
    Style,
    as_screen,
    checked,
    field,
    heading,
    line,
    section,
)
from autopilot.cli.render.models.words import (
    STANDINGS,
    bps,
    in_unit,
    interval,
    interval_title,
    judged,
    percent,
    standing,
)
from autopilot.cli.render.words import NOTHING, count, figure, integer, measure
from autopilot.domain.card_types import (
    CardDocument,
    ComparisonDocument,
    DriftDocument,
    GateRuleDocument,
    LeakTestDocument,
    MetricDocument,
    ReliabilityDocument,
    ThresholdDocument,
)

_FAILED_SHOWN = 2
UNBEATABLE = "perfect"
"""A baseline that is the ideal itself: nothing is better, and being worse says nothing."""


def metrics_section(metrics: list[MetricDocument]) -> Screen:
    """Each metric, its interval and its baseline."""
    fields: tuple[Field[MetricDocument], ...] = (
        field("figure", lambda item: item["name"], shrink_to=18),
        field("value", lambda item: in_unit(item["value"], item["unit"]), right=True),
        field(
            interval_title(metrics),
            lambda item: interval(item["lower"], item["upper"], item["unit"]),
            right=True,
            rank=2,
        ),
        field("baseline", lambda item: in_unit(item["baseline_value"], item["unit"]), right=True, rank=3),
        field("which", lambda item: item["baseline"], rank=4, shrink_to=8),
        field("reads", _reading, rank=1),
    )
    return section("Figures out of sample, each beside its baseline", fields, metrics)


def _reading(metric: MetricDocument) -> Span:
    if metric["baseline"] == UNBEATABLE:
        return Span(NOTHING)
    low_is_good = metric["better"] == "lower"
    said = standing(metric["lower"], metric["upper"], metric["baseline_value"], low_is_good=low_is_good)
    return Span(said, STANDINGS.get(said, Style.PLAIN))


_ESSENTIAL = ("model", "cash", "buy and hold", "rule table")


def brief_comparison(card: CardDocument) -> Screen:
    """As `comparison_section`, of the model and of the alternatives that matter most."""
    return comparison_section([item for item in card["comparison"] if item["name"] in _ESSENTIAL])


def comparison_section(items: list[ComparisonDocument]) -> Screen:
    """Net basis points per day, and how far the model is ahead on the same days."""
    title = interval_title(items)
    fields: tuple[Field[ComparisonDocument], ...] = (
        field("what", lambda item: item["name"], shrink_to=16),
        field("bps per day", lambda item: bps(item["bps"]), right=True),
        field(title, lambda item: interval(item["lower"], item["upper"]), right=True, rank=2),
        field(
            "model ahead",
            lambda item: judged(bps(item["ahead_bps"]), item["ahead_lower"], item["ahead_upper"]),
            right=True,
            rank=1,
        ),
        field(title, lambda item: interval(item["ahead_lower"], item["ahead_upper"]), right=True, rank=3),
    )
    days = max((item["days"] or 0 for item in items), default=0)
    return section(f"Compared on {integer(days)} days, net of all costs", fields, items)


def thresholds_section(card: CardDocument) -> Screen:
    """The effect of acting only above a confidence; the intervals are of the comparison's level."""
    fields: tuple[Field[ThresholdDocument], ...] = (
        field("confidence from", lambda item: figure(item["threshold"]), right=True),
        field("decisions", lambda item: integer(item["decisions"]), right=True, rank=1),
        field("share", lambda item: percent(item["share"], 1), right=True, rank=4),
        field("hit rate", lambda item: percent(item["hit_rate"]), right=True, rank=3),
        field("net bps each", lambda item: judged(bps(item["edge_bps"]), item["lower"], item["upper"]), right=True),
        field(
            interval_title(card["comparison"]),
            lambda item: interval(item["lower"], item["upper"]),
            right=True,
            rank=2,
        ),
    )
    return section("What the confidence threshold means", fields, card["thresholds"])


def _difference(item: ReliabilityDocument) -> str:
    if item["stated"] is None or item["observed"] is None:
        return NOTHING
    return f"{100 * (item['observed'] - item['stated']):+.1f} points"


_RELIABILITY_FIELDS: tuple[Field[ReliabilityDocument], ...] = (
    field("probability", lambda item: f"{figure(item['lower'])} to {figure(item['upper'])}", right=True),
    field("decisions", lambda item: integer(item["count"]), right=True, rank=2),
    field("stated", lambda item: percent(item["stated"], 1), right=True),
    field("observed", lambda item: percent(item["observed"], 1), right=True),
    field("difference", _difference, right=True, rank=1),
)


def reliability_section(card: CardDocument) -> Screen:
    """The stated probabilities beside the observed frequencies."""
    return section("Stated and observed probability", _RELIABILITY_FIELDS, card["reliability"])


def gate_section(gate: list[GateRuleDocument]) -> Screen:
    """Rule by rule."""
    rules = [_verdict(f"{rule['rule']}. {rule['name']}", rule) for rule in gate]
    return (heading("Gate"), *rules) if rules else ()


def brief_gate(card: CardDocument) -> Screen:
    """How many rules it passed, and each rule that it failed."""
    rules = card["gate"]
    if not rules:
        return ()
    failed = [rule for rule in rules if not rule["passed"]]
    passed = f"{len(rules) - len(failed)} of {count(len(rules), 'rule')} passed"
    return (
        Paragraph((Span("Gate: ", Style.HEADING), Span(passed, Style.WARNING if failed else Style.GOOD))),
        *(_verdict(rule["name"], rule) for rule in failed[:_FAILED_SHOWN]),
    )


def leak_section(card: CardDocument) -> Screen:
    """Test by test."""
    tests = [_verdict(test["name"], test) for test in card["leak_tests"]]
    return (heading("Leak tests"), *tests) if tests else ()


def _verdict(name: str, item: GateRuleDocument | LeakTestDocument) -> Paragraph:
    return Paragraph((checked(item["passed"]), Span(name), Span(f"  {item['detail']}", Style.FAINT)), hang=4)


def paths_section(card: CardDocument) -> Screen:
    """The log-loss skill over all paths of the combinatorial cross-validation."""
    paths = card["paths"]
    if not paths or not paths["count"]:
        return ()
    spread = ", ".join(
        f"{share} {percent(skill, 1)}"
        for share, skill in (
            ("5th percentile", paths["skill_p05"]),
            ("median", paths["skill_p50"]),
            ("95th", paths["skill_p95"]),
        )
    )
    above = percent(paths["share_above_zero"])
    return (
        heading("Log-loss skill over combinatorial paths"),
        line(f"  {paths['count']} paths: {spread}; above zero in {above} of them", hang=2),
    )


def drift_line(card: CardDocument) -> Screen:
    """The verdict on its decisions since the training."""
    drift = card["drift"]
    if drift is None:
        return ()
    return (Paragraph((Span("Since then: ", Style.HEADING), Span(drift["sentence"], _drift_style(drift))), hang=2),)


@as_screen
def drift_section(card: CardDocument) -> Iterator[Block]:
    """The results of its decisions since the training."""
    drift = card["drift"]
    if drift is None:
        return
    yield from (heading("Since then"), line(f"  {drift['sentence']}", _drift_style(drift), hang=2))
    if drift["decisions"]:
        yield line(
            f"  {count(drift['decisions'], 'matured decision')}; e-value that it earns more than nothing "
            f"{measure(drift['evidence'])}, that the rule table earns more than it does "
            f"{measure(drift['evidence_against'])} (20 is evidence)",
            Style.FAINT,
            hang=2,
        )


def _drift_style(drift: DriftDocument) -> Style:
    return Style.WARNING if drift["standing"] == "drifted" else Style.PLAIN
