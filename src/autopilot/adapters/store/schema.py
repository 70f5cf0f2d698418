"""The tables, as a list of steps: step n brings a database from version n to n + 1. Steps are added, never changed.

Money is text, times are UTC milliseconds. A decision's key is its candle: its id, being short, is for people.
Needs SQLite 3.37 (STRICT).
"""

from __future__ import annotations

from autopilot.adapters.store.early_schema import EARLY_MIGRATIONS

MIGRATIONS: tuple[str, ...] = (
    *EARLY_MIGRATIONS,
    """
    -- 1: stopped together with the daemon, so that a start without symbols takes it up again.
    ALTER TABLE autopilots ADD COLUMN suspended INTEGER NOT NULL DEFAULT 0 CHECK (suspended IN (0, 1));
    """,
    """
    -- The coins received are those without a fee that was taken from them.
    UPDATE positions SET (entry_quantity, entry_value, fees) = (
        SELECT json_extract(books, '$[0]'), json_extract(books, '$[1]'), json_extract(books, '$[2]') FROM (
            SELECT without_fee_coins(
                positions.quantity, positions.entry_price, positions.cost, positions.realized, positions.exit_value,
                positions.entry_quantity, positions.entry_value, positions.fees, json_group_array(sale.quantity)
            ) AS books
            FROM fills AS sale
            WHERE sale.account = positions.account AND sale.symbol = positions.symbol AND sale.side = 'sell'
                AND sale.rowid > (
                    SELECT min(first.rowid) FROM fills AS first
                    WHERE first.account = positions.account AND first.symbol = positions.symbol
                        AND first.side = 'buy' AND first.at_ms = positions.opened_at_ms
                )
        )
    );
    """,
    """
    -- Trading modes are compared with the last row of the log in every cycle, models whenever they are loaded.
    CREATE INDEX audit_modes ON audit (kind) WHERE kind = 'mode';
    CREATE INDEX audit_models ON audit (kind) WHERE kind = 'model';

    -- From here on a model counts only as the log records it. Those of before are adopted, this once.
    SELECT begin_anchor() WHERE EXISTS (SELECT 1 FROM models) AND NOT EXISTS (SELECT 1 FROM audit);
    CREATE TEMP TABLE adopted (body TEXT NOT NULL);
    CREATE TEMP TRIGGER adopted_is_recorded AFTER INSERT ON adopted BEGIN
        INSERT INTO audit SELECT seq, at_ms, 'model', 'upgrade', new.body, previous,
            audit_hash(seq, at_ms, 'model', 'upgrade', new.body, previous)
        FROM (
            SELECT coalesce(max(seq), 0) + 1 AS seq,
                coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1), printf('%064d', 0)) AS previous,
                CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS at_ms
            FROM audit
        );
    END;
    INSERT INTO adopted
    SELECT json_object('event', 'adopted', 'model_id', id, 'sha256', sha256, 'state', state) FROM models ORDER BY rowid;
    DROP TRIGGER adopted_is_recorded;
    DROP TABLE adopted;
    """,
    """
    -- Runs of adjacent candles that are never decided.
    CREATE TABLE passed_candles (
        account TEXT NOT NULL, exchange TEXT NOT NULL, symbol TEXT NOT NULL, timeframe TEXT NOT NULL,
        first_at_ms INTEGER NOT NULL, last_at_ms INTEGER NOT NULL, candles INTEGER NOT NULL,
        passed_at_ms INTEGER NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL,
        PRIMARY KEY (account, symbol, timeframe, last_at_ms)
    ) STRICT;
    CREATE INDEX passed_candles_by_time ON passed_candles (last_at_ms);
    """,
    """
    -- Of candles before until_ms only some decisions are stored: see `retention`. How many were deleted counts on.
    CREATE TABLE pruned_decisions (
        account TEXT NOT NULL, symbol TEXT NOT NULL, timeframe TEXT NOT NULL, until_ms INTEGER NOT NULL,
        decisions INTEGER NOT NULL,
        PRIMARY KEY (account, symbol, timeframe)
    ) STRICT, WITHOUT ROWID;

    -- The first size of the database of each UTC day, without its free pages.
    CREATE TABLE database_sizes (
        day INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, used_bytes INTEGER NOT NULL
    ) STRICT;
    """,
    """
    -- A decision's document is compact: `compact_documents`. Those of before are in plain_document, which is empty
    -- otherwise; `compaction` changes them while the daemon runs. The columns after it are of compact ones only.
    ALTER TABLE decisions RENAME COLUMN document TO plain_document;
    ALTER TABLE decisions ADD COLUMN document BLOB;
    ALTER TABLE decisions ADD COLUMN model_id TEXT;
    ALTER TABLE decisions ADD COLUMN rule_choice TEXT;
    ALTER TABLE decisions ADD COLUMN on_other_candles INTEGER CHECK (on_other_candles IN (0, 1));
    CREATE INDEX decisions_plain ON decisions (candle_at_ms) WHERE document IS NULL;

    -- Decisions are found by their series, as `views.decided_series` does: each index costs a decision a page to write.
    DROP INDEX decisions_by_id;
    DROP INDEX decisions_by_time;
    DROP INDEX decisions_by_symbol;

    -- Returns are compact too: `compact_returns`.
    CREATE TABLE strategy_lists (id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE) STRICT;
    ALTER TABLE performance_samples RENAME COLUMN returns TO plain_returns;
    ALTER TABLE performance_samples ADD COLUMN returns BLOB;
    ALTER TABLE performance_samples ADD COLUMN strategies INTEGER REFERENCES strategy_lists (id);
    CREATE INDEX samples_plain ON performance_samples (candle_at_ms) WHERE returns IS NULL;
    """,
    """
    CREATE TABLE series (
        id INTEGER PRIMARY KEY, exchange TEXT NOT NULL, symbol TEXT NOT NULL, timeframe TEXT NOT NULL,
        UNIQUE (exchange, symbol, timeframe)
    ) STRICT;
    ALTER TABLE candles RENAME TO named_candles;
    -- Opened at open_at_ms, closed. A row has no more than its number of the series: names took half as much again.
    CREATE TABLE candles (
        series INTEGER NOT NULL, open_at_ms INTEGER NOT NULL, open REAL NOT NULL, high REAL NOT NULL,
        low REAL NOT NULL, close REAL NOT NULL, volume REAL NOT NULL,
        PRIMARY KEY (series, open_at_ms)
    ) STRICT, WITHOUT ROWID;

    -- What is known of a series: disjoint spans that were fetched, and the gaps in them. Open times, from <= t < to.
    CREATE TABLE coverage (
        series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE, from_ms INTEGER NOT NULL,
        to_ms INTEGER NOT NULL, way TEXT NOT NULL, fetched_at_ms INTEGER NOT NULL,
        PRIMARY KEY (series, from_ms), CHECK (from_ms < to_ms)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE gaps (
        series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE, from_ms INTEGER NOT NULL,
        to_ms INTEGER NOT NULL, reason TEXT NOT NULL, tries INTEGER NOT NULL, next_try_at_ms INTEGER,
        PRIMARY KEY (series, from_ms), CHECK (from_ms < to_ms)
    ) STRICT, WITHOUT ROWID;

    -- Prices between two closes that filled an order of the paper exchange or set off an exit: a replay needs them.
    CREATE TABLE trigger_prices (
        account TEXT NOT NULL, symbol TEXT NOT NULL, at_ms INTEGER NOT NULL, price REAL NOT NULL,
        PRIMARY KEY (account, symbol, at_ms)
    ) STRICT, WITHOUT ROWID;

    -- When a value became known to this machine; NULL: before this was kept, or imported.
    ALTER TABLE sentiment ADD COLUMN seen_at_ms INTEGER;
    """,
)
VERSION = len(MIGRATIONS)
APPLICATION_ID = 0x4175746F
"""Marks the file as ours ("Auto")."""

BOOKS = (
    "orders",
    "fills",
    "positions",
    "round_trips",
    "equity",
    "traded_cash",
    "written_off",
    "paper_balances",
    "paper_orders",
    "autopilots",
    "trading_modes",
)
"""The tables with orders, money, started symbols and trading modes."""
