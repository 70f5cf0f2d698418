"""Two models side by side: their data, their evidence, and the features they use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from autopilot.cli.render.blocks import Column, Item, Screen, Span, Style, heading, line, stacked, table
from autopilot.cli.render.words import NOTHING, bps, in_unit, integer, interval, meaning, percent, spoken, utc
from autopilot.domain.card_types import (
    CardDocument,
    ComparisonDocument,
    GateRuleDocument,
    ImportanceDocument,
    MetricDocument,
)
from autopilot.domain.document_types import Document

LEADING = 8
"""The number of features shown that gained, and of those that lost."""
_CHANGE = Column("change", right=True, rank=1)

_Reading = Callable[[CardDocument], str]
_Rows = list[tuple[Span | str, ...]]
_FACTS: tuple[tuple[str, _Reading], ...] = (
    ("state", lambda card: spoken(card["state"])),
    ("exchange", lambda card: str(card["exchange"])),
    ("timeframe", lambda card: str(card["timeframe"])),
    ("symbols", lambda card: f"{len(card['symbols'])}"),
    ("from", lambda card: utc(card["data"]["first_at_ms"])),
    ("to", lambda card: utc(card["data"]["last_at_ms"])),
    ("samples", lambda card: integer(card["data"]["samples"])),
    ("recorded by the daemon", lambda card: integer(card["data"]["recorded"])),
    ("features", lambda card: str(card["schema"])),
    ("seed", lambda card: integer(card["seed"])),
    ("trainings so far", lambda card: integer(card["trials"])),
    ("samples SHA-256", lambda card: (card["data"]["sha256"] or NOTHING)[:16]),
)


def model_diff_screen(first: Document, second: Document) -> Screen:
    """Of two cards."""
    a, b = cast("CardDocument", first), cast("CardDocument", second)
    tables: tuple[tuple[str, tuple[Column, ...], _Rows], ...] = (
        ("Data", _columns("what", a, b), _facts(a, b)),
        ("Symbols of one only", (Column("symbol"), Column("in")), _symbols(a, b)),
        ("Versions", _columns("of", a, b), _versions(a, b)),
        (
            "Figures out of sample",
            (*_columns("figure", a, b), _CHANGE),
            [
                (name, _metric(one), _metric(other), _change(one, other))
                for name, one, other in _pairs(a["metrics"], b["metrics"], lambda item: item["name"])
            ],
        ),
        ("Gate", _columns("rule", a, b), _gate(a, b)),
        (
            "Net bps per day",
            _columns("what", a, b),
            [
                (name, _daily(one), _daily(other))
                for name, one, other in _pairs(a["comparison"], b["comparison"], lambda item: item["name"])
            ],
        ),
        ("Features that gained or lost", (*_columns("feature", a, b), _CHANGE), _features(a, b)),
    )
    return stacked(
        (
            heading(f"{a['id']} and {b['id']}"),
            *(line(f"{card['id']}: {meaning(card['state'])}. {card['verdict']}", hang=2) for card in (a, b)),
            line("Each model was judged on its own data, so a difference between them is not a test."),
        ),
        *((heading(title), table(columns, rows)) if rows else () for title, columns, rows in tables),
    )


def _columns(what: str, a: CardDocument, b: CardDocument) -> tuple[Column, ...]:
    return (Column(what, shrink_to=12), Column(f"{a['id']}", right=True), Column(f"{b['id']}", right=True))


def _pairs(
    a: Iterable[Item], b: Iterable[Item], name: Callable[[Item], str]
) -> list[tuple[str, Item | None, Item | None]]:
    """Items of the same name; those of ``b`` alone at the end."""
    first, second = ({name(item): item for item in items} for items in (a, b))
    return [(name, first.get(name), second.get(name)) for name in dict.fromkeys((*first, *second))]


def _facts(a: CardDocument, b: CardDocument) -> _Rows:
    return [(name, read(a), _unlike(read(a), read(b))) for name, read in _FACTS]


def _unlike(one: str, other: str) -> Span:
    return Span(other, Style.PLAIN if one == other else Style.WARNING)


def _symbols(a: CardDocument, b: CardDocument) -> _Rows:
    return [
        (symbol, f"{card['id']}")
        for card, other in ((a, b), (b, a))
        for symbol in sorted(set(card["symbols"]) - set(other["symbols"]))
    ]


def _versions(a: CardDocument, b: CardDocument) -> _Rows:
    names = dict.fromkeys((*a["versions"], *b["versions"]))
    both = [(name, a["versions"].get(name, NOTHING), b["versions"].get(name, NOTHING)) for name in names]
    return [(name, one, _unlike(one, other)) for name, one, other in both if one != other]


def _metric(item: MetricDocument | None) -> str:
    if item is None or item["value"] is None:
        return NOTHING
    value, around = in_unit(item["value"], item["unit"]), interval(item["lower"], item["upper"], item["unit"])
    return value if around == NOTHING else f"{value} {around}"


def _change(one: MetricDocument | None, other: MetricDocument | None) -> Span:
    """Colored by its direction only; the intervals beside it say whether that means anything."""
    if one is None or other is None or one["value"] is None or other["value"] is None:
        return Span(NOTHING)
    change = other["value"] - one["value"]
    if change == 0:
        return Span("none")
    good = (change > 0) is (other["better"] == "higher")
    unit = other["unit"]
    text = f"{100 * change:+.2f} points" if unit == "share" else f"{change:+,.4g} {unit}".rstrip()
    return Span(text, Style.GOOD if good else Style.BAD)


def _gate(a: CardDocument, b: CardDocument) -> _Rows:
    numbers = {rule["name"]: rule["rule"] for rule in (*a["gate"], *b["gate"])}
    return [
        (f"{numbers[name]}. {name}", _passed(one), _passed(other))
        for name, one, other in _pairs(a["gate"], b["gate"], lambda item: item["name"])
    ]


def _passed(rule: GateRuleDocument | None) -> Span:
    if rule is None:
        return Span(NOTHING)
    return Span("✓", Style.GOOD) if rule["passed"] else Span("✗", Style.BAD)


def _daily(item: ComparisonDocument | None) -> str:
    return NOTHING if item is None else f"{bps(item['bps'])} {interval(item['lower'], item['upper'])}"


def _features(a: CardDocument, b: CardDocument) -> _Rows:
    """By how much they changed, those that gained first; a model without the feature has a share of 0."""
    shares = [
        (name, _share(one), _share(other))
        for name, one, other in _pairs(a["importance"], b["importance"], lambda item: item["feature"])
    ]
    changed = sorted((item for item in shares if item[1] != item[2]), key=lambda item: item[1] - item[2])
    shown = changed if len(changed) <= 2 * LEADING else [*changed[:LEADING], *changed[-LEADING:]]
    return [
        (name, percent(one, 1), percent(other, 1), f"{100 * (other - one):+.1f} points") for name, one, other in shown
    ]


def _share(item: ImportanceDocument | None) -> float:
    return 0.0 if item is None else float(item["share"] or 0.0)
