#!/usr/bin/env bash
# ccxt 4.5.90: `fetch_trades(..., params={"paginate": True})` asks for the next page from one millisecond after the last
# trade of a page (backwards: until one millisecond before the first). Trades of one millisecond that stand on both
# sides of the end of a page are lost, without an error. One order that meets several others makes trades of one
# millisecond all the time. Candles that are built from these trades lack volume.
#
# Expected: all 2,500 trades of an answer that gives 1,000 at once. Seen on 2026-12-01, Python 3.11, Linux:
#   forward: 2496 of 2500 trades
#   backward: 2498 of 2500 trades
# The exchange is a function in this script that answers as Binance does: at most `limit` trades, the oldest since
# `startTime` if that is given, else the newest until `endTime`. The script fails when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check ccxt==4.5.90
cat >"$folder/seen.py" <<'PROGRAM'
from urllib.parse import parse_qsl, urlsplit

import ccxt

FIRST_MS = 1_760_000_000_000
TRADES = [  # three of them in each millisecond
    {"a": number, "p": "100", "q": "1", "T": FIRST_MS + number // 3, "m": False, "M": True} for number in range(2_500)
]
MARKET = {
    "id": "BTCUSDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "baseId": "BTC", "quoteId": "USDT",
    "type": "spot", "spot": True,
}


def fetch(url, method="GET", headers=None, body=None):
    query = dict(parse_qsl(urlsplit(url).query))
    first, last = int(query.get("startTime", 0)), int(query.get("endTime", FIRST_MS * 2))
    inside = [trade for trade in TRADES if first <= trade["T"] <= last]
    limit = int(query["limit"])
    return inside[:limit] if "startTime" in query else inside[-limit:]


for direction in ("forward", "backward"):
    exchange = ccxt.binance({"enableRateLimit": False})
    exchange.set_markets([exchange.safe_market_structure(MARKET)])
    exchange.fetch = fetch
    params = {"paginate": True, "paginationDirection": direction, "until": FIRST_MS + 10_000}
    got = exchange.fetch_trades("BTC/USDT", FIRST_MS, None, params)
    print(f"{direction}: {len(got)} of {len(TRADES)} trades")
PROGRAM
(cd "$folder" && env/bin/python seen.py) | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
forward: 2496 of 2500 trades
backward: 2498 of 2500 trades
SEEN
