"""A period of trading as one HTML page: what a backtest, or the daemon's books, hand to the report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

import numpy as np

from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange
from autopilot.app.backtest.figures import BUY_AND_HOLD, hold_equity
from autopilot.app.backtest.run import BacktestRun
from autopilot.backtest.choices import speaking
from autopilot.backtest.decided import BacktestSymbol
from autopilot.domain.candles import FloatArray
from autopilot.domain.document_types import Document
from autopilot.domain.money import ZERO
from autopilot.domain.order import Fill, Order
from autopilot.report.content import AccountChart, Figure, Mark, ReportContent, ReportTable, SymbolChart
from autopilot.report.page import render_report

UNKNOWN = "–"
BPS = 1e4


def backtest_page(run: BacktestRun, found: Document) -> str:
    """``found``: what `backtest_document` said of it."""
    orders = {each.client_order_id: each for each in run.outcome.books.orders}
    fills = run.outcome.books.fills
    confidence, outcome = _confidence(run)
    content = ReportContent(
        title=f"Backtest of {', '.join(found['symbols'])}, {found['timeframe']}",
        mode=f"backtest on {found['exchange']}, decided by {found['decided_by']}",
        from_ms=found["from_ms"],
        to_ms=found["to_ms"],
        banners=_banners(run),
        headline=headline(found),
        accounts=(
            AccountChart(
                run.record,
                {BUY_AND_HOLD: hold_equity(run)},
                fees_by(fills, lambda fill: fill.symbol),
                fees_by(fills, lambda fill: orders[fill.client_order_id].strategy),
            ),
        ),
        symbols=tuple(_chart(each, fills, orders) for each in run.traded),
        confidence=confidence,
        outcome_bps=outcome,
        denials=found["denied"],
        metrics=(metrics_table(found), comparison_table(found)),
        breakdowns=breakdown_tables(found),
        notes=(*(f"{each['id']} ({each['state']}): {each['verdict']}" for each in found["models"]),),
    )
    return render_report(content)


def _banners(run: BacktestRun) -> tuple[str, ...]:
    banners = []
    if run.request.exchange == SimulatedExchange.name:
        banners.append("SIMULATED MARKET: prices are made up")
    if run.in_sample:
        banners.append("IN SAMPLE: the model was trained on what is tested here; these figures say nothing")
    return tuple(banners)


def headline(found: Document) -> tuple[Figure, ...]:
    """The figures that stand at the head of the page."""
    metrics = found["metrics"]
    held = {each["name"]: each for each in found["comparison"]}
    remark = f"buy and hold {_percent(held[BUY_AND_HOLD]['total_return'])}" if BUY_AND_HOLD in held else ""
    return (
        Figure("Return", _percent(metrics["total_return"]), remark),
        Figure("Net result", f"{_money(metrics['net'])} {found['currency']}", f"fees {_money(metrics['fees'])}"),
        Figure("Deepest drawdown", _percent(metrics["drawdown"]["depth"]), ""),
        Figure("Sharpe ratio", _number(metrics["sharpe"]), _between(found, "sharpe")),
        Figure("Trades", f"{metrics['trades']:,}", f"{_percent(metrics['win_rate'])} won"),
    )


def metrics_table(found: Document) -> ReportTable:
    """Every figure with its interval."""
    metrics = found["metrics"]
    rows = [
        ("Return", _percent(metrics["total_return"]), _between(found, "total_return", percent=True)),
        ("Annual return", _percent(metrics["annual_return"]), _between(found, "annual_return", percent=True)),
        ("Annual volatility", _percent(metrics["annual_volatility"]), ""),
        ("Deepest drawdown", _percent(metrics["drawdown"]["depth"]), _between(found, "drawdown", percent=True)),
        ("Longest below a peak", f"{metrics['drawdown']['days']:.0f} days", ""),
        ("Sharpe ratio", _number(metrics["sharpe"]), _between(found, "sharpe")),
        ("Sortino ratio", _number(metrics["sortino"]), ""),
        ("Calmar ratio", _number(metrics["calmar"]), ""),
        ("Profit factor", _number(metrics["profit_factor"]), ""),
        ("Expectancy a trade", _money(metrics["expectancy"]), ""),
        ("Mean exposure", _percent(metrics["exposure"]), ""),
        ("Time in market", _percent(metrics["time_in_market"]), ""),
        ("Turnover a year", _number(metrics["turnover"]), ""),
    ]
    return ReportTable("Figures", ("Figure", "Value", "95 % interval"), tuple(rows))


def breakdown_tables(found: Document) -> tuple[ReportTable, ...]:
    """The trades by symbol, strategy, group, regime and month."""
    columns = ("", "Trades", "Won", "Net", "Fees", "Profit factor")
    return tuple(
        ReportTable(
            f"By {key}",
            columns,
            tuple(
                (
                    each["name"].replace("_", " ") or UNKNOWN,
                    f"{each['trades']:,}",
                    _percent(each["won"] / each["trades"]),
                    _money(each["net"]),
                    _money(each["fees"]),
                    _number(each["profit_factor"]),
                )
                for each in rows
            ),
        )
        for key, rows in found["breakdown"].items()
        if rows
    )


def fees_by(fills: Iterable[Fill], payer: Callable[[Fill], str]) -> Mapping[str, Decimal]:
    """What each of them paid, in quote currency."""
    paid: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    for fill in fills:
        paid[payer(fill)] += fill.fee_value
    return dict(paid)


def comparison_table(found: Document) -> ReportTable:
    """The period beside everything else that could have been done."""
    rows = tuple(
        (
            each["name"],
            _money(each["net"]),
            _percent(each["total_return"]),
            _percent(each["drawdown"]),
            _number(each["sharpe"]),
            f"{each['trades']:,}",
        )
        for each in found["comparison"]
    )
    return ReportTable("Beside everything else", ("", "Net", "Return", "Drawdown", "Sharpe", "Trades"), rows)


def _chart(traded: BacktestSymbol, fills: Iterable[Fill], orders: Mapping[str, Order]) -> SymbolChart:
    view, first = traded.series.view, traded.choices.first
    marks = tuple(
        Mark(each.at_ms, float(each.price), each.side, orders[each.client_order_id].purpose)
        for each in fills
        if each.symbol == view.symbol
    )
    return SymbolChart(view.symbol, view.candles[first:], view.regimes.codes[first:], marks)


def _confidence(run: BacktestRun) -> tuple[FloatArray, FloatArray]:
    """Of every buy signal: how sure, and what its strategy earned over the horizon by itself, in bp."""
    said, came = [], []
    for each in run.traded:
        choices = each.choices
        buys = np.flatnonzero(speaking(each.series, choices) > 0)
        said.append(choices.group_confidence[buys] * choices.strategy_confidence[buys])
        came.append(BPS * each.series.outcomes.returns[choices.strategy[buys], choices.first + buys])
    return np.concatenate(said), np.concatenate(came)


def _between(found: Document, name: str, *, percent: bool = False) -> str:
    interval = found["intervals"].get(name)
    if not interval:
        return ""
    shown = _percent if percent else _number
    return f"{shown(interval['lower'])} to {shown(interval['upper'])}"


def _percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{100 * value:,.2f} %"


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.2f}"


def _money(value: str | None) -> str:
    return UNKNOWN if value is None else f"{Decimal(value):,.2f}"
