"""The configuration keys of the offline markets."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le, Predicate

from autopilot.domain.setting_types import (
    STRICT,
    Allowed,
    ExchangeName,
    Moment,
    Seed,
    Share,
    TimeSpan,
    require_order,
    utc_moment,
)

Speed = Annotated[float, Ge(0), Le(1e9)]
EARLIEST, LATEST = 1973, 2200
"""Years. A thousand daily candles come before the first decision, and all candles after 1970."""


def _leaves_history(text: str) -> bool:
    return EARLIEST <= utc_moment(text).year <= LATEST


FirstDay = Annotated[
    Moment,
    Predicate(_leaves_history),
    Allowed(f'a date such as "2024-01-31" or a time such as "2024-01-31T12:00:00Z", in UTC, {EARLIEST} to {LATEST}'),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """Faults that the exchange `replay` injects, to test that nothing is lost. Probabilities from 0 to 1 per call."""

    __pydantic_config__ = STRICT

    seed: Seed = 1
    """The same seed makes the same faults."""
    fetch_unavailable: Share = 0.0
    """Probability that a fetch of candles fails."""
    fetch_slow: Share = 0.0
    """Probability that a fetch of candles is slow."""
    slow_s: Annotated[float, Ge(0), Le(60)] = 0.05
    """How long a slow fetch takes, in seconds."""
    lost_after_accept: Share = 0.0
    """Probability that an order is accepted and the answer is lost."""
    lost_before_accept: Share = 0.0
    """Probability that an order and its answer are lost."""
    rejected: Share = 0.0
    """Probability that an order is rejected. An order has at most one of these last three faults."""
    broker_unavailable: Share = 0.0
    """Probability that a request about orders or balances fails."""
    maintenance_ms: TimeSpan | None = None
    """Market time in which no order is accepted and every other request fails once, in ms since 1970, UTC."""
    clock_skew_ms: Annotated[int, Ge(-86_400_000), Le(86_400_000)] = 0
    """How far the exchange's clock is ahead, in milliseconds."""

    def __post_init__(self) -> None:
        total = self.rejected + self.lost_before_accept + self.lost_after_accept
        if total > 1:
            raise ValueError(f"rejected + lost_before_accept + lost_after_accept = {total:g} is more than 1")

    def chance(self, *key: object) -> float:
        """A number in [0, 1) that follows from the seed and the key alone."""
        text = "|".join(str(part) for part in (self.seed, *key))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / 2**56

    def strikes(self, share: float, *key: object) -> bool:
        """Whether a fault with the probability ``share`` happens."""
        return share > 0 and self.chance(*key) < share

    def in_maintenance(self, now_ms: int) -> bool:
        return self.maintenance_ms is not None and self.maintenance_ms[0] <= now_ms < self.maintenance_ms[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """The exchange `replay`: stored candles as a market (autopilot data import)."""

    __pydantic_config__ = STRICT

    source: ExchangeName | None = None
    """The exchange whose stored candles are replayed; "" if only one exchange has the symbol."""
    start: Moment | None = None
    """Open time of the first candle decided, UTC; "" as early as the stored candles allow."""
    end: Moment | None = None
    """Where the market ends, UTC; "" after the last stored candle."""
    speed: Speed = 3600.0
    """Market seconds per second of real time; 0 runs as fast as possible."""
    faults: FaultPlan = FaultPlan()

    def __post_init__(self) -> None:
        require_order(self.start, self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSettings:
    """The exchange `simulated`: a market made up from a seed."""

    __pydantic_config__ = STRICT

    seed: Seed = 1
    """The same seed makes the same market."""
    start: FirstDay = "2024-01-01"
    """The market's first day, UTC."""
    end: Moment | None = None
    """Where the market ends, UTC; "" never."""
    speed: Speed = 3600.0
    """Market seconds per second of real time; 0 runs as fast as possible."""

    def __post_init__(self) -> None:
        require_order(self.start, self.end)
