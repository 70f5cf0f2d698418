"""Columns are known by their names, archives by their members, and no junk ends in a traceback."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import ccxt
import pytest
from memory_candles import MemoryCandles

from autopilot.adapters.imports.bars import bars_of
from autopilot.adapters.imports.candle_files import ImportOptions, import_path, import_paths
from autopilot.adapters.imports.containers import frame_table
from autopilot.adapters.imports.layouts import LAYOUTS
from autopilot.domain.errors import CandleError
from autopilot.domain.timeframe import Timeframe

CASES = Path(__file__).parent / "cases"
ROWS = [line.split(",") for line in (CASES / "truth.csv").read_text().splitlines()[1:]]
TRUTH = {int(row[0]) * 1000: tuple(map(float, row[1:])) for row in ROWS}
SERIES = ("testx", "BTC/USD", Timeframe.H1)


def stored(path: Path) -> dict[int, tuple[float, ...]]:
    store = MemoryCandles()
    import_path(store, path, *SERIES)
    return store.kept[SERIES]


def refusal(path: Path) -> str:
    store = MemoryCandles()
    with pytest.raises(CandleError) as refused:
        import_path(store, path, *SERIES)
    assert store.kept == {}
    assert refused.value.hint
    assert str(path) in str(refused.value)
    return str(refused.value)


def table(path: Path, header: str, cells: Callable[[list[str]], list[str]], mark: str = ",") -> Path:
    """A CSV file whose rows are made of (time, open, high, low, close, volume)."""
    path.write_text("\n".join([header, *(mark.join(cells(row)) for row in ROWS)]) + "\n")
    return path


def quoted(row: list[str]) -> str:
    return f"{float(row[4]) * float(row[5]):.4f}"


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("VOLUME,Close,LOW,High,open,Time", lambda row: row[::-1]),
        ("Open time,Open,High,Low,Close,Volume,Close time", lambda row: [*row, str(int(row[0]) + 3599)]),
        ("time,open,high,low,close,50 EMA,Volume,200 EMA", lambda row: [*row[:5], "98.1", row[5], "97"]),
        ("time,open,high,low,close,Volume USD,Volume BTC", lambda row: [*row[:5], quoted(row), row[5]]),
        ("time,open,high,low,close,volumeto,volumefrom", lambda row: [*row[:5], quoted(row), row[5]]),
        ("time,open,high,low,close,quote_asset_volume,vol", lambda row: [*row[:5], quoted(row), row[5]]),
        ("time,open,high,low,close,Volume XBT,turnover", lambda row: [*row, quoted(row)]),
        ("time,open,high,low,close,Adj Close,volume", lambda row: [*row[:5], row[4], row[5]]),
        ("id,open,close,low,high,amount,vol,count", lambda r: [r[0], r[1], r[4], r[3], r[2], r[5], quoted(r), "3"]),
        (
            "date,high,low,open,close,volume,quoteVolume,weightedAverage",
            lambda r: [r[0], r[2], r[3], r[1], r[4], quoted(r), r[5], r[4]],
        ),
        ("t,T,o,h,l,c,v,V,q,Q", lambda row: [row[0], "9", *row[1:], "0.5", "1", "1"]),
        (",open,high,low,close,volume", lambda row: row),
        ("time,open,high,low,close,volume,max,min,c,n", lambda row: [*row, "9", "8", "7", "few"]),
        ("close,open,high,low,close,volume,time", lambda row: [row[4], *row[1:], row[0]]),
        ("unix,date,open,high,low,close,volume", lambda row: [row[0], "", *row[1:]]),
    ],
)
def test_a_column_is_known_by_its_name(tmp_path: Path, header: str, cells: Callable[[list[str]], list[str]]) -> None:
    assert stored(table(tmp_path / "file.csv", header, cells)) == TRUTH


@pytest.mark.parametrize(
    ("header", "cells", "said"),
    [
        ("time,open,high,low,close,Volume USD", lambda row: row, "volume_usd is not the volume in BTC"),
        ("time,open,high,low,close,Volume ETH,Volume USD", lambda row: [*row, "1"], "no column for volume"),
        ("time,open,high,low,close,volume,Volume", lambda row: [*row, "7"], "'volume' and 'Volume', and their numbers"),
        ("time,open,high,low,price,volume", lambda row: row, "no column for close"),
        ("time,open,high,low,close", lambda row: row, "no column for volume"),
        ("time,open,high,low,close,volume", lambda row: [*row, "7"], "too many fields: 72"),
        ("time,open,high,low,close,volume,x,note", lambda row: [*row, "7"], "too few fields: 72"),
        ("time,close,high,low,open,volume", lambda row: row, "opens and closes are swapped"),
        ("time,open,low,high,close,volume", lambda row: row, "impossible bar"),
        ("time,open,high,low,close,volume,ema", lambda row: [*row[:5], "98.3", row[5]], "its volumes are prices"),
        ("time,open,high,low,close,volume,trades", lambda row: [*row[:5], "17", row[5]], "not whole numbers"),
        (
            "time,open,high,low,close,volume,quote_volume",
            lambda row: [*row[:5], quoted(row), row[5]],
            "base and quote currency are swapped",
        ),
        (
            "time,open,high,low,close,volume,symbol",
            lambda row: [*row, "ETHUSD" if row[5] < "3" else "BTCUSD"],
            "it holds 2 markets: BTCUSD, ETHUSD",
        ),
        ("date,time,open,high,low,close,volume", lambda row: ["03/01/2025", "12:00", *row[1:]], "day or the month"),
        ("time,open,high,low,close,volume", lambda row: ["1.7357E+09", *row[1:]], "no time: 72"),
        (
            "time,open,high,low,close,volume",
            lambda row: [row[0], *(f"{x}".replace(".", "") for x in row[1:])],
            "imposs",
        ),
    ],
)
def test_a_column_that_is_not_sure_refuses_the_file(
    tmp_path: Path, header: str, cells: Callable[[list[str]], list[str]], said: str
) -> None:
    assert said in refusal(table(tmp_path / "file.csv", header, cells))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("99.27", "99,27", 1), "mix separators"),
        (lambda text: text.replace(";99.27", ";99,270", 1), "not finite: 1"),
        (lambda text: text.replace(".", ","), None),
        (lambda text: text.replace(";", "; "), None),
        (lambda text: text.replace("99.27", '"99.27', 1), "is never closed"),
        (lambda text: text.replace("\n", "\n\n"), None),
        (lambda text: text.replace("\n", "\n# remark\n", 3), None),
        (lambda text: text + text.splitlines()[0] + "\n", None),
        (lambda text: text + "close;open;high;low;time;volume\n", "is another header"),
        (lambda text: text.replace("time;", "zeit;"), "no column for time"),
    ],
)
def test_one_notation_for_a_whole_file(tmp_path: Path, change: Callable[[str], str], said: str | None) -> None:
    path = table(tmp_path / "file.csv", "time;open;high;low;close;volume", lambda row: row, ";")
    path.write_text(change(path.read_text()))
    if said is None:
        assert stored(path) == TRUTH
    else:
        assert said in refusal(path)


def arrays(order: str) -> list[list[str]]:
    """Rows of JSON; ``order``: places in (time, open, high, low, close, volume), - for 1."""
    return [[row[int(at)] if at.isdigit() else "1" for at in order.split()] for row in ROWS]


@pytest.mark.parametrize(
    "document",
    [
        {"error": [], "result": {"XXBTZUSD": arrays("0 1 2 3 4 4 5 -"), "last": int(ROWS[-1][0])}},
        {"retCode": 0, "result": {"category": "spot", "list": arrays("0 1 2 3 4 5 -")[::-1]}, "time": 1},
        {"code": "0", "msg": "", "data": arrays("0 1 2 3 4 5 - - -")[::-1]},
        {"code": "200000", "data": arrays("0 1 4 2 3 5 -")[::-1]},
        {"columns": ["time", "open", "high", "low", "close", "volume"], "data": arrays("0 1 2 3 4 5"), "index": [1]},
        {"s": "ok", **{name: [row[at] for row in ROWS] for at, name in enumerate("tohlcv")}},
        {"data": {"pair": "BTC/USD", "ohlc": [dict(zip("tohlcv", row, strict=True)) for row in ROWS]}},
        {"ticker": "X:BTCUSD", "results": [dict(zip("tohlcv", row, strict=True)) for row in ROWS], "status": "OK"},
    ],
)
def test_the_answers_of_exchanges(tmp_path: Path, document: object) -> None:
    (tmp_path / "rows.json").write_text(json.dumps(document))
    assert stored(tmp_path / "rows.json") == TRUTH


@pytest.mark.parametrize(
    ("order", "layout"),
    [
        ("0 1 2 3 4 5 - -", "kraken"),
        ("0 1 2 3 4 4 5 -", "mexc"),
        ("0 1 2 3 4 5 - -", "mexc"),
        ("0 1 4 2 3 5 -", "bybit"),
    ],
)
def test_another_layout_of_as_many_columns_is_seen(tmp_path: Path, order: str, layout: str) -> None:
    (tmp_path / "rows.json").write_text(json.dumps(arrays(order)))
    store = MemoryCandles()
    options = ImportOptions(*SERIES, layout=LAYOUTS[layout])
    (refused,) = import_paths(store, [tmp_path / "rows.json"], options).refused
    assert (store.kept, f"not valid candles in the layout {layout}" in refused.message) == ({}, True)


def test_a_candle_that_had_not_closed_is_left_out(tmp_path: Path) -> None:
    running = {at: row for at, row in TRUTH.items() if at < int(ROWS[-1][0]) * 1000}
    answer = {"error": [], "result": {"XXBTZUSD": arrays("0 1 2 3 4 4 5 -"), "last": int(ROWS[-2][0])}}
    (tmp_path / "a.json").write_text(json.dumps(answer))
    okx = [[*row[:-1], "1"] for row in arrays("0 1 2 3 4 5 - - -")]
    okx[-1][-1] = "0"
    (tmp_path / "okx.json").write_text(json.dumps(okx))
    stream = [{**dict(zip("tohlcv", row, strict=True)), "x": row is not ROWS[-1]} for row in ROWS]
    (tmp_path / "b.json").write_text("\n".join(map(json.dumps, stream)))
    for name in ("a.json", "okx.json", "b.json"):
        assert stored(tmp_path / name) == running


@pytest.mark.parametrize(
    ("write", "zone"),
    [
        ("{:%Y-%m-%dT%H:%M:%S%z}", "UTC"),
        ("{:%Y-%m-%d %H:%M:%S.000 UTC}", "UTC"),
        ("{:%d.%m.%Y %H:%M:%S.000 GMT%z}", "Asia/Kolkata"),
        ("{:%a, %d %b %Y %H:%M:%S GMT}", "UTC"),
        ("{:%a %b %d %Y %H:%M:%S GMT%z (somewhere)}", "Asia/Tokyo"),
        ("{:%Y/%m/%d %I:%M %p}", "UTC"),
        ("{:%Y%m%dT%H%M%S}", "UTC"),
        ("{:%Y%m%d%H%M}", "UTC"),
        ("{:%B %d, %Y, %H:%M}", "UTC"),
    ],
)
def test_times_of_many_kinds(tmp_path: Path, write: str, zone: str) -> None:
    path = tmp_path / "f.csv"
    rows = [[write.format(datetime.fromtimestamp(int(row[0]), ZoneInfo(zone))), *row[1:]] for row in ROWS]
    path.write_text("\n".join(["time;open;high;low;close;volume", *map(";".join, rows)]))
    assert stored(path) == TRUTH


def test_a_local_time_that_occurs_twice_is_left_out(tmp_path: Path) -> None:
    zone = ZoneInfo("Europe/Berlin")
    hours = [1_729_900_800 + hour * 3600 for hour in range(300)]  # The clocks go back on 27 October 2024.
    lines = [f"{datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M},10,12,9,11,{at % 97}" for at in hours]
    (tmp_path / "f.csv").write_text("\n".join(["time,open,high,low,close,volume", *lines]))
    store = MemoryCandles()
    outcome = import_paths(store, [tmp_path / "f.csv"], ImportOptions(*SERIES, zone=zone))
    assert outcome.imported[0].dropped == {"no time": 2}
    assert {at: row[-1] for at, row in store.kept[SERIES].items()} == {
        at * 1000: at % 97 for at in hours if at not in (1_729_987_200, 1_729_990_800)
    }


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
@pytest.mark.parametrize("is_index", [True, False])
def test_tables_of_binary_formats(zone: str | None, is_index: bool) -> None:
    import pandas as pd

    moments = pd.to_datetime([int(row[0]) for row in ROWS], unit="s", utc=True)
    times = moments.tz_convert(zone) if zone else moments.tz_localize(None)
    frame = pd.DataFrame({name: [float(row[at]) for row in ROWS] for at, name in enumerate("ohlcv", 1)})
    frame = frame.set_index(times) if is_index else frame.assign(date=times, trades=3)
    bars = bars_of(frame_table(frame), "BTC/USD", ())
    assert dict(zip(bars.at_ms.tolist(), zip(*(each.tolist() for each in bars.numbers), strict=True), strict=True)) == (
        TRUTH
    )


ROW = [1_700_006_400_000, 11, 14, 10, 13, 5, 60, 70, 80, 0.5, 1, 0]


@pytest.mark.parametrize(
    ("name", "exchange"),
    [
        ("binance", "binance"),
        ("mexc", "mexc"),
        ("kraken", "kraken"),
        ("coinbase", "coinbaseexchange"),
        ("bitfinex", "bitfinex"),
        ("bybit", "bybit"),
        ("okx", "okx"),
        ("gate", "gate"),
        ("bitget", "bitget"),
        ("ohlcv", "gemini"),
        ("kucoin", "kucoin"),
    ],
)
def test_layouts_read_a_row_as_ccxt_does(name: str, exchange: str) -> None:
    layout = LAYOUTS[name]
    row = [str(1_700_006_400 if layout.place("time") == 0 and name in SECONDS else ROW[0])]
    row += [str(number) for number in range(11, 11 + len(layout.columns) - 1)]
    read = getattr(ccxt, exchange)().parse_ohlcv(row)[1:]
    assert [float(row[layout.place(field)]) for field in ("open", "high", "low", "close", "volume")] == read


SECONDS = ("kraken", "coinbase", "kucoin", "gate")


def packed(members: dict[str, str]) -> bytes:
    place = io.BytesIO()
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return place.getvalue()


TEXT = (CASES / "truth.csv").read_text()


def test_each_member_of_an_archive_has_its_own_name(tmp_path: Path) -> None:
    members = {
        "2025/BTCUSDT-1h-2025-01.csv": TEXT,
        "2025/ETHUSDT-1h-2025-01.csv": TEXT,
        "__MACOSX/2025/._ETHUSDT-1h-2025-01.csv": "\0\5",
        "CHECKSUM": "abc",
        "notes.txt": "hello",
    }
    (tmp_path / "all.zip").write_bytes(packed(members))
    store = MemoryCandles()
    outcome = import_paths(store, [tmp_path / "all.zip"], ImportOptions("binance"))
    assert [symbol for _, symbol, _ in store.kept] == ["BTC/USDT", "ETH/USDT"]
    assert outcome.imported[0].file == f"{tmp_path}/all.zip:2025/BTCUSDT-1h-2025-01.csv"
    assert (outcome.refused, outcome.skipped) == ([], [f"{tmp_path}/all.zip:notes.txt"])
    with pytest.raises(CandleError, match="different markets"):
        import_paths(store, [tmp_path / "all.zip"], ImportOptions("binance", "BTC/USDT", Timeframe.H1))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("f.zip", packed({"inner.zip": "PK"}), "an archive in an archive"),
        ("f.zip", packed({"readme.md": "x"}), "holds no table"),
        ("f.zip", packed({"f.csv": TEXT})[:-30], "not a whole zip archive"),
        ("f.csv.gz", gzip.compress(TEXT.encode())[:-12], "damaged, or not whole"),
        ("f.csv", TEXT.encode()[:100] + b"\0" + TEXT.encode()[100:], "not a text"),
        ("f.json", json.dumps({"a": [[1, 2]], "b": [[1, 2]]}).encode(), "it holds 2 tables: a, b"),
        ("f.json", b'[{"time": 1, "open": 2, "open": 3}]', "two values named 'open'"),
        ("f.json", b'[{"time": 1}, [2]]', "mixes lists, objects"),
        ("f.json", b"[[1, 2, 3", "it is not JSON"),
        ("f.csv", b"timestamp,open,high,low,close,volume", "no rows"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert said in refusal(tmp_path / name)


def test_a_file_that_breaks_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    for cut in range(2, len(TEXT.splitlines()[-1]) + 1):
        path.write_text(TEXT[:-cut])
        if TEXT[:-cut].endswith("1.503"):
            continue  # Three decimals, as another volume has: nothing shows that a digit is missing.
        refusal(path)
    path.write_text(TEXT[:-1])
    assert stored(path) == TRUTH


@pytest.mark.parametrize("codec", ["utf-16", "utf-8-sig", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("newline", ["\r\n", "\r", "\n"])
def test_texts_of_other_systems(tmp_path: Path, codec: str, newline: str) -> None:
    (tmp_path / "f.csv").write_bytes(("# é\n" + TEXT).replace("\n", newline).encode(codec))
    assert stored(tmp_path / "f.csv") == TRUTH


@pytest.mark.parametrize("name", [path.name for path in CASES.iterdir() if path.name != "fng.json"])
def test_no_junk_ends_in_a_traceback_nor_in_other_numbers(tmp_path: Path, name: str) -> None:
    """Bytes changed, cut out or doubled at random; a number may only be one that the changed file holds."""
    content, random = (CASES / name).read_bytes(), Random(name)
    path = tmp_path / name
    for _ in range(12):
        at, length = random.randrange(len(content)), random.choice([1, 3, 40, 1_000])
        new = random.choice(
            [b"", bytes(random.randbytes(length)), content[at : at + length] * 2, b"nan", b"1e999", b",;"]
        )
        path.write_bytes(content[:at] + new + content[at + length :])
        outcome = import_paths(MemoryCandles(), [path], ImportOptions(*SERIES, lenient=random.random() < 0.5))
        assert len(outcome.imported) + len(outcome.refused) == 1
        assert all(refused.hint for refused in outcome.refused)
