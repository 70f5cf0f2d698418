"""A parameter search on the screen."""

from __future__ import annotations

from collections.abc import Iterator

from autopilot.cli.render.blocks import Block, Field, Screen, Style, banner, field, heading, line, listed, stacked
from autopilot.cli.render.words import NOTHING, count, day, figure
from autopilot.domain.document_types import Document

BEST_SHOWN = 5


def sweep_screen(document: Document) -> Screen:
    """The screen of a `sweep_document`."""
    traded = f"the strategy {document['strategy']}" if document["strategy"] else "the rule table"
    market = f"{', '.join(document['symbols'])} on {document['exchange']}, {document['timeframe']}"
    tries = f"{document['tries']:,} tries in each of {count(len(document['folds']), 'fold')} and over the whole period"
    return stacked(
        (
            heading(f"Sweep of {traded} with {market}"),
            *banner([{"market": document["exchange"]}]),
            line(tries, Style.FAINT, hang=2),
        ),
        (listed(_FOLD_FIELDS, document["folds"]),),
        _walk(document),
        _best(document),
        (line(document["verdict"], _style(document), hang=2),),
        _use(document) if document["conclusion"] in ("skill", "unproven") else (),
    )


_FOLD_FIELDS: tuple[Field[Document], ...] = (
    field("searched until", lambda fold: day(fold["search_until_ms"]), rank=2),
    field("tested until", lambda fold: day(fold["test_until_ms"])),
    field("found", lambda fold: _named(fold["chosen"]) if fold["chosen"] else "too few trades", shrink_to=20),
    field(
        "Sharpe before",
        lambda fold: figure(fold["before"]["sharpe"]) if fold["before"] else NOTHING,
        right=True,
        rank=1,
    ),
    field("after", lambda fold: figure(fold["after"]["sharpe"]), right=True),
    field("current", lambda fold: figure(fold["as_they_are"]["sharpe"]), right=True),
)
_TRIED_FIELDS: tuple[Field[tuple[str, Document]], ...] = (
    field("best over the whole period", lambda named: named[0], shrink_to=30),
    field("Sharpe", lambda named: figure(named[1]["sharpe"]), right=True),
    field("return", lambda named: _percent(named[1]["total_return"]), right=True),
    field("trades", lambda named: f"{named[1]['trades']:,}", right=True),
)


def _walk(document: Document) -> Screen:
    walk = document["walk_forward"]
    best, now, gain = walk["found"], walk["as_they_are"], walk["gain_bps_a_day"]
    return (
        line(
            f"Walk-forward over {best['days']:,} days: {_percent(best['total_return'])}, Sharpe "
            f"{figure(best['sharpe'])}, with the found values; {_percent(now['total_return'])}, Sharpe "
            f"{figure(now['sharpe'])}, with the current values. The search gained {gain['point']:+.2f} "
            f"[{gain['lower']:+.2f}, {gain['upper']:+.2f}] bps per day.",
            hang=2,
        ),
    )


def _best(document: Document) -> Screen:
    scored = [each for each in document["all"] if each["sharpe"] is not None]
    best = sorted(scored, key=lambda each: -each["sharpe"])[:BEST_SHOWN]
    named = [(_named(each["values"]), each) for each in best]
    return (listed(_TRIED_FIELDS, [*named, ("current values", document["as_it_is"])]),)


def _use(document: Document) -> Iterator[Block]:
    """How to use the best values."""
    best = document["best"]["values"]
    keys = [each["name"] for each in document["parameters"] if each["is_key"]]
    yield from (line(f"try: autopilot config set {name} {best[name]:g}") for name in keys)
    if len(keys) < len(best):
        values = ", ".join(f"{name}={value:g}" for name, value in best.items() if name not in keys)
        yield line(f"try: a strategy of your own with {values} (docs/strategies.md)", hang=2)


def _style(document: Document) -> Style:
    return Style.GOOD if document["conclusion"] == "skill" else Style.WARNING


def _named(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in values.items())


def _percent(value: float) -> str:
    return f"{100 * value:+,.2f} %"
