"""Coinbase Advanced Trade: its orders, its refusals, its keys."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey

from autopilot.adapters.exchange.answers import Refusal, json_object
from autopilot.adapters.exchange.gateway import Gateway, Query, Request
from autopilot.adapters.exchange.key_shapes import SIGNING_BYTES, decoded_base64, private_key
from autopilot.adapters.exchange.venue_orders import (
    CLOCKS_MS,
    MAX_PAGES,
    PAGE,
    Raw,
    VenueOrders,
    endless_list,
    order_request,
    own_order,
    rights_from_flags,
)
from autopilot.domain.credentials import ExchangeKeys, KeyRights
from autopilot.domain.order import Order, OrderType, Side

_PAGE_OF_FILLS = 250


class Coinbase(VenueOrders):
    """It does not cancel by our id. Source: https://docs.cdp.coinbase.com/advanced-trade/reference."""

    lands_within_ms: ClassVar[int] = 150_000
    """A request's token lives for two minutes."""
    keeps_stops: ClassVar[bool] = False
    """Its stops become limit orders, which may never sell."""
    balance_params: ClassVar[Mapping[str, Any]] = {"v3": True}
    """The older list does not tell what open orders hold back."""

    def request(self, order: Order, until_ms: int) -> Request:  # noqa: ARG002
        ours: dict[str, Any] = {"client_order_id": order.client_order_id}
        if order.type is OrderType.MARKET and order.side is Side.BUY:
            # ccxt would spend an amount of money, which buys another quantity than the one that was approved. Source:
            # https://github.com/coinbase/coinbase-advanced-py/blob/master/CHANGELOG.md, 1.4.0.
            size = {"base_size": format(order.quantity, "f")}
            ours |= {"createMarketBuyOrderRequiresPrice": False, "order_configuration": {"market_market_ioc": size}}
        return order_request(order, ours)

    async def find(self, gateway: Gateway, order: Order) -> Raw | None:
        since_ms, until = order.created_at_ms - CLOCKS_MS, {"until": order.updated_at_ms + CLOCKS_MS}
        by_id = {"order_ids": [order.exchange_order_id]} if order.exchange_order_id else {}
        return own_order(await _pages(gateway, "fetch_orders", since_ms, PAGE, until | by_id), order)

    async def open_orders(self, gateway: Gateway, symbol: str) -> Sequence[Raw]:
        found = await _pages(gateway, "fetch_open_orders", None, PAGE, {})
        return [each for each in found if each["symbol"] == symbol]

    async def trades(self, gateway: Gateway, order: Order, raw: Raw) -> Sequence[Raw]:  # noqa: ARG002
        return await _pages(gateway, "fetch_my_trades", None, _PAGE_OF_FILLS, {"order_ids": [raw["id"]]})

    async def cancel(self, gateway: Gateway, order: Order) -> None:
        found = await self.find(gateway, order)
        if found:
            await gateway.cancel(str(found["id"]), order.symbol, {})

    async def rights(self, gateway: Gateway) -> KeyRights:
        """Source: https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/data-api/get-api-key-permissions."""
        told = await gateway.query("v3_private_get_brokerage_key_permissions")
        return rights_from_flags(told, trading="can_trade", moving=("can_transfer",))


async def _pages(
    gateway: Gateway, query: Query, since_ms: int | None, size: int, params: Mapping[str, Any]
) -> Sequence[Raw]:
    """A list of Coinbase to its end, each once. Of all markets: for one ccxt sends a filter that is none any more,
    ``product_id``, and drops what is of others. Source:
    https://github.com/coinbase/coinbase-advanced-py/blob/master/CHANGELOG.md, 1.4.3."""
    found: dict[str, Raw] = {}
    more: dict[str, str] = {}
    for _ in range(MAX_PAGES):
        page, cursor = await gateway.page(query, None, since_ms, size, {**params, **more})
        found |= {each["id"]: each for each in page}
        if not cursor:
            return tuple(found.values())
        more = {"cursor": cursor}
    raise endless_list(gateway, len(found))


_COINBASE_NAME = re.compile(r"organizations/[0-9a-f-]{36}/apiKeys/[0-9a-f-]{36}")


def coinbase_key_problem(keys: ExchangeKeys) -> str:
    if not _COINBASE_NAME.fullmatch(keys.api_key):
        return "the API key is not a name as organizations/…/apiKeys/…"
    if len(decoded_base64(keys.secret) or b"") == SIGNING_BYTES:
        return "it is an Ed25519 key, with which trading is not possible"
    key = private_key(keys.secret)
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return ""
    return "the secret is not a whole PEM key, ECDSA"


_COINBASE_FINAL = frozenset(
    {
        "invalid_argument",
        "out_of_range",
        "failed_precondition",
        "not_found",
        "permission_denied",
        "unimplemented",
        "param_required",
        "validation_error",
        "invalid_request",
        "invalid_scope",
        "invalid_authentication_method",
        "authentication_error",
        "invalid_token",
        "revoked_token",
        "expired_token",
        "two_factor_required",
        "unverified_email",
        "personal_details_required",
        "identity_verification_required",
    }
)
"""Of gRPC's states, and of Coinbase's older words, those that come before anything is done. Others, such as INTERNAL,
are told of orders that were made, too: https://github.com/ccxt/ccxt/issues/18060."""
_COINBASE_LATER = frozenset({"unauthorized", "unauthenticated", "rate_limit_exceeded"})
_COINBASE_REASONS = ("error", "preview_failure_reason", "new_order_failure_reason")
_COINBASE_NO_REASON = re.compile("UNKNOWN|INTERNAL|UNAVAILABLE|DEADLINE|TIMEOUT|ABORTED|CANCELLED|EXHAUSTED|DATA_LOSS")
_COINBASE_TWICE = re.compile("DUPLICATE|ALREADY_EXISTS")


def coinbase_refusal(body: str | None) -> Refusal | None:
    """``{"success": false, "error_response": {…}}``, or ``{"error": …, "message": …}`` of a request not taken."""
    answer = json_object(body)
    told = answer.get("error_response")
    if answer.get("success") is False and isinstance(told, dict):
        codes = [str(told[name]) for name in _COINBASE_REASONS if told.get(name)]
        reasons = [code for code in codes if not _COINBASE_NO_REASON.search(code.upper())]
        if not reasons or any(_COINBASE_TWICE.search(code.upper()) for code in codes):
            return None
        return Refusal(" ".join((*reasons, str(told.get("message") or ""))).strip(), is_final=True)
    error = str(answer.get("error"))
    is_later = error.lower() in _COINBASE_LATER
    if not is_later and error.lower() not in _COINBASE_FINAL:
        return None
    return Refusal(f"{error}: {answer.get('message', '')}", is_final=not is_later)


def coinbase_answered(body: str | None) -> bool:
    """An object with one of the things that are asked for, and with where there is more if it says that there is."""
    asked = ("orders", "order", "fills", "accounts", "products", "results", "data", "can_trade")
    answer = json_object(body)
    return any(name in answer for name in asked) and not (answer.get("has_next") and not answer.get("cursor"))


def coinbase_cursor(body: str | None) -> str:
    """``{"orders": […], "has_next": true, "cursor": "…"}``; lists of fills say nothing of ``has_next``."""
    answer = json_object(body)
    return str(answer.get("cursor") or "") if answer.get("has_next", True) else ""
