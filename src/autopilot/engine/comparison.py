"""Compares the books of an account with its exchange, whether or not a symbol runs on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from autopilot.domain.errors import ExchangeError, UnknownSymbol
from autopilot.domain.market import Market
from autopilot.execution.order_desk import OrderDesk
from autopilot.execution.reconciliation import Shortfall
from autopilot.ports.ledger import Ledger
from autopilot.ports.market_data import CandleSource


@dataclass(frozen=True, slots=True)
class Comparison:
    """``markets``: those of the positions and open orders, by symbol; ``gone``: the symbols of the others, which the
    exchange no longer has."""

    shortfalls: tuple[Shortfall, ...]
    markets: Mapping[str, Market]
    gone: tuple[str, ...]


async def compare_books(account: str, ledger: Ledger, desk: OrderDesk, source: CandleSource) -> Comparison:
    """First the open orders are looked up and their fills booked; nothing is sent, canceled or sold. The caller holds
    the account's lock. Raises MarketUnavailable, StoreError."""
    markets: dict[str, Market] = {}
    gone: list[str] = []
    for symbol in _symbols(account, ledger):
        try:
            markets[symbol] = await source.market(symbol)
        except UnknownSymbol:
            gone.append(symbol)
            with suppress(ExchangeError):  # only some exchanges show such an order
                await desk.look_up(symbol, None)
        else:
            await desk.look_up(symbol, markets[symbol])
    return Comparison(await desk.shortfalls(), markets, tuple(gone))


def _symbols(account: str, ledger: Ledger) -> Sequence[str]:
    """Those of the positions and open orders."""
    held = {position.symbol for position in ledger.positions(account)}
    return sorted(held | {order.symbol for order in ledger.open_orders(account)})
