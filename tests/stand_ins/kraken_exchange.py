"""Kraken's REST API on the loopback interface, with a ledger of its own: for the unmodified ccxt.

Source: https://docs.kraken.com/api. Signatures and nonces are verified. Faults are asked for by endpoint.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

API_KEY = "loopback-key"
SECRET = base64.b64encode(b"loopback-secret-of-sixty-four-bytes, as many as those of Kraken!").decode()
FEE = Decimal("0.004")
PAIR = "XXBTZUSD"
PAIRS = {
    "XXBTZUSD": ("XBTUSD", "XXBT", 1, "0.00005"),
    "XETHZUSD": ("ETHUSD", "XETH", 2, "0.001"),
}
Answer = dict[str, Any]

BEFORE = ("reset before", "hang before", "500 before", "refused before")
"""What happens in place of what was asked."""
AFTER = ("reset after", "hang after", "truncated", "html", "empty", "null", "no result", "502 after")
"""What happens to the answer after what was asked was done."""


@dataclass
class KrakenOrder:
    txid: str
    cl_ord_id: str
    pair: str
    side: str
    kind: str
    volume: Decimal
    price: Decimal
    opened_s: float
    status: str = "open"
    executed: Decimal = Decimal(0)
    trades: list[str] = field(default_factory=list)

    def document(self) -> Answer:
        return {
            "status": self.status,
            "opentm": self.opened_s,
            "cl_ord_id": self.cl_ord_id or None,
            "vol": str(self.volume),
            "vol_exec": str(self.executed),
            "oflags": "fciq",
            "cost": "0",
            "fee": "0",
            "price": str(self.price),
            "descr": {
                "pair": PAIRS[self.pair][0],
                "type": self.side,
                "ordertype": self.kind,
                "price": "0" if self.kind == "market" else str(self.price),
            },
            "trades": list(self.trades),
        }


class KrakenExchange:
    """``price`` is what a market order pays. ``asked``: (endpoint, fields) of every private call, refused ones too, and
    ``asked_at_ms`` when. ``outage``: the fault of every private call that has none of its own."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self.price: dict[str, Decimal] = {"XXBTZUSD": Decimal(30_000), "XETHZUSD": Decimal(2_000)}
        self.balances: dict[str, Decimal] = {"ZUSD": Decimal(10_000), "XXBT": Decimal(0), "XETH": Decimal(0)}
        self.orders: dict[str, KrakenOrder] = {}
        self.trades: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.asked_at_ms: list[int] = []
        self.outage = ""
        self.faults: defaultdict[str, list[str]] = defaultdict(list)
        self.candles: Callable[[str], list[list[Any]]] = lambda pair: []
        self.url = ""
        self.permissions = ["query-funds", "query-open-trades", "query-closed-trades", "modify-trades", "close-trades"]
        self._nonce = 0
        self._numbers = itertools.count(1)
        self._runner: web.AppRunner | None = None
        self._ending = asyncio.Event()

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/0/public/AssetPairs", self._pairs)
        app.router.add_get("/0/public/Time", self._time)
        app.router.add_get("/0/public/OHLC", self._ohlc)
        app.router.add_post("/0/private/{name}", self._private)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        self._ending.set()
        if self._runner:
            await self._runner.cleanup()

    def open_by_client(self, cl_ord_id: str) -> list[KrakenOrder]:
        return [each for each in self.orders.values() if each.cl_ord_id == cl_ord_id]

    def foreign_order(self) -> KrakenOrder:
        """Somebody else's, by hand."""
        return self._accept(
            {"pair": "XBTUSD", "type": "sell", "ordertype": "limit", "volume": "0.01", "price": "90000"}
        )

    def fill(self, order: KrakenOrder, quantity: Decimal, price: Decimal | None = None) -> None:
        """It trades, as far as it is still open."""
        quantity = min(quantity, order.volume - order.executed)
        if order.status != "open" or not quantity:
            return
        paid, base = price or order.price, PAIRS[order.pair][1]
        cost = quantity * paid
        fee = (cost * FEE).quantize(Decimal("0.00000001"))
        sign = 1 if order.side == "buy" else -1
        self.balances[base] += sign * quantity
        self.balances["ZUSD"] -= sign * cost + fee
        trade_id = f"T{next(self._numbers):06d}"
        self.trades[trade_id] = {
            "ordertxid": order.txid,
            "pair": order.pair,
            "time": self.now_ms() / 1000,
            "type": order.side,
            "ordertype": order.kind,
            "price": str(paid),
            "cost": str(cost),
            "fee": str(fee),
            "vol": str(quantity),
            "maker": order.kind == "limit",
        }
        order.trades.append(trade_id)
        order.executed += quantity
        if order.executed == order.volume:
            order.status = "closed"

    async def _pairs(self, request: web.Request) -> web.StreamResponse:
        described = {
            pair: {
                "altname": altname,
                "wsname": f"{altname[:3]}/USD",
                "base": base,
                "quote": "ZUSD",
                "pair_decimals": decimals,
                "lot_decimals": 8,
                "leverage_buy": [],
                "fees": [[0, 0.4]],
                "fees_maker": [[0, 0.25]],
                "ordermin": least,
                "costmin": "0.5",
                "status": "online",
            }
            for pair, (altname, base, decimals, least) in PAIRS.items()
        }
        return web.json_response({"error": [], "result": described})

    async def _time(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": [], "result": {"unixtime": self.now_ms() // 1000, "rfc1123": ""}})

    async def _ohlc(self, request: web.Request) -> web.StreamResponse:
        pair = request.query["pair"]
        rows = self.candles(pair)
        return web.json_response({"error": [], "result": {pair: rows, "last": rows[-1][0] if rows else 0}})

    async def _private(self, request: web.Request) -> web.StreamResponse:
        name, body = request.match_info["name"], await request.text()
        fields = dict(parse_qsl(body))
        self.asked.append((name, fields))
        self.asked_at_ms.append(self.now_ms())
        denied = self._denied(request, body, fields)
        if denied:
            return web.json_response({"error": [denied]})
        queue = self.faults[name]
        fault = queue.pop(0) if queue else self.outage
        early = await self._instead(request, fault)
        if early is not None:
            return early
        try:
            answer: Answer = {"error": [], "result": getattr(self, f"_do_{name}")(fields)}
        except ValueError as refusal:
            answer = {"error": [str(refusal)]}
        return await self._answered(request, fault, answer)

    def _denied(self, request: web.Request, body: str, fields: dict[str, str]) -> str | None:
        nonce = int(fields.get("nonce", "0"))
        digest = hashlib.sha256((fields.get("nonce", "") + body).encode()).digest()
        expected = hmac.new(base64.b64decode(SECRET), request.path.encode() + digest, hashlib.sha512).digest()
        if request.headers.get("API-Key") != API_KEY:
            return "EAPI:Invalid key"
        if request.headers.get("API-Sign") != base64.b64encode(expected).decode():
            return "EAPI:Invalid signature"
        if nonce <= self._nonce:
            return "EAPI:Invalid nonce"
        self._nonce = nonce
        return None

    async def _instead(self, request: web.Request, fault: str) -> web.StreamResponse | None:
        if fault == "reset before":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if fault == "hang before":
            await self._ending.wait()
        if fault == "500 before":
            return web.Response(text="<html>It broke</html>", status=500, content_type="text/html")
        if fault.startswith("E"):
            return web.json_response({"error": [fault]})
        if fault == "refused before":
            return web.json_response({"error": ["EOrder:Insufficient funds"]})
        return None

    async def _answered(self, request: web.Request, fault: str, answer: Answer) -> web.StreamResponse:
        if fault == "reset after":
            assert request.transport is not None
            request.transport.abort()
        if fault == "hang after":
            await self._ending.wait()
        if fault == "truncated":
            response = web.StreamResponse(headers={"Content-Length": "4000", "Content-Type": "application/json"})
            await response.prepare(request)
            await response.write(b'{"error": [], "result": {"de')
            assert request.transport is not None
            request.transport.close()
            return response
        texts = {"html": "<html>maintenance</html>", "empty": "", "null": "null", "no result": '{"error": []}'}
        if fault in texts:
            return web.Response(text=texts[fault], content_type="text/html" if fault == "html" else "application/json")
        if fault == "502 after":
            return web.Response(text="<html>bad gateway</html>", status=502, content_type="text/html")
        return web.json_response(answer)

    def _do_BalanceEx(self, fields: dict[str, str]) -> Answer:
        held: defaultdict[str, Decimal] = defaultdict(Decimal)
        for each in self.orders.values():
            if each.status == "open":
                left = each.volume - each.executed
                held["ZUSD" if each.side == "buy" else PAIRS[each.pair][1]] += left * (
                    each.price if each.side == "buy" else 1
                )
        return {
            asset: {"balance": str(total), "hold_trade": str(held[asset])} for asset, total in self.balances.items()
        }

    def _do_GetApiKeyInfo(self, fields: dict[str, str]) -> Answer:
        return {"apiKeyName": "loopback", "permissions": list(self.permissions)}

    def _do_AddOrder(self, fields: dict[str, str]) -> Answer:
        deadline = fields.get("deadline")
        if deadline and datetime.fromisoformat(deadline).timestamp() * 1000 < self.now_ms():
            raise ValueError("EService:Deadline elapsed")
        name = fields.get("cl_ord_id", "")
        if any(each.status == "open" for each in self.open_by_client(name)):
            raise ValueError("EGeneral:Invalid arguments:cl_ord_id")
        order = self._accept(fields)
        if order.kind == "market":
            self.fill(order, order.volume, self.price[order.pair])
        words = f"{order.side} {order.volume} {PAIRS[order.pair][0]} @ {order.kind}"
        words += "" if order.kind == "market" else f" {order.price}"
        return {"txid": [order.txid], "descr": {"order": words}}

    def _accept(self, fields: dict[str, str]) -> KrakenOrder:
        pair = next(pair for pair, (altname, *_) in PAIRS.items() if fields["pair"] in (pair, altname))
        volume, kind, side = Decimal(fields["volume"]), fields["ordertype"], fields["type"]
        price = self.price[pair] if kind == "market" else Decimal(fields["price"])
        if volume < Decimal(PAIRS[pair][3]):
            raise ValueError("EGeneral:Invalid arguments:volume minimum not met")
        asset, needed = ("ZUSD", volume * price) if side == "buy" else (PAIRS[pair][1], volume)
        if fields.get("cl_ord_id") and needed > self.balances[asset]:
            raise ValueError("EOrder:Insufficient funds")
        txid = f"O{next(self._numbers):06d}"
        order = KrakenOrder(txid, fields.get("cl_ord_id", ""), pair, side, kind, volume, price, self.now_ms() / 1000)
        self.orders[txid] = order
        return order

    def _do_CancelOrder(self, fields: dict[str, str]) -> Answer:
        named = [
            each
            for each in self.orders.values()
            if each.status == "open" and (each.txid == fields.get("txid") or each.cl_ord_id == fields.get("cl_ord_id"))
        ]
        if not named:
            raise ValueError("EOrder:Unknown order")
        for each in named:
            each.status = "canceled"
        return {"count": len(named)}

    def _do_OpenOrders(self, fields: dict[str, str]) -> Answer:
        return {"open": self._listed(fields, ("open",))}

    def _do_ClosedOrders(self, fields: dict[str, str]) -> Answer:
        closed = self._listed(fields, ("closed", "canceled", "expired"))
        return {"closed": closed, "count": len(closed)}

    def _listed(self, fields: dict[str, str], statuses: tuple[str, ...]) -> Answer:
        name = fields.get("cl_ord_id")
        return {
            each.txid: each.document()
            for each in self.orders.values()
            if each.status in statuses and (name is None or each.cl_ord_id == name)
        }

    def _do_QueryOrders(self, fields: dict[str, str]) -> Answer:
        if fields["txid"] not in self.orders:
            raise ValueError("EOrder:Unknown order")
        return {fields["txid"]: self.orders[fields["txid"]].document()}

    def _do_QueryTrades(self, fields: dict[str, str]) -> Answer:
        return {name: dict(self.trades[name]) for name in fields["txid"].split(",")}
