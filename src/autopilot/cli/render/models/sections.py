"""The sections of a model's card: its data, its figures with their intervals, the gate, its parts, and what made it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

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
    listed,
    section,
)
from autopilot.cli.render.words import (
    NOTHING,
    STANDINGS,
    bps,
    count,
    day,
    figure,
    in_unit,
    integer,
    interval,
    interval_title,
    judged,
    measure,
    percent,
    spoken,
    standing,
    utc,
)
from autopilot.domain.card_types import (
    CardDocument,
    ComparisonDocument,
    DriftDocument,
    GateRuleDocument,
    GroupEvidenceDocument,
    ImportanceDocument,
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
    verdict = standing(metric["lower"], metric["upper"], metric["baseline_value"], low_is_good=low_is_good)
    return Span(verdict, STANDINGS.get(verdict, Style.PLAIN))


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


FEATURES_SHOWN = 15
"""The number of features shown; the document has all of the card's."""


def groups_section(card: CardDocument) -> Screen:
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
    return section("By group", fields, card["groups"])


_STRATEGY_FIELDS: tuple[Field[Mapping[str, Any]], ...] = (
    field("strategy", lambda item: item["strategy"]),
    field("group", lambda item: spoken(item["group"]), rank=6, shrink_to=5),
    field("matured", lambda item: integer(item["matured"]), right=True, rank=1),
    field("mean bps", lambda item: bps(item["mean_bps"]), right=True),
    field("sd bps", lambda item: figure(item["sd_bps"], 1), right=True, rank=4),
    field("rank corr.", lambda item: figure(item["rank_correlation"], 3), right=True, rank=3),
    field("chosen", lambda item: integer(item["chosen"]), right=True, rank=2),
)


def strategies_section(card: CardDocument) -> Screen:
    """Every strategy with its matured outcomes, judged or not."""
    unjudged: dict[str, Any] = dict.fromkeys(("group", "mean_bps", "sd_bps", "rank_correlation", "chosen"))
    items: dict[str, Mapping[str, Any]] = {
        **{
            name: {"strategy": name, "matured": matured, **unjudged}
            for name, matured in card["data"]["matured"].items()
        },
        **{item["strategy"]: item for item in card["strategies"]},
    }
    return section("By strategy, over all its matured outcomes", _STRATEGY_FIELDS, items.values())


_FEATURE_FIELDS: tuple[Field[ImportanceDocument], ...] = (
    field("feature", lambda item: item["feature"], shrink_to=40),
    field("share of the gain", lambda item: percent(item["share"], 1), right=True),
)


def importance_section(card: CardDocument) -> Screen:
    """The features that the members gain most from."""
    leading = sorted(card["importance"], key=lambda item: -(item["share"] or 0.0))[:FEATURES_SHOWN]
    return section("Leading features", _FEATURE_FIELDS, leading)


def data_line(card: CardDocument) -> Screen:
    """The span and the samples in one line."""
    data = card["data"]
    span = f"{day(data['first_at_ms'])} to {day(data['last_at_ms'])}"
    return (line(f"Trained on {integer(data['samples'])} samples, {span}", hang=2),)


def data_section(card: CardDocument) -> Screen:
    """The span, the samples and where they come from."""
    data = card["data"]
    span = f"{utc(data['first_at_ms'])} to {utc(data['last_at_ms'])}"
    samples = f"  {integer(data['samples'])} samples, {integer(data['recorded'])} of them recorded by the daemon"
    fields: tuple[Field[str], ...] = (
        field("symbol", lambda symbol: symbol),
        field("candles", lambda symbol: integer(data["candles"][symbol]), right=True),
        field("samples", lambda symbol: integer(data["samples_by_symbol"].get(symbol)), right=True),
    )
    return (
        heading("Data"),
        line(f"  {span}, {integer(card['days'])} days requested", hang=2),
        line(samples, hang=2),
        *(
            line(f"  the first {integer(number)} candles of {symbol} are those of {data.get('lender')}", hang=4)
            for symbol, number in data.get("lent", {}).items()
        ),
        *((listed(fields, data["candles"]),) if data["candles"] else ()),
    )


def classes_section(card: CardDocument) -> Screen:
    """How often each group was the best."""
    if not card["classes"]:
        return ()
    ordered = sorted(card["classes"].items(), key=lambda item: -(item[1] or 0.0))
    shares = ", ".join(f"{spoken(name)} {percent(share)}" for name, share in ordered)
    return (heading("Best group in hindsight, none where no group had a gain"), line(f"  {shares}", hang=2))


def versions_section(card: CardDocument) -> Screen:
    """Everything that is needed to make the same model again."""
    versions = ", ".join(f"{name} {version}" for name, version in card["versions"].items())
    made = f"  seed {integer(card['seed'])}, features {card['schema']}{_trials(card['trials'])}"
    return (
        heading("Made with"),
        line(f"  {versions or NOTHING}", hang=2),
        line(made, hang=2),
        line(f"  model SHA-256 {card['sha256']}", hang=2),
        line(f"  samples SHA-256 {card['data']['sha256'] or NOTHING}", hang=2),
    )


def _trials(trials: int | None) -> str:
    return "" if trials is None else f", {count(trials, 'training')} so far"
