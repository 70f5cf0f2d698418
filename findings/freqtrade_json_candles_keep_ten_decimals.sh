#!/usr/bin/env bash
# freqtrade 2026.9 (pandas 3.1.1): its JSON candle store keeps ten decimals. It writes with `DataFrame.to_json`, whose
# default is ten, so the low prices of pairs such as SHIB/BTC lose most of their digits, and prices below 5e-11 become
# 0. No error and no warning. Its feather store keeps every digit.
#
# Expected: candles come back as they were stored, in either format. Seen on 2026-12-01, Python 3.11, Linux:
#   stored  1.347e-10 1.362e-10 1.338e-10 1.351e-10 4.2e-11
#   json    1e-10 1e-10 1e-10 1e-10 0.0
#   feather 1.347e-10 1.362e-10 1.338e-10 1.351e-10 4.2e-11
# The script fails when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check freqtrade==2026.9 pandas==3.1.1
cat >"$folder/store.py" <<'PROGRAM'
import sys
from pathlib import Path

import pandas as pd
from freqtrade.data.history.datahandlers import get_datahandler
from freqtrade.enums import CandleType

hours = pd.date_range("2025-01-01", periods=2, freq="1h", tz="UTC")
candles = pd.DataFrame(
    {
        "date": hours,
        "open": [1.347e-10, 1.351e-10],
        "high": [1.362e-10, 1.362e-10],
        "low": [1.338e-10, 4.2e-11],
        "close": [1.351e-10, 1.347e-10],
        "volume": [5e9, 6e9],
    }
)


def shown(frame):
    first = frame.iloc[0]
    return [*(float(first[name]) for name in ("open", "high", "low", "close")), float(frame["low"].iloc[1])]


print("stored ", *shown(candles))
for name in ("json", "feather"):
    handler = get_datahandler(Path(sys.argv[1]), name)
    handler.ohlcv_store("SHIB/BTC", "1h", candles, CandleType.SPOT)
    print(name.ljust(7), *shown(handler.ohlcv_load("SHIB/BTC", "1h", CandleType.SPOT, drop_incomplete=False)))
PROGRAM
(cd "$folder" && env/bin/python store.py "$folder" 2>/dev/null) | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
stored  1.347e-10 1.362e-10 1.338e-10 1.351e-10 4.2e-11
json    1e-10 1e-10 1e-10 1e-10 0.0
feather 1.347e-10 1.362e-10 1.338e-10 1.351e-10 4.2e-11
SEEN
