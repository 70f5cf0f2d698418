"""Binance: its orders, its answers, its keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from autopilot.adapters.exchange.key_shapes import private_key
from autopilot.adapters.exchange.venue import (
    MAX_PAGES,
    PAGE,
    AccountReader,
    Raw,
    Refusal,
    Request,
    VenueOrders,
    VenueRules,
    endless_list,
    is_recent,
    order_request,
    rights_from_flags,
    trigger_params,
)
from autopilot.adapters.json_text import json_object, parsed_json
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.order import Order

_RECV_WINDOW_MS = 10_000
_LETTERS = re.compile(r"[A-Za-z0-9]{64}")
_UNCLEAR = frozenset({-1000, -1001, -1004, -1006, -1007, -1016})
"""Unknown, disconnected, busy, unexpected response, time-out ("execution status unknown"), shutting down."""
_DUPLICATE = "Duplicate order sent."
"""An order with this id exists. Source: https://developers.binance.com/docs/binance-spot-api-docs/errors."""
_LATER = frozenset({-1003, -1008, -1015, -1021})
"""Too many requests or orders, overloaded, outside of recvWindow."""
_NO_SUCH_ORDER = -2013


class _Orders(VenueOrders):
    settles_within_ms: ClassVar[int] = 60_000
    """recvWindow, 10 s, and time for the exchange's books: users reported orders that showed up more than 10 s after
    they were made."""

    def request(self, order: Order, until_ms: int) -> Request:  # noqa: ARG002 - recvWindow limits the time
        params = {"clientOrderId": order.client_order_id, "recvWindow": _RECV_WINDOW_MS, **trigger_params(order)}
        return order_request(order, params)

    async def find(self, account: AccountReader, order: Order) -> Raw | None:
        """The list of all orders comes from Binance's database and lags behind; a single order comes from memory.
        Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/account-endpoints."""
        if order.exchange_order_id:
            return await account.find(order.exchange_order_id, order.symbol, {})
        # Of several orders that had this id Binance returns the latest.
        found = await account.find(None, order.symbol, {"origClientOrderId": order.client_order_id})
        return found if found and is_recent(found, order) else None

    async def trades(self, account: AccountReader, order: Order, raw: Raw) -> Sequence[Raw]:
        found: list[Raw] = []
        first_id = 0
        for _ in range(MAX_PAGES):
            since = {"fromId": first_id}
            page = await account.query("fetch_order_trades", raw["id"], order.symbol, None, PAGE, since)
            found += page
            if len(page) < PAGE:
                return found
            first_id = max(int(each["id"]) for each in page) + 1
        raise endless_list(account.name, len(found))


def _refusal(body: str | None) -> Refusal | None:
    """Reads ``{"code": -2010, "msg": "Account has insufficient balance"}``."""
    answer = json_object(body)
    code = answer.get("code")
    words = str(answer.get("msg", ""))
    if not isinstance(code, int) or code >= 0 or code in _UNCLEAR or _DUPLICATE in words:
        return None
    return Refusal(f"{code}: {words}", is_final=code not in _LATER)


def _is_whole(body: str | None) -> bool:
    """A list, or an object without an error code."""
    answer = parsed_json(body)
    return isinstance(answer, list) or (isinstance(answer, dict) and bool(answer) and "code" not in answer)


def _key_problem(keys: ExchangeKeys) -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if not _LETTERS.fullmatch(keys.api_key):
        return "the API key has not 64 letters and digits"
    if _LETTERS.fullmatch(keys.secret) or isinstance(private_key(keys.secret), Ed25519PrivateKey | RSAPrivateKey):
        return ""
    return "the secret is neither 64 letters and digits nor a whole PEM key, Ed25519 or RSA, without a password"


BINANCE = VenueRules(
    name="binance",
    orders=_Orders(),
    refusal=_refusal,
    is_whole=_is_whole,
    # With code -2013 Binance says "Order does not exist."
    has_no_order=lambda body: json_object(body).get("code") == _NO_SUCH_ORDER,
    key_problem=_key_problem,
    key_hint="the secret is shown once, when the key is made",
    rights_method="sapi_get_account_apirestrictions",
    # Source: https://developers.binance.com/docs/wallet/account/api-key-permission.
    rights=lambda answer: rights_from_flags(
        answer,
        trading="enableSpotAndMarginTrading",
        moving=("enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer"),
    ),
)
