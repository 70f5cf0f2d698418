"""Files as real sources write them, each with the same 72 candles: these numbers or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from memory_candles import MemoryCandles

from autopilot.adapters.imports.candle_files import ImportOptions, import_path, import_paths
from autopilot.adapters.imports.layouts import LAYOUTS
from autopilot.adapters.imports.sentiment_files import import_sentiment
from autopilot.domain.errors import CandleError
from autopilot.domain.timeframe import Timeframe

CASES = Path(__file__).parent / "cases"
OPTIONS = ImportOptions("testx", "BTC/USD", Timeframe.H1)
SERIES = ("testx", "BTC/USD", Timeframe.H1)
LAYOUT = {
    "BTCUSDT-1h-2025-01.csv": "binance",
    "BTCUSDT-1h-2025-01.zip": "binance",
    "COINBASE_BTC-USD_1h.json": "coinbase",
    "XBTUSD_60.CSV": "kraken-archive",
    "bitfinex.json": "bitfinex",
    "krakenrest.json": "kraken",
    "krakenrows.json": "kraken",
    "kucoin.json": "kucoin",
}
FILES = sorted(path.name for path in CASES.iterdir() if path.name != "fng.json")


def truth(name: str) -> dict[int, tuple[float, ...]]:
    """The right numbers of a case, by time; read without the importer."""
    lines = (CASES / "truth.csv").read_text().splitlines()[1:]
    rows = [[float(cell) for cell in line.split(",")] for line in lines]
    factor = 1000.0 if name == "thousands.csv" else 1.0
    found = {
        int(time) * 1000: (*(round(price * factor, 2) for price in prices), volume) for time, *prices, volume in rows
    }
    return dict(list(found.items())[:24]) if name == "mt1d.csv" else found


@pytest.mark.parametrize("name", FILES)
def test_the_store_holds_exactly_these_numbers(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    store = MemoryCandles()
    (report,) = import_path(store, CASES / name, *SERIES)
    assert store.kept == {SERIES: truth(name)}
    assert (report.layout, report.dropped) == (LAYOUT.get(name, "header"), {})
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", sorted(set(LAYOUT) - {"BTCUSDT-1h-2025-01.zip", "krakenrest.json"}))
def test_rows_without_a_header_need_a_source_or_a_layout(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{name.rpartition('.')[2].lower()}"
    path.write_bytes((CASES / name).read_bytes())
    store = MemoryCandles()
    with pytest.raises(CandleError, match=r"nothing shows what their .* columns are") as refused:
        import_path(store, path, *SERIES)
    assert LAYOUT[name] in refused.value.hint
    assert store.kept == {}
    outcome = import_paths(store, [path], replace(OPTIONS, layout=LAYOUTS[LAYOUT[name]]))
    assert (outcome.refused, store.kept) == ([], {SERIES: truth(name)})


@pytest.mark.parametrize("name", sorted(set(LAYOUT) - {"BTCUSDT-1h-2025-01.zip"}))
@pytest.mark.parametrize("layout", LAYOUTS)
def test_another_layout_gives_these_numbers_or_none(name: str, layout: str) -> None:
    store = MemoryCandles()
    outcome = import_paths(store, [CASES / name], replace(OPTIONS, layout=LAYOUTS[layout]))
    if outcome.refused:
        assert store.kept == {}
    else:
        assert store.kept == {SERIES: truth(name)}


def test_times_without_a_zone_are_in_the_one_that_is_given() -> None:
    store = MemoryCandles()
    import_paths(store, [CASES / "mt3d.csv"], replace(OPTIONS, zone=ZoneInfo("America/New_York")))
    assert store.kept[SERIES] == {at + 5 * 3_600_000: row for at, row in truth("mt3d.csv").items()}
    import_paths(store, [CASES / "cdd_old.csv"], replace(OPTIONS, exchange="other", zone=ZoneInfo("Asia/Kolkata")))
    assert ("other", *SERIES[1:]) not in store.kept, "half hours are no opening times of hours"


class MemorySentiment:
    def __init__(self) -> None:
        self.saved: dict[int, float] = {}

    def save_sentiment(self, series) -> None:
        self.saved |= dict(zip(series.known_at_ms.tolist(), series.value.tolist(), strict=True))

    def load_sentiment(self, name: str, since_ms: int, until_ms: int):
        raise NotImplementedError


def test_the_fear_and_greed_index_as_its_service_answers() -> None:
    store = MemorySentiment()
    report = import_sentiment(store, CASES / "fng.json")
    assert (report.read, report.written) == (30, 30)
    assert store.saved == {(1735689600 + day * 86400) * 1000: 30.0 + day for day in range(30)}
