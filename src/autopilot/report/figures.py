"""The figures of a trading period as text: one list for the terminal and for the HTML page.

Everything here reads the document that `autopilot backtest --json` and `autopilot report --json` print.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from autopilot.domain.document_types import Document

UNKNOWN = "-"
DAYS_IN_FULL = 10
"""Fewer days are shown with a decimal."""
HOURS_SHOWN = 48
"""A holding time above this is shown in days."""


@dataclass(frozen=True, slots=True)
class PeriodFigure:
    """``interval``: the 95 % interval, "" where it is not estimated. ``is_result``: a gain or loss, with its sign."""

    label: str
    value: str
    interval: str = ""
    is_result: bool = False


@dataclass(frozen=True, slots=True)
class FigureColumn:
    """A column of a table whose rows are documents. A screen that is too narrow drops the highest ``rank`` first."""

    title: str
    cell: Callable[[Document], str]
    is_result: bool = False
    rank: int = 0


def period_figures(document: Document) -> tuple[PeriodFigure, ...]:
    """Every figure of the period, in the order in which they are shown."""
    metrics, currency = document["metrics"], document["currency"]
    drawdown = metrics["drawdown"]
    percent, short = _percent_interval(document), _too_short(document)
    return (
        PeriodFigure("net result", _with(signed_money(metrics["net"]), currency), is_result=True),
        PeriodFigure("of which unrealized", _with(signed_money(metrics["unrealized"]), currency), is_result=True),
        PeriodFigure("return", percentage(metrics["total_return"]), percent("total_return")),
        PeriodFigure("annual return", percentage(metrics["annual_return"]), short or percent("annual_return")),
        PeriodFigure("annual volatility", percentage(metrics["annual_volatility"]), short),
        PeriodFigure("max drawdown", percentage(drawdown["depth"]), percent("drawdown")),
        PeriodFigure("longest drawdown", _days(drawdown["days"])),
        PeriodFigure("Sharpe ratio", ratio(metrics["sharpe"]), short or ratio_range(document, "sharpe")),
        PeriodFigure("Sortino ratio", ratio(metrics["sortino"]), short),
        PeriodFigure("Calmar ratio", ratio(metrics["calmar"]), short),
        PeriodFigure("trades", f"{metrics['trades']:,}"),
        PeriodFigure("win rate", percentage(metrics["win_rate"])),
        PeriodFigure("profit factor", ratio(metrics["profit_factor"])),
        PeriodFigure("expectancy per trade", _with(amount(metrics["expectancy"]), currency)),
        PeriodFigure("best and worst trade", _best_and_worst(metrics)),
        PeriodFigure("mean holding time", _holding_time(metrics["holding_hours"])),
        PeriodFigure("fees", _with(amount(metrics["fees"]), currency)),
        PeriodFigure("mean exposure", percentage(metrics["exposure"])),
        PeriodFigure("time in market", percentage(metrics["time_in_market"])),
        PeriodFigure("turnover per year", _with(ratio(metrics["turnover"]), "× equity"), short),
    )


def percentage(value: float | None) -> str:
    """``0.0123`` → ``1.23 %``."""
    return UNKNOWN if value is None else f"{100 * value:,.2f} %"


def ratio(value: float | None) -> str:
    """Two decimals."""
    return UNKNOWN if value is None else f"{value:,.2f}"


def amount(value: str | None) -> str:
    """Money, with two decimals."""
    return UNKNOWN if value is None else f"{Decimal(value):,.2f}"


def signed_money(value: str) -> str:
    """A gain or loss with its sign; zero without a sign."""
    number = Decimal(value).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    return f"{number:+,.2f}" if number else "0.00"


COMPARISON = (
    FigureColumn("compared with", lambda row: str(row["name"])),
    FigureColumn("net", lambda row: signed_money(row["net"]), is_result=True),
    FigureColumn("return", lambda row: percentage(row["total_return"])),
    FigureColumn("max drawdown", lambda row: percentage(row["drawdown"]), rank=1),
    FigureColumn("Sharpe", lambda row: ratio(row["sharpe"]), rank=2),
    FigureColumn("trades", lambda row: f"{row['trades']:,}", rank=3),
)
"""Of the rows of ``comparison``."""


def breakdown_columns(key: str) -> tuple[FigureColumn, ...]:
    """Of the rows of ``breakdown[key]``: trades grouped by symbol, strategy, group, regime or month, and the open
    positions."""
    return (
        FigureColumn(key, lambda row: row["name"].replace("_", " ") or UNKNOWN),
        FigureColumn("trades", lambda row: f"{row['trades']:,}"),
        FigureColumn(
            "won", lambda row: f"{100 * row['won'] / row['trades']:.0f} %" if row["trades"] else UNKNOWN, rank=1
        ),
        FigureColumn("net", lambda row: signed_money(row["net"]), is_result=True),
        FigureColumn("fees", lambda row: amount(row["fees"]), rank=2),
        FigureColumn("profit factor", lambda row: ratio(row["profit_factor"]), rank=3),
        FigureColumn(
            "per trade",
            lambda row: signed_money(row["expectancy"]) if row["trades"] else UNKNOWN,
            is_result=True,
            rank=1,
        ),
    )


def ratio_range(document: Document, name: str) -> str:
    """The 95 % interval of a ratio; "" where it is not estimated."""
    found = document["intervals"].get(name)
    return f"[{ratio(found['lower'])}, {ratio(found['upper'])}]" if found else ""


def _percent_interval(document: Document) -> Callable[[str], str]:
    def of(name: str) -> str:
        found = document["intervals"].get(name)
        return f"[{100 * found['lower']:.2f}, {100 * found['upper']:.2f}] %" if found else ""

    return of


def _too_short(document: Document) -> str:
    """Why there are no annual figures; "" if there are."""
    needed = document["days_to_annualize"]
    return f"needs {needed} days" if document["metrics"]["days"] < needed else ""


def _days(days: float) -> str:
    return f"{days:,.0f} days" if days >= DAYS_IN_FULL else f"{days:.1f} days"


def _with(text: str, currency: str) -> str:
    return text if text == UNKNOWN else f"{text} {currency}"


def _best_and_worst(metrics: Document) -> str:
    if metrics["best_trade"] is None:
        return UNKNOWN
    return f"{amount(metrics['best_trade'])}, {amount(metrics['worst_trade'])}"


def _holding_time(hours: float | None) -> str:
    if hours is None:
        return UNKNOWN
    return f"{hours:.1f} h" if hours <= HOURS_SHOWN else f"{hours / 24:,.1f} days"
