"""The exchanges on which real money can be traded."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from autopilot.adapters.exchange.answers import AnswerReader
from autopilot.adapters.exchange.venue_orders import VenueOrders
from autopilot.adapters.exchange.venues.binance import (
    binance_absent,
    binance_answered,
    binance_key_problem,
    binance_refusal,
)
from autopilot.adapters.exchange.venues.coinbase import (
    Coinbase,
    coinbase_answered,
    coinbase_cursor,
    coinbase_key_problem,
    coinbase_refusal,
)
from autopilot.adapters.exchange.venues.kraken import (
    Kraken,
    kraken_absent,
    kraken_answered,
    kraken_key_problem,
    kraken_refusal,
)
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.errors import ConfigError

_DIALECTS: Mapping[str, VenueOrders] = {"binance": VenueOrders(), "coinbase": Coinbase(), "kraken": Kraken()}


def venue_orders_of(exchange: str) -> VenueOrders:
    """Raises ConfigError for an exchange on which orders cannot be found by our own id, or are not known to be."""
    if exchange not in _DIALECTS:
        raise ConfigError(
            f"real orders cannot be sent to {exchange}: it is not known how to find them again by our own id",
            hint=f"use one of {', '.join(sorted(_DIALECTS))}, or trade on paper",
        )
    return _DIALECTS[exchange]


def require_shape(exchange: str, keys: ExchangeKeys) -> None:
    """Raises ConfigError that says what looks wrong."""
    problem = _odd(keys) or _CHECKS[exchange](keys)
    if problem:
        raise ConfigError(f"these are no keys of {exchange}: {problem}", hint=f"copy them again; {_HINTS[exchange]}")


def _odd(keys: ExchangeKeys) -> str:
    if not keys.api_key or not keys.secret:
        return f"the {'secret' if keys.api_key else 'key'} is empty"
    if not keys.api_key.isascii() or not keys.api_key.isprintable() or " " in keys.api_key:
        return "the key has characters that no key has"
    if not keys.secret.isascii():
        return "the secret has characters that no secret has"
    return "key and secret are the same" if keys.api_key == keys.secret else ""


_CHECKS: Mapping[str, Callable[[ExchangeKeys], str]] = {
    "binance": binance_key_problem,
    "coinbase": coinbase_key_problem,
    "kraken": kraken_key_problem,
}
_HINTS = {
    "binance": "the secret is shown once, when the key is made",
    "coinbase": "choose ECDSA when you make the key, and give its file with --secret-file or paste all its lines",
    "kraken": "its private key has 88 characters and ends with ==",
}
READERS: Mapping[str, AnswerReader] = {
    "binance": AnswerReader(binance_refusal, binance_answered, absent=binance_absent),
    "coinbase": AnswerReader(coinbase_refusal, coinbase_answered, cursor=coinbase_cursor),
    "kraken": AnswerReader(kraken_refusal, kraken_answered, absent=kraken_absent),
}
