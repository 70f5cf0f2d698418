"""Stored candles as a pandas DataFrame, for notebooks and for files."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database
from autopilot.domain.candles import Candles
from autopilot.domain.errors import CandleError
from autopilot.domain.timeframe import Timeframe

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("open", "high", "low", "close", "volume")


def candle_frame(database_path: Path | str, exchange: str, symbol: str, timeframe: str) -> pd.DataFrame:
    """The stored candles of one market, oldest first.

    The index ``timestamp`` (datetime64[ms, UTC]) is the time at which a candle opens. The columns ``open``, ``high``,
    ``low``, ``close`` (quote currency) and ``volume`` (base currency) are float64, exactly as stored. Works beside a
    running daemon. Raises CandleError if no such candles are stored, StoreError, UnknownTimeframe.
    """
    path, length = Path(database_path), Timeframe.parse(timeframe)
    missing = CandleError(
        f"no {length} candles of {exchange} {symbol} are stored in {path}", hint="see autopilot data list"
    )
    if not path.exists():
        raise missing
    with closing(open_database(path)) as database:
        candles = SqliteCandles(database).load_candles(exchange, symbol, length)
    if not len(candles):
        raise missing
    return frame_of(candles)


def frame_of(candles: Candles) -> pd.DataFrame:
    """As `candle_frame`."""
    import pandas as pd

    moments = pd.DatetimeIndex(candles.open_at_ms.astype("datetime64[ms]"), name="timestamp").tz_localize("UTC")
    return pd.DataFrame({name: getattr(candles, name) for name in COLUMNS}, index=moments)
