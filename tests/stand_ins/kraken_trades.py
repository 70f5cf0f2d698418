"""Kraken's public trades on the loopback interface, paged as Kraken does: at most 1,000 trades after ``since``, in
nanoseconds or in seconds, and ``last``, the time of the newest of them.

Source: https://docs.kraken.com/api-reference/market-data/get-recent-trades.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web
from kraken_exchange import KrakenExchange

from autopilot.domain.trade_candles import PublicTrade

PAGE = 1_000
_FIRST_NS = 10**15
"""A smaller ``since`` is in seconds."""


class KrakenTrades(KrakenExchange):
    """``past``: all trades of its markets, by time. ``trade_faults``: of the next requests for trades, as texts of
    Kraken's errors, or html, hang, latest (whatever was asked for) and stuck (the first page of all)."""

    def __init__(self, now_ms: Callable[[], int], past: list[PublicTrade]) -> None:
        super().__init__(now_ms)
        self.trade_faults: list[str] = []
        self.asked_since: list[str] = []
        self.set_past(past)

    def set_past(self, past: list[PublicTrade]) -> None:
        self.past = past
        self._times = [trade.at_ns for trade in past]

    def routes(self) -> Iterable[web.RouteDef]:
        return web.get("/0/public/Trades", self._public_trades), *super().routes()

    async def _public_trades(self, request: web.Request) -> web.StreamResponse:
        fault = self.trade_faults.pop(0) if self.trade_faults else ""
        since, count = request.query["since"], int(request.query.get("count", PAGE))
        self.asked_since.append(since)
        if fault.startswith("E"):
            return web.json_response({"error": [fault]})
        if fault == "html":
            return web.Response(text="<html>maintenance</html>", content_type="text/html")
        if fault == "hang":
            await self._ending.wait()
        after_ns = int(since) if int(since) >= _FIRST_NS else int(since) * 10**9
        first = {"latest": max(len(self.past) - PAGE, 0), "stuck": 0}.get(fault, bisect_right(self._times, after_ns))
        page = self.past[first : first + min(count, PAGE)]
        last = page[-1].at_ns if page else after_ns
        rows = [_row(trade) for trade in page]
        return web.json_response({"error": [], "result": {request.query["pair"]: rows, "last": str(last)}})


def _row(trade: PublicTrade) -> list[Any]:
    return [str(trade.price), str(trade.amount), round(trade.at_ns / 1e9, 7), "b", "l", "", int(trade.trade_id)]
