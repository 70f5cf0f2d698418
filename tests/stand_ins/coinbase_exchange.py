"""Coinbase's Advanced Trade API on the loopback interface. Each request's token, signed with ES256 for this request and
for now, is verified. Source: https://docs.cdp.coinbase.com/api-reference/advanced-trade-api.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from loopback_exchange import Answer, Fields, LoopbackExchange, LoopbackOrder, LoopbackTrade, Refused, Why

KEY = generate_private_key(SECP256R1())
API_KEY = "organizations/00000000-1111-2222-3333-444444444444/apiKeys/00000000-1111-2222-3333-555555555555"
SECRET = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
ROOT = "/api/v3/brokerage"
KINDS = {"market_market_ioc": "market", "limit_limit_gtc": "limit"}
STATUSES = {"open": "OPEN", "closed": "FILLED", "canceled": "CANCELLED", "expired": "EXPIRED"}
TOKEN_LIFE_S = 120
WORDS = {
    Why.FUNDS: "INSUFFICIENT_FUND",
    Why.SMALL: "INVALID_SIZE_PRECISION",
    Why.TWICE: "DUPLICATE_CLIENT_ORDER_ID",
    Why.LATE: "ORDER_ENTRY_DISABLED",
    Why.UNKNOWN: "UNKNOWN_CANCEL_ORDER",
    Why.CHEAP: "INVALID_BASE_SIZE_TOO_SMALL",
    Why.LARGE: "INVALID_BASE_SIZE_TOO_LARGE",
    Why.CANCEL_ONLY: "TRADING_DISABLED",
    Why.LIMIT_ONLY: "NOT_ALLOWED_BY_MARKET_STATE",
    Why.POST_ONLY: "NOT_ALLOWED_BY_MARKET_STATE",
    Why.LOCKED: "ACCOUNT_SUSPENDED",
    Why.DENIED: "GEOFENCING_RESTRICTION",
    Why.MALFORMED: "UNSUPPORTED_ORDER_CONFIGURATION",
}


class CoinbaseExchange(LoopbackExchange):
    """``page`` is the most that a list has; newest first."""

    placing = "orders"
    canceling = "orders/batch_cancel"
    asking: ClassVar[tuple[str, ...]] = ("orders/historical/batch", "orders/historical/fills")
    unclear: ClassVar[tuple[int, Answer]] = (
        500,
        {"error": "INTERNAL", "error_details": "internal error", "message": "internal error"},
    )
    least_cost: ClassVar[Decimal] = Decimal(1)
    page = 1000

    def routes(self) -> Iterable[web.RouteDef]:
        return (
            web.get(f"{ROOT}/market/products", self._products),
            web.get(f"{ROOT}/market/products/{{id}}/candles", self._candles),
            web.get("/v2/time", self._time),
            web.route("*", f"{ROOT}/{{name:.*}}", self._private),
        )

    def denied(self, request: web.Request, body: str, fields: Fields) -> web.Response | None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        head, claims = _opened(token)
        uri = f"{request.method} {self.url}{request.path}"
        expected = {"iss": "coinbase-cloud", "sub": API_KEY, "uri": uri}
        now_s = self.now_ms() / 1000
        is_now = claims.get("nbf", now_s + 1) <= now_s < claims.get("exp", 0) <= now_s + TOKEN_LIFE_S
        if head.get("alg") == "ES256" and is_now and expected.items() <= claims.items():
            return None
        return web.json_response({"error": "Unauthorized", "message": "Unauthorized"}, status=401)

    def refused(self, why: Why) -> web.Response:
        if why is Why.UNKNOWN:
            return web.json_response({"results": [{"success": False, "failure_reason": WORDS[why], "order_id": "x"}]})
        said = {
            "error": WORDS[why],
            "message": "",
            "error_details": "",
            "preview_failure_reason": f"PREVIEW_{WORDS[why]}",
        }
        return web.json_response(
            {"success": False, "failure_reason": "UNKNOWN_FAILURE_REASON", "order_id": "", "error_response": said}
        )

    async def _products(self, request: web.Request) -> web.StreamResponse:
        is_future = request.query.get("product_type") == "FUTURE"
        described = [_product(base) for base in ("BTC", "ETH") if base not in self.gone]
        return web.json_response({"products": [] if is_future else described})

    async def _time(self, request: web.Request) -> web.StreamResponse:
        seconds = self.now_ms() // 1000
        return web.json_response({"data": {"iso": _iso(self.now_ms()), "epoch": seconds}})

    async def _candles(self, request: web.Request) -> web.StreamResponse:
        start, end = int(request.query["start"]), int(request.query["end"])
        names = ("start", "open", "high", "low", "close", "volume")
        rows = [[str(row[0]), *row[1:5], row[6]] for row in reversed(self.candles) if start <= row[0] <= end]
        return web.json_response({"candles": [dict(zip(names, row, strict=True)) for row in rows[:350]]})

    async def _private(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        acts = {
            "orders": self._place,
            "orders/batch_cancel": self._cancel,
            "orders/historical/batch": self._orders,
            "orders/historical/fills": self._fills,
            "accounts": self._accounts,
            "key_permissions": self._permissions,
            "transaction_summary": lambda fields: {"fee_tier": {"taker_fee_rate": "0.004", "maker_fee_rate": "0.0025"}},
        }
        body = await request.text()
        fields: Fields = json.loads(body) if body else dict(request.query)
        return await self.private(request, name, fields, acts[name])

    def _place(self, fields: Fields) -> Answer:
        ((kind, wanted),) = fields["order_configuration"].items()
        if kind not in KINDS or "quote_size" in wanted:
            raise Refused(Why.MALFORMED)
        name, base = fields["client_order_id"], fields["product_id"].partition("-")[0]
        quantity, price = Decimal(wanted["base_size"]), wanted.get("limit_price")
        side = fields["side"].lower()
        order = self.place(name, base, side, KINDS[kind], quantity, Decimal(price) if price else None)
        told = {"order_id": order.order_id, "product_id": fields["product_id"], "side": fields["side"]}
        return {
            "success": True,
            "failure_reason": "UNKNOWN_FAILURE_REASON",
            "order_id": order.order_id,
            "success_response": {**told, "client_order_id": name},
            "order_configuration": fields["order_configuration"],
        }

    def _cancel(self, fields: Fields) -> Answer:
        (order_id,) = fields["order_ids"]
        self.cancel(self.orders.get(order_id))
        return {"results": [{"success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON", "order_id": order_id}]}

    def _orders(self, fields: Fields) -> Answer:
        found = [
            each
            for each in reversed(self.orders.values())
            if fields.get("product_ids", f"{each.base}-USD") == f"{each.base}-USD"
            and fields.get("start_date", "") <= _iso(each.opened_ms) <= fields.get("end_date", "9")
            and fields.get("order_status", STATUSES[each.status]) == STATUSES[each.status]
            and fields.get("order_ids", each.order_id) == each.order_id
        ]
        page, cursor = self._page(found, fields)
        return {"orders": [_order(each) for each in page], "has_next": bool(cursor), "cursor": cursor}

    def _fills(self, fields: Fields) -> Answer:
        wanted = fields.get("order_ids")
        found = [each for each in reversed(self.trades.values()) if wanted in (None, each.order.order_id)]
        page, cursor = self._page(found, fields)
        return {"fills": [_fill(each) for each in page], "cursor": cursor}

    def _page(self, found: list[Any], fields: Fields) -> tuple[list[Any], str]:
        """From the cursor on, and the next cursor."""
        start = int(fields.get("cursor", 0))
        end = start + min(int(fields.get("limit", 100)), self.page)
        return found[start:end], str(end) if end < len(found) else ""

    def _accounts(self, fields: Fields) -> Answer:
        accounts = [
            {
                "uuid": currency,
                "currency": currency,
                "type": "ACCOUNT_TYPE_FIAT" if currency == self.quote else "ACCOUNT_TYPE_CRYPTO",
                "available_balance": {"value": str(total - self.held(currency)), "currency": currency},
                "hold": {"value": str(self.held(currency)), "currency": currency},
            }
            for currency, total in self.balances.items()
        ]
        return {"accounts": accounts, "has_next": False, "cursor": "", "size": len(accounts)}

    def _permissions(self, fields: Fields) -> Answer:
        return {"can_view": True, "can_trade": True, "can_transfer": False, "portfolio_uuid": "1"}


def _opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Head and claims of a token that our key signed; empty for any other."""
    signed, _, signature = token.rpartition(".")
    raw = _bytes(signature)
    halves = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        KEY.public_key().verify(encode_dss_signature(*halves), signed.encode(), ECDSA(SHA256()))
    except InvalidSignature:
        return {}, {}
    head, claims = (json.loads(_bytes(part)) for part in signed.split("."))
    return head, claims


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _order(order: LoopbackOrder) -> Answer:
    size = {"base_size": str(order.quantity)}
    limit = {**size, "limit_price": str(order.price)}
    kind = {ours: theirs for theirs, ours in KINDS.items()}[order.kind]
    cost = sum((each.quantity * each.price for each in order.trades), Decimal(0))
    return {
        "order_id": order.order_id,
        "product_id": f"{order.base}-USD",
        "order_configuration": {kind: size if order.kind == "market" else limit},
        "side": order.side.upper(),
        "client_order_id": order.client_order_id,
        "status": STATUSES[order.status],
        "time_in_force": "GOOD_UNTIL_CANCELLED" if order.kind == "limit" else "IMMEDIATE_OR_CANCEL",
        "created_time": _iso(order.opened_ms),
        "filled_size": str(order.filled),
        "average_filled_price": str(cost / order.filled if order.filled else 0),
        "filled_value": str(cost),
        "total_fees": str(sum((each.fee for each in order.trades), Decimal(0))),
        "order_type": "MARKET" if order.kind == "market" else "LIMIT",
        "settled": order.status != "open",
    }


def _fill(trade: LoopbackTrade) -> Answer:
    return {
        "entry_id": trade.trade_id,
        "trade_id": trade.trade_id,
        "order_id": trade.order.order_id,
        "trade_time": _iso(trade.at_ms),
        "trade_type": "FILL",
        "price": str(trade.price),
        "size": str(trade.quantity),
        "commission": str(trade.fee),
        "product_id": f"{trade.order.base}-USD",
        "sequence_timestamp": _iso(trade.at_ms),
        "liquidity_indicator": "MAKER" if trade.order.kind == "limit" else "TAKER",
        "size_in_quote": False,
        "side": trade.order.side.upper(),
    }


def _product(base: str) -> Answer:
    return {
        "product_id": f"{base}-USD",
        "base_increment": "0.00000001",
        "quote_increment": "0.01",
        "price_increment": "0.01",
        "base_min_size": "0.00001",
        "base_max_size": "3400",
        "quote_min_size": "1",
        "quote_max_size": "150000000",
        "status": "online",
        "trading_disabled": False,
        "product_type": "SPOT",
        "base_currency_id": base,
        "quote_currency_id": "USD",
        "alias_to": [],
    }
