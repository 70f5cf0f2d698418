"""The content of the page, whether of a backtest, of paper or of live trading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from autopilot.domain.candles import Candles, FloatArray, Int8Array
from autopilot.domain.errors import AutopilotError
from autopilot.domain.order import Purpose, Side
from autopilot.performance.account_record import AccountRecord


class ReportMisfit(AutopilotError):
    """Parts of a report that belong together differ in length."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure at the top of the page: ("Return", "4.20 %", "buy and hold 7.90 %")."""

    label: str
    value: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class ReportTable:
    """Rows of formatted text with a cell for each column. The first column names the row."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ReportMisfit(
                    f"table {self.name!r} has {len(self.columns)} columns and a row of {len(row)} cells: {row}",
                    hint="give each row one cell for each column",
                )


@dataclass(frozen=True, slots=True)
class Mark:
    """A fill, as a mark on the candles."""

    at_ms: int
    price: float
    side: Side
    purpose: Purpose


@dataclass(frozen=True, slots=True, eq=False)
class SymbolChart:
    """``regimes`` int8[n]: for each candle the code in `analysis.regime.REGIMES`, −1 where unknown."""

    symbol: str
    candles: Candles
    regimes: Int8Array
    marks: tuple[Mark, ...]

    def __post_init__(self) -> None:
        _same_length(f"candles of {self.symbol}", len(self.candles), "regimes", len(self.regimes))


@dataclass(frozen=True, slots=True, eq=False)
class AccountChart:
    """The account in one quote currency. ``comparisons``: name → equity float64[n] at the moments of the record, for
    example "buy and hold"; the page adds doing nothing. Fees are in the record's currency."""

    record: AccountRecord
    comparisons: Mapping[str, FloatArray]
    fees_by_symbol: Mapping[str, Decimal]
    fees_by_strategy: Mapping[str, Decimal]

    def __post_init__(self) -> None:
        moments = len(self.record.at_ms)
        for name, line in {"equity": self.record.equity, **self.comparisons}.items():
            _same_length(f"moments of the {self.record.currency} account", moments, name, len(line))


@dataclass(frozen=True, slots=True, eq=False)
class ReportContent:
    """``mode``: the kind of trading, for example "paper trading on kraken". ``banners`` are warnings at the top of the
    page, ``notes`` are remarks at its end.

    ``confidence`` float64[k] in [0, 1] and ``outcome_bps`` float64[k], net of costs, NaN if unknown: of the decisions
    with a buy signal. ``denials``: code → count.
    """

    title: str
    mode: str
    from_ms: int
    to_ms: int
    banners: tuple[str, ...]
    headline: tuple[Figure, ...]
    accounts: tuple[AccountChart, ...]
    symbols: tuple[SymbolChart, ...]
    confidence: FloatArray
    outcome_bps: FloatArray
    denials: Mapping[str, int]
    metrics: tuple[ReportTable, ...]
    breakdowns: tuple[ReportTable, ...]
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        _same_length("confidences", len(self.confidence), "outcomes", len(self.outcome_bps))


def _same_length(one: str, length: int, other: str, other_length: int) -> None:
    if length != other_length:
        raise ReportMisfit(
            f"{length} {one}, but {other_length} of {other}", hint="hand over arrays that belong to the same moments"
        )
