"""Stores, reads and imports candles, and prints what that took as JSON. As a program it takes an empty folder, a number
of candles and files to import, and runs under any state of the code."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from autopilot.adapters.imports.candle_files import import_path
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database, open_database
from autopilot.domain.timeframe import Timeframe
from benchmarks.made_candles import made_candles


def main(folder: str, count: str, *files: str) -> None:
    made, path, other = made_candles(int(count)), Path(folder) / "made.db", Path(folder) / "imported.db"
    with closing(open_database(path)) as database:
        store = SqliteCandles(database)
        write_s = _spent(lambda: store.save_candles("kraken", "BTC/USD", made))
        read_s = min(_spent(lambda: store.load_candles("kraken", "BTC/USD", Timeframe.M1)) for _ in range(3))
        list_s = min(_spent(store.coverage) for _ in range(3))
        read = _digest(database)
    size = path.stat().st_size
    with closing(open_database(other)) as database:
        import_s = _spent(lambda: [import_path(SqliteCandles(database), Path(file)) for file in files])
        imported = _digest(database)
    print(
        json.dumps(
            {
                "write_s": write_s,
                "read_s": read_s,
                "list_s": list_s,
                "bytes": size / int(count),
                "import_s": import_s,
                "digests": [read, imported],
            }
        )
    )


def _spent(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def _digest(database: Database) -> str:
    """Of every candle of every series."""
    store, digest = SqliteCandles(database), sha256()
    for series in store.coverage():
        candles = store.load_candles(series.exchange, series.symbol, series.timeframe)
        digest.update(f"{series}".encode())
        for name in ("open_at_ms", "open", "high", "low", "close", "volume"):
            digest.update(getattr(candles, name).tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    main(*sys.argv[1:])
