"""The candles that a test lacks, downloaded before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autopilot.cli.render.progress import Forecast, progress_view
from autopilot.cli.session import Session
from autopilot.cli.stored_series import candle_database

if TYPE_CHECKING:
    from autopilot.app.backtest.request import BacktestRequest
    from autopilot.config.schema import AutopilotConfig


def download_lacking(session: Session, config: AutopilotConfig, request: BacktestRequest, *, is_allowed: bool) -> None:
    """Download the candles that are not stored, and say so; a few may be missing. Raises AutopilotError as
    `ensure_history` and `require_candles`."""
    import asyncio

    from autopilot.adapters.clock import WallClock
    from autopilot.adapters.exchange.offline_markets.replay import HISTORY
    from autopilot.adapters.store.candles import SqliteCandles
    from autopilot.app.backtest.lacking import needed_downloads
    from autopilot.app.data.lacking import FEW, NeededHistory, ensure_history, require_candles

    now_ms, say = WallClock().now_ms(), session.output.remark
    with candle_database(session) as database:
        store = SqliteCandles(database)
        for each in needed_downloads(request, store, HISTORY, config.training.days, now_ms):
            needed = NeededHistory(each, say, say, FEW, is_allowed)
            forecast = Forecast({}, ("fewer --days",))
            with progress_view(session.output.remarks, forecast, is_short=True) as progress:
                downloaded = asyncio.run(ensure_history(config, database, needed, progress, now_ms))
            if downloaded is not None:
                require_candles(downloaded, store)
