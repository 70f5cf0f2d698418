"""Files of many makers come in as the same candles; broken ones are refused by name, and nothing is half read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from autopilot.adapters.exchange.venues.known import COIN_NAMES
from autopilot.adapters.imports.candle_files import FileMarket, import_path, market_of
from autopilot.adapters.imports.table_files import times_ms
from autopilot.domain.candles import Candles, FaultKind
from autopilot.domain.errors import CandleError, UnknownSymbol
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.market_data import Coverage

H = Timeframe.H1
HEADER = "timestamp,open,high,low,close,volume"


class MemoryCandles:
    """A CandleStore in a dictionary: candles by market and opening time."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str, Timeframe], dict[int, tuple[float, ...]]] = {}

    def save_candles(self, exchange: str, symbol: str, candles: Candles) -> int:
        known = self.kept.setdefault((exchange, symbol, candles.timeframe), {})
        rows = [tuple(candles.candle(index)) for index in range(len(candles))]
        changed = sum(known.get(int(row[0])) != row[1:] for row in rows)
        known.update({int(row[0]): row[1:] for row in rows})
        return changed

    def load_candles(
        self,
        exchange: str,
        symbol: str,
        timeframe: Timeframe,
        *,
        since_ms: int | None = None,
        until_ms: int | None = None,
        last: int | None = None,
    ) -> Candles:
        known = self.kept.get((exchange, symbol, timeframe), {})
        rows = [(at_ms, *known[at_ms]) for at_ms in sorted(known) if (since_ms or 0) <= at_ms <= (until_ms or 2**62)]
        return Candles.from_rows(timeframe, rows[-last:] if last else rows)

    def coverage(self) -> tuple[Coverage, ...]:
        raise NotImplementedError


def rows_of(candles: Candles) -> list[list[float]]:
    return [list(candles.candle(index)) for index in range(len(candles))]


def same(left: Candles, right: Candles) -> bool:
    return rows_of(left) == rows_of(right)


@pytest.fixture
def candles(random_candles: Callable[..., Candles]) -> Candles:
    return random_candles(1, 60)


def lines(candles: Candles, time: Callable[[int], object] = int, mark: str = ",") -> list[str]:
    return [mark.join([str(time(int(row[0]))), *map(repr, row[1:])]) for row in rows_of(candles)]


def iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def write(path: Path, *parts: str) -> Path:
    path.write_text("\n".join(parts) + "\n")
    return path


FORMATS: dict[str, Callable[[Path, Candles], Path]] = {
    "milliseconds": lambda d, c: write(d / "KRAKEN_BTC-USD_1h.csv", HEADER, *lines(c)),
    "seconds": lambda d, c: write(d / "KRAKEN_BTC-USD_1h.csv", HEADER, *lines(c, lambda t: t // 1000)),
    "microseconds": lambda d, c: write(d / "KRAKEN_BTC-USD_1h.csv", HEADER, *lines(c, lambda t: t * 1000)),
    "microseconds from the middle on": lambda d, c: write(
        d / "KRAKEN_BTC-USD_1h.csv", HEADER, *lines(c[:30]), *lines(c[30:], lambda t: t * 1000)
    ),
    "iso": lambda d, c: write(d / "KRAKEN_BTC-USD_1h.csv", HEADER, *lines(c, iso)),
    "iso with a zone": lambda d, c: write(
        d / "KRAKEN_BTC-USD_1h.csv", HEADER, *lines(c, lambda t: iso(t).replace(" ", "T") + "+00:00")
    ),
    "headerless": lambda d, c: write(d / "kraken_BTC-USD_1h.csv", *lines(c)),
    "headerless with more columns": lambda d, c: write(
        d / "kraken_XBTUSD_60.csv", *(f"{line},17,0" for line in lines(c, lambda t: t // 1000))
    ),
    "headerless iso": lambda d, c: write(d / "kraken_BTC-USD_1h.csv", *lines(c, iso)),
    "semicolons and other names": lambda d, c: write(
        d / "KRAKEN_BTC-USD_1h.csv", "Date;Open;High;Low;Close;Vol", *lines(c, iso, ";")
    ),
    "a vendor's line first": lambda d, c: write(
        d / "KRAKEN_BTC-USD_1h.csv", "https://www.example.com", HEADER, *lines(c)
    ),
    "byte order mark": lambda d, c: write(d / "KRAKEN_BTC-USD_1h.csv", "\ufeff" + HEADER, *lines(c)),
    "backwards": lambda d, c: write(d / "KRAKEN_BTC-USD_1h.csv", HEADER, *reversed(lines(c))),
    "list of lists": lambda d, c: write(d / "kraken_BTC_USD-1h.json", json.dumps(rows_of(c))),
    "list of objects": lambda d, c: write(
        d / "kraken_BTC_USD-1h.json",
        json.dumps([dict(zip(HEADER.split(","), row, strict=True)) for row in rows_of(c)]),
    ),
}


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_same_candles_to_the_last_digit(tmp_path: Path, candles: Candles, form: str) -> None:
    store = MemoryCandles()
    (report,) = import_path(store, FORMATS[form](tmp_path, candles), coin_names=COIN_NAMES)
    assert (report.exchange, report.symbol, report.timeframe) == ("kraken", "BTC/USD", H)
    assert (report.read, report.written, report.dropped) == (60, 60, {})
    assert same(store.load_candles("kraken", "BTC/USD", H), candles)


def test_gzip_and_importing_again(tmp_path: Path, candles: Candles) -> None:
    path = tmp_path / "BINANCE_ETH-USDT_1h.csv.gz"
    path.write_bytes(gzip.compress("\n".join([HEADER, *lines(candles)]).encode()))
    store = MemoryCandles()
    assert import_path(store, path)[0].written == 60
    assert import_path(store, path)[0].written == 0
    assert list(store.kept) == [("binance", "ETH/USDT", H)]


def test_bad_rows_are_dropped_with_their_reason_and_all_good_ones_kept(tmp_path: Path, candles: Candles) -> None:
    text = lines(candles)
    first = text[0].split(",")[0]
    bad = {
        "no time": ["soon,1,2,0.5,1,1", "-5,1,2,0.5,1,1", "9e30,1,2,0.5,1,1"],
        FaultKind.NOT_FINITE: [f"{int(first) + 100 * H.ms},1,2,n/a,1,1", f"{int(first) + 101 * H.ms},1,inf,1,1,1"],
        FaultKind.IMPOSSIBLE: [f"{int(first) + 102 * H.ms},1,0.9,0.5,1,1"],
        FaultKind.NEGATIVE_VOLUME: [f"{int(first) + 103 * H.ms},1,2,0.5,1,-1"],
        FaultKind.OFF_GRID: [f"{int(first) + 60_000},1,2,0.5,1,1"],
        FaultKind.DUPLICATE: [text[5]],
    }
    path = write(tmp_path / "KRAKEN_BTC-USD_1h.csv", HEADER, *(row for rows in bad.values() for row in rows), *text)
    store = MemoryCandles()
    (report,) = import_path(store, path)
    assert report.dropped == {str(kind): len(rows) for kind, rows in bad.items()}
    assert report.read == 60 + sum(map(len, bad.values()))
    assert same(store.load_candles("kraken", "BTC/USD", H), candles)
    assert FaultKind.OFF_GRID in {fault.kind for fault in report.faults}


def test_of_two_candles_with_one_time_the_later_in_the_file_stays(tmp_path: Path, candles: Candles) -> None:
    text = lines(candles)
    revised = ",".join([*text[5].split(",")[:-1], "777.0"])
    store = MemoryCandles()
    import_path(store, write(tmp_path / "KRAKEN_BTC-USD_1h.csv", HEADER, *text, revised))
    assert store.load_candles("kraken", "BTC/USD", H).volume[5] == 777.0


def test_candles_stamped_at_their_close_are_moved_to_their_opening(tmp_path: Path, candles: Candles) -> None:
    path = write(tmp_path / "KRAKEN_BTC-USD_1h.csv", HEADER, *lines(candles, lambda t: t + H.ms - 1))
    store = MemoryCandles()
    (report,) = import_path(store, path)
    assert [fault.kind for fault in report.faults] == [FaultKind.STAMPED_AT_CLOSE]
    assert same(store.load_candles("kraken", "BTC/USD", H), candles)


def test_candles_shifted_against_those_kept_are_refused(tmp_path: Path, candles: Candles) -> None:
    store = MemoryCandles()
    store.save_candles("kraken", "BTC/USD", candles)
    path = write(tmp_path / "KRAKEN_BTC-USD_1h.csv", HEADER, *lines(candles, lambda t: t + H.ms))
    with pytest.raises(CandleError, match="shifted by one candle"):
        import_path(store, path)
    assert same(store.load_candles("kraken", "BTC/USD", H), candles)


def test_a_folder_gives_all_files_that_are_named_after_a_market(tmp_path: Path, candles: Candles) -> None:
    for name in ("KRAKEN_BTC-USD_1h.csv", "BINANCE_ETH-USDT_1h.csv", "FEAR_GREED_1d.csv", "notes.csv"):
        write(tmp_path / name, HEADER, *lines(candles))
    (tmp_path / "README.md").write_text("no candles")
    store, seen = MemoryCandles(), []
    reports = import_path(store, tmp_path, progress=lambda _, done, total, name="": seen.append((name, done, total)))
    assert [report.file.name for report in reports] == ["BINANCE_ETH-USDT_1h.csv", "KRAKEN_BTC-USD_1h.csv"]
    assert seen == [("BINANCE_ETH-USDT_1h.csv", 0, 2), ("KRAKEN_BTC-USD_1h.csv", 1, 2)]


def test_what_is_given_wins_over_the_name(tmp_path: Path, candles: Candles) -> None:
    store = MemoryCandles()
    path = write(tmp_path / "KRAKEN_BTC-USD_5m.csv", HEADER, *lines(candles))
    (report,) = import_path(store, path, exchange="Coinbase", symbol="ETH/EUR", timeframe=H)
    assert (report.exchange, report.symbol, report.timeframe) == ("coinbase", "ETH/EUR", H)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("KRAKEN_BTC-USD_1h.csv.gz", FileMarket("kraken", "BTC/USD", H)),
        ("BINANCEUSDM_ETH-USDT_5m.csv", FileMarket("binanceusdm", "ETH/USDT", Timeframe.M5)),
        ("BTC_USDT-1h.feather", FileMarket(None, "BTC/USDT", H)),
        ("btcusdt_1d.parquet", FileMarket(None, "BTC/USDT", Timeframe.D1)),
        ("XBTUSD_60.csv", FileMarket(None, "BTC/USD", H)),
        ("XDGUSD_1440.csv", FileMarket(None, "DOGE/USD", Timeframe.D1)),
        ("KRAKEN_BTC-USD_7h.csv", FileMarket("kraken", "BTC/USD", None)),
        ("prices.csv", FileMarket()),
        ("FEAR_GREED_1d.csv", FileMarket()),
    ],
)
def test_names_tell_markets(name: str, expected: FileMarket) -> None:
    assert market_of(name, COIN_NAMES) == expected


GOOD = "1700010000000,1,2,0.5,1,1"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param("K_BTC-USD_1h.csv", b"", "no line has columns", id="zero length"),
        pytest.param("K_BTC-USD_1h.csv", f"{HEADER}\n".encode(), "has no rows", id="header only"),
        pytest.param("K_BTC-USD_1h.csv", b"\xff\xfe\x00\x01\x02" * 100, "cannot be read", id="random bytes"),
        pytest.param("K_BTC-USD_1h.csv", b"1,2,3\n4,5,6\n", "3 columns without names", id="too few columns"),
        pytest.param("K_BTC-USD_1h.csv", b"a,b,c\n4,5,6\n", "no column for timestamp, open", id="other columns"),
        pytest.param("K_BTC-USD_1h.csv", f"{HEADER}\nx,1,2,3,4,5".encode(), "no usable 1h candle", id="no time"),
        pytest.param("K_BTC-USD_1h.csv.gz", b"not gzip at all", "cannot be read", id="not gzip"),
        pytest.param("K_BTC-USD_1h.csv.gz", gzip.compress(GOOD.encode() * 99)[:-9], "cannot be read", id="cut gzip"),
        pytest.param("K_BTC-USD_1h.json", b"{}", "not a list of candles", id="object"),
        pytest.param("K_BTC-USD_1h.json", b"[]", "has no rows", id="empty list"),
        pytest.param("K_BTC-USD_1h.json", b"[1, 2]", "not a list of candles", id="list of numbers"),
        pytest.param("K_BTC-USD_1h.json", b"[" * 60_000, "cannot be read", id="deep"),
        pytest.param("K_BTC-USD_1d.csv", f"{HEADER}\n{GOOD}".encode(), "no usable 1d candle", id="off the grid"),
        pytest.param("K_BTC-USD_1h.xlsx", b"?", "has an unknown format", id="suffix"),
        pytest.param("prices.csv", GOOD.encode(), "does not show its exchange and symbol and timeframe", id="name"),
        pytest.param("BTC_USD-1h.csv", GOOD.encode(), "does not show its exchange", id="no exchange"),
    ],
)
def test_unusable_files_are_refused_by_name_with_a_hint(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    store = MemoryCandles()
    given = {"exchange": "k", "symbol": "BTC/USD", "timeframe": H} if name.endswith("xlsx") else {}
    with pytest.raises(CandleError) as caught:
        import_path(store, path, **given)  # type: ignore[arg-type]
    assert said in str(caught.value)
    assert name in str(caught.value)
    assert caught.value.hint
    assert store.kept == {}


@pytest.mark.parametrize("name", ["K_BTC-USD_1h.parquet", "K_BTC-USD_1h.feather"])
def test_binary_tables_are_read_or_refused_for_a_reason(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"PAR1 but not really")
    with pytest.raises(CandleError, match=name):
        import_path(MemoryCandles(), path)


def test_what_is_not_there_or_no_market_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CandleError, match="does not exist"):
        import_path(MemoryCandles(), tmp_path / "K_BTC-USD_1h.csv")
    with pytest.raises(CandleError, match="no file in"):
        import_path(MemoryCandles(), tmp_path)
    with pytest.raises(CandleError, match="is a folder"):
        import_path(MemoryCandles(), tmp_path, symbol="BTC/USD")
    with pytest.raises(UnknownSymbol):
        import_path(MemoryCandles(), tmp_path / "K_BTC-USD_1h.csv", symbol="bitcoin")


@pytest.mark.parametrize("stated", [Timeframe.M5, Timeframe.D1])
def test_candles_of_another_timeframe_are_refused(tmp_path: Path, candles: Candles, stated: Timeframe) -> None:
    path = write(tmp_path / "K_BTC-USD_1h.csv", HEADER, *lines(candles))
    with pytest.raises(CandleError, match=f"are 60 minutes apart, which is not {stated}") as caught:
        import_path(MemoryCandles(), path, timeframe=stated)
    assert caught.value.hint == "use --timeframe 1h"


def test_random_numbers_survive_text_to_the_last_bit(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    close = np.exp(random.normal(scale=8, size=500))
    at_ms = 1_700_006_400_000 + np.arange(500) * H.ms
    wild = Candles.from_arrays(H, at_ms, close, close * 1.1, close / 1.1, close, np.exp(random.normal(size=500)))
    rows = [*lines(wild), "bad,row,makes,columns,of,text"]
    store = MemoryCandles()
    import_path(store, write(tmp_path / "K_BTC-USD_1h.csv", HEADER, *rows))
    assert same(store.load_candles("k", "BTC/USD", H), wild)


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_timestamps_of_binary_tables_are_read_in_utc(zone: str | None) -> None:
    import pandas as pd

    column = pd.Series(pd.to_datetime([1_700_006_400_000, None], unit="ms", utc=True))
    moments = column.dt.tz_convert(zone) if zone else column.dt.tz_localize(None)
    assert times_ms(moments).tolist() == [1_700_006_400_000, 0]
