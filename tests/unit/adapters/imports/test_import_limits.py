"""How large a table may be, and which prices a float can hold."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from memory_candles import MemoryCandles

from autopilot.adapters.imports import containers
from autopilot.adapters.imports.candle_files import import_path
from autopilot.adapters.imports.containers import members, size_of, table_of
from autopilot.adapters.imports.numbers import lost_digits, numeric_columns
from autopilot.domain.errors import CandleError
from autopilot.domain.timeframe import Timeframe

TEXT = (Path(__file__).parent / "cases" / "truth.csv").read_text()


def packed(content: dict[str, str | bytes]) -> bytes:
    place = io.BytesIO()
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    return place.getvalue()


def refusal(path: Path) -> str:
    with pytest.raises(CandleError) as refused:
        import_path(MemoryCandles(), path)
    assert str(path) in str(refused.value)
    return str(refused.value)


BOMB = TEXT + "\n" * (5 << 20)
"""A table that is small when it is packed."""


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("f.csv", BOMB.encode(), "it has 5.246 MB unpacked, more than the limit of 1 MB"),
        ("f.csv.gz", gzip.compress(BOMB.encode()), "it has more than 1 MB unpacked, which is the limit"),
        ("f.zip", packed({"f.csv": BOMB}), "it has 5.246 MB unpacked, more than the limit of 1 MB"),
        ("g.zip", packed({"f.csv.gz": gzip.compress(BOMB.encode())}), "it has more than 1 MB unpacked"),
        ("f.json", b"[" + b" " * (5 << 20) + b"]", "it has 5.243 MB unpacked"),
    ],
)
def test_a_table_above_the_limit_is_refused_with_its_size_and_the_option(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (table,) = members(tmp_path / name)
    with pytest.raises(CandleError, match=words) as caught:
        table_of(table, 10**6)
    assert "--max-size" in caught.value.hint


def test_a_sparse_file_is_refused_by_its_size_at_once(tmp_path: Path) -> None:
    with (tmp_path / "KRAKEN_BTC-USD_1h.csv").open("wb") as file:
        file.truncate(10**13)
    assert "it has 10 TB unpacked, more than the limit of 2 GB" in refusal(tmp_path / "KRAKEN_BTC-USD_1h.csv")


def test_a_header_that_lies_about_the_size_lets_no_more_through(tmp_path: Path) -> None:
    content = bytearray(packed({"f.csv": BOMB}))
    for signature, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(signature) + place
        content[at : at + 4] = (100).to_bytes(4, "little")
    (tmp_path / "f.zip").write_bytes(content)
    (table,) = members(tmp_path / "f.zip")
    with pytest.raises(CandleError):
        table_of(table, 10**6)


def test_a_line_without_end_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "KRAKEN_BTC-USD_1h.csv").write_text("1," * (1 << 20))
    assert "a line of it is longer than 1,048,576 characters" in refusal(tmp_path / "KRAKEN_BTC-USD_1h.csv")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2GB", 2 * 10**9),
        ("500mb", 500 * 10**6),
        ("1.5 GB", 1_500_000_000),
        ("10", 10),
        ("64KB", 64_000),
        ("1TB", 10**12),
    ],
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "GB", "0", "0MB", "-1GB", "1e9", "2 gigs", "1,5GB", "999999999999TB", "٢GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        size_of(text)


HELD = ["1600000000", "1600000000.25", "1600000000.12345", "0.00000001", "0.000000000001234", "1832.123456789012345678",
    "12345678.12345678", "1234567890.1234567", "123456789012345.67", "64321.1", "9007199254740991"]  # fmt: skip
LOST = ["1600000000.12345678", "9007199254740993", "123456789012345.678", "9007199254740992", "1e300", "1e-310"]


@pytest.mark.parametrize(("price", "is_held"), [*((each, True) for each in HELD), *((each, False) for each in LOST)])
def test_a_price_that_a_float_does_not_hold_to_eight_decimals_is_a_fault(
    tmp_path: Path, price: str, is_held: bool
) -> None:
    """The others of the file are stored."""
    path = tmp_path / "KRAKEN_BTC-USD_1h.csv"
    rows = [f"{1_700_006_400 + 3600 * at},5,6,4,5,1" for at in range(200)]
    rows[7] = f"{1_700_006_400 + 3600 * 7},{price},{price},{price},{price},1"
    path.write_text("\n".join(["time,open,high,low,close,volume", *rows]) + "\n")
    store = MemoryCandles()
    (report,) = import_path(store, path)
    kept = store.load_candles("kraken", "BTC/USD", Timeframe.H1)
    assert len(kept) == (200 if is_held else 199)
    assert report.dropped == ({} if is_held else {"inexact price": 1})


@pytest.mark.parametrize("written", ["1.600.000.000,12345678", "1,600,000,000.12345678", "1 600 000 000,12345678"])
def test_a_price_in_any_notation_is_judged_by_its_digits(written: str) -> None:
    columns = [[written], [written]]
    values = numeric_columns(columns)
    assert values[0][0] == float("1600000000.12345678")
    assert lost_digits(columns, values).tolist() == [True]


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_table_takes_little_more_memory_than_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quote: str
) -> None:
    """Texts of numbers in lists would take 500 bytes a row and more."""
    monkeypatch.setattr(containers, "AT_ONCE", 1 << 14)
    count = 10_000
    rows = [
        f"{1_600_000_020 + 60 * at},{quote}64321.12{quote},64400.5,64300.25,64310.75,1.234567" for at in range(count)
    ]
    path = tmp_path / "KRAKEN_BTC-USD_1m.csv"
    path.write_text("\n".join(["time,open,high,low,close,volume", *rows]) + "\n")
    (member,) = members(path)
    tracemalloc.start()
    try:
        table = table_of(member, 10**9)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(table) == count
    assert peak / count < 150
