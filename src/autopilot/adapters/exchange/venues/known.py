"""The exchanges on which real money can be traded."""

from __future__ import annotations

from collections.abc import Mapping

from autopilot.adapters.exchange.ccxt_import import known_exchanges
from autopilot.adapters.exchange.venue import VenueRules
from autopilot.adapters.exchange.venues.binance import BINANCE
from autopilot.adapters.exchange.venues.coinbase import COINBASE
from autopilot.adapters.exchange.venues.kraken import KRAKEN
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.errors import ConfigError
from autopilot.domain.market import MarketKind
from autopilot.domain.suggestion import did_you_mean

VENUES: Mapping[str, VenueRules] = {rules.name: rules for rules in (BINANCE, COINBASE, KRAKEN)}


def venue_rules(exchange: str) -> VenueRules:
    """Raises ConfigError for an exchange that does not exist, has no real money, or whose orders we cannot find by our
    own id."""
    if exchange not in VENUES:
        meant = did_you_mean(exchange, VENUES)
        raise ConfigError(
            f"real money cannot be traded on {exchange}: {_why_not(exchange)}",
            hint=f"{meant} use one of {', '.join(sorted(VENUES))}, or trade on paper".strip(),
        )
    return VENUES[exchange]


def _why_not(exchange: str) -> str:
    if MarketKind.of(exchange) is not MarketKind.REAL:
        return "there is no real money there"
    if exchange not in known_exchanges():
        return "there is no such exchange"
    return "Autopilot cannot find an order there by its own id"


def require_key_shape(exchange: str, keys: ExchangeKeys) -> None:
    """Raises ConfigError that says why these cannot be keys of this exchange."""
    rules = VENUES[exchange]
    problem = _odd(keys) or rules.key_problem(keys)
    if problem:
        raise ConfigError(f"these are not keys of {exchange}: {problem}", hint=f"copy them again; {rules.key_hint}")


def _odd(keys: ExchangeKeys) -> str:
    """A fault that no exchange's keys can have; "" without any."""
    if not keys.api_key or not keys.secret:
        return f"the {'secret' if keys.api_key else 'key'} is empty"
    if not keys.api_key.isascii() or not keys.api_key.isprintable() or " " in keys.api_key:
        return "the key has characters that no key has"
    if not keys.secret.isascii():
        return "the secret has characters that no secret has"
    return "key and secret are the same" if keys.api_key == keys.secret else ""
