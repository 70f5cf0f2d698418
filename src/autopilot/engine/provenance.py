"""The provenance of a decision: its program, candles and account."""

from __future__ import annotations

from typing import NamedTuple

from autopilot.domain.candles import Candles
from autopilot.domain.decision import AccountState, OrderState, Provenance
from autopilot.domain.portfolio import Portfolio
from autopilot.domain.window_hash import window_hash_of
from autopilot.engine.reading import Reading
from autopilot.ports.ledger import EquityMark


class Program(NamedTuple):
    """The program that decides: the ``version`` of Autopilot, and the ``config_hash`` of a `Provenance`."""

    version: str
    config_hash: str

    def provenance(self, exchange: str, reading: Reading, portfolio: Portfolio, mark: EquityMark) -> Provenance:
        """That of a decision on the reading, of the account and with the equity mark that is stored with it."""
        end = reading.index + 1
        window = reading.view.candles[end - reading.basis.count : end]
        symbol = reading.conditions.symbol
        account = account_state(portfolio, mark, symbol)
        return Provenance(self.version, self.config_hash, window_hash(exchange, symbol, window), account)


def window_hash(exchange: str, symbol: str, candles: Candles) -> str:
    """Of these names, the timeframe, the number of candles and all their numbers, column by column."""
    columns = (candles.open_at_ms, candles.open, candles.high, candles.low, candles.close, candles.volume)
    return window_hash_of(exchange, symbol, candles.timeframe, len(candles), (each.tobytes() for each in columns))


def account_state(portfolio: Portfolio, mark: EquityMark, symbol: str) -> AccountState:
    """The account before the decision on ``symbol``."""
    return AccountState(
        currency=mark.currency,
        free=mark.free,
        equity=mark.equity,
        day_start_equity=mark.day_start_equity,
        peak_equity=mark.peak_equity,
        start_equity=mark.start_equity,
        own_cash=mark.own_cash,
        exposure=portfolio.exposure,
        position=portfolio.position(symbol),
        open_orders=tuple(
            OrderState(
                order.client_order_id,
                order.symbol,
                order.side,
                order.purpose,
                order.status,
                order.quantity,
                order.filled,
            )
            for order in portfolio.open_orders
        ),
    )
