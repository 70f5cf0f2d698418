"""The ways to the history of exchanges, and the plan of a request: the composition root of downloads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from autopilot.app.data.plan import DownloadPlan, Ways, plan_download
from autopilot.app.data.request import DownloadRequest, lent_series
from autopilot.config.schema import AutopilotConfig
from autopilot.ports.history import CoverageStore, HistoryWay


@asynccontextmanager
async def history_ways(config: AutopilotConfig, request: DownloadRequest) -> AsyncIterator[Ways]:
    """The ways to the history of the request's exchanges, closed at the end. Raises UnknownExchange."""
    async with AsyncExitStack() as opened:
        ways = {}
        for exchange in request.exchanges:
            ways[exchange] = _ways_of(config, exchange, request)
            for way in ways[exchange]:
                opened.push_async_callback(way.close)
        yield ways


def _ways_of(config: AutopilotConfig, exchange: str, request: DownloadRequest) -> Sequence[HistoryWay]:
    """In the order in which they are tried. What connects is imported when something has to be fetched."""
    from autopilot.adapters.archives.binance_archive import BINANCE, BinanceArchive
    from autopilot.adapters.exchange.history.page_way import PageWay
    from autopilot.adapters.exchange.history.trades_way import TradesWay
    from autopilot.adapters.exchange.venues.opening import public_exchange

    connection = public_exchange(exchange)
    ways: list[HistoryWay] = [PageWay(connection)]
    if exchange == BINANCE and config.data.archive_url:

        async def market_id(symbol: str) -> str:
            return str((await connection.description(symbol))["id"])

        ways.insert(0, BinanceArchive(config.data.archive_url, market_id, connection.clock))
    if request.from_trades and exchange == request.exchange:
        ways.append(TradesWay(connection))
    return ways


async def planned(request: DownloadRequest, ways: Ways, store: CoverageStore, now_ms: int) -> DownloadPlan:
    """The plan of the request: first of its exchange, then of the source for what that does not give. Raises
    StoreError."""
    own = await plan_download(request.wanted(), ways, store, now_ms)
    if len(request.exchanges) == 1:
        return own
    source = request.exchanges[1]
    lent = [lent_series(source, each.wanted, each.missing) for each in own.series if each.missing]
    rest = await plan_download(lent, ways, store, now_ms)
    return DownloadPlan((*own.series, *rest.series), (*own.efforts, *rest.efforts))
