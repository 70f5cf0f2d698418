"""Half a year of 1m candles of Binance by its archive files and by pages: processor time and requests, by turns, from a
loopback server in a process of its own. Both must be the same candles to the last digit."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import multiprocessing as mp
import time
import zipfile
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from statistics import median

import numpy as np
from aiohttp import web

from autopilot.adapters.archives.binance_archive import BINANCE, BinanceArchive
from autopilot.adapters.archives.files import ArchiveFile
from autopilot.adapters.exchange.exchange_clock import ExchangeClock
from autopilot.adapters.exchange.history.page_way import PageWay
from autopilot.adapters.exchange.public_exchange import PublicExchange
from autopilot.domain.candles import Candles
from autopilot.domain.coverage import TimeSpan
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.clock import Clock
from autopilot.ports.history import HistoryWay
from benchmarks.made_candles import made_candles

SYMBOL, MARKET, TIMEFRAME = "BTC/USDT", "BTCUSDT", Timeframe.M1
DAYS, LATER_DAYS = 182, 10
"""January to June of 2020, and as long until the file of June is there."""
ROUNDS = 3
MOST = 1_000
"""Candles of a page."""


def main(arguments: list[str]) -> int:
    """``arguments``: how many rounds. Returns 1 if the candles differ."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    ours, theirs = mp.Pipe()
    server = mp.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    try:
        return asyncio.run(_compare(ours.recv(), rounds))
    finally:
        server.kill()


async def _compare(url: str, rounds: int) -> int:
    served = _served()
    truth, now_ms = served[: DAYS * TIMEFRAME.per_day], served.last_at_ms + TIMEFRAME.ms
    costs: dict[str, list[float]] = {"archive": [], "pages": []}
    requests: dict[str, int] = {}
    same = True
    for _ in range(rounds):
        for name, each in costs.items():
            begin = time.process_time()
            candles, requests[name] = await _downloaded(name, url, truth, now_ms)
            each.append(time.process_time() - begin)
            same &= _equal(candles, truth)
    print(f"{len(truth):,} candles of 1m, {rounds} rounds by turns")
    for name, each in costs.items():
        spread = f"{min(each):.2f} to {max(each):.2f}"
        print(f"  {name:<8} {requests[name]:>5} requests {median(each):>7.2f} s of processor ({spread})")
    ratio = median(costs["pages"]) / median(costs["archive"])
    print(f"  pages cost {ratio:.2f} times the processor time; the candles are {'the same' if same else 'DIFFERENT'}")
    return 0 if same else 1


class _Standing(Clock):
    def __init__(self, at_ms: int) -> None:
        self._at_ms = at_ms

    def now_ms(self) -> int:
        return self._at_ms


async def _downloaded(name: str, url: str, truth: Candles, now_ms: int) -> tuple[Candles, int]:
    """The candles by one way, and the number of requests in its plan."""
    binance = PublicExchange(
        BINANCE,
        ExchangeClock(BINANCE, _Standing(now_ms), _Standing(now_ms)),
        8.0,
        needs_coin_list=False,
        base_url=url,
    )
    (await binance.open()).throttler = _at_once

    async def market_id(symbol: str) -> str:
        return str((await binance.description(symbol))["id"])

    way: HistoryWay = PageWay(binance) if name == "pages" else BinanceArchive(url, market_id, binance.clock)
    lacking = [TimeSpan(int(truth.open_at_ms[0]), truth.last_at_ms + TIMEFRAME.ms)]
    chunks = await way.chunks(SYMBOL, TIMEFRAME, lacking)
    fetched = [await way.fetch(chunk) for chunk in chunks]
    await way.close()
    await binance.close()
    fields = ("open_at_ms", "open", "high", "low", "close", "volume")
    columns = {field: np.concatenate([getattr(each.candles, field) for each in fetched]) for field in fields}
    return Candles.from_arrays(TIMEFRAME, **columns), sum(chunk.requests for chunk in chunks)


async def _at_once(cost: float | None = None) -> None:
    """The rate limit takes no processor time."""


def _equal(one: Candles, other: Candles) -> bool:
    fields = ("open_at_ms", "open", "high", "low", "close", "volume")
    return all(np.array_equal(getattr(one, field), getattr(other, field)) for field in fields)


def _served() -> Candles:
    """From 2020-01-01, with as many decimals as Binance has."""
    made = made_candles((DAYS + LATER_DAYS) * TIMEFRAME.per_day)
    prices = {field: getattr(made, field).round(2) for field in ("open", "high", "low", "close")}
    return Candles.from_arrays(TIMEFRAME, made.open_at_ms, **prices, volume=made.volume.round(5))


def _serve(parent: Connection) -> None:
    """Binance's API and its archive, until killed."""
    rows = _rows(_served())
    app = web.Application()
    app.router.add_get("/exchangeInfo", _answering(lambda _: _json({"timezone": "UTC", "symbols": [_MARKET]})))
    app.router.add_get("/klines", _answering(lambda request: _json(_page(rows, request))))
    for path, content in _files(rows).items():
        app.router.add_get(path, _answering(partial(_same, content)))
    asyncio.run(_run(app, parent))


async def _run(app: web.Application, parent: Connection) -> None:
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    parent.send(f"http://127.0.0.1:{runner.addresses[0][1]}")
    await asyncio.Event().wait()


def _same(content: bytes, _: web.Request) -> bytes:
    return content


def _answering(body: Callable[[web.Request], bytes]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=body(request), content_type="application/json")

    return answer


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _rows(candles: Candles) -> list[list[object]]:
    """As Binance's klines have them."""
    found: list[list[object]] = []
    for at in range(len(candles)):
        candle = candles.candle(at)
        numbers = (f"{number:.8f}" for number in candle[1:])
        found.append([candle.open_at_ms, *numbers, candle.open_at_ms + TIMEFRAME.ms - 1, "1.0", 9, "0.5", "0.5", "0"])
    return found


def _page(rows: Sequence[Sequence[object]], request: web.Request) -> Sequence[object]:
    first_ms = int(str(rows[0][0]))
    begin = -(-(int(request.query["startTime"]) - first_ms) // TIMEFRAME.ms)
    return rows[max(begin, 0) : max(begin, 0) + min(int(request.query.get("limit", 500)), MOST)]


def _files(rows: Sequence[Sequence[object]]) -> dict[str, bytes]:
    """The archive's files of whole months, and their checksums, by path."""
    by_month: dict[str, list[str]] = {}
    for row in rows:
        month = f"{datetime.fromtimestamp(int(str(row[0])) / 1000, UTC):%Y-%m}"
        by_month.setdefault(month, []).append(",".join(map(str, row)))
    found = {}
    for month, lines in by_month.items():
        name = f"{MARKET}-{TIMEFRAME}-{month}"
        path = ArchiveFile.at(f"/{name}.zip").address("")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{name}.csv", "\n".join(lines) + "\n")
        found[path] = packed.getvalue()
        found[f"{path}.CHECKSUM"] = f"{hashlib.sha256(found[path]).hexdigest()}  {name}.zip\n".encode()
    return found


_MARKET = {
    "symbol": MARKET,
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "baseAssetPrecision": 8,
    "quoteAssetPrecision": 8,
    "orderTypes": ["LIMIT"],
    "isSpotTradingAllowed": True,
    "filters": [],
    "permissions": ["SPOT"],
    "permissionSets": [["SPOT"]],
}
