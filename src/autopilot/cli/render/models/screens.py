"""Screens of models: all of them, a card in brief or in full, two cards side by side, and changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar, cast

from autopilot.cli.render.blocks import (
    BLANK,
    Block,
    Column,
    Field,
    Paragraph,
    Screen,
    Span,
    Style,
    as_screen,
    banner,
    field,
    heading,
    line,
    listed,
    section,
    stacked,
    table,
)
from autopilot.cli.render.models.sections import (
    brief_comparison,
    brief_gate,
    classes_section,
    comparison_section,
    data_line,
    data_section,
    drift_line,
    drift_section,
    gate_section,
    groups_section,
    importance_section,
    leak_section,
    metrics_section,
    paths_section,
    reliability_section,
    strategies_section,
    thresholds_section,
    versions_section,
)
from autopilot.cli.render.words import (
    NOTHING,
    TO_TRAIN,
    bps,
    candles_of,
    count,
    day,
    in_unit,
    integer,
    interval,
    meaning,
    percent,
    spoken,
    state_span,
    utc,
)
from autopilot.domain.card_types import (
    CardDocument,
    ComparisonDocument,
    GateRuleDocument,
    ImportanceDocument,
    MetricDocument,
)
from autopilot.domain.document_types import Document

Row = TypeVar("Row")
_SECTIONS: tuple[Callable[[CardDocument], Screen], ...] = (
    data_section,
    classes_section,
    lambda card: metrics_section(card["metrics"]),
    lambda card: comparison_section(card["comparison"]),
    thresholds_section,
    reliability_section,
    groups_section,
    strategies_section,
    lambda card: gate_section(card["gate"]),
    leak_section,
    paths_section,
    drift_section,
    importance_section,
    versions_section,
)


def model_info_screen(document: Document, *, full: bool = False) -> Screen:
    """``document``: a card with ``drift`` and ``loaded``, or ``{"state": "untrained", …}`` where there is no model.

    It fits 24 lines of 80 columns, unless ``full`` asks for every section.
    """
    if document["state"] == "untrained":
        return (_standing("untrained"), line(f"To train one: {TO_TRAIN}"))
    card = cast("CardDocument", document)
    if full:
        return stacked([*_header(card), *_others(card)], *(section(card) for section in _SECTIONS))
    return (
        *_header(card),
        *data_line(card),
        BLANK,
        *brief_comparison(card),
        BLANK,
        *brief_gate(card),
        *drift_line(card),
        line(_more(card), Style.FAINT, hang=2),
    )


def _header(card: CardDocument) -> list[Block]:
    return [
        heading(f"Model {card['id']}"),
        line(f"{card['exchange']}, {card['timeframe']}, {', '.join(card['symbols'])}", Style.FAINT),
        *banner([{"market": card.get("kind")}]),
        _standing(card["state"], card.get("kind")),
        line(card["verdict"]),
        *([line(card["note"])] if card["note"] else []),
        _in_use(card),
    ]


def _more(card: CardDocument) -> str:
    champions = card.get("champions", [])
    if {each["id"] for each in champions} <= {card["id"]}:
        return f"All of it: autopilot model-info {card['id']} --full"
    return f"All of it: add --full. Every champion ({len(champions)}): autopilot models list"


def _standing(state: str, kind: str | None = None) -> Paragraph:
    return Paragraph((state_span(state), Span(f": {meaning(state, kind)}")))


def _others(card: CardDocument) -> Screen:
    """The champions of other candles."""
    others = [each for each in card.get("champions", []) if each["id"] != card["id"]]
    said = ", ".join(f"{each['id']} about {candles_of(each)}" for each in others)
    return (line(f"Other champions: {said}", Style.FAINT, hang=2),) if others else ()


def _in_use(card: CardDocument) -> Paragraph:
    loaded = card["loaded"]
    if loaded is None:
        return line(f"The daemon has no model of {candles_of(card)} loaded.", Style.FAINT)
    which = "it" if loaded["id"] == card["id"] else loaded["id"]
    if loaded["usable"]:
        return line(f"The daemon has {which} loaded.", Style.FAINT)
    why = f"and the rule table decides: {loaded['message']}"
    return line(f"The daemon cannot use {which}, {why}", Style.WARNING, hang=2)


@as_screen
def models_screen(document: Document) -> Iterator[Block]:
    """``{"models": [ModelEntry…], "history": [ModelChange…]}``, the newest first."""
    models = document["models"]
    yield from banner({"market": model.get("kind")} for model in models)
    if not models:
        yield line(f"No model is stored. To train one: {TO_TRAIN}")
    else:
        yield listed(_FIELDS, models)
        champions = [
            line(f"{model['id']}, for {candles_of(model)}: {_plainly(model)}", hang=2)
            for model in models
            if model["is_champion"]
        ]
        yield from champions or (line("The rule table decides."),)
    if history := section("History", _HISTORY_FIELDS, document["history"]):
        yield from (BLANK, *history)


def _decides(model: Document) -> Span | str:
    if model["is_champion"]:
        return Span("now", Style.GOOD)
    return NOTHING if model["retired_at_ms"] is None else f"until {day(model['retired_at_ms'])}"


def _candles(model: Document) -> str:
    """Unknown where the model's card could not be read."""
    return f"{model['kind']} {model['timeframe']}" if model.get("kind") else NOTHING


def _plainly(model: Document) -> str:
    note = f" ({model['note']})" if model["note"] else ""
    return f"{meaning(model['state'], model.get('kind'))}{note}. {model['verdict']}"


_FIELDS: tuple[Field[Document], ...] = (
    field("model", lambda model: model["id"]),
    field("candles", _candles, rank=2),
    field("exchange", lambda model: model["exchange"] or NOTHING, rank=6),
    field("trained", lambda model: day(model["created_at_ms"]), rank=3),
    field("state", lambda model: state_span(model["state"])),
    field("decides", _decides, rank=1),
    field("features", lambda model: model["schema"], rank=5),
    field("verdict", lambda model: model["verdict"], rank=4, shrink_to=30),
)
_HISTORY_FIELDS: tuple[Field[Document], ...] = (
    field("when", lambda change: utc(change["at_ms"]), rank=1),
    field("what", lambda change: change["event"]),
    field("model", lambda change: change["model_id"] or "the rules"),
    field("before", lambda change: change["previous_id"] or "the rules", rank=3),
    field("candles", _candles, rank=4),
    field("why", lambda change: change["reason"], rank=2, shrink_to=12),
)


@as_screen
def changed_screen(document: Document) -> Iterator[Block]:
    """Of a promotion or rollback: ``{"champion", "state", "previous", "means", "kind", "timeframe"}``."""
    champion, means = document["champion"], document["means"]
    about = candles_of(document) if document.get("kind") else "any candles"
    yield line(f"{champion}, for {about}: {means}" if champion else f"No model decides about {about}: {means}", hang=2)
    if document["previous"] not in (None, champion):
        yield line(f"Before: {document['previous']}", Style.FAINT)


def reset_screen(document: Document) -> Screen:
    """``{"models", "backup", "means"}``."""
    if not document["models"]:
        return (line("There was no model to reset."),)
    return (
        line(f"{count(document['models'], 'model')} retired: {document['means']}", hang=2),
        line(f"Backup: {document['backup']}"),
    )


LEADING = 8
"""The number of features shown that gained, and of those that lost."""
_CHANGE = Column("change", right=True, rank=1)

_Reading = Callable[[CardDocument], str]
_Rows = list[tuple[Span | str, ...]]
_FACTS: tuple[tuple[str, _Reading], ...] = (
    ("state", lambda card: spoken(card["state"])),
    ("candles", candles_of),
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
            *banner({"market": card.get("kind")} for card in (a, b)),
            *(
                line(f"{card['id']}: {meaning(card['state'], card.get('kind'))}. {card['verdict']}", hang=2)
                for card in (a, b)
            ),
            line("Each model was judged on its own data, so a difference between them is not a test."),
        ),
        *((heading(title), table(columns, rows)) if rows else () for title, columns, rows in tables),
    )


def _columns(what: str, a: CardDocument, b: CardDocument) -> tuple[Column, ...]:
    return (Column(what, shrink_to=12), Column(f"{a['id']}", right=True), Column(f"{b['id']}", right=True))


def _pairs(a: Iterable[Row], b: Iterable[Row], name: Callable[[Row], str]) -> list[tuple[str, Row | None, Row | None]]:
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
