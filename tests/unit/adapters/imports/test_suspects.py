"""Symbols that an older version read wrongly from the names of files are found, and right ones left alone."""

from __future__ import annotations

import pytest

from autopilot.adapters.imports.currencies import COINS
from autopilot.adapters.imports.suspects import AVERAGES, suspicion_of


@pytest.mark.parametrize("symbol", ["FD/USD", "PY/USD", "RL/USD", "WB/ETH", "BTCUSDT/1H", "XX/60"])
def test_a_part_of_a_name_is_deleted(symbol: str) -> None:
    found = suspicion_of("btc", symbol)
    assert found is not None
    assert found.mend.startswith(f"autopilot data delete --exchange btc --symbol {symbol}")


@pytest.mark.parametrize(
    ("symbol", "right"), [("BTCB/USD", "BTC/BUSD"), ("XRPRL/USD", "XRP/RLUSD"), ("ETHFD/USD", "ETH/FDUSD")]
)
def test_a_quote_that_was_cut_is_put_right(symbol: str, right: str) -> None:
    found = suspicion_of("kraken", symbol)
    assert found is not None
    assert found.mend == f"autopilot data rename --exchange kraken --symbol {symbol} --to-symbol {right}"


@pytest.mark.parametrize("quote", ["USD", "USDT", "BTC", "ETH", "EUR"])
def test_markets_of_known_coins_are_right(quote: str) -> None:
    assert [coin for coin in COINS - {quote} if suspicion_of("kraken", f"{coin}/{quote}")] == []
    assert suspicion_of("kraken", "NEWCOIN/USD") is None


def test_averages_are_named() -> None:
    found = suspicion_of("kraken", "BTC/USD", has_averages=True)
    assert found is not None
    assert found.words == AVERAGES
