"""A parameter search on the screen."""

from __future__ import annotations

from autopilot.cli.render.blocks import BLANK, Block, Column, Screen, Style, banner, line, table
from autopilot.cli.render.words import NOTHING, count, figure, utc
from autopilot.domain.document_types import Document

BEST_SHOWN = 5


def sweep_screen(document: Document) -> Screen:
    """The screen of a `sweep_document`."""
    traded = f"the strategy {document['strategy']}" if document["strategy"] else "the rule table"
    market = f"{', '.join(document['symbols'])} on {document['exchange']}, {document['timeframe']}"
    tries = f"{document['tries']:,} tries in each of {count(len(document['folds']), 'fold')} and over the whole period"
    blocks: list[Block] = [
        line(f"Sweep of {traded} with {market}", Style.HEADING),
        *banner([{"market": document["exchange"]}]),
        line(tries, Style.FAINT, hang=2),
        BLANK,
        *_walk(document),
        BLANK,
        *_best(document),
        BLANK,
        line(document["verdict"], _style(document), hang=2),
    ]
    if document["conclusion"] in ("skill", "unproven"):
        blocks += [BLANK, *_use(document)]
    return tuple(blocks)


def _walk(document: Document) -> list[Block]:
    columns = (
        Column("searched until", rank=2),
        Column("tested until"),
        Column("found", shrink_to=20),
        Column("Sharpe before", right=True, rank=1),
        Column("after", right=True),
        Column("current", right=True),
    )
    rows = [
        (
            utc(each["search_until_ms"])[:10],
            utc(each["test_until_ms"])[:10],
            _listed(each["chosen"]) if each["chosen"] else "too few trades",
            figure(each["before"]["sharpe"]) if each["before"] else NOTHING,
            figure(each["after"]["sharpe"]),
            figure(each["as_they_are"]["sharpe"]),
        )
        for each in document["folds"]
    ]
    walk = document["walk_forward"]
    found, now, gain = walk["found"], walk["as_they_are"], walk["gain_bps_a_day"]
    return [
        table(columns, rows),
        BLANK,
        line(
            f"Walk-forward over {found['days']:,} days: {_percent(found['total_return'])}, Sharpe "
            f"{figure(found['sharpe'])}, with the found values; {_percent(now['total_return'])}, Sharpe "
            f"{figure(now['sharpe'])}, with the current values. The search gained {gain['point']:+.2f} "
            f"[{gain['lower']:+.2f}, {gain['upper']:+.2f}] bps per day.",
            hang=2,
        ),
    ]


def _best(document: Document) -> list[Block]:
    columns = (
        Column("best over the whole period", shrink_to=30),
        Column("Sharpe", right=True),
        Column("return", right=True),
        Column("trades", right=True),
    )
    scored = [each for each in document["all"] if each["sharpe"] is not None]
    shown = sorted(scored, key=lambda each: -each["sharpe"])[:BEST_SHOWN]
    rows = [_row(_listed(each["values"]), each) for each in shown]
    return [table(columns, [*rows, _row("current values", document["as_it_is"])])]


def _row(name: str, tried: Document) -> tuple[str, str, str, str]:
    return name, figure(tried["sharpe"]), _percent(tried["total_return"]), f"{tried['trades']:,}"


def _use(document: Document) -> list[Block]:
    """How to use the best values."""
    best = document["best"]["values"]
    keys = [each["name"] for each in document["parameters"] if each["is_key"]]
    advice: list[Block] = [line(f"try: autopilot config set {name} {best[name]:g}") for name in keys]
    if len(keys) < len(best):
        values = ", ".join(f"{name}={value:g}" for name, value in best.items() if name not in keys)
        advice.append(line(f"try: a strategy of your own with {values} (docs/strategies.md)", hang=2))
    return advice


def _style(document: Document) -> Style:
    return Style.GOOD if document["conclusion"] == "skill" else Style.WARNING


def _listed(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in values.items())


def _percent(value: float) -> str:
    return f"{100 * value:+,.2f} %"
