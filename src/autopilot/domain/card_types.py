"""A model's card, as types; `document_types` says how to read them. Standard library only."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

KindName = Literal["real", "simulated"]


class LoadedModelDocument(TypedDict):
    """A champion that the daemon uses for candles of its ``kind`` and ``timeframe``; ``message`` and ``hint`` say why
    it is not ``usable``."""

    id: str
    state: str
    kind: KindName
    timeframe: str
    usable: bool
    message: str | None
    hint: str | None


class ChampionDocument(TypedDict):
    """A champion, and the candles that it decides about."""

    id: str
    state: str
    kind: KindName
    timeframe: str


class TrainingDataDocument(TypedDict):
    """The data that a model was trained on. ``matured``: outcomes by strategy; ``lent``: how many of a symbol's first
    candles are those of the exchange ``lender``."""

    first_at_ms: int | None
    last_at_ms: int | None
    candles: dict[str, int]
    samples: int
    samples_by_symbol: dict[str, int]
    recorded: int
    matured: dict[str, int]
    lent: NotRequired[dict[str, int]]
    lender: NotRequired[str | None]
    sha256: str


class LeakTestDocument(TypedDict):
    """A `LeakTest`."""

    name: str
    passed: bool
    detail: str


class GateRuleDocument(LeakTestDocument):
    """A `Rule` of the gate."""

    rule: int


class PathsDocument(TypedDict):
    """`CombinatorialPaths`."""

    count: int
    skill_p05: float | None
    skill_p50: float | None
    skill_p95: float | None
    share_above_zero: float | None


class BoundedDocument(TypedDict):
    """The bounds of a figure, null without an interval."""

    lower: float | None
    upper: float | None


class MetricDocument(BoundedDocument):
    """A figure beside its baseline; ``lower`` and ``upper`` bound it at ``level`` where there is an interval."""

    name: str
    unit: str
    value: float | None
    level: float | None
    baseline: str
    baseline_value: float | None
    better: Literal["higher", "lower"]


class ComparisonDocument(BoundedDocument):
    """Net return per decision of one way to choose, and how far the model is ahead of it."""

    name: str
    bps: float | None
    ahead_bps: float | None
    ahead_lower: float | None
    ahead_upper: float | None
    level: float
    days: int


class ThresholdDocument(BoundedDocument):
    """The decisions at or above a confidence."""

    threshold: float
    share: float | None
    decisions: int
    hit_rate: float | None
    edge_bps: float | None


class ReliabilityDocument(TypedDict):
    """A `ReliabilityBin`."""

    lower: float
    upper: float
    count: int
    stated: float | None
    observed: float | None


class GroupEvidenceDocument(BoundedDocument):
    """How often a group was chosen and acted on, and the result."""

    group: str
    chosen: int
    acted: int
    hit_rate: float | None
    edge_bps: float | None
    expected_bps: float | None


class StrategyEvidenceDocument(TypedDict):
    """A strategy's outcomes, and how well the model ranked them."""

    strategy: str
    group: str
    matured: int
    mean_bps: float | None
    sd_bps: float | None
    rank_correlation: float | None
    chosen: int


class ImportanceDocument(TypedDict):
    """A feature's share of the gain."""

    feature: str
    share: float


class RangeDocument(TypedDict):
    """The range of each feature in the training, and the share of features that may lie outside."""

    lower: list[float]
    upper: list[float]
    limit: float


class ServingDocument(TypedDict):
    """The values that scoring needs besides the boosters. ``groups``: group by strategy."""

    features: list[str]
    strategies: list[str]
    groups: dict[str, str]
    classes: list[str]
    members: int
    base_rates: list[float]
    temperature: float
    base_weight: float
    range: RangeDocument
    trained_until_ms: int


class IntervalDocument(BoundedDocument):
    """An `Interval`."""

    point: float | None
    level: float


class DriftDocument(TypedDict):
    """A `Drift`: the verdict on the model's decisions since its training. ``skill`` is null before there are any."""

    standing: str
    sentence: str
    decisions: int
    days: int
    skill: IntervalDocument | None
    evidence: float | None
    evidence_against: float | None


class CardDocument(TypedDict):
    """A model's card, as ``model-info`` shows it.

    Without any model ``id`` is null, and only ``state``, ``drift``, ``loaded`` and ``champions`` come with it.
    ``created_at_ms``, ``is_champion``, ``retired_at_ms``, ``note``, ``drift``, ``loaded`` and ``champions``, those of
    all candles, are added to the card that training wrote. ``loaded``: the daemon's model for the candles of this card.
    """

    id: str | None
    state: str
    schema: NotRequired[str]
    exchange: NotRequired[str]
    kind: NotRequired[KindName | None]
    timeframe: NotRequired[str]
    symbols: NotRequired[list[str]]
    days: NotRequired[int]
    seed: NotRequired[int]
    versions: NotRequired[dict[str, str]]
    data: NotRequired[TrainingDataDocument]
    classes: NotRequired[dict[str, float]]
    verdict: NotRequired[str]
    trials: NotRequired[int]
    gate: NotRequired[list[GateRuleDocument]]
    leak_tests: NotRequired[list[LeakTestDocument]]
    paths: NotRequired[PathsDocument | None]
    metrics: NotRequired[list[MetricDocument]]
    comparison: NotRequired[list[ComparisonDocument]]
    thresholds: NotRequired[list[ThresholdDocument]]
    reliability: NotRequired[list[ReliabilityDocument]]
    groups: NotRequired[list[GroupEvidenceDocument]]
    strategies: NotRequired[list[StrategyEvidenceDocument]]
    importance: NotRequired[list[ImportanceDocument]]
    serving: NotRequired[ServingDocument]
    sha256: NotRequired[str]
    created_at_ms: NotRequired[int]
    is_champion: NotRequired[bool]
    retired_at_ms: NotRequired[int | None]
    note: NotRequired[str]
    drift: NotRequired[DriftDocument | None]
    loaded: NotRequired[LoadedModelDocument | None]
    champions: NotRequired[list[ChampionDocument]]
