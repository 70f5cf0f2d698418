"""The only way to an account on an exchange: one ccxt object for one key, one request at a time, and no request that
could move money away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from autopilot.adapters.exchange.backoff import Backoff
from autopilot.adapters.exchange.ccxt_errors import ONLINE, asking, calling, scrub
from autopilot.adapters.exchange.ccxt_markets import AT_ONCE_MS, FreshMarkets
from autopilot.adapters.exchange.ccxt_setup import open_exchange
from autopilot.adapters.exchange.exchange_clock import ExchangeClock
from autopilot.adapters.exchange.nonces import Nonces
from autopilot.adapters.exchange.venue import AccountReader, Query, Raw, Request, VenueRules
from autopilot.domain.credentials import ExchangeKeys, KeyRights
from autopilot.domain.errors import AnswerLost, ExchangeError, KeyShared, MarketUnavailable, OrderRejected

TIMEOUT_S = 10.0
MIN_LEFT_MS = 4_000
"""An order is not sent later than this before its deadline: Kraken takes none whose deadline is less than 2 s ahead,
and states its time in whole seconds."""


class Gateway(AccountReader):
    """``clock`` is the exchange's; ``nonces_dir`` keeps the nonces of its keys; ``on_rejection`` is called after each
    rejected order; ``base_url`` sends every request to a stand-in for the exchange. Methods raise MarketUnavailable if
    the exchange does not answer, and during a pause after errors."""

    def __init__(
        self,
        venue: VenueRules,
        keys: ExchangeKeys,
        clock: ExchangeClock,
        *,
        nonces_dir: Path,
        on_rejection: Callable[[], None] = lambda: None,
        base_url: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.name = venue.name
        self._venue = venue
        self._clock = clock
        self._keys = keys
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()
        self._ccxt: Any = None
        self._backoff = Backoff(clock.steady)
        self._markets = FreshMarkets(venue.name, clock.steady)
        self._on_rejection = on_rejection
        self._nonces = Nonces(nonces_dir, venue.name, keys.api_key, clock) if venue.counts_nonces else None

    async def clock_offset_ms(self) -> int:
        async with self._turn:
            await self._ready()
            return self._clock.offset_ms

    async def query(self, method: Query, *arguments: Any) -> Any:
        async with self._turn:
            return await self._query(await self._ready(), method, *arguments)

    async def rights(self) -> KeyRights:
        async with self._turn:
            return self._venue.rights(await self._query(await self._ready(), self._venue.rights_method))

    async def page(self, method: Query, *arguments: Any) -> tuple[Sequence[Any], str]:
        async with self._turn:
            exchange = await self._ready()
            found = await self._query(exchange, method, *arguments)
            return found, self._venue.cursor(exchange.last_http_response)

    async def find(self, exchange_order_id: str | None, symbol: str | None, params: Mapping[str, Any]) -> Raw | None:
        async with self._turn:
            exchange = await self._ready()
            try:
                found: Raw = await self._query(exchange, "fetch_order", exchange_order_id, symbol, dict(params))
            except MarketUnavailable:
                if not self._venue.has_no_order(exchange.last_http_response):
                    raise
                self._backoff.answered()
                return None
            return found

    async def place(self, request: Request, until_ms: int) -> str:
        """Send one order, not after ``until_ms`` of the exchange's time. Returns the exchange's id of the order.

        Raises OrderRejected (no order exists), MarketUnavailable (nothing was sent), AnswerLost (it may exist).
        """
        async with self._turn:
            exchange = await self._ready()
            try:
                made = await self._signed(exchange, lambda: self._create(exchange, request, until_ms))
            except ExchangeError:
                raise
            except Exception as error:  # noqa: BLE001 - no class of error says whether the order exists
                verdict = self._verdict(exchange, error)
                if self._clock.is_invalid:
                    with suppress(ExchangeError):
                        await self._read_clock(exchange)
                raise verdict from None
            found = made.get("id") if isinstance(made, dict) else None
            if not found:
                words = f"{self.name} gave no usable answer to an order"
                self._backoff.failed(words)
                raise AnswerLost(words, hint="Autopilot looks it up")
            self._backoff.answered()
            return str(found)

    async def cancel(self, exchange_order_id: str | None, symbol: str, params: Mapping[str, Any]) -> None:
        from ccxt.base import errors

        async with self._turn:
            exchange = await self._ready()
            try:
                await self._signed(exchange, lambda: exchange.cancel_order(exchange_order_id, symbol, dict(params)))
            except (errors.OrderNotFound, errors.InvalidOrder, errors.CancelPending, errors.BadRequest):
                pass
            except Exception as error:  # noqa: BLE001 - no class of error says whether it arrived
                words = f"{self.name} did not say whether an order was canceled: {scrub(error)}"
                self._back_off(error, words)
                raise AnswerLost(words, hint="Autopilot asks again") from None
            self._backoff.answered()

    async def close(self) -> None:
        exchange, self._ccxt = self._ccxt, None
        if exchange is not None:
            await exchange.close()

    async def _ready(self) -> Any:
        """ccxt's exchange, with fresh markets and clock. Raises MarketUnavailable, also during a pause after errors."""
        left_s = self._backoff.left_s
        if left_s > 0:
            raise MarketUnavailable(self._backoff.why, hint=f"Autopilot asks again in {left_s:.0f} s")
        if self._ccxt is None:
            keys = {"apiKey": self._keys.api_key, "secret": self._keys.secret, "password": self._keys.password}
            self._ccxt = await open_exchange(
                self.name,
                self._timeout_s,
                self._base_url,
                clock=self._clock,
                burst=self._venue.account_burst,
                needs_coin_list=self._venue.needs_coin_list,
                **{name: value for name, value in keys.items() if value is not None},
            )
            if self._nonces:
                self._ccxt.nonce = self._nonces.next
        exchange = self._ccxt
        # Some lists of markets are requests of the account, signed with the exchange's time.
        await self._read_clock(exchange)
        await self._markets.ensure(exchange, lambda: self._call("load_markets", lambda: exchange.load_markets(True)))
        return exchange

    async def _read_clock(self, exchange: Any) -> None:
        await self._clock.ensure(lambda: self._call("fetch_time", exchange.fetch_time))

    async def _signed(self, exchange: Any, send: Callable[[], Awaitable[Any]]) -> Any:
        """The answer to a signed request. One that was refused for its nonce or its time did nothing: it is sent once
        more, at once. Raises as ``send`` does."""
        from ccxt.base import errors

        exchange.last_http_response = None
        try:
            async with calling(self._timeout_s):
                answer = await send()
        except errors.InvalidNonce:
            if self._venue.refusal(exchange.last_http_response) is None:
                raise
            self._renew_signature()
            await self._read_clock(exchange)
            exchange.last_http_response = None
            async with calling(self._timeout_s):
                answer = await send()
        if self._nonces:
            self._nonces.accepted()
        return answer

    def _renew_signature(self) -> None:
        """The exchange refused a nonce or a time: the next request has others."""
        self._clock.invalidate()
        if self._nonces:
            self._nonces.refused()

    async def _create(self, exchange: Any, request: Request, until_ms: int) -> Any:
        """Send one order once. Raises MarketUnavailable if its moment has passed, and ccxt's errors."""
        if self._clock.now_ms() > until_ms - MIN_LEFT_MS:
            raise MarketUnavailable(f"{self.name}: the order's moment passed before its turn came", hint=ONLINE)
        exchange.last_request_url = None
        return await exchange.create_order(
            request.symbol, request.kind, request.side, request.amount, request.price, dict(request.params)
        )

    async def _query(self, exchange: Any, method: str, *arguments: Any) -> Any:
        send = partial(self._signed, exchange, lambda: getattr(exchange, method)(*arguments))
        found = await self._call(method, send)
        if not self._venue.is_whole(exchange.last_http_response):
            raise self._nonsense(method)
        self._backoff.answered()
        return found

    async def _call(self, method: str, send: Callable[[], Awaitable[Any]]) -> Any:
        """The result of ``send``, which calls ``method`` of ccxt."""
        try:
            async with asking(self.name, self._subject(method), self._timeout_s):
                found = await send()
        except ExchangeError as error:
            if error.__cause__ is not None:
                self._back_off(error.__cause__, str(error))
            if self._is_out_of_turn(error.__cause__):
                raise self._shared_key(self._subject(method)) from None
            # Its causes hold addresses and headers, with signatures.
            raise type(error)(str(error), hint=error.hint) from None
        if not isinstance(found, Mapping | Sequence | int):
            raise self._nonsense(method)
        return found

    def _is_out_of_turn(self, error: BaseException | None) -> bool:
        """Whether the exchange refused a nonce."""
        from ccxt.base import errors

        return self._nonces is not None and isinstance(error, errors.InvalidNonce)

    def _shared_key(self, what: str) -> KeyShared:
        return KeyShared(
            f"{self.name} refused two nonces in a row ({what}): another program, or a second daemon, uses the same API"
            " key",
            hint=f"give each program a key of its own: autopilot keys rotate {self.name}",
        )

    def _subject(self, method: str) -> str:
        return "what the key may do" if method == self._venue.rights_method else _SUBJECTS[method]

    def _nonsense(self, method: str) -> MarketUnavailable:
        words = f"{self.name} gave no usable answer ({self._subject(method)})"
        self._backoff.failed(words)
        return MarketUnavailable(words, hint=ONLINE)

    def _verdict(self, exchange: Any, error: Exception) -> ExchangeError:
        """The error that says whether an order exists after sending it ended in ``error``."""
        from ccxt.base import errors

        words = scrub(error)
        refusal = self._venue.refusal(exchange.last_http_response)
        if refusal is None or not refusal.is_final or _is_about_the_key(error):
            self._back_off(error, f"{self.name} gave no usable answer to an order: {words}")
        if exchange.last_request_url is None and not isinstance(error, errors.ExchangeError):
            return MarketUnavailable(f"{self.name}: an order could not be sent: {words}", hint=ONLINE)
        if exchange.last_request_url is None:
            return OrderRejected(f"{self.name} does not take such orders: {words}", hint="see autopilot explain")
        if _never_connected(error):
            return MarketUnavailable(f"{self.name} cannot be reached: {words}", hint=ONLINE)
        if refusal is None:
            return AnswerLost(f"{self.name} gave no usable answer to an order: {words}", hint="Autopilot looks it up")
        if "deadline" in refusal.words.lower():
            self._clock.invalidate()
        if refusal.is_final:
            self._markets.invalidate(AT_ONCE_MS)
            self._on_rejection()
            return OrderRejected(f"{self.name} rejected it: {refusal.words}", hint="see autopilot orders")
        not_now = MarketUnavailable(f"{self.name} does not take it now: {refusal.words}", hint=ONLINE)
        return self._shared_key("an order") if self._is_out_of_turn(error) else not_now

    def _back_off(self, error: BaseException, words: str) -> None:
        """Pause after an error that more requests would make worse, or would not help."""
        from ccxt.base import errors

        if isinstance(error, errors.InvalidNonce | errors.AuthenticationError):
            self._renew_signature()
        lockouts = (errors.DDoSProtection, errors.RateLimitExceeded, errors.AuthenticationError)
        if isinstance(error, lockouts) and not isinstance(error, errors.AccountSuspended):
            self._backoff.locked_out(words)
        elif isinstance(error, errors.NetworkError | errors.OrderNotFound | aiohttp.ClientError | OSError):
            # ccxt finds no order in a page of HTML, too.
            self._backoff.failed(words)


_SUBJECTS = {
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
}


def _is_about_the_key(error: Exception) -> bool:
    """Whether the exchange rejected the key, not only an order sent with it."""
    from ccxt.base import errors

    return isinstance(error, errors.AuthenticationError) and not isinstance(error, errors.PermissionDenied)


def _never_connected(error: BaseException | None) -> bool:
    """Whether the connection failed, so that nothing can have been sent."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, aiohttp.ClientConnectorError):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False
