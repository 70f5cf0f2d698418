#!/usr/bin/env bash
# ccxt 4.5.90: Kraken refuses an order on a market that is in cancel-only or post-only mode in so many words, and no
# order exists. ccxt raises OnMaintenance, a NetworkError, as for a lost connection; for limit-only mode a plain
# ExchangeError. A program that repeats after a NetworkError sends an exit at market again and again instead of trying
# a limit order.
#
# Expected: the three answers, which all refuse one order for the same kind of reason, raise one kind of
# ExchangeError, as the refusal for insufficient funds does. Seen on 2026-12-01, Python 3.11, Linux:
#   EOrder:Insufficient funds -> InsufficientFunds (ExchangeError)
#   EService:Market in cancel_only mode -> OnMaintenance (NetworkError)
#   EService:Market in post_only mode -> OnMaintenance (NetworkError)
#   EService:Market in limit_only mode -> ExchangeError (ExchangeError)
# The script fails when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check ccxt==4.5.90
cat >"$folder/seen.py" <<'PROGRAM'
import json

import ccxt

exchange = ccxt.kraken()
for words in (
    "EOrder:Insufficient funds",
    "EService:Market in cancel_only mode",
    "EService:Market in post_only mode",
    "EService:Market in limit_only mode",
):
    body = {"error": [words]}
    try:
        exchange.handle_errors(200, "OK", "", "POST", {}, json.dumps(body), body, {}, "")
    except ccxt.BaseError as error:
        kind = "NetworkError" if isinstance(error, ccxt.NetworkError) else "ExchangeError"
        print(f"{words} -> {type(error).__name__} ({kind})")
PROGRAM
(cd "$folder" && env/bin/python seen.py) | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
EOrder:Insufficient funds -> InsufficientFunds (ExchangeError)
EService:Market in cancel_only mode -> OnMaintenance (NetworkError)
EService:Market in post_only mode -> OnMaintenance (NetworkError)
EService:Market in limit_only mode -> ExchangeError (ExchangeError)
SEEN
