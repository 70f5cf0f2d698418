"""The data of the charts as JSON, with long columns as base64 of little-endian arrays."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from autopilot.analysis.regime import REGIMES
from autopilot.domain.candles import AnyArray, Candles
from autopilot.domain.timeframe import Timeframe
from autopilot.performance.account_record import ClosedTrade
from autopilot.report.content import AccountChart, ReportContent, SymbolChart
from autopilot.report.thinning import drawdowns_pct, joined, kept_points
from autopilot.report.wording import MARK_WORDS, digits_of, signed

CANDLES = 120_000
"""The most candles drawn, over all symbols; at 28 bytes each they take 3.4 MB."""
MOMENTS = 6_000
"""The most points drawn in the lines of an account."""


@dataclass(frozen=True, slots=True)
class ChartData:
    """``script``: JSON for a script element. ``joined``: sentences about candles that were merged."""

    script: str
    joined: tuple[str, ...]


def chart_data(content: ReportContent) -> ChartData:
    """The chart data, with the finest candles that keep the page quick to open."""
    factor = _join_factor(content.symbols)
    data = {
        "regimes": [regime.value.replace("_", " ") for regime in REGIMES],
        "accounts": [_account(account) for account in content.accounts],
        "symbols": [_symbol(chart, factor, content) for chart in content.symbols],
    }
    script = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    words = tuple(
        f"{chart.symbol}: {factor} candles of {chart.candles.timeframe} are drawn as one."
        for chart in content.symbols
        if factor > 1 and len(chart.candles) > 1
    )
    return ChartData(script, words)


def _join_factor(symbols: tuple[SymbolChart, ...]) -> int:
    total = sum(len(chart.candles) for chart in symbols)
    return max(-(-total // CANDLES), 1)


def _account(account: AccountChart) -> dict[str, Any]:
    record = account.record
    start = float(record.start_equity)
    lines = {"Autopilot": record.equity, **account.comparisons}
    drawdowns = {name: drawdowns_pct(line, start) for name, line in lines.items()}
    kept = kept_points([*lines.values(), *drawdowns.values()], MOMENTS)
    seconds = record.at_ms[kept] // 1000
    kept = kept[np.diff(seconds, append=np.iinfo(np.int64).max) > 0]
    return {
        "currency": record.currency,
        "digits": digits_of(record.start_equity),
        "start": start,
        "time": _packed(record.at_ms[kept] // 1000, "<u4"),
        "lines": [
            {"name": name, "equity": _packed(line[kept], "<f8"), "drawdown": _packed(drawdowns[name][kept], "<f8")}
            for name, line in lines.items()
        ],
    }


def _symbol(chart: SymbolChart, factor: int, content: ReportContent) -> dict[str, Any]:
    candles, regimes = joined(chart.candles, chart.regimes, factor)
    trades = [
        _trade(trade, candles, digits_of(account.record.start_equity), account.record.currency)
        for account in content.accounts
        for trade in account.record.trades
        if trade.round_trip.symbol == chart.symbol and len(candles)
    ]
    return {
        "symbol": chart.symbol,
        "step": f"{factor} × {candles.timeframe}" if factor > 1 else str(candles.timeframe),
        "intraday": candles.timeframe is not Timeframe.D1,
        "digits": digits_of(float(np.median(candles.close))) if len(candles) else 2,
        "time": _packed(candles.open_at_ms // 1000, "<u4"),
        **{name: _packed(getattr(candles, name), "<f4") for name in ("open", "high", "low", "close")},
        "regime": _packed(regimes, "i1"),
        "marks": [
            {
                "at": _index(candles, mark.at_ms),
                "price": _short(mark.price),
                "side": mark.side.value,
                "word": MARK_WORDS[mark.purpose],
            }
            for mark in sorted(chart.marks, key=lambda mark: mark.at_ms)
            if len(candles)
        ],
        "trades": trades,
    }


def _trade(trade: ClosedTrade, candles: Candles, digits: int, currency: str) -> dict[str, Any]:
    trip = trade.round_trip
    return {
        "from": _index(candles, trip.opened_at_ms),
        "to": _index(candles, trip.closed_at_ms),
        "entry": _short(trip.entry_price),
        "exit": _short(trip.exit_price),
        "won": trip.net > 0,
        "words": f"{trip.strategy}, {MARK_WORDS[trip.exit_purpose]}, net {signed(trip.net, digits)} {currency}",
    }


def _index(candles: Candles, at_ms: int) -> int:
    """The index of the candle that contains ``at_ms``, or of the nearest candle."""
    return max(int(np.searchsorted(candles.open_at_ms, at_ms, side="right")) - 1, 0)


def _short(price: Decimal | float) -> float:
    """The price with the precision of the candles."""
    return float(f"{price:.8g}")


def _packed(values: AnyArray, kind: str) -> str:
    return base64.b64encode(values.astype(kind).tobytes()).decode("ascii")
