#!/usr/bin/env bash
# sqlite-utils 4.2.1, TA-Lib 0.8.2 and LightGBM 4.7.0 import pandas 3.1.1 as soon as they are imported, if it is
# installed, though the caller uses none of it. LightGBM also imports scipy.sparse, in any case. A small daemon that
# only upserts a row or computes an RSI on NumPy arrays pays for pandas with memory and start-up time.
#
# Expected: importing them loads no data frame library. Seen on 2026-11-30, Python 3.11, Linux:
#   sqlite_utils pandas
#   talib pandas
#   lightgbm pandas scipy
# The script fails when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    sqlite-utils==4.2.1 TA-Lib==0.8.2 lightgbm==4.7.0 pandas==3.1.1 numpy==2.4.6 scipy==1.17.1
for module in sqlite_utils talib lightgbm; do
    "$folder/env/bin/python" -c "
import sys, $module
print('$module', *(name for name in ('pandas', 'scipy') if name in sys.modules))"
done | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
sqlite_utils pandas
talib pandas
lightgbm pandas scipy
SEEN
