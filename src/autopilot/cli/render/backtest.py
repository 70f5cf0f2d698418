"""A backtest on the screen."""

from __future__ import annotations

from autopilot.cli.render.banner import banner
from autopilot.cli.render.blocks import BLANK, Block, Column, Screen, Span, Style, line, table
from autopilot.cli.render.words import NOTHING, count, duration, figure, money, result, spoken, utc
from autopilot.domain.document_types import Document

DENIALS_SHOWN = 6
_TITLES = {"symbol": "symbol", "strategy": "strategy", "group": "group", "regime": "regime", "month": "month"}


def backtest_screen(document: Document) -> Screen:
    """What `autopilot backtest` found; see `backtest_document`."""
    return _screen(document, "Backtest of")


def report_screen(document: Document) -> Screen:
    """What `autopilot report` found; see `period_report`."""
    return _screen(document, "Paper trading of")


def _screen(document: Document, what: str) -> Screen:
    blocks: list[Block] = [*_header(document, what), BLANK, *_figures(document), BLANK, *_compared(document)]
    for section in (_luck(document), _models(document), *(_broken_down(document, key) for key in _TITLES)):
        blocks += [BLANK, *section] if section else []
    return tuple(blocks)


def _header(document: Document, what: str) -> list[Block]:
    seconds = (document["to_ms"] - document["from_ms"]) / 1000
    market = f"{', '.join(document['symbols'])} on {document['exchange']}, {document['timeframe']}"
    blocks: list[Block] = [
        line(f"{what} {market}", Style.HEADING),
        *banner([{"market": document["exchange"]}]),
        line(f"{utc(document['from_ms'])} to {utc(document['to_ms'])}, {duration(seconds)}", Style.FAINT),
        line(f"decided by {document['decided_by']}", hang=2),
    ]
    if document["in_sample"]:
        warning = "IN SAMPLE: the model was trained on what is tested here; these figures say nothing"
        blocks.append(line(warning, Style.BAD, hang=2))
    denied = list(document["denied"].items())
    told = ", ".join(f"{number:,} {code}" for code, number in denied[:DENIALS_SHOWN])
    blocks.append(
        line(
            f"{count(document['candles'], 'candle')} decided, {count(document['signals'], 'signal')}, "
            f"{count(document['orders'], 'order')}, {count(document['fills'], 'fill')}"
            + (f"; denied: {told}" if denied else ""),
            hang=2,
        )
    )
    if document.get("detail"):
        inside = f"{document['detail']} candles told what came first within {document['looked_into']:,} of them"
        blocks.append(line(inside, Style.FAINT, hang=2))
    return blocks


def _figures(document: Document) -> list[Block]:
    metrics, currency = document["metrics"], document["currency"]
    mark = _mark(document)
    rows: list[tuple[str, str | Span, str]] = [
        ("net result", result(metrics["net"], f" {currency}"), ""),
        ("return", _percent(metrics["total_return"]), _between(document, "total_return")),
        ("annual return", _percent(metrics["annual_return"]), _between(document, "annual_return")),
        ("annual volatility", _percent(metrics["annual_volatility"]), ""),
        ("deepest drawdown", _percent(metrics["drawdown"]["depth"]), _between(document, "drawdown")),
        ("longest below a peak", f"{metrics['drawdown']['days']:.0f} days", ""),
        ("Sharpe ratio", figure(metrics["sharpe"]), _between(document, "sharpe", 1.0)),
        ("Sortino ratio", figure(metrics["sortino"]), ""),
        ("Calmar ratio", figure(metrics["calmar"]), ""),
        ("trades", f"{metrics['trades']:,}", ""),
        ("win rate", _percent(metrics["win_rate"]), ""),
        ("profit factor", figure(metrics["profit_factor"]), ""),
        ("expectancy a trade", _money(metrics["expectancy"], currency), ""),
        ("best and worst trade", _ends(metrics), ""),
        ("mean holding time", _hours(metrics["holding_hours"]), ""),
        ("fees", _money(metrics["fees"], currency), ""),
        ("mean exposure", _percent(metrics["exposure"]), ""),
        ("time in market", _percent(metrics["time_in_market"]), ""),
        ("turnover a year", f"{figure(metrics['turnover'], 1)} times the equity", ""),
    ]
    columns = (Column(f"figure{mark}"), Column("value", right=True), Column("95 % interval", right=True))
    return [table(columns, [(name, value, between) for name, value, between in rows])]


def _compared(document: Document) -> list[Block]:
    columns = (
        Column(f"beside{_mark(document)}", shrink_to=24),
        Column("net", right=True),
        Column("return", right=True),
        Column("drawdown", right=True),
        Column("Sharpe", right=True),
        Column("trades", right=True, rank=1),
    )
    rows = [
        (
            each["name"],
            result(each["net"]),
            _percent(each["total_return"]),
            _percent(each["drawdown"]),
            figure(each["sharpe"]),
            f"{each['trades']:,}",
        )
        for each in document["comparison"]
    ]
    return [table(columns, rows)]


def _luck(document: Document) -> list[Block]:
    timing, orders = document["timing"], document["trade_orders"]
    told = []
    if timing:
        words = "hardly" if timing["p_value"] <= 0.05 else "easily"
        told.append(
            f"Timing: the same positions at other times earn as much or more in {100 * timing['p_value']:.1f} % of all "
            f"shifts; chance explains it {words}."
        )
    if orders:
        low, _, high = orders["total_return"]
        told.append(
            f"The same trades drawn anew: a return of {_percent(low)} to {_percent(high)} in nine cases of ten, a loss "
            f"in {100 * orders['losing']:.0f} %; in another order a drawdown of up to "
            f"{_percent(orders['drawdown_reordered'][2])}."
        )
    return [line("Luck", Style.HEADING), *(line(words, hang=2) for words in told)] if told else []


def _models(document: Document) -> list[Block]:
    if not document["models"]:
        return []
    columns = (Column("model"), Column("state"), Column("decides from"), Column("until"), Column("knows until", rank=1))
    rows = [
        (each["id"], each["state"], utc(each["from_ms"]), utc(each["until_ms"]), utc(each["trained_until_ms"]))
        for each in document["models"]
    ]
    told = f"Models; they made {document['by_models']:,} of {document['signals']:,} signals"
    return [line(told, Style.HEADING), table(columns, rows)]


def _broken_down(document: Document, key: str) -> list[Block]:
    rows = document["breakdown"][key]
    if not rows:
        return []
    columns = (
        Column(f"{_TITLES[key]}{_mark(document)}", shrink_to=20),
        Column("trades", right=True),
        Column("won", right=True),
        Column("net", right=True),
        Column("fees", right=True, rank=1),
        Column("profit factor", right=True, rank=2),
        Column("expectancy", right=True),
    )
    cells = [
        (
            spoken(each["name"]),
            f"{each['trades']:,}",
            f"{100 * each['won'] / each['trades']:.0f} %",
            result(each["net"]),
            money(each["fees"]),
            figure(each["profit_factor"]),
            result(each["expectancy"]),
        )
        for each in rows
    ]
    return [table(columns, cells)]


def _mark(document: Document) -> str:
    return " (IN SAMPLE)" if document["in_sample"] else ""


def _between(document: Document, name: str, scale: float = 100.0) -> str:
    found = document["intervals"].get(name)
    if not found:
        return NOTHING
    unit = " %" if scale == 100.0 else ""
    return f"[{scale * found['lower']:.2f}, {scale * found['upper']:.2f}]{unit}"


def _percent(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:,.2f} %"


def _money(value: str | None, currency: str) -> str:
    return NOTHING if value is None else f"{money(value)} {currency}"


def _hours(value: float | None) -> str:
    return NOTHING if value is None else duration(value * 3600)


def _ends(metrics: Document) -> str:
    if metrics["best_trade"] is None:
        return NOTHING
    return f"{money(metrics['best_trade'])}, {money(metrics['worst_trade'])}"
