"""Coinbase Advanced Trade: its orders, its answers, its keys."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from autopilot.adapters.exchange.key_shapes import decoded_base64, private_key
from autopilot.adapters.exchange.venue import (
    MAX_CLOCK_LAG_MS,
    MAX_PAGES,
    PAGE,
    AccountReader,
    Query,
    Raw,
    Refusal,
    Request,
    VenueOrders,
    VenueRules,
    endless_list,
    order_request,
    own_order,
    rights_from_flags,
)
from autopilot.adapters.json_text import json_object
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.order import Order, OrderType, Side

_FILLS_PAGE = 250
_KEY_NAME = re.compile(r"organizations/[0-9a-f-]{36}/apiKeys/[0-9a-f-]{36}")
_ED25519_BYTES = 64
"""Of the secret of Coinbase's other kind of key: seed and public key."""
_FINAL = frozenset(
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
"""The states of gRPC, and Coinbase's older words, that come before anything is done. Others, such as INTERNAL, also
come for orders that were made: https://github.com/ccxt/ccxt/issues/18060."""
_LATER = frozenset({"unauthorized", "unauthenticated", "rate_limit_exceeded"})
_REASONS = ("error", "preview_failure_reason", "new_order_failure_reason")
_NO_REASON = re.compile("UNKNOWN|INTERNAL|UNAVAILABLE|DEADLINE|TIMEOUT|ABORTED|CANCELLED|EXHAUSTED|DATA_LOSS")
_DUPLICATE = re.compile("DUPLICATE|ALREADY_EXISTS")
_RESULTS = ("orders", "order", "fills", "accounts", "products", "results", "data", "can_trade")


class _Orders(VenueOrders):
    """Coinbase does not cancel by our id. Source: https://docs.cdp.coinbase.com/advanced-trade/reference."""

    settles_within_ms: ClassVar[int] = 150_000
    """A request's token lives for two minutes."""
    keeps_stops: ClassVar[bool] = False
    """Its stops become limit orders, which may never sell."""
    balance_params: ClassVar[Mapping[str, Any]] = {"v3": True}
    """The older list does not say how much open orders hold back."""

    def request(self, order: Order, until_ms: int) -> Request:  # noqa: ARG002 - the token limits the time
        ours: dict[str, Any] = {"client_order_id": order.client_order_id}
        if order.type is OrderType.MARKET and order.side is Side.BUY:
            # ccxt would spend an amount of money, which buys another quantity than the one that was approved. Source:
            # https://github.com/coinbase/coinbase-advanced-py/blob/master/CHANGELOG.md, 1.4.0.
            size = {"base_size": format(order.quantity, "f")}
            ours |= {"createMarketBuyOrderRequiresPrice": False, "order_configuration": {"market_market_ioc": size}}
        return order_request(order, ours)

    async def find(self, account: AccountReader, order: Order) -> Raw | None:
        since_ms, until = order.created_at_ms - MAX_CLOCK_LAG_MS, {"until": order.updated_at_ms + MAX_CLOCK_LAG_MS}
        by_id = {"order_ids": [order.exchange_order_id]} if order.exchange_order_id else {}
        return own_order(await _pages(account, "fetch_orders", since_ms, PAGE, until | by_id), order)

    async def open_orders(self, account: AccountReader, symbol: str) -> Sequence[Raw]:
        found = await _pages(account, "fetch_open_orders", None, PAGE, {})
        return [each for each in found if each["symbol"] == symbol]

    async def trades(self, account: AccountReader, order: Order, raw: Raw) -> Sequence[Raw]:  # noqa: ARG002
        return await _pages(account, "fetch_my_trades", None, _FILLS_PAGE, {"order_ids": [raw["id"]]})

    async def cancel(self, account: AccountReader, order: Order) -> None:
        found = await self.find(account, order)
        if found:
            await account.cancel(str(found["id"]), order.symbol, {})


async def _pages(
    account: AccountReader, query: Query, since_ms: int | None, size: int, params: Mapping[str, Any]
) -> Sequence[Raw]:
    """A list of all markets, read to its end, without repetitions.

    For one market ccxt sends a filter that Coinbase no longer knows, ``product_id``, and drops the other markets.
    Source: https://github.com/coinbase/coinbase-advanced-py/blob/master/CHANGELOG.md, 1.4.3.
    """
    found: dict[str, Raw] = {}
    more: dict[str, str] = {}
    for _ in range(MAX_PAGES):
        page, cursor = await account.page(query, None, since_ms, size, {**params, **more})
        found |= {each["id"]: each for each in page}
        if not cursor:
            return tuple(found.values())
        more = {"cursor": cursor}
    raise endless_list(account.name, len(found))


def _refusal(body: str | None) -> Refusal | None:
    """Reads ``{"success": false, "error_response": {…}}``, or ``{"error": …, "message": …}`` for a request that was
    not taken."""
    answer = json_object(body)
    response = answer.get("error_response")
    if answer.get("success") is False and isinstance(response, dict):
        codes = [str(response[name]) for name in _REASONS if response.get(name)]
        reasons = [code for code in codes if not _NO_REASON.search(code.upper())]
        if not reasons or any(_DUPLICATE.search(code.upper()) for code in codes):
            return None
        return Refusal(" ".join((*reasons, str(response.get("message") or ""))).strip(), is_final=True)
    error = str(answer.get("error"))
    is_later = error.lower() in _LATER
    if not is_later and error.lower() not in _FINAL:
        return None
    return Refusal(f"{error}: {answer.get('message', '')}", is_final=not is_later)


def _is_whole(body: str | None) -> bool:
    """An object with a result, and with a cursor if it says that there is more."""
    answer = json_object(body)
    return any(name in answer for name in _RESULTS) and not (answer.get("has_next") and not answer.get("cursor"))


def _cursor(body: str | None) -> str:
    """Reads ``{"orders": […], "has_next": true, "cursor": "…"}``; lists of fills have no ``has_next``."""
    answer = json_object(body)
    return str(answer.get("cursor") or "") if answer.get("has_next", True) else ""


def _key_problem(keys: ExchangeKeys) -> str:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey

    if not _KEY_NAME.fullmatch(keys.api_key):
        return "the API key is not a name as organizations/…/apiKeys/…"
    if len(decoded_base64(keys.secret) or b"") == _ED25519_BYTES:
        return "it is an Ed25519 key, with which trading is not possible"
    key = private_key(keys.secret)
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return ""
    return "the secret is not a whole PEM key, ECDSA"


COINBASE = VenueRules(
    name="coinbase",
    orders=_Orders(),
    refusal=_refusal,
    is_whole=_is_whole,
    cursor=_cursor,
    key_problem=_key_problem,
    key_hint="choose ECDSA when you make the key, and give its file with --secret-file or paste all its lines",
    rights_method="v3_private_get_brokerage_key_permissions",
    # Source: https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/data-api/get-api-key-permissions.
    rights=lambda answer: rights_from_flags(answer, trading="can_trade", moving=("can_transfer",)),
)
