"""Candles from Binance's archive files: right to the last digit, or not at all."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import numpy as np
import pytest
from archive_server import ArchiveServer, table, zipped
from binance_exchange import BinanceExchange
from fake_clock import FakeClock, exchange_clock
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from autopilot.adapters.archives import binance_archive, reading
from autopilot.adapters.archives.binance_archive import BinanceArchive
from autopilot.adapters.archives.files import ArchiveFile
from autopilot.adapters.exchange.public_exchange import PublicExchange
from autopilot.domain.candles import Candles
from autopilot.domain.coverage import TimeSpan, Way
from autopilot.domain.errors import CandleError, HistoryUnavailable, MarketUnavailable, UnknownSymbol
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, Timeframe
from autopilot.ports.history import HistoryChunk

SYMBOL, MARKET = "BTC/USDT", "BTCUSDT"
MONTH_NAME = f"{MARKET}-1h-2025-02.zip"


def ms(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)


MONTH = TimeSpan(ms("2025-02-01"), ms("2025-03-01"))
NOW_MS = ms("2025-03-20")


def walk(span: TimeSpan, timeframe: Timeframe = Timeframe.H1) -> Candles:
    """Candles of the span with prices as an exchange has them, of a few decimals."""
    random = np.random.default_rng(7)
    at_ms = np.arange(span.from_ms, span.to_ms, timeframe.ms)
    close = np.round(100 + np.cumsum(random.normal(0, 0.1, len(at_ms))), 2)
    opened = np.concatenate([[100.0], close[:-1]])
    high = np.round(np.maximum(opened, close) + 0.05, 2)
    low = np.round(np.minimum(opened, close) - 0.05, 2)
    return Candles.from_arrays(timeframe, at_ms, opened, high, low, close, np.round(random.gamma(2, 3, len(at_ms)), 5))


def rows(candles: Candles) -> list[tuple[float, ...]]:
    return [candles.candle(at) for at in range(len(candles))]


async def unreachable(symbol: str) -> str:
    raise MarketUnavailable("binance cannot be reached")


def way(
    server: ArchiveServer, market_id: Callable[[str], Awaitable[str]] = unreachable, timeout_s: float = 5.0
) -> BinanceArchive:
    return BinanceArchive(server.url, market_id, FakeClock(NOW_MS), timeout_s=timeout_s, requests_per_s=1e6)


@pytest.fixture
async def server() -> AsyncIterator[ArchiveServer]:
    async with ArchiveServer() as started:
        yield started


@pytest.fixture
async def archive(server: ArchiveServer) -> AsyncIterator[BinanceArchive]:
    """Without the exchange's API: a fetch needs none."""
    found = way(server)
    yield found
    await found.close()


@pytest.fixture
async def listed(server: ArchiveServer) -> AsyncIterator[BinanceArchive]:
    """With the exchange's API."""
    api = BinanceExchange(lambda: NOW_MS)
    await api.start()
    clock = exchange_clock("binance", FakeClock(NOW_MS))
    binance = PublicExchange("binance", clock, 5.0, needs_coin_list=False, base_url=api.url)

    async def market_id(symbol: str) -> str:
        return str((await binance.description(symbol))["id"])

    found = way(server, market_id)
    yield found
    await found.close()
    await binance.close()
    await api.stop()


def month_chunk(server: ArchiveServer, span: TimeSpan = MONTH) -> HistoryChunk:
    address = f"{server.url}/data/spot/monthly/klines/{MARKET}/1h/{MONTH_NAME}"
    return HistoryChunk(Way.ARCHIVE, SYMBOL, Timeframe.H1, span, address=address)


@pytest.mark.parametrize(("micro", "header"), [(False, False), (True, False), (True, True)])
async def test_months_and_days_are_the_candles_of_the_exchange(
    server: ArchiveServer, listed: BinanceArchive, micro: bool, header: bool
) -> None:
    wanted = TimeSpan(ms("2025-02-25"), ms("2025-03-02"))
    truth = walk(TimeSpan(wanted.from_ms - HOUR_MS, wanted.to_ms), Timeframe.M1)
    at = int(np.searchsorted(truth.open_at_ms, MONTH.to_ms))
    server.put(MARKET, "2025-02", truth[:at], micro=micro, header=header)
    server.put(MARKET, "2025-03-01", truth[at:], micro=micro, header=header)
    chunks = await listed.chunks(SYMBOL, Timeframe.M1, [wanted])
    assert [(chunk.requests, chunk.way, chunk.span.to_ms) for chunk in chunks] == [
        (2, Way.ARCHIVE, end_ms) for end_ms in range(MONTH.to_ms, wanted.to_ms + 1, DAY_MS)
    ]
    assert 1_000_000 < chunks[0].bytes < 5_000_000
    fetched = [await listed.fetch(chunk) for chunk in chunks]
    assert [each.known for each in fetched] == [chunk.span for chunk in chunks]
    assert [row for each in fetched for row in rows(each.candles)] == rows(truth.since(wanted.from_ms))
    assert len(server.asked) == 4


async def test_a_hole_in_a_file_is_known(server: ArchiveServer, archive: BinanceArchive) -> None:
    truth = walk(MONTH)
    kept = np.r_[0:100, 130 : len(truth)]
    server.put(MARKET, "2025-02", Candles(Timeframe.H1, *(getattr(truth, name)[kept] for name in FIELDS)))
    fetched = await archive.fetch(month_chunk(server))
    assert fetched.known == MONTH
    assert len(fetched.candles) == len(truth) - 30


FIELDS = ("open_at_ms", "open", "high", "low", "close", "volume")


@pytest.mark.parametrize("lost", [MONTH_NAME, f"{MONTH_NAME}.CHECKSUM"])
async def test_a_file_that_is_not_there_leaves_everything_open(
    server: ArchiveServer, archive: BinanceArchive, lost: str
) -> None:
    path = server.put(MARKET, "2025-02", walk(MONTH))
    del server.files[f"{path.rpartition('/')[0]}/{lost}"]
    fetched = await archive.fetch(month_chunk(server))
    assert (len(fetched.candles), fetched.known) == (0, None)


@pytest.mark.parametrize("name", [MONTH_NAME, f"{MONTH_NAME}.CHECKSUM"])
@pytest.mark.parametrize(
    ("fault", "says"), [("cut", "cannot be reached|checksum"), ("503", "503"), ("429", "429"), ("loop", "cannot be")]
)
async def test_a_failed_request_is_tried_again_later(
    server: ArchiveServer, archive: BinanceArchive, name: str, fault: str, says: str
) -> None:
    truth = walk(MONTH)
    server.put(MARKET, "2025-02", truth)
    server.faults[name] = [fault] * (5 if fault == "loop" else 1)
    with pytest.raises(MarketUnavailable, match=says):
        await archive.fetch(month_chunk(server))
    server.faults.clear()
    assert rows((await archive.fetch(month_chunk(server))).candles) == rows(truth)


async def test_a_server_that_hangs_is_given_up(server: ArchiveServer) -> None:
    archive = way(server, timeout_s=0.05)
    server.put(MARKET, "2025-02", walk(MONTH))
    server.faults[f"{MONTH_NAME}.CHECKSUM"] = ["hang"]
    with pytest.raises(MarketUnavailable, match=r"did not answer within 0.05 s .BTCUSDT-1h-2025-02.zip.CHECKSUM"):
        await archive.fetch(month_chunk(server))
    await archive.close()


@pytest.mark.parametrize("fault", ["altered", "html"])
async def test_an_altered_file_is_fetched_once_more_and_then_refused(
    server: ArchiveServer, archive: BinanceArchive, fault: str
) -> None:
    truth = walk(MONTH)
    path = server.put(MARKET, "2025-02", truth)
    server.faults[MONTH_NAME] = [fault]
    assert rows((await archive.fetch(month_chunk(server))).candles) == rows(truth)
    assert server.asked.count(MONTH_NAME) == 2
    server.faults[MONTH_NAME] = [fault] * 2
    with pytest.raises(MarketUnavailable) as caught:
        await archive.fetch(month_chunk(server))
    stated = server.files[f"{path}.CHECKSUM"].decode().split()[0]
    assert stated in str(caught.value)
    assert str(caught.value).count("sum") >= 2
    assert len([word for word in str(caught.value).replace(",", "").split() if len(word) == 64]) == 2


@pytest.mark.parametrize(
    "text", [b"", b"<html>", b"0" * 64, b"0" * 63 + b"  " + MONTH_NAME.encode(), b"0" * 64 + b"  OTHER-1h-2025-02.zip"]
)
async def test_what_is_no_checksum_is_never_used(server: ArchiveServer, archive: BinanceArchive, text: bytes) -> None:
    path = server.put(MARKET, "2025-02", walk(MONTH))
    server.files[f"{path}.CHECKSUM"] = text
    with pytest.raises(MarketUnavailable, match="is no checksum of this file"):
        await archive.fetch(month_chunk(server))
    assert MONTH_NAME not in server.asked


async def test_a_redirect_is_followed(server: ArchiveServer, archive: BinanceArchive) -> None:
    truth = walk(MONTH)
    server.put(MARKET, "2025-02", truth)
    server.faults[MONTH_NAME], server.faults[f"{MONTH_NAME}.CHECKSUM"] = ["moved"], ["moved"]
    assert rows((await archive.fetch(month_chunk(server))).candles) == rows(truth)


async def test_a_redirect_that_leaves_encryption_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer:
        status, url = 200, URL("http://elsewhere/file.zip")

        async def __aenter__(self) -> Answer:
            return self

        async def __aexit__(self, *_: object) -> None:
            pass

    class Session:
        def get(self, address: str, **_: object) -> Answer:
            return Answer()

    archive = BinanceArchive("https://archive", unreachable, FakeClock(NOW_MS))
    monkeypatch.setattr(archive, "_opened", Session)
    chunk = HistoryChunk(Way.ARCHIVE, SYMBOL, Timeframe.H1, MONTH, address=f"https://archive/{MONTH_NAME}")
    with pytest.raises(HistoryUnavailable, match="archive sends to http://elsewhere, which is not encrypted"):
        await archive.fetch(chunk)


@pytest.mark.parametrize("status", ["400", "403", "451"])
async def test_a_refusal_is_final(server: ArchiveServer, archive: BinanceArchive, status: str) -> None:
    server.put(MARKET, "2025-02", walk(MONTH))
    server.faults[MONTH_NAME] = [status]
    with pytest.raises(HistoryUnavailable, match=status):
        await archive.fetch(month_chunk(server))


@pytest.mark.parametrize(("name", "limit"), [(MONTH_NAME, "LARGEST_FILE"), (f"{MONTH_NAME}.CHECKSUM", "")])
async def test_no_more_is_read_than_a_file_can_have(
    server: ArchiveServer, archive: BinanceArchive, monkeypatch: pytest.MonkeyPatch, name: str, limit: str
) -> None:
    path = server.put(MARKET, "2025-02", walk(MONTH))
    if limit:
        monkeypatch.setattr(binance_archive, limit, len(server.files[path]) - 1)
    else:
        server.files[f"{path}.CHECKSUM"] *= 20
    with pytest.raises(HistoryUnavailable, match=f"more than .* bytes .{name}"):
        await archive.fetch(month_chunk(server))


async def test_a_file_that_unpacks_beyond_the_limit_is_refused(
    server: ArchiveServer, archive: BinanceArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LARGEST_TABLE", 10_000)
    server.put_table(MONTH_NAME.removesuffix(".zip"), "0" * 10_001)
    with pytest.raises(HistoryUnavailable, match="more than the limit of 10 KB"):
        await archive.fetch(month_chunk(server))


def _two_members() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("BTCUSDT-1h-2025-02.csv", "BTCUSDT-1h-2025-01.csv"):
            archive.writestr(name, table(walk(MONTH)))
    return packed.getvalue()


def _altered(change: Callable[[list[str]], list[str]]) -> bytes:
    lines = table(walk(MONTH)).splitlines()
    return zipped("BTCUSDT-1h-2025-02.csv", "\n".join(change(lines)) + "\n")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<html>no such file, but with a checksum</html>", "no zip archive"),
        (zipped("ETHUSDT-1h-2025-02.csv", table(walk(MONTH))), "it holds ETHUSDT-1h-2025-02.csv, not BTCUSDT"),
        (_two_members(), "BTCUSDT-1h-2025-01.csv"),
        (zipped("BTCUSDT-1h-2025-02.csv", ""), "empty"),
        (zipped("BTCUSDT-1h-2025-02.csv", "1,2,3\n" * 99), "columns"),
        (
            zipped("BTCUSDT-1h-2025-02.csv", table(walk(TimeSpan(MONTH.from_ms, MONTH.to_ms + HOUR_MS)))),
            "1 of its 673 candles are not of its time",
        ),
        (_altered(lambda lines: [line.replace(",", ",-", 1) for line in lines]), "cannot be used"),
        (
            _altered(lambda lines: [*lines[:600], *("x,1,1,1,1,1,1,1,1,1,1,0" for _ in range(70))]),
            "rows cannot be used",
        ),
    ],
)
async def test_content_that_is_not_this_months_is_refused(
    server: ArchiveServer, archive: BinanceArchive, content: bytes, says: str
) -> None:
    server.put_zip(MONTH_NAME.removesuffix(".zip"), content)
    with pytest.raises(HistoryUnavailable, match=says) as caught:
        await archive.fetch(month_chunk(server))
    assert MONTH_NAME in str(caught.value)


async def test_a_few_unusable_rows_are_left_out_and_logged(
    server: ArchiveServer, archive: BinanceArchive, caplog: pytest.LogCaptureFixture
) -> None:
    def spoil(lines: list[str]) -> list[str]:
        off_grid = lines[20].replace(str(MONTH.from_ms + 20 * HOUR_MS), str(MONTH.from_ms + 20 * HOUR_MS + 1_000))
        return [*lines[:20], off_grid, *lines[21:], lines[3]]

    truth = walk(MONTH)
    server.put_zip(MONTH_NAME.removesuffix(".zip"), _altered(spoil))
    fetched = await archive.fetch(month_chunk(server))
    assert rows(fetched.candles) == [*rows(truth)[:20], *rows(truth)[21:]]
    assert "1 of its 673 rows cannot be used" in caplog.text


SMALL = zipped("BTCUSDT-1h-2025-02.csv", table(walk(MONTH)[:48]))
FILE = ArchiveFile.at(MONTH_NAME)


@given(st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), min_size=1, max_size=4), st.booleans())
def test_damaged_content_is_never_other_candles(changes: list[tuple[int, int]], cut: bool) -> None:
    """Without the checksum, which would refuse it at once."""
    content = bytearray(SMALL)
    for at, value in changes:
        content[at] = value
    damaged = bytes(content[: changes[0][0]] if cut else content)
    try:
        candles = reading.read_archive(damaged, FILE, SYMBOL)
    except CandleError:
        return
    assert rows(candles) == rows(walk(MONTH)[:48])


async def test_a_chunk_gets_the_candles_of_its_span_only(server: ArchiveServer, archive: BinanceArchive) -> None:
    truth = walk(MONTH)
    server.put(MARKET, "2025-02", truth)
    span = TimeSpan(ms("2025-02-10"), ms("2025-02-12"))
    fetched = await archive.fetch(month_chunk(server, span))
    assert rows(fetched.candles) == rows(truth.since(span.from_ms)[:48])
    assert fetched.known == span


async def test_an_unknown_market_is_said(listed: BinanceArchive) -> None:
    with pytest.raises(UnknownSymbol):
        await listed.chunks("DOGE/XYZ", Timeframe.M1, [MONTH])


async def test_without_the_exchange_the_archive_gives_all_it_has(archive: BinanceArchive) -> None:
    (chunk,) = await archive.chunks("ETH/USDT", Timeframe.H1, [MONTH])
    assert chunk.address.endswith("monthly/klines/ETHUSDT/1h/ETHUSDT-1h-2025-02.zip")


async def test_a_proxy_of_the_environment_is_used(server: ArchiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    archive = BinanceArchive("http://archive.invalid", unreachable, FakeClock(NOW_MS))
    truth = walk(MONTH)
    path = server.put(MARKET, "2025-02", truth)
    chunk = HistoryChunk(Way.ARCHIVE, SYMBOL, Timeframe.H1, MONTH, address=f"http://archive.invalid/{path}")
    assert rows((await archive.fetch(chunk)).candles) == rows(truth)
    await archive.close()
