#!/usr/bin/env bash
# ccxt.pro 4.5.90: Binance's streams of spot and of futures have the same market ids. ccxt tells them apart by the text
# "/stream" in the address of the connection. So behind a mirror, a proxy or a stand-in whose address is another, every
# message of a spot market counts as one of a future: the ticker that was asked for never arrives, without an error. And
# each object of ccxt reads the file of certificates again for a new SSL context, which a program that replaces the
# object after each lost connection pays every time.
#
# Expected: a message reaches whoever subscribed to it, whatever the host is called. Seen on 2026-12-01, Python 3.11,
# Linux, with no network:
#   wss://stream.binance.com:9443/ws: the ticker of BTC/USDT has arrived
#   wss://mirror.example/ws: the ticker of BTC/USDT has not arrived
#   two objects share an SSL context: False
# The script fails when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check ccxt==4.5.90
cat >"$folder/seen.py" <<'PROGRAM'
import asyncio

import ccxt.pro

MESSAGE = {"e": "24hrMiniTicker", "E": 1, "s": "BTCUSDT", "c": "1", "o": "1", "h": "1", "l": "1", "v": "1", "q": "1"}
MARKET = {"id": "BTCUSDT", "lowercaseId": "btcusdt", "base": "BTC", "quote": "USDT", "baseId": "BTC", "quoteId": "USDT"}


async def main():
    contexts = []
    for address in ("wss://stream.binance.com:9443/ws", "wss://mirror.example/ws"):
        exchange = ccxt.pro.binance()
        spot = {**MARKET, "symbol": "BTC/USDT", "type": "spot", "spot": True}
        future = {**MARKET, "symbol": "BTC/USDT:USDT", "type": "swap", "swap": True, "contract": True, "linear": True}
        future |= {"settle": "USDT", "settleId": "USDT"}
        exchange.set_markets([exchange.safe_market_structure(market) for market in (spot, future)])
        exchange.urls["api"]["ws"]["spot"] = address
        exchange.handle_message(exchange.client(f"{address}/1"), MESSAGE)
        contexts.append(exchange.ssl_context)
        has = "has" if "BTC/USDT" in exchange.tickers else "has not"
        print(f"{address}: the ticker of BTC/USDT {has} arrived")
        await exchange.close()
    print("two objects share an SSL context:", contexts[0] is contexts[1])


asyncio.run(main())
PROGRAM
"$folder/env/bin/python" "$folder/seen.py" | tee "$folder/out"
diff "$folder/out" - <<'SEEN'
wss://stream.binance.com:9443/ws: the ticker of BTC/USDT has arrived
wss://mirror.example/ws: the ticker of BTC/USDT has not arrived
two objects share an SSL context: False
SEEN
