"""Pauses that an exchange demands: by ``Retry-After``, by a ban, or by refusing requests because there are too many."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from autopilot.adapters.exchange.backoff import Backoff
from autopilot.domain.errors import MarketUnavailable
from autopilot.ports.clock import Clock

LONGEST_S = 3_600.0
"""A longer pause is not believed: after an hour one request finds out."""
_TOO_MANY = frozenset({418, 429})
_TEMPORARY = 503
_BANNED_UNTIL = re.compile(r"banned until (\d{13})")
"""Binance's words. Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits."""
HINT = "Autopilot waits as long as the exchange demands; a longer interval or fewer symbols help"

log = logging.getLogger(__name__)


class RetryAfter:
    """Holds all requests of one ccxt object while its exchange wants none. ``backoff`` has the pause; ``clock`` is the
    exchange's."""

    def __init__(self, exchange: str, backoff: Backoff, clock: Clock) -> None:
        self._exchange = exchange
        self._backoff = backoff
        self._clock = clock

    def listen(self, exchange: Any) -> None:
        """From now on, to every answer that ``exchange``, an object of ccxt, gets."""
        handle, limit = exchange.handle_errors, exchange.throttler

        def handle_errors(code: int, reason: str, url: str, method: str, headers: Any, body: Any, *rest: Any) -> Any:
            from ccxt.base import errors

            demanded_s = self._demanded_s(headers, body)
            if code in _TOO_MANY or (code == _TEMPORARY and demanded_s is not None):
                self._hold(f"HTTP {code}", demanded_s)
                return handle(code, reason, url, method, headers, body, *rest)
            try:
                found = handle(code, reason, url, method, headers, body, *rest)
            except (errors.RateLimitExceeded, errors.DDoSProtection) as error:
                self._hold(type(error).__name__, demanded_s)
                raise
            if code < 400 and not self._backoff.left_s:  # else it is the answer to a request from before the pause
                self._backoff.answered()
            return found

        async def throttler(cost: float | None = None) -> None:
            await limit(cost)
            if left_s := self._backoff.left_s:
                raise MarketUnavailable(
                    f"{self._exchange} takes no requests for another {left_s:.0f} s ({self._backoff.why})",
                    hint=HINT,
                    retry_after_s=left_s,
                )

        exchange.handle_errors, exchange.throttler = handle_errors, throttler

    def explain(self, error: MarketUnavailable) -> None:
        """Note in an error how long the exchange wants no requests, if it does."""
        if error.retry_after_s is None and (left_s := self._backoff.left_s):
            error.retry_after_s = left_s
            error.args = (f"{error}; it takes no requests for {left_s:.0f} s",)

    def _hold(self, why: str, demanded_s: float | None) -> None:
        is_held = self._backoff.left_s > 0
        if demanded_s is not None or not is_held:
            self._backoff.demanded(why, demanded_s if demanded_s is None else min(demanded_s, LONGEST_S))
        if not is_held:
            log.warning("%s wants fewer requests (%s): none for %.0f s", self._exchange, why, self._backoff.left_s)

    def _demanded_s(self, headers: Mapping[str, str] | None, body: Any) -> float | None:
        """The pause that an answer demands, if any."""
        if isinstance(body, str) and (banned := _BANNED_UNTIL.search(body)):
            return max((int(banned[1]) - self._clock.now_ms()) / 1000, 0.0)
        stated = next((value for name, value in (headers or {}).items() if name.lower() == "retry-after"), "").strip()
        if stated.isascii() and stated.isdigit():
            return float(stated[:9])
        try:
            return max(parsedate_to_datetime(stated).timestamp() - self._clock.now_ms() / 1000, 0.0)
        except (TypeError, ValueError, OverflowError):
            return None
