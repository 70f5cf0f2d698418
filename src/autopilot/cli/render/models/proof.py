"""How a model was examined: the gate, the leak tests, many paths through history, and its decisions since."""

from __future__ import annotations

from collections.abc import Iterator

from autopilot.cli.render.blocks import Block, Paragraph, Screen, Span, Style, as_screen, checked, heading, line
from autopilot.cli.render.models.words import percent
from autopilot.cli.render.words import count, measure
from autopilot.domain.card_types import CardDocument, DriftDocument, GateRuleDocument, LeakTestDocument

_FAILED_SHOWN = 2


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
