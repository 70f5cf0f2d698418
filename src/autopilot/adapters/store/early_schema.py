"""The first steps of the schema, which `schema` goes on with."""

from __future__ import annotations

EARLY_MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE candles (
        exchange TEXT NOT NULL, symbol TEXT NOT NULL, timeframe TEXT NOT NULL, open_at_ms INTEGER NOT NULL,
        open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL, volume REAL NOT NULL,
        PRIMARY KEY (exchange, symbol, timeframe, open_at_ms)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE autopilots (
        symbol TEXT PRIMARY KEY, exchange TEXT NOT NULL, market TEXT NOT NULL, account TEXT NOT NULL,
        timeframe TEXT NOT NULL, interval_s REAL NOT NULL, paper_trading INTEGER NOT NULL,
        auto_execute INTEGER NOT NULL, running INTEGER NOT NULL, started_at_ms INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE decisions (
        id TEXT NOT NULL, symbol TEXT NOT NULL, account TEXT NOT NULL, exchange TEXT NOT NULL, market TEXT NOT NULL,
        timeframe TEXT NOT NULL, candle_at_ms INTEGER NOT NULL, decided_at_ms INTEGER NOT NULL, regime TEXT NOT NULL,
        "group" TEXT NOT NULL, strategy TEXT NOT NULL, decided_by TEXT NOT NULL, confidence REAL NOT NULL,
        signal_type TEXT NOT NULL, price REAL NOT NULL, action TEXT NOT NULL, denied_code TEXT, denied_detail TEXT,
        order_id TEXT, document TEXT NOT NULL,
        UNIQUE (account, symbol, timeframe, candle_at_ms)
    ) STRICT;
    CREATE INDEX decisions_by_id ON decisions (id);
    CREATE INDEX decisions_by_time ON decisions (candle_at_ms DESC);
    CREATE INDEX decisions_by_symbol ON decisions (symbol, candle_at_ms DESC);
    CREATE INDEX decisions_with_signal ON decisions (candle_at_ms DESC) WHERE signal_type <> 'none';

    CREATE TABLE orders (
        client_order_id TEXT PRIMARY KEY, account TEXT NOT NULL, symbol TEXT NOT NULL,
        side TEXT NOT NULL CHECK (side IN ('buy', 'sell')), type TEXT NOT NULL CHECK (type IN ('market', 'limit')),
        purpose TEXT NOT NULL, quantity TEXT NOT NULL, price TEXT, reference_price TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER, strategy TEXT NOT NULL, reason TEXT NOT NULL,
        decision_id TEXT, stop TEXT, target TEXT, trigger_price TEXT, status TEXT NOT NULL,
        filled TEXT NOT NULL, exchange_order_id TEXT, updated_at_ms INTEGER NOT NULL, detail TEXT NOT NULL
    ) STRICT;
    CREATE INDEX orders_by_time ON orders (created_at_ms DESC);
    CREATE INDEX orders_by_symbol ON orders (account, symbol, created_at_ms);
    CREATE INDEX orders_open ON orders (account, symbol)
        WHERE status NOT IN ('filled', 'canceled', 'rejected', 'expired');

    CREATE TABLE fills (
        account TEXT NOT NULL, fill_id TEXT NOT NULL, client_order_id TEXT NOT NULL REFERENCES orders (client_order_id),
        symbol TEXT NOT NULL, side TEXT NOT NULL CHECK (side IN ('buy', 'sell')), quantity TEXT NOT NULL,
        price TEXT NOT NULL, fee TEXT NOT NULL, fee_currency TEXT NOT NULL, is_maker INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (account, fill_id)
    ) STRICT;
    CREATE INDEX fills_by_order ON fills (client_order_id);

    CREATE TABLE positions (
        account TEXT NOT NULL, symbol TEXT NOT NULL, quantity TEXT NOT NULL, entry_price TEXT NOT NULL,
        cost TEXT NOT NULL, fees TEXT NOT NULL, realized TEXT NOT NULL, stop TEXT, target TEXT, strategy TEXT NOT NULL,
        decision_id TEXT, opened_at_ms INTEGER NOT NULL, entry_quantity TEXT NOT NULL, entry_value TEXT NOT NULL,
        exit_value TEXT NOT NULL,
        PRIMARY KEY (account, symbol)
    ) STRICT;

    CREATE TABLE round_trips (
        id INTEGER PRIMARY KEY, account TEXT NOT NULL, symbol TEXT NOT NULL, strategy TEXT NOT NULL, decision_id TEXT,
        quantity TEXT NOT NULL, entry_price TEXT NOT NULL, exit_price TEXT NOT NULL, fees TEXT NOT NULL,
        net TEXT NOT NULL, opened_at_ms INTEGER NOT NULL, closed_at_ms INTEGER NOT NULL, exit_purpose TEXT NOT NULL
    ) STRICT;
    CREATE INDEX round_trips_by_symbol ON round_trips (account, symbol, closed_at_ms);

    CREATE TABLE equity (
        account TEXT NOT NULL, currency TEXT NOT NULL, at_ms INTEGER NOT NULL, free TEXT NOT NULL, equity TEXT NOT NULL,
        day_start_equity TEXT NOT NULL, peak_equity TEXT NOT NULL, start_equity TEXT NOT NULL,
        PRIMARY KEY (account, currency)
    ) STRICT;

    CREATE TABLE performance_samples (
        exchange TEXT NOT NULL, symbol TEXT NOT NULL, timeframe TEXT NOT NULL, candle_at_ms INTEGER NOT NULL,
        matured_at_ms INTEGER NOT NULL, regime TEXT NOT NULL, returns TEXT NOT NULL,
        PRIMARY KEY (exchange, timeframe, symbol, candle_at_ms)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE sentiment (
        name TEXT NOT NULL, known_at_ms INTEGER NOT NULL, value REAL NOT NULL,
        PRIMARY KEY (name, known_at_ms)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE paper_balances (
        account TEXT NOT NULL, currency TEXT NOT NULL, total TEXT NOT NULL,
        PRIMARY KEY (account, currency)
    ) STRICT;
    CREATE TABLE paper_orders (
        account TEXT NOT NULL, client_order_id TEXT NOT NULL, is_final INTEGER NOT NULL,
        "order" TEXT NOT NULL, report TEXT NOT NULL,
        PRIMARY KEY (account, client_order_id)
    ) STRICT;
    CREATE INDEX paper_orders_open ON paper_orders (account) WHERE is_final = 0;
    """,
    """
    CREATE TABLE tasks (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL, created_at_ms INTEGER NOT NULL,
        started_at_ms INTEGER, ended_at_ms INTEGER, pid INTEGER, request TEXT NOT NULL, stage TEXT NOT NULL,
        done INTEGER NOT NULL, total INTEGER NOT NULL, detail TEXT NOT NULL, result TEXT, error TEXT
    ) STRICT;
    CREATE INDEX tasks_by_time ON tasks (created_at_ms DESC);
    CREATE INDEX tasks_unfinished ON tasks (created_at_ms) WHERE state IN ('pending', 'running');

    CREATE TABLE models (
        id TEXT PRIMARY KEY, created_at_ms INTEGER NOT NULL, state TEXT NOT NULL, schema TEXT NOT NULL,
        sha256 TEXT NOT NULL, verdict TEXT NOT NULL, is_champion INTEGER NOT NULL CHECK (is_champion IN (0, 1)),
        retired_at_ms INTEGER, note TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX models_champion ON models (is_champion) WHERE is_champion = 1;

    CREATE TABLE model_history (
        id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, event TEXT NOT NULL, model_id TEXT, previous_id TEXT,
        reason TEXT NOT NULL
    ) STRICT;

    CREATE TABLE training_trials (id INTEGER PRIMARY KEY CHECK (id = 1), trials INTEGER NOT NULL) STRICT;
    """,
    """
    CREATE TABLE audit (
        seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, kind TEXT NOT NULL, actor TEXT NOT NULL, body TEXT NOT NULL,
        previous TEXT NOT NULL, hash TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER audit_is_not_edited BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
    CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
    """,
    """
    CREATE TABLE armings (
        account TEXT PRIMARY KEY, currency TEXT NOT NULL, max_value TEXT NOT NULL,
        unproven INTEGER NOT NULL CHECK (unproven IN (0, 1)), armed_at_ms INTEGER NOT NULL,
        expires_at_ms INTEGER NOT NULL, actor TEXT NOT NULL
    ) STRICT;

    -- Stop orders. A constraint of a table changes with the table, and what refers to it with both.
    CREATE TABLE new_orders (
        client_order_id TEXT PRIMARY KEY, account TEXT NOT NULL, symbol TEXT NOT NULL,
        side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
        type TEXT NOT NULL CHECK (type IN ('market', 'limit', 'stop')),
        purpose TEXT NOT NULL, quantity TEXT NOT NULL, price TEXT, reference_price TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER, strategy TEXT NOT NULL, reason TEXT NOT NULL,
        decision_id TEXT, stop TEXT, target TEXT, trigger_price TEXT, status TEXT NOT NULL,
        filled TEXT NOT NULL, exchange_order_id TEXT, updated_at_ms INTEGER NOT NULL, detail TEXT NOT NULL
    ) STRICT;
    INSERT INTO new_orders SELECT * FROM orders ORDER BY rowid;
    CREATE TABLE new_fills (
        account TEXT NOT NULL, fill_id TEXT NOT NULL,
        client_order_id TEXT NOT NULL REFERENCES new_orders (client_order_id),
        symbol TEXT NOT NULL, side TEXT NOT NULL CHECK (side IN ('buy', 'sell')), quantity TEXT NOT NULL,
        price TEXT NOT NULL, fee TEXT NOT NULL, fee_currency TEXT NOT NULL, is_maker INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (account, fill_id)
    ) STRICT;
    INSERT INTO new_fills SELECT * FROM fills ORDER BY rowid;
    DROP TABLE fills;
    DROP TABLE orders;
    ALTER TABLE new_orders RENAME TO orders;
    ALTER TABLE new_fills RENAME TO fills;
    CREATE INDEX orders_by_time ON orders (created_at_ms DESC);
    CREATE INDEX orders_by_symbol ON orders (account, symbol, created_at_ms);
    CREATE INDEX orders_open ON orders (account, symbol)
        WHERE status NOT IN ('filled', 'canceled', 'rejected', 'expired');
    CREATE INDEX fills_by_order ON fills (client_order_id);
    """,
    """
    CREATE TABLE trading_modes (
        account TEXT PRIMARY KEY, mode TEXT NOT NULL CHECK (mode IN ('reducing', 'halted')), code TEXT NOT NULL,
        why TEXT NOT NULL, since_ms INTEGER NOT NULL, actor TEXT NOT NULL
    ) STRICT;
    """,
    """
    ALTER TABLE round_trips ADD COLUMN written_off TEXT NOT NULL DEFAULT '0';
    """,
    """
    -- Counted from here on: what matters of it is how it changes.
    CREATE TABLE traded_cash (
        account TEXT NOT NULL, currency TEXT NOT NULL, amount TEXT NOT NULL,
        PRIMARY KEY (account, currency)
    ) STRICT;
    ALTER TABLE equity ADD COLUMN own_cash TEXT;

    -- What users took out of the books because it was not in the account any more.
    CREATE TABLE written_off (
        account TEXT NOT NULL, symbol TEXT NOT NULL, quantity TEXT NOT NULL,
        PRIMARY KEY (account, symbol)
    ) STRICT;

    -- Some exchanges number the trades of each symbol anew.
    CREATE TABLE new_fills (
        account TEXT NOT NULL, fill_id TEXT NOT NULL,
        client_order_id TEXT NOT NULL REFERENCES orders (client_order_id),
        symbol TEXT NOT NULL, side TEXT NOT NULL CHECK (side IN ('buy', 'sell')), quantity TEXT NOT NULL,
        price TEXT NOT NULL, fee TEXT NOT NULL, fee_currency TEXT NOT NULL, is_maker INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (account, symbol, fill_id)
    ) STRICT;
    INSERT INTO new_fills SELECT * FROM fills ORDER BY rowid;
    DROP TABLE fills;
    ALTER TABLE new_fills RENAME TO fills;
    CREATE INDEX fills_by_order ON fills (client_order_id);

    ALTER TABLE armings ADD COLUMN earned_before TEXT NOT NULL DEFAULT '0';
    -- An arming counts only as the last of these rows tells of it, which is asked for in every cycle.
    CREATE INDEX audit_armings ON audit (kind) WHERE kind = 'arming';
    """,
    """
    -- A model decides only about the kind of candles and the timeframe of its training; its card says which. The card
    -- of a training on `replay` does not say whose candles were replayed: it is a real market's unless simulated ones
    -- of its symbols are stored too.
    CREATE TABLE new_models (
        id TEXT PRIMARY KEY, created_at_ms INTEGER NOT NULL, state TEXT NOT NULL, schema TEXT NOT NULL,
        sha256 TEXT NOT NULL, verdict TEXT NOT NULL, is_champion INTEGER NOT NULL CHECK (is_champion IN (0, 1)),
        retired_at_ms INTEGER, note TEXT NOT NULL,
        kind TEXT CHECK (kind IN ('real', 'simulated')), timeframe TEXT,
        CHECK ((kind IS NULL) = (timeframe IS NULL)), CHECK (is_champion = 0 OR kind IS NOT NULL)
    ) STRICT;
    INSERT INTO new_models
    SELECT id, created_at_ms, state, schema, sha256, verdict, is_champion AND kind IS NOT NULL,
        CASE WHEN is_champion AND kind IS NULL THEN now_ms ELSE retired_at_ms END, note, kind,
        CASE WHEN kind IS NOT NULL THEN timeframe END
    FROM (
        SELECT *, json_extract(card, '$.timeframe') AS timeframe,
            CASE
                WHEN json_extract(card, '$.exchange') IS NULL THEN NULL
                WHEN json_extract(card, '$.exchange') = 'simulated' THEN 'simulated'
                WHEN json_extract(card, '$.exchange') = 'replay' AND EXISTS (
                    SELECT 1 FROM candles, json_each(card, '$.symbols') AS trained
                    WHERE candles.exchange = 'simulated' AND candles.symbol = trained.value
                        AND candles.timeframe = json_extract(card, '$.timeframe')
                ) THEN NULL
                ELSE 'real'
            END AS kind
        FROM (
            SELECT rowid AS number, *, model_card(id, sha256) AS card,
                CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS now_ms
            FROM models
        )
    )
    ORDER BY number;

    -- The places that the champion of an earlier version lost by that: candles that it may have decided about.
    CREATE TABLE lost_places (
        model_id TEXT NOT NULL, kind TEXT, timeframe TEXT, why TEXT NOT NULL, at_ms INTEGER NOT NULL,
        acknowledged INTEGER NOT NULL CHECK (acknowledged IN (0, 1))
    ) STRICT;
    INSERT INTO lost_places
    SELECT champion.id, used.kind, used.timeframe,
        'it was trained on ' || champion.kind || ' ' || champion.timeframe || ' candles',
        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), 0
    FROM new_models AS champion, (
        SELECT CASE market WHEN 'simulated' THEN 'simulated' ELSE 'real' END AS kind, timeframe FROM autopilots
        UNION SELECT 'real', timeframe FROM new_models WHERE is_champion = 1
    ) AS used
    WHERE champion.is_champion = 1 AND champion.state <> 'abstaining'
        AND (used.kind, used.timeframe) <> (champion.kind, champion.timeframe)
    ORDER BY used.kind, used.timeframe;
    INSERT INTO lost_places
    SELECT id, NULL, NULL, 'its card cannot be read or was altered, so nothing says what candles it was trained on',
        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), 0
    FROM new_models JOIN models USING (id)
    WHERE models.is_champion = 1 AND new_models.is_champion = 0 AND models.state <> 'abstaining';

    ALTER TABLE model_history ADD COLUMN kind TEXT;
    ALTER TABLE model_history ADD COLUMN timeframe TEXT;
    UPDATE model_history SET (kind, timeframe) = (
        SELECT kind, timeframe FROM new_models WHERE id = coalesce(model_id, previous_id)
    ) WHERE event <> 'reset';
    INSERT INTO model_history (at_ms, event, model_id, previous_id, reason, kind, timeframe)
    SELECT at_ms, 'displaced', NULL, model_id, why, kind, timeframe FROM lost_places ORDER BY rowid;

    DROP TABLE models;
    ALTER TABLE new_models RENAME TO models;
    CREATE UNIQUE INDEX models_champion ON models (kind, timeframe) WHERE is_champion = 1;

    -- By the kind of candles, because trials on one market say nothing about luck on another.
    CREATE TABLE new_trials (kind TEXT PRIMARY KEY, trials INTEGER NOT NULL) STRICT;
    INSERT INTO new_trials SELECT 'real', trials FROM training_trials;
    DROP TABLE training_trials;
    ALTER TABLE new_trials RENAME TO training_trials;
    """,
)
