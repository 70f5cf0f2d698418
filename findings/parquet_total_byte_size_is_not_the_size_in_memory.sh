#!/usr/bin/env bash
# pyarrow 26.0.1: total_byte_size of a row group, in the metadata of a Parquet file, is the size before compression
# but after dictionary and run-length encoding. For columns with few different values it is smaller than the table in
# memory by a factor of thousands, so it bounds nothing. The number of rows and columns does.
#
# Expected: a bound of the memory that reading takes, to within a small factor. Seen on 2026-12-01, Python 3.11,
# Linux:
#   file 21,266 bytes
#   total_byte_size 19,610 bytes
#   rows 1,000,000
#   in memory 40,625,000 bytes
# The script fails when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 numpy==2.4.6
cat >"$folder/seen.py" <<'PROGRAM'
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

columns = ("open", "high", "low", "close", "volume")
pq.write_table(pa.table({name: np.full(1_000_000, 1.5) for name in columns}), "candles.parquet")
metadata = pq.read_metadata("candles.parquet")
stated = sum(metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups))
print(f"file {os.path.getsize('candles.parquet'):,} bytes")
print(f"total_byte_size {stated:,} bytes")
print(f"rows {metadata.num_rows:,}")
print(f"in memory {pq.read_table('candles.parquet').nbytes:,} bytes")
PROGRAM
(cd "$folder" && env/bin/python seen.py) | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
file 21,266 bytes
total_byte_size 19,610 bytes
rows 1,000,000
in memory 40,625,000 bytes
SEEN
