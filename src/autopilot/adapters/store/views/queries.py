"""Decisions, orders, positions, trades and background tasks as JSON documents: `VIEWS` declares each of them once.

The name of a view is its address below ``/api/autopilot``: the daemon serves it there, commands ask for it there, and
read it themselves when no daemon runs.

They are read beside a running daemon, or without one. Standard library only: a query must answer at once. Every
function raises StoreError. Lists have at most ``limit`` items, of ``since_ms`` or later and of before ``before``; if
there are more, ``next`` is where the next page begins.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from autopilot.adapters.store.compact_documents import DOCUMENT, decision_document, readable_document
from autopilot.adapters.store.database import Database, open_readonly
from autopilot.adapters.store.refused_exits import refused_exit
from autopilot.adapters.store.rows import IS_OPEN, from_json
from autopilot.adapters.store.stored_marks import latest_marks
from autopilot.adapters.store.views.changed_candles import candles_changed
from autopilot.adapters.store.views.decided_series import newest_of_each
from autopilot.adapters.store.views.passed_over import last_passed, passed_beside, passed_since_decided
from autopilot.adapters.store.views.problems import stored_modes
from autopilot.domain.document_types import Document
from autopilot.domain.errors import NotFound
from autopilot.domain.paging import Cursor
from autopilot.domain.passed_candles import MORE_HISTORY
from autopilot.domain.suggestion import did_you_mean
from autopilot.domain.timeframe import Timeframe

_BRIEF = (
    'id, symbol, account, exchange, market, timeframe, candle_at_ms, decided_at_ms, regime, "group", strategy,'
    " decided_by, confidence, signal_type, price, action, denied_code, denied_detail, order_id"
)
_TASK = (
    "id, kind, state, created_at_ms, started_at_ms, ended_at_ms, pid, request, stage, done, total, detail, result,"
    " error"
)
LIMIT = 50
ID_DIGITS = 10


class _Source(NamedTuple):
    """A table, the columns that are shown of it, and the one that orders it; rows of the same time are in the order in
    which they were stored."""

    table: str
    time: str
    columns: str = "*"


class Page(NamedTuple):
    """The wanted part of a list. ``limit`` -1: no limit."""

    limit: int = LIMIT
    since_ms: int | None = None
    before: Cursor | None = None


_DECISIONS = _Source("decisions", "candle_at_ms", _BRIEF)
_ORDERS = _Source("orders", "created_at_ms")
_TASKS = _Source("tasks", "created_at_ms", _TASK)
_POSITIONS = _Source("positions", "opened_at_ms")
_TRADES = _Source(
    "round_trips",
    "closed_at_ms",
    "account, symbol, strategy, decision_id, quantity, entry_price, exit_price, fees, net, opened_at_ms, closed_at_ms,"
    " exit_purpose, written_off",
)


def decisions(
    database: Path,
    symbol: str | None = None,
    action: str | None = None,
    **page: Any,
) -> Document:
    """In brief, the latest candle first. ``passed``, if there are any: the candles of the same time that were passed
    over, unless only decisions with an ``action`` are wanted."""
    wanted = Page(**page)
    found = _list(database, "decisions", _DECISIONS, {"symbol": symbol, "action": action}, wanted)
    since_ms = found["decisions"][-1]["candle_at_ms"] if "next" in found else wanted.since_ms or 0
    with open_readonly(database) as connection:
        before_ms = wanted.before and wanted.before.at_ms
        passed = passed_beside(connection, symbol, since_ms, before_ms, wanted.limit) if action is None else ()
    return found | ({"passed": passed} if passed else {})


def signals(database: Path, symbol: str | None = None, **page: Any) -> Document:
    """Decisions whose chosen strategy wanted to buy or sell, in brief, the latest first."""
    return _list(database, "signals", _DECISIONS, {"symbol": symbol}, Page(**page), "signal_type <> 'none'")


def decision(database: Path, ref: str) -> Document:
    """A `DecisionDocument`: the decision whose id is or begins with ``ref``, or a symbol's latest. Its ``exits`` are
    the orders that sold before the next candle without a decision; its ``passed``, for a symbol, the candles after it
    that were passed over. Raises NotFound."""
    with open_readonly(database) as connection:
        rows = _latest_of(connection, ref) if "/" in ref else _with_id(connection, ref.lower())
        if not rows and (passed := last_passed(connection, ref)):
            raise NotFound(f"no candle of {ref} was decided yet: {passed['detail']}", hint=MORE_HISTORY)
        if not rows:
            raise NotFound(f"there is no decision {ref!r}", hint=f"autopilot decisions lists them{_pruned(connection)}")
        if len(rows) > 1 and rows[0]["id"] != ref.lower():
            raise NotFound(f"{ref!r} begins the id of several decisions", hint="write more of the id")
        found = decision_document(rows[0]["document"], rows[0]["id"])
        passed = passed_since_decided(connection, found) if "/" in ref else None
        changed = candles_changed(connection, found)
        return found | {"exits": exits_after(connection, found), "passed": passed, "candles_changed": changed}


def _latest_of(connection: sqlite3.Connection, symbol: str) -> list[sqlite3.Row]:
    """One row, or none."""
    latest = newest_of_each(f"{DOCUMENT} AS document, d.id", "symbol = :symbol")
    return connection.execute(f"{latest} ORDER BY d.candle_at_ms DESC LIMIT 1", {"symbol": symbol}).fetchall()


def _with_id(connection: sqlite3.Connection, begin: str) -> list[sqlite3.Row]:
    """At most two rows, ordered by their ids. No index has the ids: the newest decisions are looked at first."""
    wanted, limit = ("id = ?1", 1) if len(begin) == ID_DIGITS else ("id >= ?1 AND id < ?1 || 'g'", 2)
    return connection.execute(
        f"SELECT {DOCUMENT} AS document, id FROM decisions WHERE rowid IN ("
        f"SELECT rowid FROM decisions WHERE {wanted} ORDER BY rowid DESC LIMIT {limit}) ORDER BY id",
        (begin,),
    ).fetchall()


def _pruned(connection: sqlite3.Connection) -> str:
    """The end of a hint about the ids of decisions."""
    pruned = connection.execute("SELECT 1 FROM pruned_decisions").fetchone()
    return "; old ones without a signal were deleted (keep_decisions_days)" if pruned else " with their ids"


def orders(
    database: Path,
    symbol: str | None = None,
    open_only: bool = False,
    **page: Any,
) -> Document:
    """The latest first."""
    return _list(database, "orders", _ORDERS, {"symbol": symbol}, Page(**page), IS_OPEN if open_only else "")


def positions(database: Path) -> Document:
    """The latest opened first."""
    found = _list(database, "positions", _POSITIONS, {}, Page(limit=-1))
    return {"positions": found["positions"]}


def trades(database: Path, symbol: str | None = None, **page: Any) -> Document:
    """`TradeDocument`s, the latest first."""
    found = _list(database, "trades", _TRADES, {"symbol": symbol}, Page(**page))
    for trade in found["trades"]:
        paid = (Decimal(trade["quantity"]) + Decimal(trade["written_off"])) * Decimal(trade["entry_price"])
        trade["net_pct"] = round(float(Decimal(trade["net"]) / paid * 100), 4)
    return found


def tasks(database: Path, **page: Any) -> Document:
    """The latest created first: the fields of the domain's Task."""
    found = _list(database, "tasks", _TASKS, {}, Page(**page))
    return {**found, "tasks": [_task(row) for row in found["tasks"]]}


def task(database: Path, task_id: str) -> Document:
    """``{"task": {...}}``, with its request and its result or error. Raises NotFound."""
    with open_readonly(database) as connection:
        row = connection.execute(f"SELECT {_TASK} FROM tasks WHERE id = ?", (task_id,)).fetchone()
        if row is None:
            meant = did_you_mean(task_id, [each[0] for each in connection.execute("SELECT id FROM tasks")])
            hint = f"{meant} autopilot tasks lists them with their ids".strip()
            raise NotFound(f"there is no task {task_id!r}", hint=hint)
    return {"task": _task(row)}


def _task(row: sqlite3.Row | Document) -> Document:
    documents = {name: row[name] and from_json(row[name]) for name in ("request", "result", "error")}
    return {**dict(row), **documents}


def stored_status(database: Database) -> Document:
    """The part of a `StatusDocument` that the database knows of a daemon that does not run."""
    return {
        "daemon": {
            "running": False,
            "pid": None,
            "version": None,
            "started_at_ms": None,
            "data_dir": str(database.path.parent),
        },
        "model": None,
        "models": [],
        "database": {"locked_at_ms": None},
        "modes": stored_modes(database),
        "accounts": _accounts(database.connection),
        "symbols": [
            _symbol_status(database, dict(row))
            for row in database.rows("SELECT * FROM autopilots ORDER BY started_at_ms, symbol")
        ],
    }


_OF_SYMBOL = "WHERE account = :account AND symbol = :symbol"
_LAST_DECISION = (
    f"SELECT {_BRIEF}, {DOCUMENT} AS document FROM decisions {_OF_SYMBOL} AND timeframe = :timeframe"
    " ORDER BY candle_at_ms DESC LIMIT 1"
)
_ENTRIES_SINCE = (
    f"SELECT count(*) FROM orders {_OF_SYMBOL} AND purpose = 'entry' AND created_at_ms >= :since_ms"
    " AND status <> 'rejected'"
)
_DECIDED = (
    f"SELECT (SELECT count(*) FROM decisions {_OF_SYMBOL} AND timeframe = :timeframe)"
    f" + (SELECT total(decisions) FROM pruned_decisions {_OF_SYMBOL} AND timeframe = :timeframe)"
)
_CANDLE_RANGE = (
    "SELECT count(*) AS candles, min(open_at_ms) AS first_at_ms, max(open_at_ms) AS last_at_ms FROM candles"
    " WHERE series = (SELECT id FROM series"
    " WHERE exchange = :exchange AND symbol = :symbol AND timeframe = :timeframe)"
)


def _symbol_status(database: Database, entry: Document) -> Document:
    """A `SymbolDocument` of a symbol that does not run; ``entry`` is its row of the table autopilots."""
    connection = database.connection
    key = {name: entry[name] for name in ("account", "symbol", "timeframe")}
    last = connection.execute(_LAST_DECISION, key).fetchone()
    brief = dict(last) if last else None
    whole, damage = readable_document(brief.pop("document"), brief["id"]) if brief else (None, None)
    position = _row(connection, f"SELECT * FROM positions {_OF_SYMBOL}", key)
    refused = refused_exit(database, entry["account"], entry["symbol"]) if position else None
    day_start_ms = brief["decided_at_ms"] // 86_400_000 * 86_400_000 if brief else 0
    return {
        "symbol": entry["symbol"],
        "exchange": entry["exchange"],
        "market": entry["market"],
        "account": entry["account"],
        "timeframe": entry["timeframe"],
        "interval": entry["interval_s"],
        "paper_trading": bool(entry["paper_trading"]),
        "auto_execute": bool(entry["auto_execute"]),
        "state": "stopped",
        "message": str(damage) if damage else None,
        "hint": damage.hint if damage else None,
        "running": False,
        "price": brief["price"] if brief else None,
        "last_analysis": _analysis(whole["conditions"]) if whole else None,
        "selected_strategy": _selected(brief) if brief else None,
        "trades_today": _count(connection, _ENTRIES_SINCE, {**key, "since_ms": day_start_ms}),
        "ohlcv_data": _row(connection, _CANDLE_RANGE, {**key, "exchange": entry["exchange"]}),
        "strategy_instances": [score["strategy"] for score in whole["selection"]["strategies"]] if whole else [],
        "last_decision": brief,
        "position": position,
        "refused_exit": refused.document() if refused else None,
        "open_orders": [
            dict(row) for row in connection.execute(f"SELECT * FROM orders {_OF_SYMBOL} AND {IS_OPEN}", key)
        ],
        "cycles": 0,
        "decisions": _count(connection, _DECIDED, key),
        "errors": 0,
        "last_cycle_at_ms": None,
        "next_cycle_at_ms": None,
        "next_close_cycle_at_ms": None,
        "stream": None,
        "last_error": None,
        "differences": [],
        "left_out": None,
        "model": None,
    }


def _analysis(conditions: Document) -> Document:
    names = ("regime", "regime_strength", "candles_in_regime", "adx", "rsi", "atr", "volatility", "volume_ratio")
    return {name: conditions[name] for name in names}


def _selected(brief: Document) -> Document:
    return {name: brief[name] for name in ("strategy", "group", "decided_by", "confidence")}


def _list(
    database: Path, name: str, source: _Source, wanted: Mapping[str, str | None], page: Page, condition: str = ""
) -> Document:
    """``{name: [row …]}``, and ``next`` if there are more. ``wanted``: values by column, None for any. Conditions that
    are left out keep the indexes usable."""
    given: dict[str, Any] = {column: value for column, value in wanted.items() if value is not None}
    conditions = [f"{column} = :{column}" for column in given] + ([condition] if condition else [])
    if page.since_ms is not None:
        conditions.append(f"{source.time} >= :since_ms")
    if page.before is not None:
        conditions.append(f"{source.time} <= :before_ms AND ({source.time} < :before_ms OR rowid < :before_row)")
    bounds = {
        "since_ms": page.since_ms,
        "before_ms": page.before and page.before.at_ms,
        "before_row": page.before and (page.before.row or 0),
        "limit": page.limit + 1 if page.limit >= 0 else -1,
    }
    rows_of = _by_series if source is _DECISIONS and not condition else _by_time
    with open_readonly(database) as connection:
        rows = connection.execute(rows_of(source, " AND ".join(conditions) or "1"), {**given, **bounds}).fetchall()
    shown = rows[: page.limit] if page.limit >= 0 else rows
    last = shown[-1] if shown and len(rows) > len(shown) else None
    following = {"next": str(Cursor(last["listed_ms"], last["stored_row"]))} if last else {}
    return {name: [_shown(row) for row in shown], **following}


def _by_time(source: _Source, conditions: str) -> str:
    return (
        f"SELECT {source.columns}, rowid AS stored_row, {source.time} AS listed_ms FROM {source.table}"
        f" WHERE {conditions} ORDER BY {source.time} DESC, rowid DESC LIMIT :limit"
    )


def _by_series(source: _Source, conditions: str) -> str:
    columns = ", ".join(f"d.{name.strip()}" for name in source.columns.split(","))
    newest = newest_of_each(f"{columns}, d.rowid AS stored_row, d.candle_at_ms AS listed_ms", conditions, ":limit")
    return f"{newest} ORDER BY listed_ms DESC, stored_row DESC LIMIT :limit"


def _shown(row: sqlite3.Row) -> Document:
    return {column: row[column] for column in row.keys() if column not in ("stored_row", "listed_ms")}  # noqa: SIM118


def _accounts(connection: sqlite3.Connection) -> list[Document]:
    return [
        {
            **mark,
            **dict(connection.execute(_BESIDE_MARK, (mark["account"], mark["currency"])).fetchone()),
            "exchange": mark["account"].partition(":")[2],
            "paper": mark["account"].startswith("paper:"),
        }
        for mark in latest_marks(connection)
    ]


_BESIDE_MARK = (
    "SELECT (SELECT market FROM decisions WHERE account = ?1 LIMIT 1) AS market,"
    " (SELECT count(*) FROM positions WHERE account = ?1 AND symbol LIKE '%/' || ?2) AS open_positions"
)


def _row(connection: sqlite3.Connection, sql: str, parameters: Document) -> Document | None:
    row = connection.execute(sql, parameters).fetchone()
    return dict(row) if row else None


def _count(connection: sqlite3.Connection, sql: str, parameters: tuple[object, ...] | Document = ()) -> int:
    return int(connection.execute(sql, parameters).fetchone()[0])


_EXITS = (
    "SELECT * FROM orders WHERE account = ? AND symbol = ? AND created_at_ms >= ? AND created_at_ms < ?"
    " AND side = 'sell' AND type <> 'stop' AND decision_id IS NULL ORDER BY created_at_ms, rowid"
)


def exits_after(connection: sqlite3.Connection, decision: Document) -> list[Document]:
    """Sell orders without a decision, between the close of the decided candle and the close of the next: made by a
    stop, a target, a protection or the user."""
    timeframe = Timeframe(decision["timeframe"])
    closed_at_ms = decision["candle_at_ms"] + timeframe.ms
    key = (decision["account"], decision["symbol"], closed_at_ms, closed_at_ms + timeframe.ms)
    return [dict(row) for row in connection.execute(_EXITS, key)]


@dataclass(frozen=True, slots=True)
class View:
    """``read(database, **given)`` makes the document; it raises StoreError, and for an item NotFound. ``parameters``:
    those it takes besides the ones in its name, all optional."""

    read: Callable[..., Document]
    parameters: tuple[str, ...] = ()


_PAGE = Page._fields
VIEWS: Mapping[str, View] = MappingProxyType(
    {
        "decisions": View(decisions, ("symbol", "action", *_PAGE)),
        "decisions/{ref}": View(decision),
        "signals": View(signals, ("symbol", *_PAGE)),
        "orders": View(orders, ("symbol", "open_only", *_PAGE)),
        "positions": View(positions),
        "trades": View(trades, ("symbol", *_PAGE)),
        "tasks": View(tasks, _PAGE),
        "tasks/{task_id}": View(task),
    }
)


def read_view(name: str, database: Path, given: Mapping[str, Any]) -> Document:
    """The document of a view, ``given`` its parameters. Raises StoreError, NotFound."""
    return VIEWS[name].read(database, **given)
