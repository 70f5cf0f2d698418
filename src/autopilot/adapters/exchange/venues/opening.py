"""A real exchange by its name: its public market, and an account on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from autopilot.adapters.exchange.ccxt_broker import CcxtBroker
from autopilot.adapters.exchange.ccxt_source import TIMEOUT_S, CcxtCandles
from autopilot.adapters.exchange.exchange_clock import ExchangeClock
from autopilot.adapters.exchange.gateway import Gateway
from autopilot.adapters.exchange.nonces import NONCES_NAME
from autopilot.adapters.exchange.public_exchange import PublicExchange
from autopilot.adapters.exchange.venues.known import VENUES, venue_rules
from autopilot.domain.account import exchange_of
from autopilot.domain.credentials import ExchangeKeys


def public_market(exchange: str, clock: ExchangeClock | None = None) -> CcxtCandles:
    """The public market of any exchange that ccxt knows; ``clock`` is its clock, if others use it too. Raises
    UnknownExchange."""
    return CcxtCandles(exchange, needs_coin_list=_needs_coin_list(exchange), clock=clock)


def public_exchange(exchange: str) -> PublicExchange:
    """A connection to any exchange that ccxt knows, for its history. Raises UnknownExchange."""
    coin_list = _needs_coin_list(exchange)
    return PublicExchange(exchange, ExchangeClock(exchange), TIMEOUT_S, needs_coin_list=coin_list, base_url=None)


def live_account(
    account: str,
    keys: ExchangeKeys,
    clock: ExchangeClock,
    data_dir: Path,
    on_rejection: Callable[[], None] = lambda: None,
) -> CcxtBroker:
    """The broker of ``account``, such as ``live:kraken``, by its exchange's clock; ``on_rejection`` as in `Gateway`.
    Raises ConfigError for an exchange without `VenueRules`."""
    rules = venue_rules(exchange_of(account))
    gateway = Gateway(rules, keys, clock, nonces_dir=data_dir / NONCES_NAME, on_rejection=on_rejection)
    return CcxtBroker(account, gateway, rules.orders, clock)


def _needs_coin_list(exchange: str) -> bool:
    rules = VENUES.get(exchange)
    return rules is not None and rules.needs_coin_list
