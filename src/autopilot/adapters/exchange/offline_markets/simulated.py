"""The exchange `simulated`: a made-up market without an end, for the first run and for tests."""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal

from autopilot.adapters.clock import moment_ms
from autopilot.adapters.exchange.offline_markets.session import MAKER_FEE, TAKER_FEE, OfflineExchange, Tape
from autopilot.adapters.exchange.offline_markets.settings import SimulatedSettings
from autopilot.adapters.exchange.offline_markets.simulated_market import (
    ASSETS,
    Block,
    block_number,
    make_block,
    price_decimals,
)
from autopilot.domain.candles import Candles
from autopilot.domain.errors import UnknownSymbol
from autopilot.domain.market import Market, MarketKind, split_symbol
from autopilot.domain.suggestion import did_you_mean
from autopilot.domain.timeframe import Timeframe

QUOTES = ("USD", "USDT", "USDC", "EUR")
MIN_COST = Decimal("0.5")

_BLOCKS_KEPT = 4


class SimulatedExchange(OfflineExchange):
    """The same (seed, symbol, timeframe) gives the same candles, in any order of requests."""

    name = "simulated"
    kind = MarketKind.SIMULATED

    def __init__(self, settings: SimulatedSettings | None = None) -> None:
        settings = settings or SimulatedSettings()
        super().__init__(settings.speed)
        self._seed = settings.seed
        self._start_ms = moment_ms(settings.start)
        self._end_ms = moment_ms(settings.end) if settings.end else None

    async def market(self, symbol: str) -> Market:
        base, quote = simulated_currencies(symbol)
        decimals = price_decimals(ASSETS[base].price)
        amount_step = Decimal(1).scaleb(decimals - 6)
        return Market(
            symbol=symbol,
            base=base,
            quote=quote,
            amount_step=amount_step,
            price_step=Decimal(1).scaleb(-decimals),
            min_amount=10 * amount_step,
            min_cost=MIN_COST,
            maker_fee=MAKER_FEE,
            taker_fee=TAKER_FEE,
        )

    def _open_tape(self, symbol: str, timeframe: Timeframe) -> SimulatedTape:
        simulated_currencies(symbol)
        return SimulatedTape(self._seed, symbol, timeframe, self._start_ms, self._end_ms)


class SimulatedTape(Tape):
    """One symbol's made-up candles; blocks are made on demand, and the latest few are kept."""

    def __init__(self, seed: int, symbol: str, timeframe: Timeframe, start_ms: int, end_ms: int | None) -> None:
        self._seed = seed
        self._symbol = symbol
        self._timeframe = timeframe
        self._end_ms = end_ms
        self._blocks: OrderedDict[int, Block] = OrderedDict()
        self.start_ms = start_ms

    def next_from(self, open_at_ms: int) -> int | None:
        number = block_number(self._timeframe, open_at_ms)
        while True:
            ahead = self.block(number).candles.since(open_at_ms)
            if len(ahead):
                found = int(ahead.open_at_ms[0])
                return found if self._end_ms is None or found < self._end_ms else None
            number += 1

    def load(self, since_ms: int | None, until_ms: int, limit: int) -> Candles:
        number = block_number(self._timeframe, until_ms)
        first = 0 if since_ms is None else block_number(self._timeframe, since_ms)
        found = self.block(number).candles.until(until_ms)
        while len(found) < limit and number > first:
            number -= 1
            found = self.block(number).candles.followed_by(found)
        wanted = found if since_ms is None else found.since(since_ms)
        return wanted[max(0, len(wanted) - limit) :]

    def block(self, number: int) -> Block:
        if number not in self._blocks:
            self._blocks[number] = make_block(self._seed, self._symbol, self._timeframe, number)
            if len(self._blocks) > _BLOCKS_KEPT:
                self._blocks.popitem(last=False)
        return self._blocks[number]


def simulated_currencies(symbol: str) -> tuple[str, str]:
    """Base and quote of a symbol of the simulated market. Raises UnknownSymbol for any other."""
    base, quote = split_symbol(symbol)
    if base not in ASSETS or quote not in QUOTES:
        known = (f"{each}/{money}" for each in ASSETS for money in QUOTES)
        listed = f"it has {', '.join(sorted(ASSETS))}, each against {', '.join(QUOTES)}"
        raise UnknownSymbol(
            f"the simulated market has no {symbol}", hint=f"{did_you_mean(symbol, known)} {listed}".strip()
        )
    return base, quote
