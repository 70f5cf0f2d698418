"""Kraken's REST API on the loopback interface. Signatures and nonces are verified.

Source: https://docs.kraken.com/api.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import ClassVar
from urllib.parse import parse_qsl

from aiohttp import web
from loopback_exchange import Answer, Fields, LoopbackExchange, LoopbackOrder, LoopbackTrade, Refused, Why

API_KEY = "loopback-key"
SECRET = base64.b64encode(b"loopback-secret-of-sixty-four-bytes, as many as those of Kraken!").decode()
PAIRS = {
    "XXBTZUSD": ("XBTUSD", "XXBT", 1, "0.00005"),
    "XETHZUSD": ("ETHUSD", "XETH", 2, "0.001"),
}
BASES = {"XXBTZUSD": "BTC", "XBTUSD": "BTC", "XETHZUSD": "ETH", "ETHUSD": "ETH"}
ASSETS = {"USD": "ZUSD", "BTC": "XXBT", "ETH": "XETH"}
WORDS = {
    Why.FUNDS: "EOrder:Insufficient funds",
    Why.SMALL: "EGeneral:Invalid arguments:volume minimum not met",
    Why.TWICE: "EGeneral:Invalid arguments:cl_ord_id not unique",
    Why.LATE: "EService:Deadline elapsed",
    Why.UNKNOWN: "EOrder:Unknown order",
    Why.MALFORMED: "EGeneral:Invalid arguments",
    Why.CHEAP: "EOrder:Cost minimum not met",
    Why.LARGE: "EGeneral:Invalid arguments:volume",
    Why.CANCEL_ONLY: "EService:Market in cancel_only mode",
    Why.LIMIT_ONLY: "EService:Market in limit_only mode",
    Why.POST_ONLY: "EService:Market in post_only mode",
    Why.LOCKED: "ETrade:User Locked",
    Why.DENIED: "EGeneral:Permission denied",
}
PERMISSIONS = {
    "BalanceEx": ("query-funds",),
    "OpenOrders": ("query-open-trades",),
    "ClosedOrders": ("query-closed-trades",),
    "QueryOrders": ("query-open-trades", "query-closed-trades"),
    "QueryTrades": ("query-closed-trades",),
    "AddOrder": ("modify-trades",),
    "CancelOrder": ("close-trades",),
    "GetApiKeyInfo": (),
}
"""What each call needs, all of it. Source: https://docs.kraken.com/exchange/guides/rest/api-keys."""
DEADLINE_MS = (2_000, 60_000)
"""How far ahead a deadline has to be. Source: https://docs.kraken.com/api/docs/rest-api/add-order."""
TRADES_AT_ONCE = 20
CANDLES = 720
"""The most recent candles that it gives, whatever ``since`` says. The open one is always among them. Source:
https://docs.kraken.com/api/docs/rest-api/get-ohlc-data."""


class KrakenExchange(LoopbackExchange):
    """A fault that starts with ``E`` is answered as Kraken's own error of that text, and the call has no effect.

    ``decimals``: of amounts, by currency; ``rewarded``: the part of a balance that earns rewards, by currency.
    """

    no_result = '{"error": []}'
    placing = "AddOrder"
    canceling = "CancelOrder"
    asking: ClassVar[tuple[str, ...]] = ("OpenOrders", "ClosedOrders", "QueryOrders", "QueryTrades")
    unclear: ClassVar[tuple[int, Answer]] = (200, {"error": ["EService:Timeout"]})

    def __init__(self, now_ms: Callable[[], int]) -> None:
        super().__init__(now_ms)
        self.permissions = ["query-funds", "query-open-trades", "query-closed-trades", "modify-trades", "close-trades"]
        self.lot_decimals = 8
        self.decimals = {"USD": 4, "BTC": 10, "ETH": 10}
        self.rewarded: dict[str, Decimal] = {}
        self.nonces: defaultdict[str, int] = defaultdict(int)
        """The highest of each key."""

    def routes(self) -> Iterable[web.RouteDef]:
        return (
            web.get("/0/public/Assets", self._assets),
            web.get("/0/public/AssetPairs", self._pairs),
            web.get("/0/public/Time", self._time),
            web.get("/0/public/OHLC", self._ohlc),
            web.post("/0/private/{name}", self._private),
        )

    def denied(self, request: web.Request, body: str, fields: Fields) -> web.Response | None:
        nonce = int(fields.get("nonce", "0"))
        digest = hashlib.sha256((fields.get("nonce", "") + body).encode()).digest()
        expected = hmac.new(base64.b64decode(SECRET), request.path.encode() + digest, hashlib.sha512).digest()
        if request.headers.get("API-Key") != API_KEY:
            return _error("EAPI:Invalid key")
        if request.headers.get("API-Sign") != base64.b64encode(expected).decode():
            return _error("EAPI:Invalid signature")
        if not self.nonces[API_KEY] < nonce < 2**64:
            return _error("EAPI:Invalid nonce")
        self.nonces[API_KEY] = nonce
        if not set(PERMISSIONS[request.match_info["name"]]) <= set(self.permissions):
            return _error("EGeneral:Permission denied")
        return None

    def refused(self, why: Why) -> web.Response:
        return _error(WORDS[why])

    async def _instead(self, request: web.Request, fault: str) -> web.StreamResponse | None:
        return _error(fault) if fault.startswith("E") else await super()._instead(request, fault)

    async def _assets(self, request: web.Request) -> web.StreamResponse:
        described = {
            ASSETS[currency]: {
                "aclass": "currency",
                "altname": ASSETS[currency][1:],
                "decimals": decimals,
                "display_decimals": 5,
                "status": "enabled",
            }
            for currency, decimals in self.decimals.items()
        }
        return web.json_response({"error": [], "result": described})

    async def _pairs(self, request: web.Request) -> web.StreamResponse:
        described = {
            pair: {
                "altname": altname,
                "wsname": f"{altname[:3]}/USD",
                "base": base,
                "quote": "ZUSD",
                "pair_decimals": decimals,
                "lot_decimals": self.lot_decimals,
                "leverage_buy": [],
                "fees": [[0, 0.4]],
                "fees_maker": [[0, 0.25]],
                "ordermin": str(max(Decimal(least), self.least)),
                "costmin": "0.5",
                "status": self.states.get(BASES[pair], "online"),
            }
            for pair, (altname, base, decimals, least) in PAIRS.items()
            if BASES[pair] not in self.gone
        }
        return web.json_response({"error": [], "result": described})

    async def _time(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": [], "result": {"unixtime": self.now_ms() // 1000, "rfc1123": ""}})

    async def _ohlc(self, request: web.Request) -> web.StreamResponse:
        if BASES.get(request.query["pair"]) in self.gone:
            return _error("EQuery:Unknown asset pair")
        since = int(request.query.get("since", 0))
        latest = self.candles[-CANDLES:]
        rows = [row for row in latest if row[0] > since] or latest[-1:]
        told = {request.query["pair"]: rows, "last": rows[-2][0] if len(rows) > 1 else since}
        return web.json_response({"error": [], "result": told})

    async def _private(self, request: web.Request) -> web.StreamResponse:
        name, fields = request.match_info["name"], dict(parse_qsl(await request.text()))
        act = getattr(self, f"_do_{name}")
        return await self.private(request, name, fields, lambda fields: {"error": [], "result": act(fields)})

    def _do_BalanceEx(self, fields: Fields) -> Answer:
        shown = {
            ASSETS[currency]: {
                "balance": str(total - self.rewarded.get(currency, Decimal(0))),
                "hold_trade": str(self.held(currency)),
            }
            for currency, total in self.balances.items()
        }
        for currency, earning in self.rewarded.items():
            shown[f"{ASSETS[currency][1:]}.F"] = {"balance": str(earning), "hold_trade": "0"}
        return shown

    def _do_GetApiKeyInfo(self, fields: Fields) -> Answer:
        return {"apiKeyName": "loopback", "permissions": list(self.permissions)}

    def _do_AddOrder(self, fields: Fields) -> Answer:
        if "deadline" in fields:
            ahead_ms = datetime.fromisoformat(fields["deadline"]).timestamp() * 1000 - self.now_ms()
            if not DEADLINE_MS[0] <= ahead_ms <= DEADLINE_MS[1]:
                raise Refused(Why.LATE)
        base, kind = BASES[fields["pair"]], fields["ordertype"]
        price = Decimal(fields["price"]) if "price" in fields else None
        order = self.place(fields.get("cl_ord_id", ""), base, fields["type"], kind, Decimal(fields["volume"]), price)
        words = f"{order.side} {order.quantity} {fields['pair']} @ {order.kind}"
        words += "" if order.kind == "market" else f" {order.price}"
        return {"txid": [order.order_id], "descr": {"order": words}}

    def _do_CancelOrder(self, fields: Fields) -> Answer:
        txid, name = fields.get("txid"), fields.get("cl_ord_id")
        is_meant = (each for each in self.orders.values() if each.status == "open" and each.client_order_id == name)
        self.cancel(self.orders.get(txid or "") or next(is_meant, None))
        return {"count": 1}

    def _do_OpenOrders(self, fields: Fields) -> Answer:
        return {"open": self._listed(fields, ("open",))}

    def _do_ClosedOrders(self, fields: Fields) -> Answer:
        closed = self._listed(fields, ("closed", "canceled", "expired"))
        return {"closed": closed, "count": len(closed)}

    def _listed(self, fields: Fields, statuses: tuple[str, ...]) -> Answer:
        name = fields.get("cl_ord_id")
        return {
            each.order_id: _order(each, fields)
            for each in self.orders.values()
            if each.status in statuses and (name is None or each.client_order_id == name)
        }

    def _do_QueryOrders(self, fields: Fields) -> Answer:
        if fields["txid"] not in self.orders:
            raise Refused(Why.UNKNOWN)
        return {fields["txid"]: _order(self.orders[fields["txid"]], fields)}

    def _do_QueryTrades(self, fields: Fields) -> Answer:
        names = fields.get("txid", "").split(",")
        if not names[0] or len(names) > TRADES_AT_ONCE:
            raise Refused(Why.MALFORMED)
        return {name: _trade(self.trades[name]) for name in names}


def _error(words: str) -> web.Response:
    return web.json_response({"error": [words]})


def _order(order: LoopbackOrder, fields: Fields) -> Answer:
    """``fields``: what was asked; trades are told to who asks for them."""
    trades = [each.trade_id for each in order.trades] if fields.get("trades") == "true" else []
    return {
        "status": order.status,
        "opentm": order.opened_ms / 1000,
        "cl_ord_id": order.client_order_id or None,
        "vol": str(order.quantity),
        "vol_exec": str(order.filled),
        "oflags": "fciq",
        "cost": "0",
        "fee": "0",
        "price": str(order.price),
        "descr": {
            "pair": f"{ASSETS[order.base][1:]}USD",
            "type": order.side,
            "ordertype": order.kind,
            "price": "0" if order.kind == "market" else str(order.price),
        },
        "trades": trades,
    }


def _trade(trade: LoopbackTrade) -> Answer:
    return {
        "ordertxid": trade.order.order_id,
        "pair": f"{ASSETS[trade.order.base]}ZUSD",
        "time": trade.at_ms / 1000,
        "type": trade.order.side,
        "ordertype": trade.order.kind,
        "price": str(trade.price),
        "cost": str(trade.quantity * trade.price),
        "fee": str(trade.fee),
        "vol": str(trade.quantity),
        "maker": trade.order.kind == "limit",
    }
