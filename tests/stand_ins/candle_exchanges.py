"""Past candles on the loopback interface, by the rules of many exchanges: each one's limits, ends, order and format.

The rules are those of the exchanges' own documents. A request that an exchange would refuse is refused here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

Row = Sequence[float]
"""Open time in milliseconds, open, high, low, close, volume."""
HOUR_MS = 3_600_000


class Refused(Exception):
    """The exchange's words for a request that it does not take."""


@dataclass
class Series:
    """The candles that exist, oldest first; the last one is open."""

    rows: Sequence[Row]
    times: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.times = [int(row[0]) for row in self.rows]

    def between(self, from_ms: float, to_ms: float) -> list[Row]:
        """Those that open in [from_ms, to_ms)."""
        return list(self.rows[bisect_left(self.times, from_ms) : bisect_left(self.times, to_ms)])


Ask = Callable[[Series, Mapping[str, str]], Any]
"""From what exists and the query of a request to the answer."""
FOREVER = 2**60


class CandleExchange:
    """One exchange's stand-in. ``requests`` counts them; ``answers`` come instead of its candles, each once: status,
    headers and text."""

    def __init__(self, ask: Ask, rows: Sequence[Row], now_ms: int) -> None:
        self._ask = ask
        self._series = Series(rows)
        self._now_ms = now_ms
        self.requests = 0
        self.answers: list[tuple[int, Mapping[str, str], str]] = []
        self.url = ""

    async def start(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._respond)
        self._server = TestServer(application)
        await self._server.start_server()
        self.url = str(self._server.make_url("")).rstrip("/")

    async def stop(self) -> None:
        await self._server.close()

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        if self.answers:
            status, headers, text = self.answers.pop(0)
            return web.Response(status=status, headers=headers, text=text, content_type="application/json")
        query = {**request.query, "path": request.path, "now": str(self._now_ms)}
        headers = {"Date": formatdate(self._now_ms / 1000, usegmt=True)}
        try:
            return web.json_response(self._ask(self._series, query), headers=headers)
        except Refused as refusal:
            return web.json_response({"message": str(refusal), "code": -1}, status=400, headers=headers)


def _at_most(count: int, most: int) -> None:
    if count > most:
        raise Refused(f"{count} candles are wanted, at most {most} are given")


def _texts(row: Row, *order: int) -> list[str]:
    return [str(row[0]), *(repr(row[index]) for index in order)]


def _iso_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def binance(series: Series, query: Mapping[str, str], most: int = 1000) -> Any:
    """The first ones from ``startTime``; a limit above the highest counts as the highest."""
    found = series.between(int(query["startTime"]), int(query.get("endTime", FOREVER)) + 1)
    return [_texts(row, 1, 2, 3, 4, 5) for row in found[: min(int(query.get("limit", 500)), most)]]


def coinbase(series: Series, query: Mapping[str, str]) -> Any:
    from_ms, to_ms = int(query["start"]) * 1000, int(query["end"]) * 1000
    _at_most((to_ms - from_ms) // HOUR_MS, 350)
    names = ("start", "open", "high", "low", "close", "volume")
    found = [dict(zip(names, _texts(row, 1, 2, 3, 4, 5), strict=True)) for row in series.between(from_ms, to_ms + 1)]
    return {"candles": [{**each, "start": str(int(each["start"]) // 1000)} for each in reversed(found)]}


def coinbaseexchange(series: Series, query: Mapping[str, str]) -> Any:
    from_ms, to_ms = _iso_ms(query["start"]), _iso_ms(query["end"])
    _at_most((to_ms - from_ms) // HOUR_MS + 1, 300)
    found = series.between(from_ms, to_ms + 1)
    return [[row[0] // 1000, row[3], row[2], row[1], row[4], row[5]] for row in reversed(found)]


def bitopro(series: Series, query: Mapping[str, str]) -> Any:
    """Hours without a trade are left out."""
    from_ms, to_ms = int(query["from"]) * 1000, int(query["to"]) * 1000
    _at_most((to_ms - from_ms) // HOUR_MS, 1000)
    names = ("timestamp", "open", "high", "low", "close", "volume")
    return {"data": [dict(zip(names, row, strict=True)) for row in series.between(from_ms, to_ms)]}


def bitstamp(series: Series, query: Mapping[str, str]) -> Any:
    _at_most(int(query["limit"]), 1000)
    found = series.between(int(query["start"]) * 1000, int(query["end"]) * 1000 + 1)[: int(query["limit"])]
    names = ("timestamp", "open", "high", "low", "close", "volume")
    rows = [dict(zip(names, _texts((row[0] // 1000, *row[1:]), 1, 2, 3, 4, 5), strict=True)) for row in found]
    return {"data": {"ohlc": rows, "pair": "BTC/USD"}}


def bitfinex(series: Series, query: Mapping[str, str]) -> Any:
    _at_most(int(query["limit"]), 10_000)
    found = series.between(int(query["start"]), int(query.get("end", FOREVER)) + 1)
    assert query["sort"] == "1"
    return [[row[0], row[1], row[4], row[2], row[3], row[5]] for row in found[: int(query["limit"])]]


def okx(series: Series, query: Mapping[str, str]) -> Any:
    """Both ends are left out; the newest come first; recent candles are another list."""
    _at_most(int(query["limit"]), 300)
    from_ms = int(query["before"]) + 1
    if not query["path"].endswith("history-candles"):
        from_ms = max(from_ms, int(query["now"]) - 1_440 * HOUR_MS)
    found = series.between(from_ms, int(query["after"]))[-int(query["limit"]) :]
    return {"code": "0", "data": [[*_texts(row, 1, 2, 3, 4, 5), "0", "0", "1"] for row in reversed(found)]}


def bybit(series: Series, query: Mapping[str, str]) -> Any:
    _at_most(int(query["limit"]), 1000)
    found = series.between(int(query["start"]), int(query.get("end", FOREVER)) + 1)[: int(query["limit"])]
    rows = [[*_texts(row, 1, 2, 3, 4, 5), "0"] for row in reversed(found)]
    return {"retCode": 0, "result": {"symbol": "BTCUSDT", "category": "spot", "list": rows}}


def kucoin(series: Series, query: Mapping[str, str]) -> Any:
    """The end is left out; of more than 1,500 the newest."""
    found = series.between(int(query["startAt"]) * 1000, int(query["endAt"]) * 1000)[-1500:]
    rows = [[str(row[0] // 1000), *_texts(row, 1, 4, 2, 3, 5)[1:], "0"] for row in reversed(found)]
    return {"code": "200000", "data": rows}


def bitget(series: Series, query: Mapping[str, str]) -> Any:
    """The last ones of the window: 200 of older candles, 1,000 of recent ones. The end is left out."""
    is_old = query["path"].endswith("history-candles")
    _at_most(int(query["limit"]), 200 if is_old else 1000)
    from_ms = 0 if is_old else int(query["now"]) - 60 * 24 * HOUR_MS
    found = series.between(max(from_ms, int(query["startTime"])), int(query["endTime"]))[-int(query["limit"]) :]
    return {"code": "00000", "data": [[*_texts(row, 1, 2, 3, 4, 5), "0", "0"] for row in found]}


def gate(series: Series, query: Mapping[str, str]) -> Any:
    from_ms, to_ms = int(query["from"]) * 1000, int(query["to"]) * 1000
    _at_most((to_ms - from_ms) // HOUR_MS + 1, 1000)
    found = series.between(from_ms, to_ms + 1)
    return [[str(row[0] // 1000), "0", *_texts(row, 4, 2, 3, 1, 5)[1:], "true"] for row in found]


def cryptocom(series: Series, query: Mapping[str, str]) -> Any:
    """The last ones of the window, without its end."""
    _at_most(int(query["count"]), 300)
    found = series.between(int(query["start_ts"]), int(query["end_ts"]))[-int(query["count"]) :]
    rows = [dict(zip("ohlcv", _texts(row, 1, 2, 3, 4, 5)[1:], strict=True)) | {"t": row[0]} for row in found]
    return {"code": 0, "result": {"instrument_name": "BTC_USD", "data": rows}}


def upbit(series: Series, query: Mapping[str, str]) -> Any:
    """The last ones before ``to``, whenever they were; the newest come first."""
    _at_most(int(query["count"]), 200)
    found = series.between(0, _iso_ms(query["to"]))[-int(query["count"]) :]
    names = ("opening_price", "high_price", "low_price", "trade_price", "candle_acc_trade_volume")
    return [
        {"candle_date_time_utc": datetime.fromtimestamp(row[0] / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")}
        | dict(zip(names, row[1:], strict=True))
        for row in reversed(found)
    ]


def htx(series: Series, query: Mapping[str, str]) -> Any:
    _at_most(int(query["size"]), 2000)
    found = series.between(int(query["from"]) * 1000, FOREVER)[: int(query["size"])]
    names = ("open", "high", "low", "close", "amount")
    return {
        "status": "ok",
        "data": [{"id": row[0] // 1000} | dict(zip(names, row[1:], strict=True)) for row in reversed(found)],
    }


def mexc(series: Series, query: Mapping[str, str]) -> Any:
    """At most 500, though ccxt says 1,000."""
    return binance(series, query, 500)


def kraken(series: Series, query: Mapping[str, str]) -> Any:
    """The latest 720, whatever is asked for."""
    found = series.rows[-720:]
    rows = [[row[0] // 1000, *_texts(row, 1, 2, 3, 4)[1:], "0", repr(row[5]), 1] for row in found]
    return {"error": [], "result": {query["pair"]: rows, "last": 0}}


def bitvavo(series: Series, query: Mapping[str, str]) -> Any:
    _at_most(int(query["limit"]), 1440)
    found = series.between(int(query["start"]), int(query["end"]))[-int(query["limit"]) :]
    return [_texts(row, 1, 2, 3, 4, 5) for row in reversed(found)]


def deepcoin(series: Series, query: Mapping[str, str]) -> Any:
    _at_most(int(query["limit"]), 300)
    found = series.between(0, int(query["after"]))[-int(query["limit"]) :]
    return {"code": "0", "data": [[*_texts(row, 1, 2, 3, 4, 5), "0"] for row in reversed(found)]}


def gemini(series: Series, query: Mapping[str, str]) -> Any:
    return [list(row) for row in reversed(series.rows[-1000:])]


EXCHANGES: Mapping[str, Ask] = {
    each.__name__: each
    for each in (
        binance, bitfinex, bitget, bitopro, bitstamp, bitvavo, bybit, coinbase, coinbaseexchange, cryptocom, deepcoin,
        gate, htx, kucoin, mexc, okx, upbit,
    )
}  # fmt: skip
"""Those that have the whole history."""
