"""The parts of a model: its data, groups, strategies and features, and the versions that made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autopilot.cli.render.blocks import Field, Screen, field, heading, line, listed, section
from autopilot.cli.render.models.words import bps, interval, interval_title, judged, percent
from autopilot.cli.render.words import NOTHING, count, day, figure, integer, spoken, utc
from autopilot.domain.card_types import CardDocument, GroupEvidenceDocument, ImportanceDocument

LEADING = 15
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
    leading = sorted(card["importance"], key=lambda item: -(item["share"] or 0.0))[:LEADING]
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
