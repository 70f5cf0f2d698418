"""The one door to an account on an exchange: one ccxt object for one key, one call at a time, and no call that could
move money away."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp

from autopilot.adapters.exchange.answers import AnswerReader
from autopilot.adapters.exchange.backoff import Backoff
from autopilot.adapters.exchange.ccxt_errors import AGAIN, asking, calling, scrub
from autopilot.adapters.exchange.ccxt_markets import FreshMarkets
from autopilot.adapters.exchange.ccxt_setup import open_exchange
from autopilot.adapters.exchange.exchange_clock import ExchangeClock
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.errors import AnswerLost, ExchangeError, MarketUnavailable, OrderRejected
from autopilot.ports.clock import Clock

TIMEOUT_S = 10.0
LEAST_LEFT_MS = 4_000
"""Kraken takes no order whose deadline is less than 2 s ahead, and tells its time in whole seconds."""
_STAMPED = ("binance",)
"""They refuse requests whose time is wrong. To Kraken that number is a nonce, which no wrong clock may raise."""

Query = Literal[
    "fetch_balance",
    "fetch_closed_orders",
    "fetch_my_trades",
    "fetch_open_orders",
    "fetch_order",
    "fetch_order_trades",
    "fetch_orders",
    "fetch_ticker",
    "fetch_time",
    "private_post_getapikeyinfo",
    "sapi_get_account_apirestrictions",
    "v3_private_get_brokerage_key_permissions",
]
"""All that is ever asked, besides `place` and `cancel`. The last three ask what the key may do."""


@dataclass(frozen=True, slots=True)
class Request:
    """What makes a new order, as ccxt takes it: ``kind`` is limit or market, ``params`` are of one exchange."""

    symbol: str
    kind: str
    side: str
    amount: str
    price: str | None
    params: Mapping[str, Any]


class Gateway:
    """``base_url`` sends every request to a stand-in for the exchange. What has no answer raises MarketUnavailable."""

    def __init__(
        self,
        name: str,
        keys: ExchangeKeys,
        clock: Clock,
        answers: AnswerReader,
        *,
        base_url: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.name = name
        self._answers = answers
        self._clock = clock
        self._keys = keys
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()
        self._ccxt: Any = None
        self._backoff = Backoff(clock)
        self._markets = FreshMarkets(name, clock)
        self._their_clock = ExchangeClock(clock)

    async def clock_offset_ms(self) -> int:
        """How far the exchange's clock is ahead of ours."""
        async with self._turn:
            await self._ready()
            return self._their_clock.offset_ms

    async def query(self, method: Query, *arguments: Any) -> Any:
        """What ccxt's unified method gives, of a whole answer only."""
        async with self._turn:
            return await self._told(await self._ready(), method, *arguments)

    async def page(self, method: Query, *arguments: Any) -> tuple[Sequence[Any], str]:
        """A page of a list, and the cursor that asks for the next one: empty after the last."""
        async with self._turn:
            exchange = await self._ready()
            found = await self._told(exchange, method, *arguments)
            return found, self._answers.cursor(exchange.last_http_response)

    async def find(
        self, exchange_order_id: str | None, symbol: str, params: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """An order as ccxt gives it; None where the exchange's own words say that there is none such."""
        async with self._turn:
            exchange = await self._ready()
            try:
                found: Mapping[str, Any] = await self._told(
                    exchange, "fetch_order", exchange_order_id, symbol, dict(params)
                )
            except MarketUnavailable:
                if not self._answers.absent(exchange.last_http_response):
                    raise
                self._backoff.answered()
                return None
            return found

    async def place(self, request: Request, until_ms: int) -> str:
        """Send one order, once, and not after ``until_ms``: the exchange's id of it.

        Raises OrderRejected (no order exists), MarketUnavailable (nothing was sent), AnswerLost (it may exist).
        """
        async with self._turn:
            exchange = await self._ready()
            if self._clock.now_ms() > until_ms - LEAST_LEFT_MS:
                raise MarketUnavailable(f"{self.name}: the order's moment passed before its turn came", hint=AGAIN)
            exchange.last_request_url = exchange.last_http_response = None
            try:
                async with calling(self._timeout_s):
                    made = await exchange.create_order(
                        request.symbol, request.kind, request.side, request.amount, request.price, dict(request.params)
                    )
            except Exception as error:  # noqa: BLE001 - whatever it is, it says too little of the order
                raise self._verdict(exchange, error) from None
            found = made.get("id") if isinstance(made, dict) else None
            if not found:
                words = f"{self.name} gave no usable answer to an order"
                self._backoff.failed(words)
                raise AnswerLost(words, hint="it is looked up")
            self._backoff.answered()
            return str(found)

    async def cancel(self, exchange_order_id: str | None, symbol: str, params: Mapping[str, Any]) -> None:
        """Ask for its end; what became of it is for a query to tell. Raises AnswerLost when it is not known whether the
        request arrived. That there is no such order, or that it is over, is no error."""
        from ccxt.base import errors

        async with self._turn:
            exchange = await self._ready()
            try:
                async with calling(self._timeout_s):
                    await exchange.cancel_order(exchange_order_id, symbol, dict(params))
            except (errors.OrderNotFound, errors.InvalidOrder, errors.CancelPending, errors.BadRequest):
                pass
            except Exception as error:  # noqa: BLE001 - likewise
                words = f"{self.name} did not say whether an order was canceled: {scrub(error)}"
                self._mind(error, words)
                raise AnswerLost(words, hint="it is asked again") from None
            self._backoff.answered()

    async def close(self) -> None:
        exchange, self._ccxt = self._ccxt, None
        if exchange is not None:
            await exchange.close()

    async def _ready(self) -> Any:
        """Raises MarketUnavailable while the exchange is left in peace, or when its markets cannot be had."""
        left_s = self._backoff.left_s
        if left_s > 0:
            raise MarketUnavailable(self._backoff.why, hint=f"it is asked again by itself, in {left_s:.0f} s")
        if self._ccxt is None:
            keys = {"apiKey": self._keys.api_key, "secret": self._keys.secret, "password": self._keys.password}
            given = {name: value for name, value in keys.items() if value is not None}
            self._ccxt = await open_exchange(self.name, self._timeout_s, self._base_url, **given)
        exchange = self._ccxt
        await self._markets.ensure(exchange, lambda: self._asked(exchange, "load_markets", True))
        await self._their_clock.ensure(lambda: self._asked(exchange, "fetch_time"))
        if self.name in _STAMPED:
            exchange.options["timeDifference"] = -self._their_clock.offset_ms
        return exchange

    async def _told(self, exchange: Any, method: Query, *arguments: Any) -> Any:
        exchange.last_http_response = None
        found = await self._asked(exchange, method, *arguments)
        if not self._answers.answered(exchange.last_http_response):
            raise self._nonsense(method)
        self._backoff.answered()
        return found

    async def _asked(self, exchange: Any, method: str, *arguments: Any) -> Any:
        try:
            async with asking(self.name, _WORDS[method], self._timeout_s):
                found = await getattr(exchange, method)(*arguments)
        except ExchangeError as error:
            if error.__cause__ is not None:
                self._mind(error.__cause__, str(error))
            # Causes hold addresses and headers; signatures are among them.
            raise type(error)(str(error), hint=error.hint) from None
        if not isinstance(found, Mapping | Sequence | int):
            raise self._nonsense(method)
        return found

    def _nonsense(self, method: str) -> MarketUnavailable:
        words = f"{self.name} gave no usable answer ({_WORDS[method]})"
        self._backoff.failed(words)
        return MarketUnavailable(words, hint=AGAIN)

    def _verdict(self, exchange: Any, error: Exception) -> ExchangeError:
        """What is known of an order whose sending ended in an error."""
        from ccxt.base import errors

        words = scrub(error)
        self._mind(error, f"{self.name} gave no usable answer to an order: {words}")
        if exchange.last_request_url is None and not isinstance(error, errors.ExchangeError):
            return MarketUnavailable(f"{self.name}: an order could not be sent: {words}", hint=AGAIN)
        if exchange.last_request_url is None:
            return OrderRejected(f"{self.name} does not take such orders: {words}", hint="autopilot explain tells it")
        if _never_connected(error):
            return MarketUnavailable(f"{self.name} cannot be reached: {words}", hint=AGAIN)
        said = self._answers.refusal(exchange.last_http_response)
        if said is None:
            return AnswerLost(f"{self.name} gave no usable answer to an order: {words}", hint="it is looked up")
        if "deadline" in said.words.lower():
            self._their_clock.doubt()
        if said.is_final:
            self._markets.doubt()
            return OrderRejected(f"{self.name} refused it: {said.words}", hint="autopilot orders shows its life")
        return MarketUnavailable(f"{self.name} does not take it now: {said.words}", hint=AGAIN)

    def _mind(self, error: BaseException, words: str) -> None:
        """Be silent for a while after what more requests would make worse, or would not help."""
        from ccxt.base import errors

        if isinstance(error, errors.InvalidNonce | errors.AuthenticationError):
            self._their_clock.doubt()
        lockouts = (errors.DDoSProtection, errors.RateLimitExceeded, errors.AuthenticationError)
        if isinstance(error, lockouts) and not isinstance(error, errors.AccountSuspended):
            self._backoff.locked_out(words)
        elif isinstance(error, errors.NetworkError | errors.OrderNotFound | aiohttp.ClientError | OSError):
            # ccxt finds no order in a page of HTML, too.
            self._backoff.failed(words)


_WORDS = {
    "load_markets": "its markets",
    "fetch_balance": "our balances",
    "fetch_closed_orders": "our past orders",
    "fetch_my_trades": "our trades",
    "fetch_open_orders": "our open orders",
    "fetch_order": "one of our orders",
    "fetch_order_trades": "the trades of one of our orders",
    "fetch_orders": "our orders",
    "fetch_ticker": "a price",
    "fetch_time": "its time",
    "private_post_getapikeyinfo": "what the key may do",
    "sapi_get_account_apirestrictions": "what the key may do",
    "v3_private_get_brokerage_key_permissions": "what the key may do",
}


def _never_connected(error: BaseException | None) -> bool:
    """Whether the connection was never there, so that nothing can have been sent."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, aiohttp.ClientConnectorError):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False
