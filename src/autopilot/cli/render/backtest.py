"""Past data on the screen: a backtest, a period in the same figures, the proofs about look-ahead, and a sweep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autopilot.cli.render.blocks import (
    BLANK,
    Block,
    Column,
    Field,
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
from autopilot.cli.render.words import NOTHING, count, day, duration, figure, spoken, utc
from autopilot.domain.document_types import Document
from autopilot.report.figures import (
    COMPARISON,
    UNKNOWN,
    FigureColumn,
    PeriodFigure,
    breakdown_columns,
    percentage,
    period_figures,
)

DENIALS_SHOWN = 6
BEST_SHOWN = 5
SIGNIFICANT = 0.05
"""The p-value up to which luck is called unlikely."""
NAME_WIDTH = 20
"""To which the name of a row may be cut on a narrow terminal."""
_SIGN_STYLES = {"+": Style.GOOD, "-": Style.BAD}


def backtest_screen(document: Document) -> Screen:
    """The screen of a `backtest_document`."""
    return _screen(document, "Backtest of")


def report_screen(document: Document) -> Screen:
    """The screen of a `PeriodReport`'s document."""
    return _screen(document, "Paper trading of")


def _screen(document: Document, what: str) -> Screen:
    return stacked(
        _header(document, what),
        _figures(document),
        _table(document, COMPARISON, document["comparison"]),
        _luck(document),
        _models(document),
        *(_table(document, breakdown_columns(key), rows) for key, rows in document["breakdown"].items()),
    )


def _header(document: Document, what: str) -> Iterator[Block]:
    seconds = (document["to_ms"] - document["from_ms"]) / 1000
    market = f"{', '.join(document['symbols'])} on {document['exchange']}, {document['timeframe']}"
    yield heading(f"{what} {market}")
    yield from banner([{"market": document["exchange"]}])
    yield line(f"{utc(document['from_ms'])} to {utc(document['to_ms'])}, {duration(seconds)}", Style.FAINT)
    yield line(f"decided by {document['decided_by']}", hang=2)
    for item in document.get("lent", ()):
        yield line(f"the first {item['candles']:,} candles of {item['symbol']} are those of {item['exchange']}", hang=2)
    if document["in_sample"]:
        yield line("IN SAMPLE: the model was trained on this period; these figures prove nothing", Style.BAD, hang=2)
    counts = (count(document[f"{noun}s"], noun) for noun in ("candle", "signal", "order", "fill"))
    yield line(", ".join(counts), hang=2)
    if document["denied"]:
        denied = list(document["denied"].items())[:DENIALS_SHOWN]
        reasons = ", ".join(f"{number:,} {spoken(code.lower())}" for code, number in denied)
        yield line(f"denied signals: {reasons}", hang=2)
    yield from (line(f"note: {note}", Style.WARNING, hang=2) for note in document.get("notes", ()))
    if document.get("detail"):
        detail = f"{document['looked_into']:,} of these candles were replayed with {document['detail']} candles"
        yield line(detail, Style.FAINT, hang=2)


def _figures(document: Document) -> Screen:
    fields: tuple[Field[PeriodFigure], ...] = (
        field(f"figure{_mark(document)}", lambda figure: figure.label),
        field("value", lambda figure: _span(figure.value, figure.is_result), right=True),
        field("95 % interval", lambda figure: figure.interval or NOTHING, right=True, rank=1),
    )
    return (listed(fields, period_figures(document)),)


def _table(document: Document, columns: Sequence[FigureColumn], rows: Sequence[Document]) -> Screen:
    """The first column names the row, and says so if the figures are in sample."""
    if not rows:
        return ()
    first, *others = columns
    named = Column(f"{first.title}{_mark(document)}", shrink_to=NAME_WIDTH)
    figures = (Column(each.title, right=True, rank=each.rank) for each in others)
    cells = ([_span(column.cell(row), column.is_result) for column in columns] for row in rows)
    return (table((named, *figures), cells),)


def _span(text: str, is_result: bool) -> Span:
    """A gain in green, a loss in red."""
    if not is_result or text == UNKNOWN:
        return Span(text)
    return Span(text, _SIGN_STYLES.get(text[:1], Style.PLAIN))


def _luck(document: Document) -> Iterator[Block]:
    """How much of the result chance explains."""
    timing, orders = document["timing"], document["trade_orders"]
    if timing or orders:
        yield heading("Luck")
    if timing:
        explanation = "an unlikely" if timing["p_value"] <= SIGNIFICANT else "a likely"
        yield line(
            f"Timing: {100 * timing['p_value']:.1f} % of random shifts of the same positions earn at least as much; "
            f"luck is {explanation} explanation.",
            hang=2,
        )
    if orders:
        low, _, high = orders["total_return"]
        yield line(
            f"Trades drawn at random from these: a return of {percentage(low)} to {percentage(high)} in 90 % of the "
            f"draws, a loss in {100 * orders['losing']:.0f} %. In random order: a max drawdown of up to "
            f"{percentage(orders['drawdown_reordered'][2])}.",
            hang=2,
        )


_MODEL_FIELDS: tuple[Field[Document], ...] = (
    field("model", lambda model: model["id"]),
    field("state", lambda model: model["state"], rank=2),
    field("decides from", lambda model: utc(model["from_ms"])),
    field("until", lambda model: utc(model["until_ms"]), rank=1),
    field("trained until", lambda model: utc(model["trained_until_ms"]), rank=3),
)


def _models(document: Document) -> Screen:
    chosen = f"Models: they chose {document['by_models']:,} of {count(document['signals'], 'signal')}"
    return section(chosen, _MODEL_FIELDS, document["models"])


def _mark(document: Document) -> str:
    return " (IN SAMPLE)" if document["in_sample"] else ""


_PROOFS = {
    "look-ahead": "a value changes when later candles are removed",
    "warm-up": "a value differs with only the last 1,000 candles: it needs a longer past than a live cycle has",
    "failed": "raised an error",
}
_FINDING_FIELDS: tuple[Field[Document], ...] = (
    field("owner", lambda finding: finding["owner"], shrink_to=16),
    field("column", lambda finding: finding["detail"] or spoken(finding["column"]), shrink_to=16),
    field("symbol", lambda finding: finding["symbol"]),
    field("first candle", lambda finding: utc(finding["candle_at_ms"]), rank=2),
    field("all candles", lambda finding: figure(finding["whole"], 6), right=True, rank=1),
    field("part of them", lambda finding: figure(finding["part"], 6), right=True, rank=1),
)


@as_screen
def check_screen(document: Document) -> Iterator[Block]:
    """The screen of `check_strategies`: the results of its proofs."""
    market = f"{', '.join(document['symbols'])}, {document['timeframe']}, from {document['exchange']}"
    proved = f"{len(document['strategies'])} strategies, all features and the regime"
    yield from banner([{"market": document["exchange"]}])
    yield line(f"{proved}, on {market}: {document['candles']:,} candles, {document['cuts']:,} cuts", hang=2)
    if not document["findings"]:
        yield line("Nothing looks ahead, and nothing needs a longer past than it gets.", Style.GOOD)
        return
    for proof, means in _PROOFS.items():
        findings = [each for each in document["findings"] if each["proof"] == proof]
        if findings:
            yield from (BLANK, line(f"{proof}: {means}", Style.BAD, hang=2), listed(_FINDING_FIELDS, findings))
    yield BLANK
    yield line("try: decide each candle from itself and at most 720 candles before it (docs/strategies.md)")


def sweep_screen(document: Document) -> Screen:
    """The screen of a `sweep_document`."""
    traded = f"the strategy {document['strategy']}" if document["strategy"] else "the rule table"
    market = f"{', '.join(document['symbols'])} on {document['exchange']}, {document['timeframe']}"
    return stacked(
        (
            heading(f"Sweep of {traded} with {market}"),
            *banner([{"market": document["exchange"]}]),
            line(_tries(document), Style.FAINT, hang=2),
        ),
        (listed(_FOLD_FIELDS, document["folds"]),),
        _walk(document),
        _best(document),
        (line(document["verdict"], _style(document), hang=2),),
        _use(document) if document["conclusion"] in ("skill", "unproven") else (),
    )


def _tries(document: Document) -> str:
    made = {document["tries"], *(each["tries"] for each in document["folds"])}
    number = f"{min(made):,} to {max(made):,}" if len(made) > 1 else f"{max(made):,}"
    tries = f"{number} tries in each of {count(len(document['folds']), 'fold')} and over the whole period"
    return tries if max(made) >= document["tries_wanted"] else f"{tries}: no other values in these ranges make sense"


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
