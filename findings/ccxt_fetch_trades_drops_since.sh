#!/usr/bin/env bash
# ccxt 4.5.90: `fetch_trades(symbol, since)` of most exchanges with spot markets sends no time at all. It gets the
# latest trades, and drops those before `since`: for a `since` long ago that is none of them. So the caller gets the
# trades of this minute as if they were the first ones since then, without an error, and `has["fetchTrades"]` is True.
# A program that pages by `since` goes on from there and leaves out years.
#
# Expected: an exchange that cannot be asked from a time on says so, or `since` is sent. Seen on 2026-12-01, Python
# 3.11, Linux (counted are the exchanges that have spot markets and fetchTrades; the names are the well-known ones of
# those that drop it):
#   drops since: 59
#   sends no request: 5
#   sends since: 21
#   bitstamp bybit coinbaseexchange gate htx kucoin okx upbit
#   since 2020-09-13 bybit's first trade is of 2025-10-09
# Nothing is sent. The script fails when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check ccxt==4.5.90
cat >"$folder/seen.py" <<'PROGRAM'
import warnings
from collections import Counter

import ccxt

warnings.filterwarnings("ignore")
NOW_MS, THEN_MS, LATER_MS = 1_760_000_000_000, 1_600_000_000_000, 1_650_000_000_000
MARKET = {
    "id": "BTC-USDT", "lowercaseId": "btc-usdt", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT",
    "baseId": "BTC", "quoteId": "USDT", "type": "spot", "spot": True, "margin": False, "swap": False, "future": False,
    "option": False, "contract": False, "active": True, "precision": {"amount": 1e-8, "price": 0.01},
    "info": {"symbol": "BTC-USDT", "id": "1"},
}


class Sent(Exception):
    pass


def opened(name):
    """An exchange with one market and a clock that stands still."""
    exchange = getattr(ccxt, name)({"enableRateLimit": False})
    exchange.set_markets([exchange.safe_market_structure(MARKET)])
    exchange.load_markets = lambda *_: exchange.markets
    exchange.milliseconds = exchange.nonce = lambda: NOW_MS
    exchange.seconds, exchange.microseconds = lambda: NOW_MS // 1000, lambda: NOW_MS * 1000
    exchange.uuid = exchange.uuid16 = exchange.uuid22 = lambda *_: "0"
    return exchange


def request(name, since):
    """The first request that fetch_trades sends, or the kind of its refusal."""
    exchange = opened(name)

    def fetch(url, method="GET", headers=None, body=None):
        raise Sent(url, str(body))

    exchange.fetch = fetch
    try:
        exchange.fetch_trades("BTC/USDT", since, 500)
    except Sent as sent:
        return sent.args
    except ccxt.BaseError as error:
        return type(error).__name__
    return "no request"


found, ignoring = Counter(), []
for name in ccxt.exchanges:
    has = getattr(ccxt, name)().has
    if has.get("spot") and has.get("fetchTrades"):
        then, later = request(name, THEN_MS), request(name, LATER_MS)
        kind = "sends no request" if isinstance(then, str) else "sends since" if then != later else "drops since"
        found[kind] += 1
        if kind == "drops since":
            ignoring.append(name)
for kind, count in sorted(found.items()):
    print(f"{kind}: {count}")
print(" ".join(each for each in ignoring if each in "bitstamp bybit coinbaseexchange gate htx kucoin okx upbit".split()))

bybit = opened("bybit")
row = {"execId": "1", "symbol": "BTC-USDT", "price": "1", "size": "1", "side": "Buy", "time": str(NOW_MS)}
bybit.fetch = lambda *_: {"retCode": 0, "result": {"category": "spot", "list": [row]}}
(trade,) = bybit.fetch_trades("BTC/USDT", THEN_MS, 500)
print(f"since {bybit.iso8601(THEN_MS)[:10]} bybit's first trade is of {trade['datetime'][:10]}")
PROGRAM
(cd "$folder" && env/bin/python seen.py) | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
drops since: 59
sends no request: 5
sends since: 21
bitstamp bybit coinbaseexchange gate htx kucoin okx upbit
since 2020-09-13 bybit's first trade is of 2025-10-09
SEEN
