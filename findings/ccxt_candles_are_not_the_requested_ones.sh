#!/usr/bin/env bash
# ccxt 4.5.90: fetch_ohlcv takes the time of the first candle (`since`) and a number (`limit`) on every exchange, and
# `features` states the largest number. What is sent, and what is returned, is something else on many exchanges, without
# an error (indodax takes both times in seconds). A program that pages by `since` gets wrong candles, or holes that it
# takes for hours without trades.
#
# Expected: a request that names the first candle, a page as large as `features` says, and only candles that the
# exchange has. Seen on 2026-12-01, Python 3.11, Linux, with the network replaced:
#   the same request for two different since: bithumb bitteam bittrade gemini p2b phemex weex
#   bullish: features say 1000, the window holds 100
#   bitget with limit 1000: the request begins 800 candles late
#   indodax with until: from=1699999200 to=1700359200000
#   bitopro: 3 candles that the exchange gave became 5
# The script fails when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check ccxt==4.5.90
cat >"$folder/seen.py" <<'PROGRAM'
import re
from urllib.parse import unquote

import ccxt

HOUR = 3_600_000
SINCE = 1_699_999_200_000
MARKET = {"symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "baseId": "btc", "quoteId": "usdt"}


def asked(name, since, limit, params={}, answer=None):
    """(the request that would be sent, the result)"""
    exchange = getattr(ccxt, name)({"enableRateLimit": False})
    exchange.milliseconds = lambda: SINCE + 9_000 * HOUR
    exchange.seconds = lambda: exchange.milliseconds() // 1000
    sent = []
    exchange.fetch = lambda url, *rest: sent.append(unquote(url)) or answer
    market = {"id": "BTCUSDT", "type": "spot", "spot": True, "active": True, "info": {}, **MARKET}
    exchange.set_markets([exchange.safe_market_structure(market)])
    result = exchange.fetch_ohlcv("BTC/USDT", "1h", since, limit, params)
    return sent[-1], result, exchange


deaf = [
    name
    for name in ("binance", "bithumb", "bitteam", "bittrade", "gemini", "p2b", "phemex", "weex")
    if asked(name, SINCE, 100)[0] == asked(name, SINCE + 500 * HOUR, 100)[0]
]
print("the same request for two different since:", *deaf)

request, _, exchange = asked("bullish", SINCE, 1000)
times = re.findall(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z)", request)
window = abs(exchange.parse8601(times[1]) - exchange.parse8601(times[0])) // HOUR
stated = exchange.features["spot"]["fetchOHLCV"]["limit"]
print(f"bullish: features say {stated}, the window holds {window}")

request, _, _ = asked("bitget", SINCE, 1000, {}, {"code": "00000", "data": []})
begin = int(re.search(r"startTime=(\d+)", request)[1])
print(f"bitget with limit 1000: the request begins {(begin - SINCE) // HOUR} candles late")

request, _, _ = asked("indodax", SINCE, 100, {"until": SINCE + 100 * HOUR}, [])
print("indodax with until:", *sorted(re.findall(r"(?:from|to)=\d+", request)))

names = ("timestamp", "open", "high", "low", "close", "volume")
given = [dict(zip(names, (SINCE + hours * HOUR, "2", "3", "1", "2", "9"))) for hours in (0, 1, 4)]
_, result, _ = asked("bitopro", SINCE, 100, {}, {"data": given})
print(f"bitopro: {len(given)} candles that the exchange gave became {len(result)}")
PROGRAM
(cd "$folder" && env/bin/python seen.py) | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
the same request for two different since: bithumb bitteam bittrade gemini p2b phemex weex
bullish: features say 1000, the window holds 100
bitget with limit 1000: the request begins 800 candles late
indodax with until: from=1699999200 to=1700359200000
bitopro: 3 candles that the exchange gave became 5
SEEN
