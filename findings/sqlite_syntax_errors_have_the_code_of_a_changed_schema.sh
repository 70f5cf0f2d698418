#!/usr/bin/env bash
# SQLite 3.40.1 (Python 3.11's sqlite3): some syntax errors have the code SQLITE_SCHEMA, which is documented as "the
# schema has changed", as long as the connection has not read the schema of its file. The message is that of the syntax
# error. After any query of a table, and in memory, the same text has SQLITE_ERROR.
#
# Expected: a syntax error is SQLITE_ERROR. A program that tells a wrong query from a fault of the database by the code
# must know this one, too. Seen on 2026-12-01, Linux:
#   file: near "z": syntax error (SQLITE_SCHEMA)
#   file, schema read: near "z": syntax error (SQLITE_ERROR)
#   memory: near "z": syntax error (SQLITE_ERROR)
# The script fails when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/seen.py" <<'PROGRAM'
import sqlite3
import sys


def seen(name, connection):
    try:
        connection.execute("SELECT x y z")
    except sqlite3.Error as error:
        print(f"{name}: {error} ({error.sqlite_errorname})")


with sqlite3.connect(sys.argv[1]) as made:
    made.execute("CREATE TABLE t (a)")
made.close()
connection = sqlite3.connect(sys.argv[1])
seen("file", connection)
connection.execute("SELECT * FROM t")
seen("file, schema read", connection)
seen("memory", sqlite3.connect(":memory:"))
PROGRAM
python3 "$folder/seen.py" "$folder/some.db" | tee "$folder/seen"
grep -q '^file: near "z": syntax error (SQLITE_SCHEMA)$' "$folder/seen"
grep -q '^file, schema read: near "z": syntax error (SQLITE_ERROR)$' "$folder/seen"
grep -q '^memory: near "z": syntax error (SQLITE_ERROR)$' "$folder/seen"
