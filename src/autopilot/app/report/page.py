"""The HTML page of a trading period, whether a backtest or a paper account made it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import numpy as np

from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange
from autopilot.app.backtest.figures import BUY_AND_HOLD, TradedPeriod, traded_period
from autopilot.app.backtest.run import BacktestRun
from autopilot.backtest.choices import speaking
from autopilot.domain.candles import Candles, FloatArray, Int8Array
from autopilot.domain.document_types import Document
from autopilot.report.content import AccountChart, Figure, Mark, ReportContent, ReportTable, SymbolChart
from autopilot.report.figures import (
    COMPARISON,
    FigureColumn,
    amount,
    breakdown_columns,
    percentage,
    period_figures,
)
from autopilot.report.page import render_report

BPS = 1e4


def backtest_page(run: BacktestRun, found: Document) -> str:
    """The page of a backtest as HTML. ``found``: its `backtest_document`."""
    confidence, outcome_bps = _buy_signals(run)
    return period_page(
        traded_period(run),
        found,
        title=f"Backtest of {', '.join(found['symbols'])}, {found['timeframe']}",
        mode=f"backtest on {found['exchange']}, decided by {found['decided_by']}",
        charts=[
            (each.series.symbol, each.series.candles[each.choices.first :], each.series.regimes[each.choices.first :])
            for each in run.traded
        ],
        confidence=confidence,
        outcome_bps=outcome_bps,
        notes=[f"{each['id']} ({each['state']}): {each['verdict']}" for each in found["models"]],
    )


def period_page(
    period: TradedPeriod,
    found: Document,
    *,
    title: str,
    mode: str,
    charts: Iterable[tuple[str, Candles, Int8Array]],
    confidence: FloatArray,
    outcome_bps: FloatArray,
    notes: Sequence[str],
) -> str:
    """The page of any period as HTML. ``found``: its `period_document`; ``charts``: each symbol, its candles
    and their regimes; the rest as of `ReportContent`."""
    account = AccountChart(
        period.record, {BUY_AND_HOLD: period.hold}, _fees_by(found, "symbol"), _fees_by(found, "strategy")
    )
    return render_report(
        ReportContent(
            title=title,
            mode=mode,
            from_ms=found["from_ms"],
            to_ms=found["to_ms"],
            banners=_banners(found),
            headline=_headline(found),
            accounts=(account,),
            symbols=tuple(_chart(period, *each) for each in charts),
            confidence=confidence,
            outcome_bps=outcome_bps,
            denials=found["denied"],
            metrics=(_figures_table(found), _table("Compared with", COMPARISON, found["comparison"])),
            breakdowns=tuple(
                _table(f"By {key}", breakdown_columns(key), rows) for key, rows in found["breakdown"].items() if rows
            ),
            notes=tuple(notes),
        )
    )


def _headline(found: Document) -> tuple[Figure, ...]:
    """The five figures at the top of the page."""
    by_label = {each.label: each for each in period_figures(found)}
    metrics = found["metrics"]
    held = next(each for each in found["comparison"] if each["name"] == BUY_AND_HOLD)
    remarks = {
        "return": f"{BUY_AND_HOLD} {percentage(held['total_return'])}",
        "net result": f"fees {amount(metrics['fees'])}",
        "max drawdown": "",
        "Sharpe ratio": by_label["Sharpe ratio"].interval,
        "trades": f"{percentage(metrics['win_rate'])} won",
    }
    return tuple(Figure(_capitalized(label), by_label[label].value, remark) for label, remark in remarks.items())


def _banners(found: Document) -> tuple[str, ...]:
    banners = []
    if found["exchange"] == SimulatedExchange.name:
        banners.append("SIMULATED MARKET: prices are made up")
    if found["in_sample"]:
        banners.append("IN SAMPLE: the model was trained on this period; these figures prove nothing")
    return tuple(banners)


def _figures_table(found: Document) -> ReportTable:
    rows = [(_capitalized(each.label), each.value, each.interval) for each in period_figures(found)]
    return ReportTable("Figures", ("Figure", "Value", "95 % interval"), tuple(rows))


def _table(name: str, columns: Sequence[FigureColumn], rows: Sequence[Document]) -> ReportTable:
    """The first column names the row and has no title: the table's name says it."""
    titles = ("", *(_capitalized(each.title) for each in columns[1:]))
    return ReportTable(name, titles, tuple(tuple(column.cell(row) for column in columns) for row in rows))


def _capitalized(label: str) -> str:
    return label[:1].upper() + label[1:]


def _fees_by(found: Document, key: str) -> Mapping[str, Decimal]:
    """The fees in each row of a breakdown, in quote currency."""
    return {row["name"]: Decimal(row["fees"]) for row in found["breakdown"][key]}


def _chart(period: TradedPeriod, symbol: str, candles: Candles, regimes: Int8Array) -> SymbolChart:
    marks = tuple(
        Mark(each.at_ms, float(each.price), each.side, period.orders[each.client_order_id].purpose)
        for each in period.fills
        if each.symbol == symbol
    )
    return SymbolChart(symbol, candles, regimes, marks)


def _buy_signals(run: BacktestRun) -> tuple[FloatArray, FloatArray]:
    """The confidence of every buy signal, and the return of its strategy over the horizon in bps: float64[k] each."""
    confidence, outcome = [], []
    for each in run.traded:
        choices = each.choices
        spoken, sides = speaking(each.series, choices)
        buys = spoken[sides > 0]
        at = buys - choices.first
        confidence.append(choices.group_confidence[at] * choices.strategy_confidence[at])
        outcome.append(BPS * each.series.outcomes(buys).returns[choices.strategy[at], np.arange(len(buys))])
    return np.concatenate(confidence), np.concatenate(outcome)
