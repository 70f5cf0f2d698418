"""A real exchange by its name: its public market, and an account on it."""

from __future__ import annotations

from autopilot.adapters.exchange.ccxt_broker import CcxtBroker
from autopilot.adapters.exchange.ccxt_source import CcxtCandles
from autopilot.adapters.exchange.gateway import Gateway
from autopilot.adapters.exchange.venues.known import VENUES, venue_rules
from autopilot.domain.account import exchange_of
from autopilot.domain.credentials import ExchangeKeys
from autopilot.ports.clock import Clock


def public_market(exchange: str) -> CcxtCandles:
    """The public market of any exchange that ccxt knows. Raises UnknownExchange."""
    rules = VENUES.get(exchange)
    return CcxtCandles(exchange, needs_coin_list=rules is not None and rules.needs_coin_list)


def live_account(account: str, keys: ExchangeKeys, clock: Clock) -> CcxtBroker:
    """The broker of ``account``, such as ``live:kraken``. Raises ConfigError for an exchange without `VenueRules`."""
    rules = venue_rules(exchange_of(account))
    return CcxtBroker(account, Gateway(rules, keys, clock), rules.orders, clock)
