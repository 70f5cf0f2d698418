#!/usr/bin/env bash
# SQLite 3.54.1: a database in WAL mode, with a committed row that is still in the WAL, copied into a folder that the
# reader may not write in. mode=ro alone and nolock=1 cannot open it. immutable=1 opens it without a word and leaves
# the row out. The VFS unix-none with locking_mode=EXCLUSIVE, which keeps the index of the WAL in memory, reads it.
#
# Expected: a read-only connection reads a read-only copy, or says that rows are missing. Seen on 2026-12-01, Python
# 3.11, Linux (as root the program becomes another user first, because permissions do not hold for root):
#   cache=private -> CantOpenError
#   immutable=1 -> 0 rows
#   nolock=1 -> CantOpenError
#   vfs=unix-none -> 1 rows
# The script fails when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check apsw==3.54.1.0
cat >"$folder/seen.py" <<'PROGRAM'
import os
import shutil
import sys

import apsw

folder = sys.argv[1]
live, copy = f"{folder}/live", f"{folder}/copy"
os.mkdir(live)
writer = apsw.Connection(f"{live}/books.db")
writer.execute("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0")
writer.execute("CREATE TABLE fills (id)")
writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
writer.execute("INSERT INTO fills VALUES (1)")
os.mkdir(copy)
for name in ("books.db", "books.db-wal"):
    shutil.copy(f"{live}/{name}", copy)
os.chmod(copy, 0o555)
os.chmod(folder, 0o755)
if os.getuid() == 0:
    os.setuid(65_534)  # permissions do not hold for root
WAYS = {"cache=private": "", "immutable=1": "", "nolock=1": "", "vfs=unix-none": "PRAGMA locking_mode = EXCLUSIVE"}
for way, first in WAYS.items():
    try:
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        reader = apsw.Connection(f"file:{copy}/books.db?mode=ro&{way}", flags=flags)
        if first:
            reader.execute(first)
        print(way, "->", reader.execute("SELECT count(*) FROM fills").fetchone()[0], "rows")
    except apsw.Error as error:
        print(way, "->", type(error).__name__)
PROGRAM
(cd "$folder" && env/bin/python seen.py "$folder") | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
cache=private -> CantOpenError
immutable=1 -> 0 rows
nolock=1 -> CantOpenError
vfs=unix-none -> 1 rows
SEEN
