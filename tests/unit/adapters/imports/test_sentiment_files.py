"""The Fear & Greed index comes in by day, and anything else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from autopilot.adapters.imports.sentiment_files import import_sentiment
from autopilot.domain.errors import CandleError
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import DAY_MS

DAY = 1_517_443_200_000


class MemorySentiment:
    def __init__(self) -> None:
        self.saved: list[SentimentSeries] = []

    def save_sentiment(self, series: SentimentSeries) -> None:
        self.saved.append(series)

    def load_sentiment(self, name: str, since_ms: int, until_ms: int) -> SentimentSeries:
        raise NotImplementedError


def test_a_value_is_known_when_its_day_begins_and_bad_rows_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "FEAR_GREED_1d.csv"
    rows = [
        f"{DAY + DAY_MS},15,Extreme Fear",
        f"{DAY + 3_600_000},30,Fear",
        f"{DAY + 2 * DAY_MS},101,Greed",
        f"{DAY + 3 * DAY_MS},-1,Fear",
        f"{DAY + 4 * DAY_MS},,",
        "never,50,Neutral",
    ]
    path.write_text("\n".join(["timestamp,value,classification", *rows]))
    store = MemorySentiment()
    report = import_sentiment(store, path)
    (series,) = store.saved
    assert series.name == report.name == "fear_greed"
    assert series.known_at_ms.tolist() == [DAY, DAY + DAY_MS]
    assert series.value.tolist() == [30.0, 15.0]
    assert (report.read, report.written, report.first_at_ms, report.last_at_ms) == (6, 2, DAY, DAY + DAY_MS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("timestamp,open,volume\n1,2,3\n", "is not a sentiment index"),
        ("timestamp,value\n", "has no rows"),
        ("", "is empty"),
        (f"timestamp,value\n{DAY},500\n", "no value from 0 to 100"),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "FEAR_GREED_1d.csv"
    path.write_text(content)
    store = MemorySentiment()
    with pytest.raises(CandleError, match=said) as caught:
        import_sentiment(store, path)
    assert str(path) in str(caught.value)
    assert store.saved == []
