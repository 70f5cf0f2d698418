"""A sentiment index without news. Standard library only: `status` shows it."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.domain.timeframe import DAY_MS, iso_utc


@dataclass(frozen=True, slots=True)
class StaleSentiment:
    """The day after ``last_day_ms`` (None: any day) is overdue since ``since_ms``. ``counts``: whether the last value
    still decides; without one, strategies that use sentiment have no opinion."""

    last_day_ms: int | None
    since_ms: int
    counts: bool

    @property
    def words(self) -> str:
        if self.last_day_ms is None:
            return "no value of the index could be downloaded: strategies that use it have no opinion"
        effect = "it is still used" if self.counts else "it is too old: strategies that use it have no opinion"
        return f"its latest value is that of {iso_utc(self.last_day_ms // DAY_MS * DAY_MS)[:10]}; {effect}"
