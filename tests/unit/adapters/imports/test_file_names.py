"""The market that a file's name shows: both sides are currencies, or the name is refused."""

from __future__ import annotations

import re
from pathlib import Path

import ccxt
import pytest
from memory_candles import MemoryCandles

from autopilot.adapters.imports.candle_files import ImportOptions, import_path, import_paths
from autopilot.adapters.imports.currencies import OWN_NAMES
from autopilot.adapters.imports.file_names import FileMarket, layouts_for, market_of
from autopilot.adapters.imports.layouts import LAYOUTS
from autopilot.domain.errors import CandleError
from autopilot.domain.timeframe import Timeframe

H1, D1, M1 = Timeframe.H1, Timeframe.D1, Timeframe.M1
TRUTH = Path(__file__).parent / "cases" / "truth.csv"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("KRAKEN_BTC-USD_1h.csv.gz", FileMarket("kraken", "BTC/USD", H1)),
        ("BINANCEUSDM_ETH-USDT_5m.csv", FileMarket("binanceusdm", "ETH/USDT", Timeframe.M5)),
        ("BTC_USDT-1h.feather", FileMarket(None, "BTC/USDT", H1)),
        ("btcusdt_1d.parquet", FileMarket(None, "BTC/USDT", D1)),
        ("XBTUSD_60.csv", FileMarket(None, "BTC/USD", H1)),
        ("XDGUSD_1440.CSV", FileMarket(None, "DOGE/USD", D1)),
        ("XXBTZUSD_60.csv", FileMarket(None, "BTC/USD", H1)),
        ("BTCUSDT-1h-2025-01.zip", FileMarket(None, "BTC/USDT", H1)),
        ("SOLUSDC-1m-2024-01-02.csv", FileMarket(None, "SOL/USDC", M1)),
        ("Bitstamp_BTCUSD_1h.csv", FileMarket("bitstamp", "BTC/USD", H1)),
        ("Binance_BTCUSDT_2024_minute.csv", FileMarket("binance", "BTC/USDT", M1)),
        ("Bitstamp_BTCUSD_d.csv", FileMarket("bitstamp", "BTC/USD", D1)),
        ("COINBASE_BTCUSD, 60.csv", FileMarket("coinbase", "BTC/USD", H1)),
        ("BINANCE_BTCUSDT, 1D_a1b2c.csv", FileMarket("binance", "BTC/USDT", D1)),
        ("some folder/KRAKEN_BTC-USD_1h.csv", FileMarket("kraken", "BTC/USD", H1)),
        # Quotes that end like others.
        ("BTC_FDUSD-1h.json", FileMarket(None, "BTC/FDUSD", H1)),
        ("BTC_PYUSD-1h.json", FileMarket(None, "BTC/PYUSD", H1)),
        ("BTC_RLUSD_1h.csv", FileMarket(None, "BTC/RLUSD", H1)),
        ("ETH_WBETH-1h.csv", FileMarket(None, "ETH/WBETH", H1)),
        ("BTCBUSD_1h.csv", FileMarket(None, "BTC/BUSD", H1)),
        ("XRPRLUSD_60.csv", FileMarket(None, "XRP/RLUSD", H1)),
        ("BTCFDUSD-1h-2024-01.zip", FileMarket(None, "BTC/FDUSD", H1)),
        ("DOTUSD_60.csv", FileMarket(None, "DOT/USD", H1)),
        ("BATUSD_60.csv", FileMarket(None, "BAT/USD", H1)),
        ("GRTUSD_60.csv", FileMarket(None, "GRT/USD", H1)),
        ("BNBUSDT_1h.csv", FileMarket(None, "BNB/USDT", H1)),
        ("ETHBTC_1h.csv", FileMarket(None, "ETH/BTC", H1)),
        ("EURUSD_1h.csv", FileMarket(None, "EUR/USD", H1)),
        ("FOOUSDT_1h.csv", FileMarket(None, "FOO/USDT", H1)),
        ("ACE_USDT-1h.json", FileMarket(None, "ACE/USDT", H1)),
        # What an exchange quotes in settles which of two is meant.
        ("KRAKEN_ARBUSD_1h.csv", FileMarket("kraken", "ARB/USD", H1)),
        ("BINANCE_ARBUSD_1h.csv", FileMarket("binance", "AR/BUSD", H1)),
        # Names of Kraken's own, in its archive and nowhere else.
        ("LUNAUSD_60.csv", FileMarket(None, "LUNC/USD", H1)),
        ("LUNA2USD_60.csv", FileMarket(None, "LUNA/USD", H1)),
        ("USTUSD_60.csv", FileMarket(None, "USTC/USD", H1)),
        ("REPUSD_60.csv", FileMarket(None, "REPV1/USD", H1)),
        ("REPV2USD_60.csv", FileMarket(None, "REP/USD", H1)),
        ("KRAKEN_LUNA-USD_1h.csv", FileMarket("kraken", "LUNC/USD", H1)),
        ("BINANCE_LUNA-USDT_1h.csv", FileMarket("binance", "LUNA/USDT", H1)),
        ("BITFINEX_UST-USD_1h.csv", FileMarket("bitfinex", "USDT/USD", H1)),
        # Lengths that are none of ours.
        ("KRAKEN_BTC-USD_7h.csv", FileMarket("kraken", "BTC/USD", None, "7h")),
        ("XBTUSD_720.csv", FileMarket(None, "BTC/USD", None, "720")),
        ("BTCUSDT-1M-2024-01.csv", FileMarket(None, "BTC/USDT", None, "1M")),
        # No market at all.
        ("prices.csv", FileMarket()),
        ("FEAR_GREED_1d.csv", FileMarket()),
        ("my_notes_1h.csv", FileMarket()),
        ("BTCQQUSD_1h.csv", FileMarket()),
        ("BTC_USDT_USDT-1h-futures.feather", FileMarket()),
    ],
)
def test_names_tell_markets(name: str, expected: FileMarket) -> None:
    assert market_of(name) == expected


@pytest.mark.parametrize("name", ["ARBUSD_60m.csv", "SPYUSD_1h.csv", "ABUSD_1h.csv"])
def test_a_name_that_can_mean_two_markets_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(CandleError, match=r"can mean .* or ") as refused:
        market_of(name)
    assert "--symbol" in refused.value.hint
    path = tmp_path / name
    path.write_text(TRUTH.read_text())
    store = MemoryCandles()
    with pytest.raises(CandleError, match="can mean"):
        import_path(store, path, "testx", None, H1)
    assert store.kept == {}
    import_path(store, path, "testx", "ARB/USD", H1)
    assert list(store.kept) == [("testx", "ARB/USD", H1)]


def test_the_page_lists_the_layouts_as_they_are() -> None:
    page = (Path(__file__).parents[4] / "docs" / "imports.md").read_text()
    for layout in LAYOUTS.values():
        columns = ", ".join(column or "–" for column in layout.columns)
        assert f"| `{layout.name}` | {columns} | {layout.words} |" in page


@pytest.mark.parametrize("exchange", OWN_NAMES)
def test_own_names_are_those_of_ccxt(exchange: str) -> None:
    known = getattr(ccxt, exchange)().commonCurrencies
    assert {own: known.get(own) for own in OWN_NAMES[exchange]} == dict(OWN_NAMES[exchange])


@pytest.mark.parametrize(
    ("name", "layouts"),
    [
        ("XBTUSD_60.csv", ["kraken-archive"]),
        ("BTCUSDT-1h-2025-01.csv", ["binance"]),
        ("BTC_USDT-1h.json", ["ohlcv"]),
        ("bitfinex.json", ["bitfinex"]),
        ("krakenrows.json", ["kraken"]),
        ("rows.json", []),
    ],
)
def test_names_tell_the_source_of_rows_without_a_header(name: str, layouts: list[str]) -> None:
    found = layouts_for(name, None, is_json=name.endswith("json"))
    assert [layout.name for layout in found] == layouts


def copies(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).write_text(TRUTH.read_text())
    return [folder / name for name in names]


@pytest.mark.parametrize("with_symbol", [None, "BTC/USD"])
def test_files_of_different_markets_never_go_into_one_series(tmp_path: Path, with_symbol: str | None) -> None:
    copies(tmp_path, "BTC_FDUSD-1h.csv", "BTC_PYUSD-1h.csv", "BTC_RLUSD-1h.csv")
    store = MemoryCandles()
    options = ImportOptions("testx", with_symbol)
    if with_symbol:
        with pytest.raises(CandleError, match=re.escape("are named after different markets")):
            import_paths(store, [tmp_path], options)
        assert store.kept == {}
    else:
        import_paths(store, [tmp_path], options)
        assert [symbol for _, symbol, _ in store.kept] == ["BTC/FDUSD", "BTC/PYUSD", "BTC/RLUSD"]


def test_the_months_of_one_market_go_into_one_series(tmp_path: Path) -> None:
    header, *rows = TRUTH.read_text().splitlines()
    months = {"BTCUSDT-1h-2025-01.csv": rows[:40], "BTCUSDT-1h-2025-02.csv": rows[30:]}
    for name, part in months.items():
        (tmp_path / name).write_text("\n".join([header, *part]))
    store = MemoryCandles()
    outcome = import_paths(store, [tmp_path], ImportOptions("testx", "BTC/USD"))
    assert outcome.refused == []
    assert len(store.kept["testx", "BTC/USD", H1]) == 72


def test_names_that_say_less_are_no_other_market(tmp_path: Path) -> None:
    copies(tmp_path, "KRAKEN_BTC-USD_1h.csv", "BTC_USD-1h.csv")
    store = MemoryCandles()
    outcome = import_paths(store, [tmp_path], ImportOptions("kraken"))
    assert (len(outcome.imported), outcome.refused, len(store.kept)) == (2, [], 1)
    copies(tmp_path, "BITSTAMP_BTC-USD_1h.csv")
    with pytest.raises(CandleError, match="bitstamp BTC/USD 1h and kraken BTC/USD 1h"):
        import_paths(store, [tmp_path], ImportOptions("mine"))


def test_files_that_contradict_each_other_are_not_mixed(tmp_path: Path) -> None:
    one, other = copies(tmp_path, "a.csv", "b.csv")
    other.write_text(other.read_text().replace(",3.0406", ",3.0407"))
    store = MemoryCandles()
    outcome = import_paths(store, [one, other], ImportOptions("testx", "BTC/USD", H1))
    assert [Path(report.file).name for report in outcome.imported] == ["a.csv"]
    assert "1 of 72 candles with the same times differ" in outcome.refused[0].message


def test_another_market_is_not_written_over_a_stored_one(tmp_path: Path) -> None:
    (path,) = copies(tmp_path, "KRAKEN_BTC-USD_1h.csv")
    store = MemoryCandles()
    import_path(store, path)
    before = dict(store.kept["kraken", "BTC/USD", H1])
    header, *rows = path.read_text().splitlines()
    tenfold = [
        [cells[0], *(repr(float(cell) * 10) for cell in cells[1:])] for cells in (row.split(",") for row in rows)
    ]
    path.write_text("\n".join([header, *map(",".join, tenfold)]))
    with pytest.raises(CandleError, match="72 of 72 candles with the same times differ") as refused:
        import_path(store, path)
    assert "autopilot data delete" in refused.value.hint
    assert store.kept["kraken", "BTC/USD", H1] == before
