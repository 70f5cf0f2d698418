"""What is not well, as coded records, read off a status document and the database. Standard library only."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from autopilot.adapters.store.arming_proof import altered_armings
from autopilot.adapters.store.database import Database, open_readonly
from autopilot.adapters.store.rows import from_row
from autopilot.adapters.store.trading_modes import ENTRIES, as_restriction
from autopilot.domain.document_types import Document
from autopilot.domain.trading_mode import Restriction, TradingMode, mode_of
from autopilot.ports.trading_modes import EVERY_ACCOUNT, ModeEntry, holds_for

DISK_LEAST_BYTES = 500_000_000
KEYS_LOCKED = "KEYS_LOCKED"
_RESTING_ENTRIES = """
    SELECT * FROM orders WHERE account LIKE 'live:%' AND purpose = 'entry'
        AND status NOT IN ('filled', 'canceled', 'rejected', 'expired') ORDER BY created_at_ms
"""
_LEVELS = {TradingMode.REDUCING: "warning", TradingMode.HALTED: "error"}


def stored_modes(connection: sqlite3.Connection) -> list[Document]:
    """The mode of every known account as users set it; of every account to come where none is known yet."""
    known = connection.execute(
        "SELECT account FROM autopilots UNION SELECT account FROM equity UNION SELECT account FROM positions ORDER BY 1"
    ).fetchall()
    entries = [from_row(ModeEntry, row) for row in connection.execute(ENTRIES)]
    return [
        mode_document(account, [as_restriction(entry) for entry in entries if holds_for(entry.account, account)])
        for account in ([row["account"] for row in known] or [EVERY_ACCOUNT])
    ]


def mode_document(account: str, restrictions: Sequence[Restriction]) -> Document:
    """``{"account", "mode", "restrictions": […]}``."""
    told = [{**asdict(each), "mode": each.mode.value} for each in restrictions]
    return {"account": account, "mode": mode_of(restrictions).value, "restrictions": told}


def with_health(database: Path, status: Document) -> Document:
    """The status with its ``health``: ``{"code", "level", "subject", "detail", "since_ms", "hint"}`` each, what matters
    most first. Raises StoreError."""
    with open_readonly(database) as connection:
        unknown = connection.execute("SELECT * FROM orders WHERE status = 'unknown' ORDER BY created_at_ms").fetchall()
        resting = connection.execute(_RESTING_ENTRIES).fetchall()
        altered = altered_armings(Database(database, connection))
    records = [
        *_disk(database.parent, shutil.disk_usage(database.parent).free),
        *_armings(altered),
        *_restrictions(status["modes"]),
        *_orders(unknown),
        *_unfollowed(resting, {(each["account"], each["symbol"]) for each in status["symbols"] if each["running"]}),
        *_symbols(status["symbols"]),
        *_model(status["model"]),
    ]
    return {**status, "health": sorted(records, key=lambda record: ("error", "warning", "info").index(record["level"]))}


def _restrictions(modes: Sequence[Document]) -> Iterator[Document]:
    """One record a reason, whatever accounts it holds for."""
    reasons: dict[tuple[str, str, int], tuple[Document, list[str]]] = {}
    for account in modes:
        for each in account["restrictions"]:
            key = (each["code"], each["detail"], each["since_ms"])
            reasons.setdefault(key, (each, []))[1].append(account["account"])
    for each, accounts in reasons.values():
        level = _LEVELS[TradingMode(each["mode"])]
        subject = ", ".join("every account" if account == EVERY_ACCOUNT else account for account in accounts)
        yield _record(each["code"], level, subject, f"{each['mode']}: {each['detail']}", each["since_ms"], each["hint"])


def _armings(altered: Sequence[str]) -> Iterator[Document]:
    for account in altered:
        yield _record(
            "ARMING_ALTERED",
            "error",
            account,
            "what is armed is not what the audit log tells of; nothing is bought by it",
            None,
            "autopilot disarm ends it; autopilot audit show --kind arming says what was armed",
        )


def _orders(unknown: Sequence[sqlite3.Row]) -> Iterator[Document]:
    for order in unknown:
        yield _record(
            "ORDER_UNKNOWN",
            "error",
            f"{order['symbol']} in {order['account']}",
            f"nobody knows yet what became of {order['side']} order {order['client_order_id'][:8]}: {order['detail']}",
            order["updated_at_ms"],
            "nothing: it is looked up in every cycle of its symbol, which must run: autopilot start",
        )


def _unfollowed(resting: Sequence[sqlite3.Row], followed: Collection[tuple[str, str]]) -> Iterator[Document]:
    """Whether or not it is still armed."""
    for order in resting:
        if (order["account"], order["symbol"]) not in followed:
            yield _record(
                "ENTRY_UNFOLLOWED",
                "warning",
                f"{order['symbol']} in {order['account']}",
                f"order {order['client_order_id'][:8]} to buy may be filled, and nobody follows it",
                order["updated_at_ms"],
                "autopilot start follows it; autopilot pause cancels it",
            )


def _symbols(symbols: Sequence[Document]) -> Iterator[Document]:
    for symbol in symbols:
        if symbol["left_out"]:
            yield _left_out(symbol)
        if symbol["state"] == "retrying":
            why = symbol["message"] or symbol["last_error"] or "the last cycle failed"
            hint = symbol["hint"] or "nothing; it is tried again. The log: autopilot config path"
            yield _record("SYMBOL_RETRYING", "warning", symbol["symbol"], why, None, hint)
        for words in symbol["differences"]:
            yield _record(
                "BOOKS_COMPARED",
                "warning",
                symbol["symbol"],
                words,
                None,
                "look at the exchange's own page; it is compared again by itself",
            )


def _left_out(symbol: Document) -> Document:
    why = symbol["left_out"]
    code = why["code"] if why["code"] == KEYS_LOCKED else "SYMBOL_LEFT_OUT"
    detail = f"not taken up again, nobody watches it: {why['message']}"
    hint = why["hint"] or f"autopilot start --symbol {symbol['symbol']}"
    return _record(code, "error", f"{symbol['symbol']} in {symbol['account']}", detail, None, hint)


def _model(model: Document | None) -> Iterator[Document]:
    if model and not model["usable"]:
        hint = model["hint"] or "autopilot models list"
        yield _record("MODEL_UNUSABLE", "warning", f"model {model['id']}", model["message"], None, hint)


def _disk(directory: Path, free_bytes: int) -> Iterator[Document]:
    if free_bytes < DISK_LEAST_BYTES:
        yield _record(
            "DISK_NEARLY_FULL",
            "error",
            str(directory),
            f"{free_bytes / 1e6:.0f} MB are left on the disk, {DISK_LEAST_BYTES / 1e6:.0f} MB should be",
            None,
            "make room: without it nothing can be stored, and nothing is sent that was not stored",
        )


def _record(code: str, level: str, subject: str, detail: str, since_ms: int | None, hint: str) -> Document:
    return {"code": code, "level": level, "subject": subject, "detail": detail, "since_ms": since_ms, "hint": hint}
