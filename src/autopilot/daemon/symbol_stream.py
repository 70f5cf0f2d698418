"""What an exchange streams of one running symbol: its prices go to the autopilot, its news to the scheduler."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from autopilot.domain.market import Quote
from autopilot.engine.intelligent_autopilot import IntelligentAutopilot
from autopilot.ports.streams import MarketStreams, StreamListener, StreamStatus

log = logging.getLogger(__name__)


class SymbolStream(StreamListener):
    """``ask`` asks the exchange soon; prices are dropped while ``is_stopping()``."""

    def __init__(
        self,
        streams: MarketStreams,
        autopilot: IntelligentAutopilot,
        ask: Callable[[], None],
        is_stopping: Callable[[], bool],
    ) -> None:
        self._streams = streams
        self._autopilot = autopilot
        self._ask = ask
        self._is_stopping = is_stopping
        self._latest: Quote | None = None
        self._watching: asyncio.Task[None] | None = None
        streams.subscribe(autopilot.symbol, autopilot.settings.timeframe, self)

    @property
    def status(self) -> StreamStatus | None:
        return self._streams.status(self._autopilot.symbol)

    def on_news(self) -> None:
        """Ask the exchange, whose answer counts."""
        self._ask()

    def on_price(self, quote: Quote) -> None:
        """Pass on the latest price, one at a time: those that came while another was looked at are old. The first cycle
        comes first: it sends what a restart has left unsent."""
        if not self._autopilot.begun.is_set():
            return
        self._latest = quote
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())

    def compare(self) -> None:
        """A cycle has ended: compare the stream with the exchange's answer."""
        if quote := self._autopilot.window.quote:
            self._streams.compare(quote)

    async def end(self) -> None:
        """What is under way ends first."""
        self._streams.unsubscribe(self._autopilot.symbol)
        if self._watching:
            await asyncio.wait([self._watching])

    async def _watch(self) -> None:
        while self._latest and not self._is_stopping():
            quote, self._latest = self._latest, None
            try:
                await self._autopilot.price_watch.see(quote)
            except Exception:
                log.exception("%s: a price of the stream could not be looked at", quote.symbol)
