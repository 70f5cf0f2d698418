"""Trading modes, and the problems of a status. Standard library only."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from autopilot.adapters.imports.suspects import suspicion_of
from autopilot.adapters.store.arming_proof import altered_armings
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.log_proof import AnchoredLog
from autopilot.adapters.store.lost_places import SqliteLostPlaces
from autopilot.adapters.store.mode_proof import altered_modes, modes_in_force
from autopilot.adapters.store.refused_exits import refused_exit
from autopilot.adapters.store.rows import IS_OPEN
from autopilot.adapters.store.views.holdings import Holding, holdings
from autopilot.adapters.store.views.names import STORED
from autopilot.adapters.store.views.passed_over import passed_since_decided
from autopilot.domain.account import BooksState, exchange_of, is_live
from autopilot.domain.clock_error import ClockError
from autopilot.domain.document_types import Document
from autopilot.domain.market import CandleKind, MarketKind
from autopilot.domain.model_state import LostPlace
from autopilot.domain.order import OrderStatus, OrderType, Purpose
from autopilot.domain.passed_candles import MORE_HISTORY, PassReason
from autopilot.domain.stale_sentiment import StaleSentiment
from autopilot.domain.timeframe import utc_text
from autopilot.domain.trading_mode import (
    AUDIT_ALTERED,
    DISK_FULL,
    EVERY_ACCOUNT,
    WRITE_OFF,
    ModeEntry,
    Restriction,
    TradingMode,
    holds_for,
    lifting,
    mode_of,
    scope_words,
)

DISK_LEAST_BYTES = 500_000_000
CLOCK_ERROR_MS = 30_000
"""A clock that is further off is an error, because nothing keeps it; less is a warning."""
KEYS_LOCKED = "KEYS_LOCKED"
EXIT_REFUSED = "EXIT_REFUSED"
POSITION_UNMONITORED, ENTRY_UNFOLLOWED, ORDER_UNMONITORED = UNMONITORED = (
    "POSITION_UNMONITORED",
    "ENTRY_UNFOLLOWED",
    "ORDER_UNMONITORED",
)
"""The codes of what no running symbol manages."""
_HELD_OR_ORDERED = f"""
    SELECT account, symbol, quantity FROM positions UNION
    SELECT account, symbol, NULL FROM orders WHERE {IS_OPEN}
        AND (account, symbol) NOT IN (SELECT account, symbol FROM positions) ORDER BY 1, 2
"""
_COMPARED = BooksState()
_LEVELS = {TradingMode.REDUCING: "warning", TradingMode.HALTED: "error"}


def stored_modes(database: Database) -> list[Document]:
    """The mode of each known account as users set it; before there are accounts, the mode of those to come. Raises
    StoreError."""
    accounts = database.rows(
        "SELECT account FROM autopilots UNION SELECT account FROM equity UNION SELECT account FROM positions ORDER BY 1"
    )
    entries, altered = modes_in_force(database), AnchoredLog(database).restrictions(EVERY_ACCOUNT)
    return [
        mode_document(
            account, [*(entry.restriction for entry in entries if holds_for(entry.account, account)), *altered]
        )
        for account in ([row["account"] for row in accounts] or [EVERY_ACCOUNT])
    ]


def mode_document(account: str, restrictions: Sequence[Restriction]) -> Document:
    """An `AccountModeDocument`."""
    documents = [{**asdict(each), "mode": each.mode.value} for each in restrictions]
    return {"account": account, "mode": mode_of(restrictions).value, "restrictions": documents}


def problems(
    database: Database,
    status: Document,
    books: Mapping[str, BooksState],
    clock_errors: Sequence[ClockError] = (),
    sentiment: StaleSentiment | None = None,
) -> list[Document]:
    """A `ProblemDocument` for each problem of the database, of ``status``, of the ``books`` by account, of the
    sentiment index, or of this machine's clock: errors first, and among them those that keep a position from being
    sold. Raises StoreError."""
    unknown = database.rows("SELECT * FROM orders WHERE status = 'unknown' ORDER BY created_at_ms")
    data_dir, held = database.path.parent, holdings(database.connection)
    found = [
        *_lock(database.path, status["database"]["locked_at_ms"]),
        *_refused_exits(database, held, status["symbols"]),
        *_symbols(status["symbols"]),
        *_unmonitored(held, status["symbols"], books),
        *_orders(unknown),
        *_books(database.rows(_HELD_OR_ORDERED), books),
        *_disk(data_dir, shutil.disk_usage(data_dir).free),
        *_restrictions(status["modes"]),
        *_clocks(clock_errors),
        *_armings(altered_armings(database)),
        *_modes(altered_modes(database)),
        *_passed_over(database.connection, status["symbols"]),
        *_sentiment(sentiment, status["symbols"]),
        *_candles(database.rows(STORED)),
        *_models(status["models"], status["symbols"]),
        *_lost_places(SqliteLostPlaces(database).vacant()),
    ]
    return sorted(found, key=lambda problem: ("error", "warning", "info").index(problem["level"]))


def _restrictions(modes: Sequence[Document]) -> Iterator[Document]:
    """One problem per reason, with all accounts that it restricts."""
    reasons: dict[tuple[str, str, int], tuple[Document, list[str]]] = {}
    for account in modes:
        for each in account["restrictions"]:
            key = (each["code"], each["detail"], each["since_ms"])
            reasons.setdefault(key, (each, []))[1].append(account["account"])
    for each, accounts in reasons.values():
        is_error = each["code"] in (AUDIT_ALTERED, DISK_FULL)
        level = "error" if is_error else _LEVELS[TradingMode(each["mode"])]
        subject = ", ".join("every account" if account == EVERY_ACCOUNT else account for account in accounts)
        detail = f"{each['mode']}: {each['detail']}"
        yield _problem(each["code"], level, subject, detail, each["since_ms"], each["hint"])


def _books(rows: Sequence[sqlite3.Row], books: Mapping[str, BooksState]) -> Iterator[Document]:
    for row in rows:
        account, symbol = row["account"], row["symbol"]
        if symbol in books.get(account, _COMPARED).gone:
            exchange, held = exchange_of(account), row["quantity"]
            what = f"{held} {symbol.partition('/')[0]} cannot be sold here" if held else "an order is open in the books"
            detail = f"{exchange} no longer has a market {symbol}: {what}, and nothing is monitored"
            hint = WRITE_OFF if is_live(account) else "autopilot resume --write-off takes it out of the books"
            yield _problem("MARKET_GONE", "error", f"{symbol} in {account}", detail, None, hint)
    for account in sorted({row["account"] for row in rows}):
        state = books.get(account, _COMPARED)
        if state.uncompared and is_live(account):
            detail = f"its books could not be compared with the exchange: {state.uncompared}"
            hint = state.hint or "nothing: Autopilot compares again every 15 minutes"
            yield _problem("BOOKS_UNCOMPARED", "warning", account, detail, None, hint)


def _armings(altered: Sequence[str]) -> Iterator[Document]:
    for account in altered:
        yield _problem(
            "ARMING_ALTERED",
            "error",
            account,
            "the stored arming does not match the audit log; Autopilot buys nothing with it",
            None,
            "autopilot disarm ends it; autopilot audit show --kind arming shows what was armed",
        )


def _modes(altered: Sequence[ModeEntry]) -> Iterator[Document]:
    for entry in altered:
        yield _problem(
            "MODE_ALTERED",
            "error",
            scope_words(entry.account),
            f"the stored trading mode differs from the last one in the audit log; the stricter counts: {entry.mode}",
            entry.since_ms,
            f"autopilot audit show --kind mode shows who set it; {lifting(entry.account)} ends it",
        )


def _refused_exits(database: Database, held: Sequence[Holding], symbols: Sequence[Document]) -> Iterator[Document]:
    running = {(each["account"], each["symbol"]) for each in symbols if each["running"]}
    for holding in held:
        key = (holding.account, holding.symbol)
        refused = refused_exit(database, *key) if holding.quantity is not None else None
        if refused:
            what = "its stop order is not on the exchange" if refused.is_stop else "its exit is refused"
            tried = "1 attempt" if refused.attempts == 1 else f"{refused.attempts} attempts"
            coming = f"the next at {utc_text(refused.next_at_ms)}" if key in running else "none while it does not run"
            yield _problem(
                EXIT_REFUSED,
                "warning" if refused.is_stop else "error",
                " in ".join(reversed(key)),
                f"{what}: {refused.words}; {tried}, {coming}",
                refused.first.created_at_ms,
                refused.hint,
            )


def _orders(unknown: Sequence[sqlite3.Row]) -> Iterator[Document]:
    for order in unknown:
        yield _problem(
            "ORDER_UNKNOWN",
            "error",
            f"{order['symbol']} in {order['account']}",
            f"the fate of {order['side']} order {order['client_order_id'][:8]} is not known yet: {order['detail']}",
            order["updated_at_ms"],
            "nothing while its symbol runs: every cycle looks the order up; else autopilot start",
        )


def unmonitored_words(health: Sequence[Document], symbols: Collection[str] | None = None) -> list[str]:
    """A warning for each position and each live order of ``symbols`` (None: of all) that no running symbol manages."""
    return [
        f"{problem['subject']}: {problem['detail']}; {problem['hint']}"
        for problem in health
        if problem["code"] in UNMONITORED
        and problem["level"] == "error"
        and (symbols is None or problem["subject"].partition(" in ")[0] in symbols)
    ]


def _unmonitored(
    held: Sequence[Holding], symbols: Sequence[Document], books: Mapping[str, BooksState]
) -> Iterator[Document]:
    """Whether or not its account is still armed. No start monitors what has no market any more."""
    runs_in = {each["symbol"]: each["account"] for each in symbols if each["running"]}
    left_out = {(each["account"], each["symbol"]) for each in symbols if each["left_out"]}
    for holding in held:
        elsewhere = runs_in.get(holding.symbol)
        if elsewhere == holding.account or holding.symbol in books.get(holding.account, _COMPARED).gone:
            continue
        if holding.quantity is not None and (holding.account, holding.symbol) not in left_out:
            yield _position_unmonitored(holding, elsewhere)
        for order in holding.orders:
            if order["status"] != OrderStatus.UNKNOWN and (holding.quantity is None or order["side"] == "buy"):
                yield _order_unmonitored(order, elsewhere)


def _position_unmonitored(holding: Holding, elsewhere: str | None) -> Document:
    """``elsewhere``: the account in which the symbol runs, if it does."""
    where = f"{format(holding.quantity or 0, 'f')} still held in {holding.account}"
    if holding.is_dust:
        hint = "nothing: too little to be sold"
        return _problem(POSITION_UNMONITORED, "info", holding.symbol, where, None, hint)
    stops = any(order["type"] == OrderType.STOP for order in holding.orders)
    rest = (
        " and not monitored; its stop order stays on the exchange"
        if stops
        else "; neither the position nor its stop is monitored"
    )
    again = "autopilot start monitors it again" if stops else "autopilot start monitors them again"
    if elsewhere:
        rest += f", because {holding.symbol} runs in {elsewhere}"
        again = f"autopilot exit {holding.symbol} --account {holding.account} sells it"
    return _problem(POSITION_UNMONITORED, "error", holding.symbol, where + rest, None, again)


def _order_unmonitored(order: sqlite3.Row, elsewhere: str | None) -> Document:
    code = ENTRY_UNFOLLOWED if order["purpose"] == Purpose.ENTRY else ORDER_UNMONITORED
    cancel = "autopilot pause" if code == ENTRY_UNFOLLOWED else f"autopilot exit {order['symbol']}"
    if elsewhere:
        cancel = f"autopilot exit {order['symbol']} --account {order['account']}"
    return _problem(
        code,
        "error",
        f"{order['symbol']} in {order['account']}",
        f"{order['side']} order {order['client_order_id'][:8]} may be filled, and is not monitored",
        order["updated_at_ms"],
        f"{cancel} cancels it" if elsewhere else f"autopilot start monitors it; {cancel} cancels it",
    )


def _symbols(symbols: Sequence[Document]) -> Iterator[Document]:
    for symbol in symbols:
        if symbol["left_out"]:
            yield _left_out(symbol)
        if symbol["state"] == "retrying":
            why = symbol["message"] or symbol["last_error"] or "the last cycle failed"
            hint = symbol["hint"] or "nothing: the next cycle tries again. The log: autopilot config path"
            yield _problem("SYMBOL_RETRYING", "warning", symbol["symbol"], why, None, hint)
        for words in symbol["differences"]:
            yield _problem(
                "BOOKS_COMPARED",
                "warning",
                symbol["symbol"],
                words,
                None,
                "look at the exchange's own page; Autopilot compares again by itself",
            )


def _passed_over(connection: sqlite3.Connection, symbols: Sequence[Document]) -> Iterator[Document]:
    """The running symbols whose latest candle was passed over."""
    for symbol in symbols:
        passed = passed_since_decided(connection, symbol) if symbol["running"] else None
        if passed and passed["code"] == PassReason.HISTORY_TOO_SHORT:
            detail = f"nothing is decided: {passed['detail']}"
            yield _problem(passed["code"], "warning", symbol["symbol"], detail, passed["passed_at_ms"], MORE_HISTORY)


def _left_out(symbol: Document) -> Document:
    why = symbol["left_out"]
    code = why["code"] if why["code"] == KEYS_LOCKED else "SYMBOL_LEFT_OUT"
    detail = f"could not be resumed and is not monitored: {why['message']}"
    hint = why["hint"] or f"autopilot start --symbol {symbol['symbol']}"
    return _problem(code, "error", f"{symbol['symbol']} in {symbol['account']}", detail, None, hint)


def _models(models: Sequence[Document], symbols: Sequence[Document]) -> Iterator[Document]:
    """Champions that cannot be used, if any symbol, or no symbol at all, has such candles."""
    used = {model["id"] for symbol in symbols if (model := symbol["model"])}
    for model in models:
        if not model["usable"] and (model["id"] in used or not symbols):
            hint = model["hint"] or "autopilot models list"
            yield _problem("MODEL_UNUSABLE", "warning", f"model {model['id']}", model["message"], None, hint)


def _lost_places(places: Sequence[LostPlace]) -> Iterator[Document]:
    for place in places:
        scope = place.scope
        exchange = " --exchange simulated" if scope and scope.kind is CandleKind.SIMULATED else ""
        train = f"autopilot retrain{exchange} --timeframe {scope.timeframe}" if scope else "autopilot retrain"
        which = f" --kind {scope.kind} --timeframe {scope.timeframe}" if scope else ""
        yield _problem(
            "MODEL_DISPLACED",
            "warning",
            f"model {place.model_id}",
            f"no longer decides about {scope or 'any candles'}: {place.why}; the rule table decides",
            place.at_ms,
            f"{train} trains another; autopilot models rollback{which} accepts the rule table",
        )


def _disk(directory: Path, free_bytes: int) -> Iterator[Document]:
    if free_bytes < DISK_LEAST_BYTES:
        yield _problem(
            "DISK_NEARLY_FULL",
            "error",
            str(directory),
            f"{free_bytes / 1e6:.0f} MB are free on the disk; at least {DISK_LEAST_BYTES / 1e6:.0f} MB are needed",
            None,
            "free some space: Autopilot sends no order that it could not store",
        )


def _clocks(errors: Sequence[ClockError]) -> Iterator[Document]:
    for error in errors:
        yield _problem(
            "CLOCK_WRONG",
            "error" if abs(error.behind_ms) >= CLOCK_ERROR_MS else "warning",
            "this machine's clock",
            f"{error.words}; trading goes by the exchange's clock, records and schedules by this one",
            error.since_ms,
            "timedatectl shows whether it is kept; sudo timedatectl set-ntp true corrects it",
        )


def _sentiment(stale: StaleSentiment | None, symbols: Sequence[Document]) -> Iterator[Document]:
    if stale and any(each["running"] and MarketKind.of(each["exchange"]) is MarketKind.REAL for each in symbols):
        level = "info" if stale.counts else "warning"
        hint = "check that https://api.alternative.me can be reached; autopilot data import --sentiment FILE adds days"
        yield _problem("SENTIMENT_STALE", level, "the Fear & Greed index", stale.words, stale.since_ms, hint)


def _lock(path: Path, since_ms: int | None) -> Iterator[Document]:
    if since_ms is not None:
        detail = "another program holds the database: no order can be stored, so none is sent, not even a stop-loss"
        hint = f"fuser {path} names it: end it, and cycles go on at once"
        yield _problem("DATABASE_LOCKED", "error", str(path), detail, since_ms, hint)


def _candles(series: Sequence[sqlite3.Row]) -> Iterator[Document]:
    """Series that an older version may have imported under a wrong symbol."""
    for exchange, symbol in series:
        suspicion = suspicion_of(exchange, symbol)
        if suspicion:
            yield _problem("CANDLES_DOUBTFUL", "info", f"{exchange} {symbol}", suspicion.words, None, suspicion.mend)


def _problem(code: str, level: str, subject: str, detail: str, since_ms: int | None, hint: str) -> Document:
    return {"code": code, "level": level, "subject": subject, "detail": detail, "since_ms": since_ms, "hint": hint}
