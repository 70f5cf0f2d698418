"""The simulated market: what is planted in it is there, and it has markets like an exchange."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from autopilot.adapters.exchange.offline_markets.settings import SimulatedSettings
from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange
from autopilot.adapters.exchange.offline_markets.simulated_market import block_number, make_block
from autopilot.domain.candles import Candles
from autopilot.domain.conditions import Regime
from autopilot.domain.errors import ConfigError, MarketEnded, UnknownSymbol
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, Timeframe

H1 = Timeframe.H1
START_MS = 1_704_067_200_000
YEAR = 365 * 24


async def year_of(exchange: SimulatedExchange, symbol: str) -> Candles:
    """A year of candles, by a session resumed at its end."""
    until_ms = START_MS + YEAR * HOUR_MS
    exchange.subscribe([symbol], H1, until_ms)
    snapshot = await exchange.fetch(symbol, H1, None, YEAR)
    exchange.unsubscribe(symbol)
    return snapshot.candles


def true_regimes(symbol: str, since_ms: int, until_ms: int) -> list[tuple[int, Regime]]:
    """(open time, regime that made the candle) of each hour in [since_ms, until_ms], with the default seed."""
    numbers = range(block_number(H1, since_ms), block_number(H1, until_ms) + 1)
    return [
        (open_at_ms, regime)
        for block in (make_block(SimulatedSettings().seed, symbol, H1, number) for number in numbers)
        for open_at_ms, regime in zip(block.candles.open_at_ms.tolist(), block.regimes, strict=True)
        if since_ms <= open_at_ms <= until_ms
    ]


def log_returns(candles: Candles) -> np.ndarray:
    return np.log(candles.close / candles.open)


async def test_a_year_of_candles_is_sound_has_gaps_and_looks_like_a_market() -> None:
    candles = await year_of(SimulatedExchange(), "BTC/USD")
    assert candles.faults() == []
    assert len(candles) == YEAR
    steps = np.diff(candles.open_at_ms) // HOUR_MS
    assert 1 < (steps > 1).sum() < 100
    whole = np.flatnonzero(steps == 1)
    assert (candles.open[whole + 1] == candles.close[whole]).all()
    returns = log_returns(candles)
    assert 0.3 < returns.std() * np.sqrt(YEAR) < 1.0
    assert (returns**4).mean() / (returns**2).mean() ** 2 > 5, "fat tails"
    size = np.abs(returns)
    assert np.corrcoef(size[:-5], size[5:])[0, 1] > 0.1, "clustered volatility"
    assert abs(np.corrcoef(returns[:-1], returns[1:])[0, 1]) < 0.1
    assert np.corrcoef(size, candles.volume)[0, 1] > 0.5, "volume follows moves"


async def test_symbols_share_a_factor_and_outages() -> None:
    exchange = SimulatedExchange()
    one, other = [await year_of(exchange, symbol) for symbol in ("BTC/USD", "ETH/USD")]
    both = np.intersect1d(one.open_at_ms, other.open_at_ms)
    returns = [log_returns(candles)[np.isin(candles.open_at_ms, both)] for candles in (one, other)]
    assert 0.5 < np.corrcoef(*returns)[0, 1] < 0.9


async def test_each_regime_does_what_it_is_called() -> None:
    exchange = SimulatedExchange()
    sums: dict[Regime, list[float]] = {regime: [] for regime in Regime}
    volumes: dict[Regime, list[float]] = {regime: [] for regime in Regime}
    for symbol in ("BTC/USD", "ETH/USD", "SOL/USD"):
        candles = await year_of(exchange, symbol)
        first, last = int(candles.open_at_ms[0]), candles.last_at_ms
        truth = true_regimes(symbol, first, last)
        assert [at for at, _ in truth] == candles.open_at_ms.tolist()
        usual = candles.volume * candles.close
        for (_, regime), move, volume in zip(truth, log_returns(candles), usual / usual.mean(), strict=True):
            sums[regime].append(move)
            volumes[regime].append(volume)
    mean = {regime: float(np.mean(moves)) for regime, moves in sums.items()}
    spread = {regime: float(np.std(moves)) for regime, moves in sums.items()}
    assert mean[Regime.TRENDING_UP] > 0.0004 > -0.0004 > mean[Regime.TRENDING_DOWN]
    assert abs(mean[Regime.RANGING]) < 0.0002
    assert spread[Regime.VOLATILE] > 1.5 * spread[Regime.TRENDING_UP] > 2 * spread[Regime.QUIET]
    assert np.mean(volumes[Regime.VOLATILE]) > 2 * np.mean(volumes[Regime.QUIET])
    shares = {regime: len(moves) / sum(map(len, sums.values())) for regime, moves in sums.items()}
    assert min(shares.values()) > 0.01
    assert max(shares.values()) < 0.6


async def test_the_start_prices_are_those_one_expects() -> None:
    exchange = SimulatedExchange()
    exchange.subscribe(["BTC/USD", "ETH/USD"], H1, None)
    for symbol, price in (("BTC/USD", 60_000), ("ETH/USD", 3_000)):
        snapshot = await exchange.fetch(symbol, H1, None, 1000)
        assert len(snapshot.candles) == 1000
        assert snapshot.candles.last_at_ms == START_MS
        assert price / 3 < snapshot.candles.close[-1] < price * 3
        exchange.unsubscribe(symbol)
    assert exchange.kind is MarketKind.SIMULATED
    assert exchange.clock.now_ms() == START_MS + HOUR_MS


async def test_it_runs_for_ever_or_to_its_end() -> None:
    endless = SimulatedExchange(SimulatedSettings(start="2123-05-01"))
    endless.subscribe(["DOGE/EUR"], H1, None)
    assert (await endless.fetch("DOGE/EUR", H1, None, 5)).candles.faults() == []
    ending = SimulatedExchange(SimulatedSettings(speed=0, end="2024-01-01T03:00:00Z"))
    ending.subscribe(["BTC/USD"], H1, None)
    for hour in range(3):
        at_ms = START_MS + hour * HOUR_MS
        assert (await ending.fetch("BTC/USD", H1, at_ms, 1)).candles.open_at_ms.tolist() == [at_ms]
    with pytest.raises(MarketEnded, match="2024-01-01 03:00Z"):
        await ending.fetch("BTC/USD", H1, START_MS + 3 * HOUR_MS, 1)


@pytest.mark.parametrize("symbol", ["NOPE/USD", "BTC/XYZ", "btc/usd", "BTCUSD"])
async def test_an_unknown_symbol_is_refused_and_the_known_ones_are_named(symbol: str) -> None:
    exchange = SimulatedExchange()
    exchange.subscribe([symbol], H1, None)
    for ask in (exchange.market(symbol), exchange.fetch(symbol, H1, None, 10), exchange.history(symbol, H1, 0, 1)):
        with pytest.raises(UnknownSymbol) as refusal:
            await ask
        assert "BTC" in refusal.value.hint


async def test_market_rules_have_an_exchange_like_precision() -> None:
    market = await SimulatedExchange().market("BTC/USD")
    assert (market.base, market.quote) == ("BTC", "USD")
    assert market.price_step == Decimal("0.1")
    assert market.amount_step == Decimal("0.00001")
    assert market.maker_fee < market.taker_fee < Decimal("0.01")
    doge = await SimulatedExchange().market("DOGE/USD")
    assert doge.amount_step >= Decimal("0.1")


def test_a_bad_start_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="yesterday"):
        SimulatedExchange(SimulatedSettings(start="yesterday"))


async def test_history_reaches_back_over_blocks() -> None:
    exchange = SimulatedExchange()
    exchange.subscribe(["BTC/USD"], H1, START_MS + 90 * DAY_MS)
    candles = await exchange.history("BTC/USD", H1, START_MS + 60 * DAY_MS, 9000)
    assert len(candles) == 9000
    assert candles.faults() == []
    assert candles.last_at_ms == START_MS + 60 * DAY_MS
