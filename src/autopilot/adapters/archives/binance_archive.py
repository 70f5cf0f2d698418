"""Past candles from Binance's archive files: two requests a month of candles, and none of them to its API."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from autopilot.adapters.archives.files import PAGE, ArchiveFile, files_of
from autopilot.adapters.exchange.ccxt_errors import asking
from autopilot.adapters.exchange.rate_limiter import RateLimiter
from autopilot.domain.candles import Candles
from autopilot.domain.coverage import TimeSpan, Way
from autopilot.domain.errors import CandleError, HistoryUnavailable, MarketUnavailable
from autopilot.domain.market import split_symbol
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.clock import Clock
from autopilot.ports.history import FetchedChunk, HistoryChunk, HistoryWay

BINANCE = "binance"
TIMEOUT_S = 60.0
"""Of one request."""
LARGEST_FILE = 1 << 25
"""Bytes: ten times a month of 1m candles."""
_LARGEST_CHECKSUM = 1_000
_BYTES_EACH = 50
"""Of a candle in a file."""
_REQUESTS_PER_S = 10.0
_AT_ONCE = 4
_REDIRECTS = 3
_CHECKSUM = re.compile(r"(?P<sum>[0-9a-fA-F]{64})\s+\*?(?P<name>\S+)\s*")
_BY_PAGES = 'check data.archive_url; with "" these candles come by pages: autopilot config set data.archive_url ""'
_NOT_NOW = frozenset({408, 425, 429, 500, 502, 503, 504})


class BinanceArchive(HistoryWay):
    """``archive_url``: as in the configuration. ``market_id``: the exchange's own name of a market; raises
    UnknownSymbol, or MarketUnavailable when the exchange does not answer. ``clock``: the exchange's."""

    way = Way.ARCHIVE
    exchange = BINANCE
    requests_per_s = _REQUESTS_PER_S

    def __init__(
        self,
        archive_url: str,
        market_id: Callable[[str], Awaitable[str]],
        clock: Clock,
        *,
        timeout_s: float = TIMEOUT_S,
        requests_per_s: float = _REQUESTS_PER_S,
    ) -> None:
        self._archive_url = archive_url
        self._host = urlsplit(archive_url).netloc
        self._market_id = market_id
        self._clock = clock
        self._timeout_s = timeout_s
        self._limiter = RateLimiter(1000 / requests_per_s, burst=_AT_ONCE)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._session: Any = None

    async def chunks(self, symbol: str, timeframe: Timeframe, lacking: Sequence[TimeSpan]) -> Sequence[HistoryChunk]:
        """As the port says. Where Binance's API cannot be reached, as from some countries, the archive gives all that
        it has."""
        try:
            market, enough = await self._market_id(symbol), PAGE
        except MarketUnavailable:
            market, enough = "".join(split_symbol(symbol)), 0
        return [
            HistoryChunk(
                self.way,
                symbol,
                timeframe,
                span,
                requests=2,
                bytes=_BYTES_EACH * file.candles,
                address=file.address(self._archive_url),
            )
            for file, span in files_of(market, timeframe, lacking, self._clock.now_ms(), enough=enough)
        ]

    async def fetch(self, chunk: HistoryChunk) -> FetchedChunk:
        async with self._slots:
            content = await self._verified(chunk.address)
        if content is None:
            return FetchedChunk(Candles.empty(chunk.timeframe), None)
        from autopilot.adapters.archives.reading import read_archive  # 2 MB that a daemon seldom needs

        file = ArchiveFile.at(chunk.address)
        try:
            candles = await asyncio.to_thread(read_archive, content, file, chunk.symbol)
        except CandleError as error:
            raise HistoryUnavailable(f"{chunk.address} cannot be used: {error}", hint=_BY_PAGES) from error
        return FetchedChunk(candles.since(chunk.span.from_ms).until(chunk.span.to_ms - 1), chunk.span)

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _verified(self, address: str) -> bytes | None:
        """The content of a file, whose checksum is right; None if the file does not exist."""
        found = ""
        for _ in range(2):
            stated = await self._stated_sum(address)
            content = None if stated is None else await self._get(address, LARGEST_FILE)
            if content is None:
                return None
            found = hashlib.sha256(content).hexdigest()
            if found == stated:
                return content
        raise MarketUnavailable(
            f"{address} has the SHA-256 sum {found}, and its checksum file says {stated}",
            hint="try again later; if it stays so, set another data.archive_url",
        )

    async def _stated_sum(self, address: str) -> str | None:
        text = await self._get(f"{address}.CHECKSUM", _LARGEST_CHECKSUM)
        if text is None:
            return None
        found = _CHECKSUM.fullmatch(text.decode(errors="replace"))
        if found is None or found["name"] != unquote(address.rpartition("/")[2]):
            raise MarketUnavailable(
                f"{address}.CHECKSUM is no checksum of this file: {text[:60]!r}",
                hint="check data.archive_url, and whether this network answers in the archive's place",
            )
        return found["sum"].lower()

    async def _get(self, address: str, most_bytes: int) -> bytes | None:
        """The content at an address; None if nothing is there."""
        await self._limiter()
        what = unquote(address.rpartition("/")[2])
        async with (
            asking(self._host, what, self._timeout_s),
            self._opened().get(address, max_redirects=_REDIRECTS) as response,
        ):
            if response.status in {404, 410}:
                return None
            if response.status in _NOT_NOW:
                raise MarketUnavailable(f"{self._host} answered {response.status} ({what})", hint="try again later")
            if response.status != 200:
                raise HistoryUnavailable(f"{self._host} answered {response.status} ({what})", hint=_BY_PAGES)
            if address.startswith("https:") and response.url.scheme != "https":
                raise HistoryUnavailable(
                    f"{self._host} sends to {response.url.origin()}, which is not encrypted",
                    hint=_BY_PAGES,
                )
            return await self._content(response, what, most_bytes)

    async def _content(self, response: Any, what: str, most_bytes: int) -> bytes:
        content = bytearray()
        if (response.content_length or 0) <= most_bytes:
            async for part in response.content.iter_chunked(1 << 16):
                content += part
                if len(content) > most_bytes:
                    break
            else:
                return bytes(content)
        raise HistoryUnavailable(f"{self._host} sends more than {most_bytes:,} bytes ({what})", hint=_BY_PAGES)

    def _opened(self) -> Any:
        import aiohttp

        if self._session is None:
            # What a server says is compressed is not unpacked: it would have no limit, and no right checksum.
            self._session = aiohttp.ClientSession(
                trust_env=True, auto_decompress=False, headers={"Accept-Encoding": "identity"}
            )
        return self._session
