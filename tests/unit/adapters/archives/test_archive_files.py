"""Which archive files a download takes: months, days, or none of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.adapters.archives.files import PAGE, ArchiveFile, files_of
from autopilot.domain.coverage import TimeSpan
from autopilot.domain.timeframe import DAY_MS, Timeframe

URL = "https://data.binance.vision"


def ms(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)


def span(first: str, end: str) -> TimeSpan:
    return TimeSpan(ms(first), ms(end))


def names(timeframe: Timeframe, now: str, *lacking: TimeSpan, enough: int = PAGE) -> list[str]:
    return [file.name for file, _ in files_of("BTCUSDT", timeframe, lacking, ms(now), enough=enough)]


def days(month: str, first: int, last: int) -> list[str]:
    return [f"BTCUSDT-1m-{month}-{day:02}" for day in range(first, last + 1)]


@pytest.mark.parametrize(
    ("timeframe", "now", "lacking", "expected"),
    [
        (
            Timeframe.M1,
            "2025-03-20",
            [span("2024-12-01", "2025-03-20")],
            [f"BTCUSDT-1m-{month}" for month in ("2024-12", "2025-01", "2025-02")] + days("2025-03", 1, 18),
        ),
        # The month before is published on a first Monday, at the latest on the 7th.
        (
            Timeframe.M1,
            "2025-03-06",
            [span("2025-02-26", "2025-03-06")],
            days("2025-02", 26, 28) + days("2025-03", 1, 4),
        ),
        (Timeframe.M1, "2025-03-09", [span("2025-02-26", "2025-03-01")], ["BTCUSDT-1m-2025-02"]),
        (Timeframe.M1, "2025-03-09", [span("2025-02-27", "2025-03-01")], days("2025-02", 27, 28)),
        # Too little of a day: it costs no more by pages.
        (Timeframe.M1, "2025-03-20", [span("2025-02-10T00:00", "2025-02-10T16:40")], []),
        (Timeframe.M1, "2025-03-20", [span("2025-02-10T00:00", "2025-02-10T16:41")], days("2025-02", 10, 10)),
        (
            Timeframe.M5,
            "2025-03-20",
            [span("2025-01-01", "2025-03-20")],
            [f"BTCUSDT-5m-2025-0{month}" for month in (1, 2)],
        ),
        (Timeframe.H1, "2025-03-20", [span("2015-01-01", "2025-03-20")], []),
        (Timeframe.M1, "2025-03-20", [], []),
    ],
)
def test_files_are_taken_where_they_save_requests(
    timeframe: Timeframe, now: str, lacking: list[TimeSpan], expected: list[str]
) -> None:
    assert names(timeframe, now, *lacking) == expected


def test_an_archive_that_is_alone_gives_everything() -> None:
    assert names(Timeframe.D1, "2025-03-20", span("2025-02-01", "2025-03-20"), enough=0) == [
        "BTCUSDT-1d-2025-02",
        *(f"BTCUSDT-1d-2025-03-{day:02}" for day in range(1, 19)),
    ]


def test_two_gaps_of_a_month_are_one_file_with_the_span_around_them() -> None:
    gaps = [span("2025-01-20", "2025-01-22"), span("2025-01-03", "2025-01-05")]
    ((file, around),) = files_of("BTCUSDT", Timeframe.M1, gaps, ms("2025-03-01"), enough=PAGE)
    assert (file.span, around) == (span("2025-01-01", "2025-02-01"), span("2025-01-03", "2025-01-22"))


@pytest.mark.parametrize(
    ("market", "period", "address"),
    [
        (
            "BTCUSDT",
            span("2025-03-01", "2025-04-01"),
            f"{URL}/data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2025-03.zip",
        ),
        (
            "1000SATSUSDT",
            span("2024-02-29", "2024-03-01"),
            f"{URL}/data/spot/daily/klines/1000SATSUSDT/1m/1000SATSUSDT-1m-2024-02-29.zip",
        ),
        (
            "币A-B/USDT",
            span("2024-12-01", "2025-01-01"),
            f"{URL}/data/spot/monthly/klines/%E5%B8%81A-B%2FUSDT/1m/%E5%B8%81A-B%2FUSDT-1m-2024-12.zip",
        ),
    ],
)
def test_an_address_says_the_file_and_the_file_its_address(market: str, period: TimeSpan, address: str) -> None:
    file = ArchiveFile(market, Timeframe.M1, period)
    assert file.address(f"{URL}/") == address
    assert ArchiveFile.at(address) == file


@given(
    first=st.integers(0, 4_000),
    length=st.integers(1, 200),
    old=st.integers(0, 60),
    timeframe=st.sampled_from(Timeframe),
    enough=st.sampled_from([0, PAGE]),
)
def test_files_follow_each_other_and_hold_only_missing_candles(
    first: int, length: int, old: int, timeframe: Timeframe, enough: int
) -> None:
    begin = datetime(2017, 8, 17, tzinfo=UTC) + timedelta(days=first)
    wanted = TimeSpan(ms(begin.isoformat()[:10]), ms((begin + timedelta(days=length)).isoformat()[:10]))
    now_ms = wanted.to_ms + old * DAY_MS
    found = list(files_of("BTCUSDT", timeframe, [wanted], now_ms, enough=enough))
    at_ms = wanted.from_ms
    for file, around in found:
        assert at_ms <= around.from_ms < around.to_ms <= wanted.to_ms
        assert file.span.from_ms <= around.from_ms
        assert around.to_ms <= file.span.to_ms <= now_ms
        at_ms = around.to_ms
    if not enough and old >= 9:
        assert sum(around.to_ms - around.from_ms for _, around in found) == wanted.to_ms - wanted.from_ms
