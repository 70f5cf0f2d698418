"""Files of many makers come in as the same candles; broken ones are refused by name, and nothing is half read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from memory_candles import MemoryCandles

from autopilot.adapters.imports.candle_files import ImportOptions, import_path, import_paths
from autopilot.adapters.imports.moments import times_ms
from autopilot.domain.candles import Candles, FaultKind
from autopilot.domain.errors import CandleError, UnknownSymbol
from autopilot.domain.timeframe import Timeframe

H = Timeframe.H1
HEADER = "timestamp,open,high,low,close,volume"


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
    "headerless": lambda d, c: write(
        d / "kraken_XBTUSD_60.csv", *(f"{line},17" for line in lines(c, lambda t: t // 1000))
    ),
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
    (report,) = import_path(store, FORMATS[form](tmp_path, candles))
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


@pytest.mark.parametrize("damaged", ["2024-05-01 08:00100", "2024-05-01 01600:00"])
def test_a_damaged_time_is_no_time_with_a_zone(tmp_path: Path, damaged: str) -> None:
    """The first of them is 07:00 to whoever reads a zone of one hour in it."""
    path = write(
        tmp_path / "KRAKEN_BTC-USD_1h.csv", HEADER, f"{damaged},1,2,0.5,1,1", "2024-05-01 09:00:00,1,2,0.5,1,1"
    )
    with pytest.raises(CandleError, match=f"no time: 1, first in line 2: {damaged}"):
        import_path(MemoryCandles(), path)


def test_bad_rows_are_counted_with_line_and_sample_and_refuse_the_file_unless_lenient(
    tmp_path: Path, random_candles: Callable[..., Candles]
) -> None:
    candles = random_candles(1, 60)
    text = lines(candles)
    first = text[0].split(",")[0]
    bad = {
        "no time": ["soon,1,2,0.5,1,1", "-5,1,2,0.5,1,1", "9e30,1,2,0.5,1,1"],
        FaultKind.NOT_FINITE: [f"{int(first) + 100 * H.ms},1,2,n/a,1,1", f"{int(first) + 101 * H.ms},1,inf,1,1,1"],
        FaultKind.IMPOSSIBLE: [f"{int(first) + 102 * H.ms},1,0.9,0.5,1,1"],
        FaultKind.NEGATIVE_VOLUME: [f"{int(first) + 103 * H.ms},1,2,0.5,1,-1"],
        FaultKind.OFF_GRID: [f"{int(first) + 60_000},1,2,0.5,1,1"],
        "too few fields": [f"{first},1,2,0.5"],
        "too many fields": [f"{first},1,2,0.5,1,1,7"],
        "same row again": [text[5]],
    }
    path = write(tmp_path / "KRAKEN_BTC-USD_1h.csv", HEADER, *(row for rows in bad.values() for row in rows), *text)
    store = MemoryCandles()
    with pytest.raises(CandleError, match="10 of its 71 rows cannot be used") as refused:
        import_path(store, path)
    assert store.kept == {}
    assert "no time: 3, first in line 2: soon,1,2,0.5,1,1" in str(refused.value)
    assert "--lenient" in refused.value.hint
    (report,) = import_path(store, path, lenient=True)
    assert report.dropped == {str(kind): len(rows) for kind, rows in bad.items()}
    assert report.read == 60 + sum(map(len, bad.values()))
    assert report.samples["too few fields"].sample == f"{first},1,2,0.5"
    assert report.samples["too few fields"].line == 10
    assert same(store.load_candles("kraken", "BTC/USD", H), candles)
    assert FaultKind.OFF_GRID in {fault.kind for fault in report.faults}


@pytest.mark.parametrize(("length", "taken"), [(99, False), (100, True)])
def test_one_row_of_a_hundred_may_be_bad(
    tmp_path: Path, random_candles: Callable[..., Candles], length: int, taken: bool
) -> None:
    text = lines(random_candles(3, length))
    text[7] = text[7].replace(",", ";", 1)
    store = MemoryCandles()
    outcome = import_paths(store, [write(tmp_path / "KRAKEN_BTC-USD_1h.csv", HEADER, *text)], ImportOptions())
    assert bool(outcome.imported) is taken
    assert len(store.kept.get(("kraken", "BTC/USD", H), {})) == (length - 1 if taken else 0)


def test_of_two_candles_with_one_time_the_later_in_the_file_stays(
    tmp_path: Path, random_candles: Callable[..., Candles]
) -> None:
    candles = random_candles(4, 200)
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


def test_a_folder_gives_all_files_below_it_that_are_named_after_a_market(tmp_path: Path, candles: Candles) -> None:
    (tmp_path / "more").mkdir()
    for name in ("KRAKEN_BTC-USD_1h.csv", "more/BINANCE_ETH-USDT_1h.csv", "FEAR_GREED_1d.csv", "XBTUSD_720.csv"):
        write(tmp_path / name, HEADER, *lines(candles))
    (tmp_path / "README.md").write_text("no candles")
    store, seen = MemoryCandles(), []
    outcome = import_paths(
        store,
        [tmp_path],
        ImportOptions(),
        progress=lambda _, done, total, name="": seen.append((name, done, total)),
    )
    assert [Path(report.file).name for report in outcome.imported] == [
        "KRAKEN_BTC-USD_1h.csv",
        "BINANCE_ETH-USDT_1h.csv",
    ]
    assert list(dict.fromkeys(name for name, _, _ in seen)) == ["KRAKEN_BTC-USD_1h.csv", "BINANCE_ETH-USDT_1h.csv"]
    parts = [done / total for _, done, total in seen]
    assert (parts[0], parts[-1], parts) == (0.0, 1.0, sorted(parts))
    assert len(parts) >= 6, "also one large file shows how far it is"
    assert [Path(name).name for name in outcome.skipped] == ["FEAR_GREED_1d.csv", "XBTUSD_720.csv"]
    assert outcome.refused == []


def test_what_is_given_wins_over_the_name(tmp_path: Path, candles: Candles) -> None:
    store = MemoryCandles()
    path = write(tmp_path / "KRAKEN_BTC-USD_5m.csv", HEADER, *lines(candles))
    (report,) = import_path(store, path, exchange="Coinbase", symbol="ETH/EUR", timeframe=H)
    assert (report.exchange, report.symbol, report.timeframe) == ("coinbase", "ETH/EUR", H)


GOOD = "1700010000000,1,2,0.5,1,1"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param("K_BTC-USD_1h.csv", b"", "it is empty", id="zero length"),
        pytest.param("K_BTC-USD_1h.csv", f"{HEADER}\n".encode(), "has no rows", id="header only"),
        pytest.param("K_BTC-USD_1h.csv", b"\x89\x00\x01\x02\xff" * 100, "not a text", id="random bytes"),
        pytest.param(
            "K_BTC-USD_1h.csv", b"1,2,3\n4,5,6\n", "no line of it has the columns of a candle", id="too few columns"
        ),
        pytest.param("K_BTC-USD_1h.csv", b"a,b,c,d,e,f\n1,2,3,4,5,6\n", "no column for time, open", id="other columns"),
        pytest.param(
            "K_BTC-USD_1h.csv", f"{HEADER}\nx,1,2,3,4,5".encode(), "1 of its 1 rows cannot be used", id="no time"
        ),
        pytest.param("K_BTC-USD_1h.csv.gz", b"not gzip at all", "no line of it has the columns", id="not gzip"),
        pytest.param("K_BTC-USD_1h.csv.gz", gzip.compress(GOOD.encode() * 99)[:-9], "cannot be read", id="cut gzip"),
        pytest.param("K_BTC-USD_1h.json", b"{}", "not a list of candles", id="object"),
        pytest.param("K_BTC-USD_1h.json", b"[]", "has no rows", id="empty list"),
        pytest.param("K_BTC-USD_1h.json", b"[1, 2]", "not a list of candles", id="list of numbers"),
        pytest.param("K_BTC-USD_1h.json", b"[" * 60_000, "not JSON", id="deep"),
        pytest.param("K_BTC-USD_1d.csv", f"{HEADER}\n{GOOD}".encode(), "off grid: 1", id="off the grid"),
        pytest.param("K_BTC-USD_1h.xlsx", b"?", "has an unknown format", id="suffix"),
        pytest.param("prices.csv", GOOD.encode(), "does not show its exchange and symbol and timeframe", id="name"),
        pytest.param("BTC_USD-1h.csv", f"{HEADER}\n{GOOD}".encode(), "does not show its exchange", id="no exchange"),
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
    for symbol in (None, "BTC/USD"):
        with pytest.raises(CandleError, match="no file in"):
            import_path(MemoryCandles(), tmp_path, symbol=symbol)
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

    from autopilot.adapters.imports.containers import cells_of_frame

    column = pd.Series(pd.to_datetime([1_700_006_400_000, None], unit="ms", utc=True))
    moments = column.dt.tz_convert(zone) if zone else column.dt.tz_localize(None)
    assert times_ms(cells_of_frame(moments)).tolist() == [1_700_006_400_000, 0]
