"""The regret ledger, with the paper result of each way to choose; and the decisions of a period made twice."""

from __future__ import annotations

from collections.abc import Iterator

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
    table,
)
from autopilot.cli.render.words import NOTHING, count, figure, money, result, spoken, utc
from autopilot.domain.document_types import Document

ROWS_SHOWN = 50
_COSTS = {
    "signal": "orders sent only once",
    "price": "other prices",
    "fee": "other fees",
    "missed_fill": "quantities filled only once",
}
COLUMNS = (
    Column("on paper", shrink_to=14),
    Column("bps", right=True),
    Column("95 %", right=True),
    Column("- sel.", right=True),
    Column("95 %", right=True),
    Column("hit %", right=True, rank=2),
    Column("shown", rank=1),
)
SLICE_COLUMNS = (
    Column("decisions", right=True, rank=1),
    Column("selector", right=True),
    Column("95 %", right=True),
    Column("equal - sel.", right=True),
    Column("95 %", right=True),
)
_VERDICTS = {
    "better": Span("better", Style.GOOD),
    "worse": Span("worse", Style.BAD),
    "unshown": Span("no", Style.FAINT),
    "too_few_days": Span("too few", Style.FAINT),
    "no_trades": Span("no trades", Style.FAINT),
    "same": Span(NOTHING, Style.FAINT),
}
_SLICES = (("by_regime", "regime"), ("by_symbol", "symbol"), ("by_decider", "decided by"))


def performance_screen(document: Document) -> Screen:
    """``{"markets": [{"ledger": …} …], …}``."""
    markets = document["markets"]
    if not markets:
        return (line("No decisions yet: each closed candle leads to one.", Style.FAINT),)
    blocks: list[Block] = [*banner(markets)]
    for market in markets:
        if len(blocks) > 1:
            blocks.append(BLANK)
        blocks += _ledger(document, market) if market["ledger"] else [_nothing_matured(market)]
    return tuple(blocks)


def _nothing_matured(market: Document) -> Paragraph:
    return line(
        f"{_where(market)}: {count(market['decisions'], 'decision')}, none matured yet. The outcome of a decision is"
        f" known 24 h later; that of the first at {utc(market['first_matures_at_ms'])}, market time.",
        Style.FAINT,
        hang=2,
    )


def _ledger(document: Document, market: Document) -> list[Block]:
    ledger = market["ledger"]
    return [
        _heading(document, market),
        BLANK,
        table(COLUMNS, [_line(each, _NAMES.get(each["name"])) for each in (*ledger["lines"], *ledger["strategies"])]),
        BLANK,
        *_verdict(document, ledger),
        *(block for key, title in _SLICES for block in _slices(ledger[key], title)),
        BLANK,
        line(
            "bps: mean net basis points per decision over the next 24 h, averaged by day, after costs (buy and hold:"
            " before costs). - sel.: the line minus the selector. On paper: every choice counts, traded or not.",
            Style.FAINT,
        ),
    ]


_NAMES = {
    "selector": "selector",
    "always_followed": "always followed",
    "rule_table": "rule table",
    "equal_weight": "equal weight",
    "buy_and_hold": "buy and hold",
    "cash": "cash",
}
"""The lines that are not strategies."""


def _where(market: Document) -> str:
    return f"{market['exchange']} {market['timeframe']}"


def _heading(document: Document, market: Document) -> Paragraph:
    ledger = market["ledger"]
    return line(
        f"{_where(market)}: {count(ledger['decisions'], 'matured decision')} of {count(ledger['days'], 'day')},"
        f" {utc(ledger['first_at_ms'])} to {utc(ledger['last_at_ms'])}. The selector follows the {ledger['followed']:,}"
        f" with a confidence of at least {figure(document['min_confidence_threshold'])} and holds cash otherwise.",
        hang=2,
    )


def _line(item: Document, name: str | None) -> tuple[Span | str, ...]:
    style = Style.HEADING if item["name"] == "selector" else Style.PLAIN
    same = item["verdict"] == "same" or not item["days"]
    return (
        Span(name or item["name"], style),
        _points(item["mean_bps"]["point"]) if item["days"] else NOTHING,
        _interval(item["mean_bps"]),
        NOTHING if same else _points(item["regret_bps"]["point"]),
        NOTHING if same else _interval(item["regret_bps"]),
        figure(None if item["hit_rate"] is None else 100 * item["hit_rate"], 0),
        _VERDICTS[item["verdict"]],
    )


@as_screen
def _verdict(document: Document, ledger: Document) -> Iterator[Block]:
    """The conclusion, in sentences."""
    if ledger["days"] < document["days_at_least"]:
        yield line(
            f"Too short to show anything: {count(ledger['days'], 'day')} of decisions. Differences are tested from"
            f" {document['days_at_least']} days on.",
            Style.WARNING,
        )
        return
    others = [
        item for item in (*ledger["lines"], *ledger["strategies"]) if item["verdict"] not in ("same", "no_trades")
    ]
    better, worse, unshown = (
        [_NAMES.get(item["name"], item["name"]) for item in others if item["verdict"] == verdict]
        for verdict in ("better", "worse", "unshown")
    )
    if better:
        yield line(f"Better than the selector: {', '.join(better)}.", Style.BAD, hang=2)
    if worse:
        yield line(f"Worse than the selector: {', '.join(worse)}.", Style.GOOD, hang=2)
    if better or worse:
        yield line(f"By luck alone, one in twenty of the {len(others)} comparisons would look like this.", Style.FAINT)
    if unshown:
        rest = f"For {len(unshown)} of {len(others)} lines" if better or worse else "For every line"
        yield line(f"{rest} the interval contains 0: no significant difference.")


def _slices(slices: list[Document], title: str) -> list[Block]:
    """The breakdown; empty with fewer than two rows."""
    if len(slices) < 2:
        return []
    return [BLANK, table((Column(title, shrink_to=10), *SLICE_COLUMNS), [_slice(each) for each in slices])]


def _slice(item: Document) -> tuple[Span | str, ...]:
    by_name = {each["name"]: each for each in item["lines"]}
    earned, regret = by_name["selector"]["mean_bps"], by_name["equal_weight"]["regret_bps"]
    return (
        spoken(item["name"]),
        f"{item['decisions']:,}",
        _points(earned["point"]),
        _interval(earned),
        _points(regret["point"]),
        _interval(regret),
    )


def _points(value: float) -> str:
    """Basis points, signed."""
    return f"{value:+,.1f}" if abs(value) < 1000 else f"{value:+,.0f}"


def _interval(interval: Document) -> str:
    lower, upper = interval["lower"], interval["upper"]
    if lower is None or upper is None:
        return NOTHING
    decimals = 1 if max(abs(lower), abs(upper)) < 100 else 0
    return f"[{lower:+,.{decimals}f}, {upper:+,.{decimals}f}]"


@as_screen
def parity_screen(document: Document) -> Iterator[Block]:
    """The screen of a `parity` document."""
    differences, fills = document["differences"], document["fills"]
    yield heading(f"{document['account']}, {', '.join(document['symbols'])}, {document['timeframe']}")
    yield from banner([{"market": document["exchange"]}])
    yield line(f"{utc(document['from_ms'])} to {utc(document['to_ms'])}", Style.FAINT)
    yield line(
        f"recorded: {count(document['recorded'], 'decision')} with a signal, {count(fills['recorded'], 'fill')};"
        f" run again: {count(document['again'], 'decision')}, {count(fills['again'], 'fill')}",
        hang=2,
    )
    yield from (line(f"note: {note}", Style.WARNING, hang=2) for note in document["notes"])
    if not differences:
        yield line("No decision differs.", Style.GOOD)
        return
    verb = "differs" if len(differences) == 1 else "differ"
    yield from (BLANK, line(f"{count(len(differences), 'decision')} {verb}:", Style.WARNING))
    yield listed(_DIFFERENCE_FIELDS, differences[:ROWS_SHOWN])
    if len(differences) > ROWS_SHOWN:
        yield line(f"and {len(differences) - ROWS_SHOWN:,} more; --json lists all of them", Style.FAINT)
    yield BLANK
    yield from _cost(document)


def _decision(difference: Document) -> Document:
    """The recorded decision or, if it is missing, the repeated one."""
    return dict(difference["recorded"] or difference["again"])


_DIFFERENCE_FIELDS: tuple[Field[Document], ...] = (
    field("candle", lambda each: utc(_decision(each)["candle_at_ms"]), rank=1),
    field("symbol", lambda each: _decision(each)["symbol"], rank=2),
    field("difference", lambda each: ", ".join(spoken(name) for name in each["fields"]), shrink_to=20),
    field("recorded", lambda each: _values(each["recorded"], each["fields"]), shrink_to=16),
    field("again", lambda each: _values(each["again"], each["fields"]), shrink_to=16),
)


def _values(decision: Document | None, fields: list[str]) -> str:
    if decision is None:
        return NOTHING
    if "missing" in fields:
        return f"{decision['signal_type']} {decision['strategy']}"
    shown = [decision[field] for field in fields if field != "candles"]
    return ", ".join(NOTHING if value is None else spoken(str(value)) for value in shown)


def _cost(document: Document) -> Screen:
    cost, currency = document["cost"], document["currency"]
    fields: tuple[Field[str], ...] = (
        field("cause", lambda part: _COSTS[part]),
        field("amount", lambda part: result(cost[part], f" {currency}"), right=True),
    )
    return (
        line(f"The recorded period earned {money(cost['total'])} {currency} more than the repeated one:"),
        listed(fields, _COSTS),
    )
