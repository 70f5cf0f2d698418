"""The archive files of Binance that hold the candles of a series: one a month, and one a day.

Source: https://github.com/binance/binance-public-data. A day's file appears the next day, a month's file on the first
Monday of the next month. Beside each zip file is a ``.CHECKSUM`` file with its SHA-256 sum.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from urllib.parse import quote, unquote

from autopilot.domain.coverage import TimeSpan
from autopilot.domain.timeframe import DAY_MS, Timeframe

PAGE = 1_000
"""Candles of one request of Binance's API. A file takes two requests, so it is worth them if it saves more than this
many candles."""
MONTH_FROM_DAYS = 3
"""Of which the candles are missing: below, days are fetched one by one."""
_MONTH_OUT_MS = 8 * DAY_MS
_DAY_OUT_MS = DAY_MS
"""So long after its last candle closed, a file is there."""
_NAME = re.compile(r"(?P<market>.+)-(?P<timeframe>\d+[mhd])-(?P<period>\d{4}-\d{2}(?P<day>-\d{2})?)\.zip")


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """``market``: the exchange's own name of it, such as ``BTCUSDT``. ``span``: a calendar month, or a day."""

    market: str
    timeframe: Timeframe
    span: TimeSpan

    @classmethod
    def at(cls, address: str) -> Self:
        """The file with this address. Raises ValueError if it is none."""
        found = _NAME.fullmatch(unquote(address.rpartition("/")[2]))
        if found is None:
            raise ValueError(f"{address} is not the address of a file of candles")
        first = datetime.strptime(found["period"] + ("" if found["day"] else "-01"), "%Y-%m-%d").replace(tzinfo=UTC)
        first_ms = int(first.timestamp() * 1000)
        end_ms = first_ms + DAY_MS if found["day"] else _next_month_ms(first_ms)
        return cls(found["market"], Timeframe(found["timeframe"]), TimeSpan(first_ms, end_ms))

    @property
    def name(self) -> str:
        """Without the suffix: ``BTCUSDT-1m-2025-03`` or ``BTCUSDT-1m-2025-03-07``."""
        period = "%Y-%m-%d" if self._is_day else "%Y-%m"
        return f"{self.market}-{self.timeframe}-{datetime.fromtimestamp(self.span.from_ms / 1000, UTC):{period}}"

    def address(self, archive_url: str) -> str:
        folder = "daily" if self._is_day else "monthly"
        market = quote(self.market, safe="")
        place = f"{archive_url.rstrip('/')}/data/spot/{folder}/klines/{market}/{self.timeframe}"
        return f"{place}/{quote(self.name, safe='')}.zip"

    @property
    def candles(self) -> int:
        """The most that it can hold."""
        return _candles(self.span, self.timeframe)

    @property
    def _is_day(self) -> bool:
        return self.span.to_ms - self.span.from_ms == DAY_MS


def files_of(
    market: str, timeframe: Timeframe, lacking: Sequence[TimeSpan], now_ms: int, *, enough: int
) -> Iterator[tuple[ArchiveFile, TimeSpan]]:
    """The files to fetch, oldest first, each with the span between the first and the last missing candle in it.

    A file is fetched if it has been published by ``now_ms`` and more than ``enough`` of its candles are missing.
    """
    if not lacking:
        return
    month_ms, end_ms = _month_ms(min(span.from_ms for span in lacking)), max(span.to_ms for span in lacking)
    while month_ms < end_ms:
        month = TimeSpan(month_ms, _next_month_ms(month_ms))
        inside = _parts(lacking, month)
        count = sum(_candles(part, timeframe) for part in inside)
        if count > enough and count >= MONTH_FROM_DAYS * timeframe.per_day and now_ms >= month.to_ms + _MONTH_OUT_MS:
            yield ArchiveFile(market, timeframe, month), TimeSpan(inside[0].from_ms, inside[-1].to_ms)
        else:
            yield from _days(market, timeframe, inside, now_ms, enough)
        month_ms = month.to_ms


def _days(
    market: str, timeframe: Timeframe, lacking: Sequence[TimeSpan], now_ms: int, enough: int
) -> Iterator[tuple[ArchiveFile, TimeSpan]]:
    """As `files_of`, of one month by days."""
    if not lacking or timeframe.per_day <= enough:
        return
    first_ms = lacking[0].from_ms - lacking[0].from_ms % DAY_MS
    for day_ms in range(first_ms, lacking[-1].to_ms, DAY_MS):
        day = TimeSpan(day_ms, day_ms + DAY_MS)
        inside = _parts(lacking, day)
        if sum(_candles(part, timeframe) for part in inside) > enough and now_ms >= day.to_ms + _DAY_OUT_MS:
            yield ArchiveFile(market, timeframe, day), TimeSpan(inside[0].from_ms, inside[-1].to_ms)


def _parts(spans: Sequence[TimeSpan], inside: TimeSpan) -> list[TimeSpan]:
    """The parts of the spans that lie inside, in ascending order."""
    return [
        TimeSpan(max(span.from_ms, inside.from_ms), min(span.to_ms, inside.to_ms))
        for span in sorted(spans)
        if span.from_ms < inside.to_ms and span.to_ms > inside.from_ms
    ]


def _candles(span: TimeSpan, timeframe: Timeframe) -> int:
    return (span.to_ms - span.from_ms) // timeframe.ms


def _month_ms(at_ms: int) -> int:
    """Where the month begins."""
    first = datetime.fromtimestamp(at_ms / 1000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return int(first.timestamp() * 1000)


def _next_month_ms(month_ms: int) -> int:
    return _month_ms(int((datetime.fromtimestamp(month_ms / 1000, UTC) + timedelta(days=31)).timestamp() * 1000))
