"""Binance's archive on the loopback interface: zip files with their checksums, and faults on request.

Source: https://github.com/binance/binance-public-data.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import zipfile
from collections import defaultdict
from typing import Self

from aiohttp import web

from autopilot.domain.candles import Candles

HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)


class ArchiveServer:
    """``files``: content by path. ``asked``: the names of the requested files. ``faults``: of the next requests, by the
    file's name: cut, hang, html, altered, moved, loop, or a status such as 503."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.faults: defaultdict[str, list[str]] = defaultdict(list)
        self.url = ""
        self._ending = asyncio.Event()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ending.set()
        await self._runner.cleanup()

    def put(self, market: str, period: str, candles: Candles, *, micro: bool = False, header: bool = False) -> str:
        """The path of a new file with these candles."""
        name = f"{market}-{candles.timeframe}-{period}"
        return self.put_table(name, table(candles, micro=micro, header=header))

    def put_table(self, name: str, text: str, *, inner: str = "") -> str:
        """The path of a new file whose one member has this text."""
        return self.put_zip(name, zipped(inner or f"{name}.csv", text))

    def put_zip(self, name: str, content: bytes) -> str:
        market, timeframe, period = name.split("-", 2)
        folder = "daily" if period.count("-") == 2 else "monthly"
        path = f"data/spot/{folder}/klines/{market}/{timeframe}/{name}.zip"
        self.files[path] = content
        self.files[f"{path}.CHECKSUM"] = f"{hashlib.sha256(content).hexdigest()}  {name}.zip\n".encode()
        return path

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        name = path.rpartition("/")[2]
        self.asked.append(name)
        fault = self.faults[name].pop(0) if self.faults[name] else ""
        content = self.files.get(path.removeprefix("elsewhere/"))
        if fault.isdigit():
            return web.Response(status=int(fault), text="<html>busy</html>", content_type="text/html")
        if fault in {"moved", "loop"}:
            raise web.HTTPFound(f"/elsewhere/{path}" if fault == "moved" else f"/{path}")
        if fault == "html":
            return web.Response(text="<html>log in to this network first</html>", content_type="text/html")
        if fault == "hang":
            await self._ending.wait()
        if content is None:
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>", content_type="text/xml")
        if fault == "altered":
            content = content[:-1] + bytes([content[-1] ^ 1])
        if fault == "cut":
            return await self._cut(request, content)
        return web.Response(body=content, content_type="application/octet-stream")

    async def _cut(self, request: web.Request, content: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(content))})
        await response.prepare(request)
        await response.write(content[: len(content) // 2])
        assert request.transport is not None
        request.transport.close()
        return response


def table(candles: Candles, *, micro: bool = False, header: bool = False) -> str:
    """Rows as the archive has them; ``micro``: with times in microseconds."""
    unit = 1_000 if micro else 1
    lines = [HEADER] if header else []
    for at in range(len(candles)):
        candle = candles.candle(at)
        end = (candle.open_at_ms + candles.timeframe.ms) * unit - 1
        numbers = ",".join(f"{number:.8f}" for number in candle[1:])
        quote = candle.close * candle.volume
        taken = f"{candle.volume / 2:.8f},{quote / 2:.8f}"
        lines.append(f"{candle.open_at_ms * unit},{numbers},{end},{quote:.8f},17,{taken},0")
    return "".join(f"{line}\n" for line in lines)


def zipped(inner: str, text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(inner, text)
    return packed.getvalue()
