"""By how much this machine's clock is wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClockError:
    """The wall clock is ``behind_ms`` behind the clock of ``exchange`` (negative: ahead of it) for certain.
    ``since_ms``: when that was first noticed, by the exchange's time."""

    exchange: str
    behind_ms: int
    since_ms: int

    @property
    def words(self) -> str:
        where = "behind" if self.behind_ms > 0 else "ahead of"
        return f"it is {_span(abs(self.behind_ms) // 1000)} {where} the clock of {self.exchange}"


def _span(seconds: int) -> str:
    """``3723`` → ``1 h 2 min 3 s``."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{number:,} {unit}" for number, unit in parts if number)
