"""autopilot data on a real database."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database
from autopilot.domain.candles import Candles
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, Timeframe

START = 1_714_564_800_000


def hours(*at: int, high: float = 12.0) -> Candles:
    """Candles that open so many hours after START; a ``high`` below 11 no market can have produced."""
    length = len(at)
    return Candles(
        Timeframe.H1,
        START + np.array(at, dtype=np.int64) * HOUR_MS,
        *(np.full(length, value) for value in (10.0, high, 9.0, 11.0, 5.0)),
    )


@pytest.fixture
def store(data_dir: Path):
    database = open_database(data_dir / "autopilot.db")
    yield SqliteCandles(database)
    database.close()


def test_list_says_what_there_is(autopilot, store) -> None:
    store.save_candles("kraken", "BTC/USD", hours(*range(1_500)))
    store.save_candles("kraken", "ETH/USD", hours(3, 4))
    done = autopilot("data", "list")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "exchange  symbol   timeframe  candles  first              last",
        "kraken    BTC/USD  1h           1,500  2024-05-01 12:00Z  2024-07-02 23:00Z",
        "kraken    ETH/USD  1h               2  2024-05-01 15:00Z  2024-05-01 16:00Z",
        "",
        "Coverage by month",
        "exchange  symbol   timeframe  from 2024-05",
        "kraken    BTC/USD  1h         +##",
        "kraken    ETH/USD  1h         +..",
        "# all candles   ~ all that exist   + some   i imported   d derived   . none",
    ]
    assert autopilot("data", "list", "--json").document["series"][1] == {
        "exchange": "kraken",
        "symbol": "ETH/USD",
        "timeframe": "1h",
        "candles": 2,
        "first_at_ms": START + 3 * HOUR_MS,
        "last_at_ms": START + 4 * HOUR_MS,
        "spans": [
            {
                "from_ms": START + 3 * HOUR_MS,
                "to_ms": START + 5 * HOUR_MS,
                "way": "live",
                "fetched_at_ms": START + 5 * HOUR_MS,
            }
        ],
        "gaps": [],
        "suspicion": None,
    }


def test_without_a_database_nothing_is_stored_and_none_is_made(autopilot, data_dir) -> None:
    for command in ("list", "verify"):
        done = autopilot("data", command)
        assert (done.code, done.out) == (
            0,
            "No candles are stored. Try: autopilot data download --days 365, or autopilot data import PATH\n",
        )
    assert not (data_dir / "autopilot.db").exists()


def test_verify_finds_nothing_wrong_with_sound_candles(autopilot, store) -> None:
    store.save_candles("kraken", "BTC/USD", hours(0, 1, 2))
    done = autopilot("data", "verify")
    assert done.code == 0
    assert done.out.splitlines()[1:] == ["kraken    BTC/USD  1h               3  sound"]


def test_verify_tells_what_is_wrong_and_fails(autopilot, store) -> None:
    store.save_candles("kraken", "BTC/USD", hours(0, 2, 3, 7))
    store.save_candles("kraken", "ETH/USD", hours(0, 1, high=10.5))
    done = autopilot("data", "verify")
    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[1:3] == [
        "kraken    BTC/USD  1h               4  gap",
        "kraken    ETH/USD  1h               2  impossible bar",
    ]
    assert any(item.startswith("  gap: 4 candles are missing in 2 gaps") for item in lines)
    document = autopilot("data", "verify", "--json").document
    assert document["sound"] is False
    btc, eth = document["series"]
    assert (btc["sound"], btc["faults"][0]["kind"], btc["faults"][0]["count"]) == (True, "gap", 4)
    assert eth["sound"] is False
    assert [fault["kind"] for fault in eth["faults"]] == ["impossible bar"]


def test_gaps_alone_are_reported_and_are_no_damage(autopilot, store) -> None:
    store.save_candles("kraken", "BTC/USD", hours(0, 2, 3, 7))
    done = autopilot("data", "verify")
    assert done.code == 0
    assert "gap: 4 candles are missing in 2 gaps" in done.out
    document = autopilot("data", "verify", "--json").document
    assert (document["sound"], document["series"][0]["sound"]) == (True, True)
    assert [fault["kind"] for fault in document["series"][0]["faults"]] == ["gap"]


def test_verify_can_be_narrowed(autopilot, store) -> None:
    store.save_candles("kraken", "BTC/USD", hours(0, 5))
    store.save_candles("kraken", "ETH/USD", hours(0, 1))
    narrowed = autopilot("data", "verify", "--symbol", "eth-usd", "--exchange", "kraken", "--timeframe", "1h", "--json")
    assert narrowed.code == 0
    assert [item["symbol"] for item in narrowed.document["series"]] == ["ETH/USD"]
    assert autopilot("data", "verify", "--timeframe", "2h").code == 2


ROWS = "timestamp,open,high,low,close,volume\n" + "".join(
    f"{START + hour * HOUR_MS},10,12,9,11,{hour + 1}\n" for hour in range(5)
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two markets, one of them with a row that no market can have produced."""
    place = tmp_path / "files"
    place.mkdir()
    (place / "KRAKEN_BTC-USD_1h.csv").write_text(ROWS)
    (place / "KRAKEN_ETH-USD_1h.csv").write_text(f"{ROWS}{START + 5 * HOUR_MS},10,8,9,11,1\n")
    (place / "README.txt").write_text("nothing to see here\n")
    return place


def test_import_a_folder_then_again_changes_nothing(autopilot, folder) -> None:
    first = autopilot("data", "import", str(folder), "--lenient")
    assert (first.code, first.err) == (
        1,
        "error: " + BAD.format(folder).replace("\n", "\n  ") + "\ntry: mend the file\n",
    )
    assert first.out.splitlines() == [
        "file                   exchange  symbol   timeframe  layout  rows  new  dropped",
        "KRAKEN_BTC-USD_1h.csv  kraken    BTC/USD  1h         header     5    5        0",
        "",
        "Skipped, not named after a market and timeframe of ours: README.txt",
    ]
    again = autopilot("data", "import", str(folder), "--json")
    assert again.code == 1
    assert [item["written"] for item in again.document["imported"]] == [0]
    assert again.document["refused"] == [
        {
            "file": f"{folder}/KRAKEN_ETH-USD_1h.csv",
            "message": BAD.format(folder),
            "hint": "mend the file, or take its other rows with --lenient",
        }
    ]
    assert again.document["skipped"] == [f"{folder}/README.txt"]
    listed = autopilot("data", "list", "--json").document["series"]
    assert [(item["symbol"], item["candles"]) for item in listed] == [("BTC/USD", 5)]


BAD = (
    "{0}/KRAKEN_ETH-USD_1h.csv: 1 of its 6 rows cannot be used\n"
    "impossible bar: 1, first in line 7: 1714582800000,10,8,9,11,1"
)


def test_dropped_rows_are_shown_with_line_and_sample(autopilot, tmp_path) -> None:
    rows = "".join(f"{START + hour * HOUR_MS},10,12,9,11,{hour + 1}\n" for hour in range(150))
    header = "timestamp,open,high,low,close,volume\n"
    (tmp_path / "KRAKEN_BTC-USD_1h.csv").write_text(f"{header}{rows}soon,10,12,9,11,1\n")
    done = autopilot("data", "import", str(tmp_path / "KRAKEN_BTC-USD_1h.csv"))
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[2:] == [
        "",
        "Dropped from KRAKEN_BTC-USD_1h.csv",
        "  no time: 1, first in line 152: soon,10,12,9,11,1",
    ]


def test_several_paths_are_imported_and_a_missing_one_is_named(autopilot, tmp_path) -> None:
    for name in ("KRAKEN_BTC-USD_1h.csv", "KRAKEN_ETH-USD_1h.csv"):
        (tmp_path / name).write_text(ROWS)
    paths = [str(tmp_path / name) for name in ("KRAKEN_BTC-USD_1h.csv", "KRAKEN_ETH-USD_1h.csv")]
    assert autopilot("data", "import", *paths).code == 0
    done = autopilot("data", "import", *paths, str(tmp_path / "nowhere.csv"), "--json")
    assert done.code == 1
    assert [item["symbol"] for item in done.document["imported"]] == ["BTC/USD", "ETH/USD"]
    assert f"{tmp_path}/nowhere.csv does not exist" in done.err


def test_the_layout_and_the_zone_are_asked_for(autopilot, tmp_path, store) -> None:
    (tmp_path / "rows.csv").write_text("".join(f"2024-05-01 {hour:02}:00,10,12,9,11,{hour}\n" for hour in range(5)))
    market = ("--exchange", "k", "--symbol", "BTC/USD", "--timeframe", "1h")
    silent = autopilot("data", "import", str(tmp_path / "rows.csv"), *market)
    assert (silent.code, "--layout with one of ohlcv" in silent.err) == (1, True)
    given = ("--layout", "ohlcv", "--timezone", "America/New_York")
    assert autopilot("data", "import", str(tmp_path / "rows.csv"), *market, *given).code == 0
    assert store.load_candles("k", "BTC/USD", Timeframe.H1).open_at_ms[0] == 1_714_536_000_000
    for option, value in (("--layout", "mine"), ("--timezone", "Mars/Base")):
        wrong = autopilot("data", "import", str(tmp_path / "rows.csv"), option, value)
        assert (wrong.code, value in wrong.err) == (2, True)
    near = autopilot("data", "import", str(tmp_path / "rows.csv"), "--layout", "OHLVC")
    assert 'did you mean "ohlcv"?' in near.err


def test_what_an_older_version_stored_wrongly_is_named_and_mended(autopilot, store) -> None:
    averages = replace(hours(*range(30)), volume=np.full(30, 10.5))
    for symbol, candles in {"FD/USD": hours(0, 1), "BTCB/USD": hours(0, 1), "ETH/USD": averages}.items():
        store.save_candles("kraken", symbol, candles)
    store.save_candles("kraken", "BTC/USD", hours(0, 1))
    for command in ("list", "verify"):
        done = autopilot("data", command)
        text = done.out.partition("Imported wrongly?\n")[2]
        assert done.code == (0 if command == "list" else 1), "thirty equal candles are damage"
        assert "kraken FD/USD 1h: FD/USD is probably a part of a name that ends in FDUSD" in text
        assert "autopilot data rename --exchange kraken --symbol BTCB/USD --to-symbol BTC/BUSD" in text
        assert "kraken ETH/USD 1h: its volumes are prices" in text
        assert "BTC/USD 1h:" not in text
    renamed = autopilot("data", "rename", "--exchange", "kraken", "--symbol", "BTCB/USD", "--to-symbol", "BTC/BUSD")
    assert renamed.code == 0
    for symbol in ("FD/USD", "ETH/USD"):
        assert autopilot("data", "delete", "--exchange", "kraken", "--symbol", symbol, "--yes").code == 0
    listed = autopilot("data", "list", "--json").document["series"]
    assert [(item["symbol"], item["candles"], item["suspicion"]) for item in listed] == [
        ("BTC/BUSD", 2, None),
        ("BTC/USD", 2, None),
    ]
    assert '"data delete"' in autopilot("audit", "show", "--json").out


def test_delete_asks_in_a_terminal_only(autopilot, store) -> None:
    store.save_candles("kraken", "BTC/USD", hours(0, 1))
    done = autopilot("data", "delete", "--exchange", "kraken", "--symbol", "BTC/USD")
    assert (done.code, done.out) == (5, "")
    assert "autopilot data delete --exchange kraken --symbol BTC/USD --yes" in done.err
    assert len(store.load_candles("kraken", "BTC/USD", Timeframe.H1)) == 2
    assert autopilot("data", "delete", "--symbol", "BTC/USD", "--yes").code == 2
    assert autopilot("data", "delete", "--exchange", "kraken", "--symbol", "XRP/USD", "--yes").code == 1


def test_prune_deletes_what_is_old_and_says_how_much(autopilot, store, data_dir) -> None:
    store.save_candles("kraken", "BTC/USD", hours(*range(30)))
    store.save_candles("kraken", "ETH/USD", hours(*range(20, 30)))
    prune = ("data", "prune", "--older-than", "2024-05-02")
    refused = autopilot(*prune, "--timeframe", "1h")
    assert (refused.code, refused.out) == (5, "")
    assert "autopilot data prune --older-than 2024-05-02T00:00Z --timeframe 1h --yes" in refused.err
    assert autopilot(*prune, "--symbol", "ETH/USD", "--yes").out == "No candles are that old.\n"
    done = autopilot(*prune, "--yes")
    assert done.code == 0
    assert done.out.splitlines() == [
        "exchange  symbol   timeframe  candles  before",
        "kraken    BTC/USD  1h              12  2024-05-02 00:00Z",
        "Deleted. 1 kB of the database are free for new rows.",
    ]
    assert len(store.load_candles("kraken", "BTC/USD", Timeframe.H1)) == 18
    (span,) = store.covered("kraken", "BTC/USD", Timeframe.H1)
    assert span.span.from_ms == START + 12 * HOUR_MS
    assert '"data prune"' in autopilot("audit", "show", "--json").out


@pytest.mark.parametrize(
    ("exchange", "read_days_ago"),
    [pytest.param("kraken", 0, id="a real market"), pytest.param("replay", 400, id="a market of another time")],
)
def test_prune_leaves_a_running_symbol_what_it_needs(autopilot, daemon, store, exchange, read_days_ago) -> None:
    """And the symbol that it is compared with: 30 days and 1,500 hours, before the last candle that it has read."""
    now_ms = time.time_ns() // 1_000_000
    ages = [600, 520, 450, 400, 100, 80, 10, 0]
    times = [(now_ms - days * DAY_MS) // HOUR_MS - START // HOUR_MS for days in ages]
    for symbol in ("BTC/USD", "ETH/USD", "SOL/USD"):
        store.save_candles("kraken", symbol, hours(*times))
    read_ms = now_ms - read_days_ago * DAY_MS
    running = {"symbol": "BTC/USD", "timeframe": "1h", "exchange": exchange, "running": True}
    running["ohlcv_data"] = {"last_at_ms": read_ms}
    daemon.answers["/api/autopilot/status"] = (200, {"symbols": [running]})
    pruned = autopilot("data", "prune", "--older-than", "1d", "--yes", "--json").document["pruned"]
    old = sum(days > read_days_ago + 30 + 1500 / 24 for days in ages)
    assert [(item["symbol"], item["candles"]) for item in pruned] == [
        ("BTC/USD", old),
        ("ETH/USD", old),
        ("SOL/USD", 7),
    ]


@pytest.mark.parametrize("new", [("--to-symbol", "BTC/USD"), ("--to-exchange", "KRAKEN")])
def test_rename_to_the_same_name_loses_nothing(autopilot, store, new) -> None:
    store.save_candles("kraken", "BTC/USD", hours(*range(30)))
    done = autopilot("data", "rename", "--exchange", "kraken", "--symbol", "BTC/USD", *new)
    assert (done.code, "its name already" in done.err) == (1, True)
    assert len(store.load_candles("kraken", "BTC/USD", Timeframe.H1)) == 30


def test_the_advice_of_an_unanswered_delete_deletes_no_more_than_was_asked_for(autopilot, store) -> None:
    store.save_candles("kraken", "BTC/USD", hours(*range(30)))
    done = autopilot("data", "delete", "--exchange", "kraken", "--symbol", "BTC/USD", "--timeframe", "1h")
    assert done.code == 5
    assert "data delete --exchange kraken --symbol BTC/USD --timeframe 1h --yes" in done.err


def test_rename_refuses_what_would_mix_two_markets(autopilot, store) -> None:
    store.save_candles("kraken", "BTCB/USD", hours(0, 1, 2))
    store.save_candles("kraken", "BTC/BUSD", hours(2, 3, high=13.0))
    move = ("data", "rename", "--exchange", "kraken", "--symbol", "BTCB/USD", "--to-symbol", "BTC/BUSD")
    done = autopilot(*move)
    assert (done.code, done.out) == (1, "")
    assert "has other numbers at 1 of the same times" in done.err
    assert len(store.load_candles("kraken", "BTCB/USD", Timeframe.H1)) == 3
    store.save_candles("kraken", "BTC/BUSD", hours(2))
    assert autopilot(*move).code == 0
    assert len(store.load_candles("kraken", "BTC/BUSD", Timeframe.H1)) == 4
    assert len(store.load_candles("kraken", "BTCB/USD", Timeframe.H1)) == 0
    assert autopilot(*move[:-2]).code == 2


def test_candles_that_the_daemon_runs_on_are_left_alone(autopilot, daemon, store) -> None:
    store.save_candles("kraken", "BTC/USD", hours(0, 1))
    daemon.answers["/api/autopilot/status"] = (
        200,
        {"symbols": [{"symbol": "BTC/USD", "timeframe": "1h", "exchange": "kraken", "running": True}]},
    )
    done = autopilot("data", "delete", "--exchange", "kraken", "--symbol", "BTC/USD", "--yes")
    assert (done.code, "autopilot stop --symbol BTC/USD" in done.err) == (4, True)
    assert len(store.load_candles("kraken", "BTC/USD", Timeframe.H1)) == 2


def test_import_beside_a_running_daemon(autopilot, daemon, store, folder) -> None:
    assert autopilot("data", "import", str(folder / "KRAKEN_BTC-USD_1h.csv")).code == 0
    assert len(store.load_candles("kraken", "BTC/USD", Timeframe.H1)) == 5


def test_what_a_name_does_not_tell_the_options_do(autopilot, tmp_path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(ROWS)
    silent = autopilot("data", "import", str(file))
    assert silent.code == 1
    assert "--exchange and --symbol and --timeframe" in silent.err
    told = autopilot(
        *("data", "import", str(file), "--exchange", "bitstamp", "--symbol", "xrp-eur", "--timeframe", "1h", "--json")
    )
    assert told.code == 0
    (report,) = told.document["imported"]
    assert (report["exchange"], report["symbol"], report["timeframe"]) == ("bitstamp", "XRP/EUR", "1h")


def test_import_a_sentiment_index(autopilot, tmp_path) -> None:
    file = tmp_path / "index.csv"
    file.write_text("timestamp,value\n1714521600000,43\n1714608000000,54\n")
    done = autopilot("data", "import", str(file), "--sentiment")
    assert (done.code, done.out) == (0, "2 days of fear_greed, 2024-05-01 to 2024-05-02\n")
    assert autopilot("data", "import", str(file), "--sentiment", "--json").document["written"] == 2


@pytest.mark.parametrize(
    ("content", "code"), [(None, 1), ("", 1), ("a,b\n1,2\n", 1), ("\x00\x01\x02", 1), ("timestamp,open\n", 1)]
)
def test_what_cannot_be_read_is_an_error_and_never_a_traceback(autopilot, tmp_path, content, code) -> None:
    file = tmp_path / "KRAKEN_BTC-USD_1h.csv"
    if content is not None:
        file.write_text(content)
    done = autopilot("data", "import", str(file))
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("error: ")
    assert str(file) in done.err


def test_export_writes_what_import_reads_back(autopilot, store, tmp_path) -> None:
    store.save_candles("kraken", "BTC/USD", hours(*range(30)))
    store.save_candles("kraken", "ETH/USD", hours(3, 4))
    path = tmp_path / "KRAKEN_BTC-USD_1h.csv.gz"
    done = autopilot("data", "export", str(path))
    assert (done.code, done.err) == (0, "")
    assert done.out == (f"30 candles of kraken BTC/USD 1h, 2024-05-01 12:00Z to 2024-05-02 17:00Z, written to {path}\n")
    assert "       0     0" not in autopilot("data", "import", str(path), "--exchange", "copy").out
    copied = store.load_candles("copy", "BTC/USD", Timeframe.H1)
    assert np.array_equal(copied.close, store.load_candles("kraken", "BTC/USD", Timeframe.H1).close)
    document = autopilot("data", "export", str(tmp_path / "e.json"), "--symbol", "ETH/USD", "--json").document
    assert document == {
        "exchange": "kraken",
        "symbol": "ETH/USD",
        "timeframe": "1h",
        "candles": 2,
        "first_at_ms": START + 3 * HOUR_MS,
        "last_at_ms": START + 4 * HOUR_MS,
        "file": str(tmp_path / "e.json"),
        "bytes": (tmp_path / "e.json").stat().st_size,
    }


def test_export_names_what_is_missing_and_replaces_nothing(autopilot, store, tmp_path) -> None:
    path = tmp_path / "candles.csv"
    done = autopilot("data", "export", str(path))
    assert (done.code, done.out) == (1, "")
    assert "no candles are stored" in done.err
    store.save_candles("kraken", "BTC/USD", hours(1))
    store.save_candles("kraken", "ETH/USD", hours(1))
    done = autopilot("data", "export", str(path))
    assert done.code == 1
    assert "2 markets are stored" in done.err
    assert "say which: --exchange kraken --symbol BTC/USD --timeframe 1h" in done.err
    chosen = ("data", "export", str(path), "--symbol", "BTC/USD")
    assert autopilot(*chosen).code == 0
    before = path.read_bytes()
    done = autopilot(*chosen)
    assert done.code == 1
    assert "exists already" in done.err
    assert "--force" in done.err
    assert (path.read_bytes(), autopilot(*chosen, "--force").code) == (before, 0)
    assert autopilot("data", "export", str(tmp_path / "candles.xlsx"), "--symbol", "BTC/USD").code == 1


def test_export_of_a_period_and_of_many_markets(autopilot, store, tmp_path) -> None:
    store.save_candles("kraken", "BTC/USD", hours(*range(30)))
    store.save_candles("kraken", "ETH/USD", hours(*range(4)))
    store.save_candles("coinbase", "BTC/USD", hours(*range(4)))
    path = tmp_path / "KRAKEN_BTC-USD_1h.csv"
    period = ("--from", "2024-05-01 20:00", "--to", "2024-05-02")
    document = autopilot("data", "export", str(path), *period, "--json").document
    assert (document["candles"], document["first_at_ms"]) == (4, START + 8 * HOUR_MS)
    assert len(path.read_text().splitlines()) == 5
    folder = tmp_path / "new" / "folder"
    command = ("data", "export", str(folder), "--format", "csv.gz", "--exchange", "kraken")
    files = autopilot(*command, "--json").document["exported"]
    names = ["KRAKEN_BTC-USD_1h.csv.gz", "KRAKEN_ETH-USD_1h.csv.gz"]
    assert [Path(item["file"]).name for item in files] == names
    assert sorted(each.name for each in folder.iterdir()) == names
    assert autopilot(*command).code == 1, "they exist"
    done = autopilot(*command, "--force", *period)
    assert done.out.splitlines() == [
        f"4 candles of kraken BTC/USD 1h, 2024-05-01 20:00Z to 2024-05-01 23:00Z, written to {folder / names[0]}"
    ]
    assert autopilot("data", "export", str(folder)).code == 2
    assert autopilot("data", "export", str(path), "--force", "--from", "2025-01-01").code == 1
