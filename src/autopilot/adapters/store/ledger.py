"""Our books in SQLite: decisions, orders, fills, positions, equity."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial

from autopilot.adapters.store.audit import AuditedStore
from autopilot.adapters.store.compact_decisions import compact_decision
from autopilot.adapters.store.database import store_errors, urgent
from autopilot.adapters.store.decision_columns import on_other_candles
from autopilot.adapters.store.refused_exits import refused_exit
from autopilot.adapters.store.rows import IS_OPEN, from_row, insert, to_row
from autopilot.adapters.store.stored_marks import latest_mark
from autopilot.adapters.store.views.decided_series import newest_of_each
from autopilot.domain.audit import AuditKind
from autopilot.domain.booking import Booked, book_fills, write_off
from autopilot.domain.decision import Decision
from autopilot.domain.market import Market, split_symbol
from autopilot.domain.money import ZERO
from autopilot.domain.order import Fill, Order, OrderStatus, Purpose, Side
from autopilot.domain.passed_candles import PassedCandles
from autopilot.domain.portfolio import Position, RoundTrip, SymbolRecord
from autopilot.domain.refusal import RefusedExit
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.ledger import DecisionLedger, EquityMark, WriteOffs

_SAVE_ORDER = insert("orders", Order, or_update="client_order_id")
_OPEN_ORDERS = f"SELECT * FROM orders WHERE account = ? AND {IS_OPEN} ORDER BY created_at_ms, client_order_id"
_POSITIONS = "SELECT * FROM positions WHERE account = ? ORDER BY symbol"
_POSITION = "SELECT * FROM positions WHERE account = ? AND symbol = ?"
_SAVE_POSITION = insert("positions", Position, or_update="account, symbol")
_SAVE_MARK = insert("equity", EquityMark, or_update="account, currency")
_HAS_MARK = "SELECT 1 FROM equity WHERE account = ? AND currency = ?"
_ADD_FILL = insert("fills", Fill) + " ON CONFLICT DO NOTHING"
_ADD_ROUND_TRIP = insert("round_trips", RoundTrip)
_ADD_DECISION = f"INSERT INTO decisions VALUES ({', '.join('?' * 24)}) ON CONFLICT DO NOTHING"
_ADD_PASSED = insert("passed_candles", PassedCandles) + " ON CONFLICT DO NOTHING"
_SERIES = "account = ?1 AND symbol = ?2 AND timeframe = ?3"
_CONTINUE_PASSED = (
    "UPDATE passed_candles SET last_at_ms = ?4, candles = candles + ?5, passed_at_ms = ?6, detail = ?7"
    f" WHERE {_SERIES} AND last_at_ms = ?8 AND code = ?9"
)
_TRADED_CASH = "SELECT amount FROM traded_cash WHERE account = ? AND currency = ?"
_SAVE_TRADED_CASH = (
    "INSERT INTO traded_cash VALUES (?, ?, ?) ON CONFLICT (account, currency) DO UPDATE SET amount = excluded.amount"
)
_WRITTEN_OFF = "SELECT quantity FROM written_off WHERE account = ? AND symbol = ?"
_SAVE_WRITTEN_OFF = (
    "INSERT INTO written_off VALUES (?, ?, ?) ON CONFLICT (account, symbol) DO UPDATE SET quantity = excluded.quantity"
)
_LAST_EXIT = (
    f"SELECT * FROM orders WHERE account = ? AND symbol = ? AND side = '{Side.SELL}' AND created_at_ms >= ?"
    " ORDER BY created_at_ms DESC, updated_at_ms DESC, rowid DESC LIMIT 1"
)
_HAS_ORDER = "SELECT 1 FROM orders WHERE client_order_id = ?"
_ORDER_STATE = "SELECT status, filled FROM orders WHERE client_order_id = ?"


class SqliteLedger(AuditedStore, DecisionLedger, WriteOffs):
    """With ``audit``, every change of an order and the decision that led to it are recorded there, in the same
    transaction. ``grouped``: whether decisions without an order may be committed in groups."""

    def record_decision(self, decision: Decision, mark: EquityMark) -> bool:
        """Returns False also if the order exists already: an order is created once."""
        order, row = decision.order, _decision_row(decision)
        with self._database.transaction(durable=order is not None, grouped=self._grouped) as connection:
            if order and connection.execute(_HAS_ORDER, (order.client_order_id,)).fetchone():
                return False
            if not connection.execute(_ADD_DECISION, row).rowcount:
                return False
            if order:
                self._audit_decision(connection, decision, order)
                with self._audit_changes(connection, order):
                    connection.execute(_SAVE_ORDER, to_row(order))
            if order or decision.provenance is None or not self._has_mark(connection, mark):
                connection.execute(_SAVE_MARK, to_row(mark))
            return True

    def pass_over(self, passed: PassedCandles) -> bool:
        key = (passed.account, passed.symbol, passed.timeframe.value)
        before_ms = passed.first_at_ms - passed.timeframe.ms
        with self._database.transaction(durable=False) as connection:
            values = (
                passed.last_at_ms,
                passed.candles,
                passed.passed_at_ms,
                passed.detail,
                before_ms,
                passed.code.value,
            )
            if connection.execute(_CONTINUE_PASSED, (*key, *values)).rowcount:
                return False
            connection.execute(_ADD_PASSED, to_row(passed))
            return True

    def last_decided_at_ms(self, account: str, symbol: str, timeframe: Timeframe) -> int | None:
        row = self._database.row(
            f"SELECT max(at_ms) FROM (SELECT max(candle_at_ms) AS at_ms FROM decisions WHERE {_SERIES}"
            f" UNION ALL SELECT max(last_at_ms) FROM passed_candles WHERE {_SERIES})",
            (account, symbol, timeframe.value),
        )
        return row[0] if row else None

    def last_price(self, account: str, symbol: str) -> float | None:
        row = self._database.row(
            f"{newest_of_each('d.price', 'account = ?1 AND symbol = ?2')} ORDER BY d.candle_at_ms DESC LIMIT 1",
            (account, symbol),
        )
        return row[0] if row else None

    def save_order(self, order: Order) -> None:
        """An entry that is not sent yet gets no space of the ballast."""
        save = partial(self._save_order, order)
        if order.purpose is Purpose.ENTRY and order.status in (OrderStatus.NEW, OrderStatus.SUBMITTED):
            save()
        else:
            self._database.urgently(save)

    def _save_order(self, order: Order) -> None:
        with self._database.transaction(durable=True) as connection, self._audit_changes(connection, order):
            connection.execute(_SAVE_ORDER, to_row(order))

    @urgent
    def apply_fills(self, order: Order, fills: Sequence[Fill], market: Market | None = None) -> tuple[Fill, ...]:
        """The stored filled amount is the sum of the stored fills, whatever the order says."""
        key = (order.account, order.symbol)
        with self._database.transaction(durable=True) as connection, self._audit_changes(connection, order):
            connection.execute(_SAVE_ORDER, to_row(order))
            in_order = sorted(fills, key=lambda fill: fill.at_ms)
            new = [fill for fill in in_order if connection.execute(_ADD_FILL, to_row(fill)).rowcount]
            if new:
                self._add_traded_cash(connection, *key, (fill.cash for fill in new))
            held = self._first(Position, _POSITION, key)
            booked = book_fills(held, order, new, partial(self.last_exit, *key), market)
            if booked != Booked(held):
                _store_booked(connection, *key, booked)
            _correct_filled(connection, order)
            return tuple(new)

    @urgent
    def write_off(self, position: Position, quantity: Decimal, price: Decimal, at_ms: int) -> tuple[RoundTrip, ...]:
        booked = write_off(position, quantity, at_ms)
        key = (position.account, position.symbol)
        with self._database.transaction(durable=True) as connection:
            total = self._amount(_WRITTEN_OFF, key) + quantity
            connection.execute(_SAVE_WRITTEN_OFF, (*key, format(total, "f")))
            self._add_traded_cash(connection, *key, [quantity * price])
            _store_booked(connection, *key, booked)
            if self._audit:
                body = {"account": position.account, "symbol": position.symbol}
                amounts = {"quantity": format(quantity, "f"), "price": format(price, "f")}
                self._audit.append(connection, AuditKind.WRITE_OFF, {**body, **amounts})
        return booked.ended

    def order(self, client_order_id: str) -> Order | None:
        return self._first(Order, "SELECT * FROM orders WHERE client_order_id = ?", (client_order_id,))

    def open_orders(self, account: str, symbol: str | None = None) -> tuple[Order, ...]:
        orders = self._database.settled((_OPEN_ORDERS, account), lambda: self._all(Order, _OPEN_ORDERS, (account,)))
        return orders if symbol is None else tuple(order for order in orders if order.symbol == symbol)

    def last_exit(self, account: str, symbol: str, since_ms: int) -> Order | None:
        return self._first(Order, _LAST_EXIT, (account, symbol, since_ms))

    def refused_exit(self, position: Position) -> RefusedExit | None:
        return refused_exit(self._database, position.account, position.symbol)

    def positions(self, account: str) -> tuple[Position, ...]:
        return self._database.settled((_POSITIONS, account), lambda: self._all(Position, _POSITIONS, (account,)))

    def busy_accounts(self) -> tuple[str, ...]:
        """The accounts with open orders or positions, whether or not a symbol runs on them."""
        rows = self._database.rows(
            f"SELECT account FROM orders WHERE {IS_OPEN} UNION SELECT account FROM positions ORDER BY 1"
        )
        return tuple(row[0] for row in rows)

    def symbol_history(self, account: str, symbol: str, day_start_ms: int) -> SymbolRecord:
        given = (account, symbol, day_start_ms)
        return self._database.settled((HISTORY, given), lambda: self._symbol_history(*given))

    def _symbol_history(self, account: str, symbol: str, day_start_ms: int) -> SymbolRecord:
        (entries,) = self._database.rows(
            "SELECT count(*) FROM orders WHERE account = ? AND symbol = ? AND purpose = ? AND created_at_ms >= ?"
            " AND status <> ?",
            (account, symbol, Purpose.ENTRY.value, day_start_ms, OrderStatus.REJECTED.value),
        )
        (last,) = self._database.rows(HISTORY, (account, symbol, Purpose.STOP_LOSS.value))
        (losses,) = self._database.rows(LOSSES_IN_A_ROW, (account, symbol))
        return SymbolRecord(
            trades_today=entries[0],
            last_stop_loss_at_ms=last[0],
            consecutive_losses=losses[0],
            last_loss_at_ms=last[1],
            last_exit_at_ms=last[2],
        )

    def round_trips_since(self, account: str, since_ms: int) -> tuple[RoundTrip, ...]:
        return self._all(RoundTrip, RECENT, (account, since_ms))

    def traded_cash(self, account: str, currency: str) -> Decimal:
        key = (account, currency)
        return self._database.settled((_TRADED_CASH, key), lambda: self._amount(_TRADED_CASH, key))

    def equity_mark(self, account: str, currency: str) -> EquityMark | None:
        with store_errors(self._database.path):
            found = latest_mark(self._database.connection, account, currency)
            return from_row(EquityMark, found) if found else None

    def _has_mark(self, connection: sqlite3.Connection, mark: EquityMark) -> bool:
        """Whether the table has one of the account, which the decision's replaces for those who read it."""
        return connection.execute(_HAS_MARK, (mark.account, mark.currency)).fetchone() is not None

    def _amount(self, sql: str, key: tuple[str, str]) -> Decimal:
        """The first column of the first row; 0 without a row."""
        row = self._database.row(sql, key)
        return Decimal(row[0]) if row else ZERO

    def _add_traded_cash(
        self, connection: sqlite3.Connection, account: str, symbol: str, amounts: Iterable[Decimal]
    ) -> None:
        key = (account, split_symbol(symbol)[1])
        total = sum(amounts, self.traded_cash(*key))
        connection.execute(_SAVE_TRADED_CASH, (*key, format(total, "f")))

    def _audit_decision(self, connection: sqlite3.Connection, decision: Decision, order: Order) -> None:
        if self._audit:
            body = {"decision_id": decision.id, "order_id": order.client_order_id, "account": decision.account}
            signal = {"symbol": decision.symbol, "strategy": decision.selection.strategy, "side": order.side.value}
            self._audit.append(connection, AuditKind.DECISION, {**body, **signal})

    @contextmanager
    def _audit_changes(self, connection: sqlite3.Connection, order: Order) -> Iterator[None]:
        """Record the order in the audit log if its status or filled amount changes inside this context."""
        if self._audit is None:
            yield
            return
        before = _order_state(connection, order.client_order_id)
        yield
        after = _order_state(connection, order.client_order_id)
        if after and after != before:
            status, filled = after
            body = {"client_order_id": order.client_order_id, "account": order.account, "symbol": order.symbol}
            state = {"side": order.side.value, "status": status, "filled": format(filled, "f")}
            self._audit.append(connection, AuditKind.ORDER, {**body, **state})


def _order_state(connection: sqlite3.Connection, client_order_id: str) -> tuple[str, Decimal] | None:
    row = connection.execute(_ORDER_STATE, (client_order_id,)).fetchone()
    return (row[0], Decimal(row[1])) if row else None


def _decision_row(decision: Decision) -> tuple[object, ...]:
    """The values in the order of the table's columns."""
    conditions, selection, signal = decision.conditions, decision.selection, decision.signal
    denied, order = decision.denied, decision.order
    return (
        decision.id,
        decision.symbol,
        decision.account,
        decision.exchange,
        decision.market.value,
        decision.timeframe.value,
        decision.candle_at_ms,
        decision.decided_at_ms,
        conditions.regime.value,
        selection.group.value,
        selection.strategy,
        selection.decided_by.value,
        round(selection.confidence, 6),
        signal.signal_type.value,
        conditions.price,
        decision.action.value,
        denied.code if denied else None,
        denied.detail if denied else None,
        order.client_order_id if order else None,
        "",
        compact_decision(decision),
        selection.model.model_id if selection.model else None,
        selection.rule_choice,
        on_other_candles(decision.basis.count, decision.basis.joined),
    )


def _store_booked(connection: sqlite3.Connection, account: str, symbol: str, booked: Booked) -> None:
    if booked.position:
        connection.execute(_SAVE_POSITION, to_row(booked.position))
    else:
        connection.execute("DELETE FROM positions WHERE account = ? AND symbol = ?", (account, symbol))
    connection.executemany(_ADD_ROUND_TRIP, [to_row(trip) for trip in booked.ended])


def _correct_filled(connection: sqlite3.Connection, order: Order) -> None:
    amounts = connection.execute("SELECT quantity FROM fills WHERE client_order_id = ?", (order.client_order_id,))
    filled = sum((Decimal(row[0]) for row in amounts), ZERO)
    if filled != order.filled:
        connection.execute(
            "UPDATE orders SET filled = ? WHERE client_order_id = ?", (format(filled, "f"), order.client_order_id)
        )


_OF_SYMBOL = "FROM round_trips WHERE account = ?1 AND symbol = ?2"
_LAST = "ORDER BY closed_at_ms DESC LIMIT 1"
HISTORY = (
    f"SELECT (SELECT closed_at_ms {_OF_SYMBOL} AND exit_purpose = ?3 {_LAST}),"
    f" (SELECT closed_at_ms {_OF_SYMBOL} AND CAST(net AS REAL) < 0 {_LAST}),"
    f" (SELECT closed_at_ms {_OF_SYMBOL} {_LAST})"
)
LOSSES_IN_A_ROW = (
    f"WITH gain AS (SELECT closed_at_ms, id {_OF_SYMBOL} AND CAST(net AS REAL) >= 0"
    " ORDER BY closed_at_ms DESC, id DESC LIMIT 1)"
    f" SELECT count(*) {_OF_SYMBOL} AND (closed_at_ms, id) >"
    " (coalesce((SELECT closed_at_ms FROM gain), 0), coalesce((SELECT id FROM gain), 0))"
)
# The index begins with the symbol, so each symbol is looked up by itself, found from the previous one.
RECENT = (
    "WITH RECURSIVE traded (symbol) AS ("
    " SELECT min(symbol) FROM round_trips WHERE account = ?1 UNION ALL"
    " SELECT (SELECT min(symbol) FROM round_trips WHERE account = ?1 AND symbol > traded.symbol)"
    " FROM traded WHERE traded.symbol IS NOT NULL)"
    " SELECT round_trips.* FROM traded CROSS JOIN round_trips USING (symbol)"
    " WHERE account = ?1 AND closed_at_ms >= ?2 ORDER BY closed_at_ms, id"
)
