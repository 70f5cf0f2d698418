"""freqtrade's backtest of one plain strategy, in an environment of its own and without the internet.

It asks its exchange for the markets before it tests. So it is given an exchange on the loopback interface, which knows
one market; ccxt takes the address from the configuration. `python -m benchmarks freqtrade` installs it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.costs import Spent, spend
from benchmarks.installation import ROOT

VERSION = "2026.9"
PINS = (f"freqtrade=={VERSION}", "pandas==3.1.1")
ENVIRONMENT = ROOT / ".cache" / f"freqtrade-{VERSION}"
PROGRAMS = ENVIRONMENT / "bin"

STRATEGY = '''
import talib.abstract as ta
from freqtrade.strategy import IStrategy


class Cross(IStrategy):
    """EMA 12 over 26 with an RSI below 70 buys; under sells."""

    INTERFACE_VERSION = 3
    timeframe = "1h"
    minimal_roi = {"0": 100.0}
    stoploss = -0.10
    startup_candle_count = 200

    def populate_indicators(self, dataframe, metadata):
        dataframe["fast"] = ta.EMA(dataframe, timeperiod=12)
        dataframe["slow"] = ta.EMA(dataframe, timeperiod=26)
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=14)
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        above = dataframe["fast"] > dataframe["slow"]
        crossed = above & (dataframe["fast"].shift(1) <= dataframe["slow"].shift(1))
        dataframe.loc[crossed & (dataframe["rsi"] < 70), "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        below = dataframe["fast"] < dataframe["slow"]
        crossed = below & (dataframe["fast"].shift(1) >= dataframe["slow"].shift(1))
        dataframe.loc[crossed, "exit_long"] = 1
        return dataframe
'''

STORE = """
import sys
from pathlib import Path

import pandas as pd
from freqtrade.data.history.datahandlers import get_datahandler
from freqtrade.enums import CandleType

table = pd.read_csv(sys.argv[1])
table.insert(0, "date", pd.to_datetime(table.pop("timestamp"), unit="ms", utc=True))
get_datahandler(Path(sys.argv[2]), "feather").ohlcv_store("BTC/USDT", "1h", table, CandleType.SPOT)
"""
"""Feather keeps every digit; its JSON keeps ten decimals: see findings/freqtrade_json_candles_keep_ten_decimals.sh."""

MARKET = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "baseAssetPrecision": 8,
    "quoteAsset": "USDT",
    "quotePrecision": 8,
    "orderTypes": ["LIMIT", "MARKET"],
    "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": False,
    "permissions": ["SPOT"],
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
        {"filterType": "NOTIONAL", "minNotional": "5", "maxNotional": "9000000"},
    ],
}


class _Exchange(BaseHTTPRequestHandler):
    """The rules of one market, whatever is requested."""

    def do_GET(self) -> None:
        body = json.dumps({"timezone": "UTC", "symbols": [MARKET]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


@dataclass(frozen=True, slots=True)
class Peer:
    """freqtrade with candles of BTC/USDT at 1h and one strategy."""

    directory: Path

    def backtest(self) -> Spent:
        """Raises CommandFailed."""
        place = self.directory
        return spend(
            [
                *(str(PROGRAMS / "freqtrade"), "backtesting", "--config", str(place / "config.json")),
                *("--userdir", str(place / "user"), "--datadir", str(place / "data"), "--strategy", "Cross"),
                *("--data-format-ohlcv", "feather", "--cache", "none", "--export", "none"),
            ],
            cwd=place,
        )


def is_installed() -> bool:
    return (PROGRAMS / "freqtrade").exists()


def main(_: list[str]) -> int:
    """Install it, which takes two minutes. Raises CalledProcessError."""
    subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
    pip = [str(PROGRAMS / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *PINS], check=True)
    return 0


@contextmanager
def peer(candles: Path) -> Iterator[Peer]:
    """``candles``: a CSV file with the columns timestamp (ms), open, high, low, close, volume."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Exchange)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with tempfile.TemporaryDirectory(prefix="ap-freqtrade-") as name:
            directory = Path(name)
            strategies = directory / "user" / "strategies"
            strategies.mkdir(parents=True)
            (strategies / "cross.py").write_text(STRATEGY)
            (directory / "store.py").write_text(STORE)
            (directory / "data").mkdir()
            (directory / "config.json").write_text(json.dumps(_config(server.server_port)))
            python = str(PROGRAMS / "python")
            spend([python, str(directory / "store.py"), str(candles), str(directory / "data")], cwd=directory)
            yield Peer(directory)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _config(port: int) -> dict[str, object]:
    return {
        "dry_run": True,
        "trading_mode": "spot",
        "stake_currency": "USDT",
        "stake_amount": 1000,
        "dry_run_wallet": 10_000,
        "max_open_trades": 1,
        "fee": 0.001,
        "entry_pricing": {"price_side": "same"},
        "exit_pricing": {"price_side": "same"},
        "pairlists": [{"method": "StaticPairList"}],
        "exchange": {
            "name": "binance",
            "pair_whitelist": ["BTC/USDT"],
            "enable_ws": False,
            "ccxt_config": {
                "urls": {"api": {"public": f"http://127.0.0.1:{port}/api/v3"}},
                "options": {"fetchMarkets": {"types": ["spot"]}},
            },
        },
    }
