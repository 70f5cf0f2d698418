"""An exchange on the loopback interface for the unmodified ccxt: a ledger of its own, and faults on request.

The parts that all exchanges share. Subclasses know how one exchange signs and words its requests.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import formatdate
from enum import Enum, auto
from typing import Any, ClassVar

from aiohttp import web

FEE = Decimal("0.004")
Answer = dict[str, Any]
Fields = dict[str, Any]

BEFORE = ("reset before", "hang before", "500 before", "refused before")
"""Faults by which the request has no effect."""
AFTER = ("reset after", "hang after", "truncated", "html", "empty", "null", "no result", "502 after", "unclear after")
"""Faults of the answer, after the request had its effect."""


class Why(Enum):
    """Why something is refused."""

    FUNDS = auto()
    SMALL = auto()
    TWICE = auto()
    LATE = auto()
    UNKNOWN = auto()
    ABSENT = auto()
    MALFORMED = auto()
    CHEAP = auto()
    LARGE = auto()
    CANCEL_ONLY = auto()
    LIMIT_ONLY = auto()
    POST_ONLY = auto()
    LOCKED = auto()
    DENIED = auto()


class Refused(Exception):
    def __init__(self, why: Why) -> None:
        super().__init__(why.name)
        self.why = why


@dataclass(frozen=True)
class LoopbackTrade:
    trade_id: str
    order: LoopbackOrder
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    at_ms: int


@dataclass
class LoopbackOrder:
    """``kind``: market, limit or stop-loss; ``status`` in ccxt's words."""

    order_id: str
    client_order_id: str
    base: str
    side: str
    kind: str
    quantity: Decimal
    price: Decimal
    opened_ms: int
    status: str = "open"
    filled: Decimal = Decimal(0)
    trades: list[LoopbackTrade] = field(default_factory=list)


class LoopbackExchange:
    """The ledger of one account.

    ``price``: of a market order, by coin; ``balances``: by currency. ``asked``: (call, fields) of every private call,
    also of those it refused, and ``asked_at_ms``: their times. ``faults``: of the next calls, by name; ``outage``: the
    fault of every private call without a fault of its own. ``fee_in``: a currency, or None for the quote currency; a
    fee in coins of the market is deducted from a purchase, and paid on top of a sale. ``candles``: of every market, as
    `daily_market` makes them. ``gone``: coins whose market it has no more; their orders were canceled with it.
    ``states``: of markets that are not online, by coin: cancel_only, limit_only or post_only. ``most``: of a coin in an
    order. ``refusing``: why it takes no order at all.

    Subclasses set ``placing``, ``canceling`` and ``asking``, the names of the calls that send, cancel and look up
    orders, and ``unclear``, the status and body of an answer that leaves open whether the call had its effect.
    """

    quote: ClassVar[str] = "USD"
    least: Decimal = Decimal("0.00005")
    least_cost: ClassVar[Decimal] = Decimal("0.5")
    prefixes: ClassVar[tuple[str, str]] = ("O", "T")
    no_result: ClassVar[str] = "{}"
    unclear: ClassVar[tuple[int, Answer]]
    placing: ClassVar[str]
    canceling: ClassVar[str]
    asking: ClassVar[tuple[str, ...]]

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self.price = {"BTC": Decimal(30_000), "ETH": Decimal(2_000)}
        self.balances = {self.quote: Decimal(10_000), "BTC": Decimal(0), "ETH": Decimal(0)}
        self.orders: dict[str, LoopbackOrder] = {}
        self.trades: dict[str, LoopbackTrade] = {}
        self.asked: list[tuple[str, Fields]] = []
        self.asked_at_ms: list[int] = []
        self.faults: defaultdict[str, list[str]] = defaultdict(list)
        self.outage = ""
        self.fee_in: str | None = None
        self.candles: list[list[Any]] = []
        self.gone: set[str] = set()
        self.states: dict[str, str] = {}
        self.most = Decimal(1_000)
        self.refusing: Why | None = None
        self.instead: Callable[[], web.Response] | None = None
        """What every request is answered with, whatever it is."""
        self.url = ""
        self._numbers = itertools.count(100_001)
        self._runner: web.AppRunner | None = None
        self._ending = asyncio.Event()

    def routes(self) -> Iterable[web.RouteDef]:
        raise NotImplementedError

    def denied(self, request: web.Request, body: str, fields: Fields) -> web.Response | None:
        """The answer to a request that is not signed as it has to be."""
        raise NotImplementedError

    def refused(self, why: Why) -> web.Response:
        raise NotImplementedError

    async def start(self) -> None:
        app = web.Application(middlewares=[self._replaced])
        app.on_response_prepare.append(self._dated)
        app.router.add_routes(self.routes())
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    @web.middleware
    async def _replaced(self, request: web.Request, handler: Any) -> Any:
        return self.instead() if self.instead else await handler(request)

    async def _dated(self, request: web.Request, response: web.StreamResponse) -> None:
        """A web server states its time with each answer, and so does this one: its own."""
        response.headers["Date"] = formatdate(self.now_ms() / 1000, usegmt=True)

    async def stop(self) -> None:
        self._ending.set()
        if self._runner:
            await self._runner.cleanup()

    def delist(self, base: str) -> None:
        """Its market is gone, and the orders on it with it."""
        self.gone.add(base)
        for order in self.orders.values():
            if order.base == base and order.status == "open":
                order.status = "canceled"

    def named(self, client_order_id: str) -> list[LoopbackOrder]:
        return [each for each in self.orders.values() if each.client_order_id == client_order_id]

    def foreign_order(self, base: str = "BTC") -> LoopbackOrder:
        """Somebody else's, by hand."""
        return self._book("", base, "sell", "limit", Decimal("0.01"), Decimal(90_000))

    def place(
        self, name: str, base: str, side: str, kind: str, quantity: Decimal, price: Decimal | None
    ) -> LoopbackOrder:
        """A new order; one that meets the price is filled at once. Raises Refused."""
        market = self.price[base]
        meets = price is not None and kind == "limit" and (price >= market if side == "buy" else price <= market)
        self._admit(base, kind, quantity, price or market, meets=meets)
        if any(each.status == "open" for each in self.named(name)):
            raise Refused(Why.TWICE)
        paid = self.price[base] if price is None else price
        currency, needed = (self.quote, quantity * paid * (1 + FEE)) if side == "buy" else (base, quantity)
        if needed > self.balances[currency] - self.held(currency):
            raise Refused(Why.FUNDS)
        order = self._book(name, base, side, kind, quantity, paid)
        if kind == "market" or meets:
            self.fill(order, quantity, market)
        return order

    def _admit(self, base: str, kind: str, quantity: Decimal, price: Decimal, *, meets: bool) -> None:
        """Raises Refused for an order that the market does not take now."""
        state = self.states.get(base)
        if self.refusing:
            raise Refused(self.refusing)
        if state == "cancel_only":
            raise Refused(Why.CANCEL_ONLY)
        if state == "limit_only" and kind != "limit":
            raise Refused(Why.LIMIT_ONLY)
        if state == "post_only" and (kind != "limit" or meets):
            raise Refused(Why.POST_ONLY)
        if quantity < self.least:
            raise Refused(Why.SMALL)
        if quantity * price < self.least_cost:
            raise Refused(Why.CHEAP)
        if quantity > self.most:
            raise Refused(Why.LARGE)

    def cancel(self, order: LoopbackOrder | None) -> LoopbackOrder:
        """Raises Refused for one that is not open."""
        if order is None or order.status != "open":
            raise Refused(Why.UNKNOWN)
        order.status = "canceled"
        return order

    def fill(self, order: LoopbackOrder, quantity: Decimal, price: Decimal | None = None) -> None:
        """It trades, as far as it is still open."""
        quantity = min(quantity, order.quantity - order.filled)
        if order.status != "open" or not quantity:
            return
        paid = price or order.price
        sign = 1 if order.side == "buy" else -1
        self.balances[order.base] += sign * quantity
        self.balances[self.quote] -= sign * quantity * paid
        fee, currency = self._fee(order, quantity, paid)
        self.balances[currency] -= fee
        trade_id = f"{self.prefixes[1]}{next(self._numbers)}"
        trade = LoopbackTrade(trade_id, order, quantity, paid, fee, currency, self.now_ms())
        self.trades[trade_id] = trade
        order.trades.append(trade)
        order.filled += quantity
        if order.filled == order.quantity:
            order.status = "closed"

    def held(self, currency: str) -> Decimal:
        """What open orders reserve of it: purchases with their fee."""
        found = Decimal(0)
        for each in self.orders.values():
            left = each.quantity - each.filled
            if each.status == "open" and currency == (self.quote if each.side == "buy" else each.base):
                found += left * (each.price * (1 + FEE) if each.side == "buy" else 1)
        return found

    async def private(
        self, request: web.Request, name: str, fields: Fields, act: Callable[[Fields], Any]
    ) -> web.StreamResponse:
        """Check it, do it, answer it, and have a fault in any of these places."""
        self.asked.append((name, fields))
        self.asked_at_ms.append(self.now_ms())
        denied = self.denied(request, await request.text(), fields)
        if denied is not None:
            return denied
        queue = self.faults[name]
        fault = queue.pop(0) if queue else self.outage
        instead = await self._instead(request, fault)
        if instead is not None:
            return instead
        try:
            answer = web.json_response(act(fields))
        except Refused as refusal:
            answer = self.refused(refusal.why)
        return await self._answered(request, fault, answer)

    def _book(self, name: str, base: str, side: str, kind: str, quantity: Decimal, price: Decimal) -> LoopbackOrder:
        order_id = f"{self.prefixes[0]}{next(self._numbers)}"
        order = LoopbackOrder(order_id, name, base, side, kind, quantity, price, self.now_ms())
        self.orders[order_id] = order
        return order

    def _fee(self, order: LoopbackOrder, quantity: Decimal, price: Decimal) -> tuple[Decimal, str]:
        digits = Decimal("0.00000001")
        in_base = (quantity * FEE).quantize(digits)
        if self.fee_in == order.base and self.balances[order.base] >= in_base:
            return in_base, order.base
        fee = quantity * price * FEE
        if self.fee_in in (None, order.base):
            return fee.quantize(digits), self.quote
        return (fee / self.price[self.fee_in]).quantize(digits), self.fee_in

    async def _instead(self, request: web.Request, fault: str) -> web.StreamResponse | None:
        if fault == "reset before":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if fault == "hang before":
            await self._ending.wait()
        if fault == "500 before":
            return web.Response(text="<html>It broke</html>", status=500, content_type="text/html")
        if fault == "refused before":
            return self.refused(Why.FUNDS)
        return None

    async def _answered(self, request: web.Request, fault: str, answer: web.Response) -> web.StreamResponse:
        if fault == "reset after":
            assert request.transport is not None
            request.transport.abort()
        if fault == "hang after":
            await self._ending.wait()
        if fault == "truncated":
            response = web.StreamResponse(headers={"Content-Length": "4000", "Content-Type": "application/json"})
            await response.prepare(request)
            await response.write((answer.text or "")[:-2].encode())
            assert request.transport is not None
            request.transport.close()
            return response
        texts = {"html": "<html>maintenance</html>", "empty": "", "null": "null", "no result": self.no_result}
        if fault in texts:
            return web.Response(text=texts[fault], content_type="text/html" if fault == "html" else "application/json")
        if fault == "unclear after":
            status, words = self.unclear
            return web.json_response(words, status=status)
        if fault == "502 after":
            return web.Response(text="<html>bad gateway</html>", status=502, content_type="text/html")
        return answer
