"""Binance's spot API on the loopback interface, without the path's first parts. Signatures are verified, and that
requests are of now. Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import ClassVar
from urllib.parse import parse_qsl

from aiohttp import web
from loopback_exchange import Answer, Fields, LoopbackExchange, LoopbackOrder, LoopbackTrade, Refused, Why

API_KEY, SECRET = "k" * 64, "s" * 64
DAY_MS = 86_400_000
TYPES = {"MARKET": "market", "LIMIT": "limit", "STOP_LOSS": "stop-loss"}
WORDS = {
    Why.FUNDS: (-2010, "Account has insufficient balance for requested action."),
    Why.SMALL: (-1013, "Filter failure: LOT_SIZE"),
    Why.TWICE: (-2010, "Duplicate order sent."),
    Why.LATE: (-1021, "Timestamp for this request is outside of the recvWindow."),
    Why.UNKNOWN: (-2011, "Unknown order sent."),
    Why.ABSENT: (-2013, "Order does not exist."),
    Why.CHEAP: (-1013, "Filter failure: NOTIONAL"),
    Why.LARGE: (-1013, "Filter failure: MARKET_LOT_SIZE"),
    Why.CANCEL_ONLY: (-2010, "Market is closed."),
    Why.LIMIT_ONLY: (-2010, "Market orders are not supported for this symbol."),
    Why.POST_ONLY: (-2010, "Market is closed."),
    Why.LOCKED: (-2010, "This action is disabled on this account."),
    Why.DENIED: (-2010, "This symbol is not permitted for this account."),
    Why.MALFORMED: (-1102, "A mandatory parameter was not sent, was empty/null, or malformed."),
}


class BinanceExchange(LoopbackExchange):
    """``page`` is the most that a list has; ``lag_ms``: how far its list of trades is behind."""

    quote: ClassVar[str] = "USDT"
    least_cost: ClassVar[Decimal] = Decimal(5)
    prefixes: ClassVar[tuple[str, str]] = ("", "")
    placing = "POST order"
    canceling = "DELETE order"
    asking: ClassVar[tuple[str, ...]] = ("GET order", "GET myTrades")
    unclear: ClassVar[tuple[int, Answer]] = (
        504,
        {
            "code": -1007,
            "msg": "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
        },
    )
    page = 1000
    lag_ms = 0

    def __init__(self, now_ms: Callable[[], int]) -> None:
        super().__init__(now_ms)
        self.price["BNB"], self.balances["BNB"] = Decimal(600), Decimal(1)

    def routes(self) -> Iterable[web.RouteDef]:
        return (
            web.get("/exchangeInfo", self._info),
            web.get("/time", self._time),
            web.get("/ticker/24hr", self._ticker),
            web.get("/klines", self._klines),
            web.route("*", "/{name:.*}", self._private),
        )

    def denied(self, request: web.Request, body: str, fields: Fields) -> web.Response | None:
        signed, _, signature = (body or request.query_string).rpartition("&signature=")
        expected = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
        if request.headers.get("X-MBX-APIKEY") != API_KEY:
            return _error(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        if signature != expected:
            return _error(-1022, "Signature for this request is not valid.")
        age_ms = self.now_ms() - int(fields["timestamp"])
        if not -1000 < age_ms <= int(fields.get("recvWindow", 5000)):
            return self.refused(Why.LATE)
        return None

    def refused(self, why: Why) -> web.Response:
        return _error(*WORDS[why])

    async def _info(self, request: web.Request) -> web.StreamResponse:
        described = [_symbol(base, self.quote) for base in ("BTC", "ETH", "BNB") if base not in self.gone]
        return web.json_response({"timezone": "UTC", "serverTime": self.now_ms(), "symbols": described})

    async def _time(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"serverTime": self.now_ms()})

    async def _ticker(self, request: web.Request) -> web.StreamResponse:
        symbol = request.query["symbol"]
        return web.json_response({"symbol": symbol, "lastPrice": str(self.price[symbol.removesuffix(self.quote)])})

    async def _klines(self, request: web.Request) -> web.StreamResponse:
        since_s = int(request.query.get("startTime", 0)) / 1000
        rows = [
            [row[0] * 1000, *row[1:5], row[6], row[0] * 1000 + DAY_MS - 1, "0", 9, "0", "0", "0"]
            for row in self.candles
            if row[0] >= since_s
        ]
        limit = int(request.query.get("limit", 500))
        return web.json_response(rows[:limit] if since_s else rows[-limit:])

    async def _private(self, request: web.Request) -> web.StreamResponse:
        name, body = request.match_info["name"], await request.text()
        fields = dict(parse_qsl(body or request.query_string))
        acts = {
            "POST order": self._place,
            "DELETE order": self._cancel,
            "GET order": self._get,
            "GET openOrders": self._open,
            "GET myTrades": self._trades,
            "GET account": self._account,
            "GET account/apiRestrictions": self._restrictions,
        }
        call = f"{request.method} {name}"
        return await self.private(request, call, fields, acts[call])

    def _place(self, fields: Fields) -> Answer:
        kind = TYPES[fields["type"]]
        if ("price" in fields) != (kind == "limit") or ("stopPrice" in fields) != (kind == "stop-loss"):
            raise Refused(Why.MALFORMED)
        price = fields.get("price") or fields.get("stopPrice")
        order = self.place(
            fields["newClientOrderId"],
            fields["symbol"].removesuffix(self.quote),
            fields["side"].lower(),
            kind,
            Decimal(fields["quantity"]),
            Decimal(price) if price else None,
        )
        fills = [
            {
                "price": str(each.price),
                "qty": str(each.quantity),
                "commission": str(each.fee),
                "commissionAsset": each.fee_currency,
                "tradeId": int(each.trade_id),
            }
            for each in order.trades
        ]
        return {**self._order(order), "transactTime": order.opened_ms, "fills": fills}

    def _cancel(self, fields: Fields) -> Answer:
        order_id, name = fields.get("orderId"), fields.get("origClientOrderId")
        meant = (each for each in self.named(name or "") if each.status == "open")
        order = self.cancel(self.orders.get(order_id) if order_id else next(meant, None))
        return {**self._order(order), "origClientOrderId": order.client_order_id, "clientOrderId": "canceling"}

    def _get(self, fields: Fields) -> Answer:
        """By our id the latest of those that had it."""
        order_id, name = fields.get("orderId"), fields.get("origClientOrderId")
        found = [each for each in self._of(fields) if each.order_id == order_id or each.client_order_id == name]
        if not found:
            raise Refused(Why.ABSENT)
        return self._order(found[-1])

    def _open(self, fields: Fields) -> list[Answer]:
        return [self._order(each) for each in self._of(fields) if each.status == "open"]

    def _trades(self, fields: Fields) -> list[Answer]:
        """From an id on; without one the latest."""
        wanted, first_id = fields["orderId"], fields.get("fromId")
        size = min(int(fields.get("limit", 500)), self.page)
        found = [
            trade
            for each in self._of(fields)
            if wanted in (None, each.order_id)
            for trade in each.trades
            if int(trade.trade_id) >= int(first_id or 0) and trade.at_ms + self.lag_ms <= self.now_ms()
        ]
        return [_trade(each, self.quote) for each in (found[:size] if first_id else found[-size:])]

    def _account(self, fields: Fields) -> Answer:
        balances = [
            {"asset": currency, "free": str(total - self.held(currency)), "locked": str(self.held(currency))}
            for currency, total in self.balances.items()
        ]
        return {"canTrade": True, "canWithdraw": True, "accountType": "SPOT", "balances": balances}

    def _restrictions(self, fields: Fields) -> Answer:
        moving = ("enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer")
        return {"ipRestrict": False, "enableSpotAndMarginTrading": True, **dict.fromkeys(moving, False)}

    def _of(self, fields: Fields) -> list[LoopbackOrder]:
        return [each for each in self.orders.values() if f"{each.base}{self.quote}" == fields["symbol"]]

    def _order(self, order: LoopbackOrder) -> Answer:
        status = {"open": "PARTIALLY_FILLED" if order.filled else "NEW", "closed": "FILLED", "canceled": "CANCELED"}
        cost = sum((each.quantity * each.price for each in order.trades), Decimal(0))
        kind = {ours: theirs for theirs, ours in TYPES.items()}[order.kind]
        return {
            "symbol": f"{order.base}{self.quote}",
            "orderId": int(order.order_id),
            "orderListId": -1,
            "clientOrderId": order.client_order_id,
            "price": str(order.price if kind == "LIMIT" else 0),
            "origQty": str(order.quantity),
            "executedQty": str(order.filled),
            "cummulativeQuoteQty": str(cost),
            "status": status[order.status],
            "timeInForce": "GTC",
            "type": kind,
            "side": order.side.upper(),
            "stopPrice": str(order.price if kind == "STOP_LOSS" else 0),
            "time": order.opened_ms,
            "updateTime": order.opened_ms,
        }


def _error(code: int, words: str, status: int = 400) -> web.Response:
    return web.json_response({"code": code, "msg": words}, status=status)


def _trade(trade: LoopbackTrade, quote: str) -> Answer:
    return {
        "symbol": f"{trade.order.base}{quote}",
        "id": int(trade.trade_id),
        "orderId": int(trade.order.order_id),
        "price": str(trade.price),
        "qty": str(trade.quantity),
        "quoteQty": str(trade.quantity * trade.price),
        "commission": str(trade.fee),
        "commissionAsset": trade.fee_currency,
        "time": trade.at_ms,
        "isBuyer": trade.order.side == "buy",
        "isMaker": trade.order.kind == "limit",
    }


def _symbol(base: str, quote: str) -> Answer:
    return {
        "symbol": f"{base}{quote}",
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": quote,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "permissions": ["SPOT"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
            {"filterType": "NOTIONAL", "minNotional": "5"},
        ],
    }
