"""Tables as HTML. All cell text is escaped here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from html import escape

from autopilot.report.content import AccountChart, ReportContent, ReportTable
from autopilot.report.wording import MARK_WORDS, breakable, digits_of, moment, plain_number, signed, spoken_html

LISTED_TRADES = 1_000
_NUMBER = re.compile(r"\[?[+\-−±~≈<>]?\s*[$€£]?\s*(\d|nan|inf|∞)|[–—-]?$", re.IGNORECASE)


def table_html(table: ReportTable) -> str:
    """The table; columns of numbers are aligned right. It scrolls by itself if it is too wide."""
    right = [
        index > 0 and all(_NUMBER.match(row[index].strip()) is not None for row in table.rows)
        for index in range(len(table.columns))
    ]
    head = "".join(
        f'<th scope="col"{_align(number_like)}>{escape(column)}</th>'
        for column, number_like in zip(table.columns, right, strict=True)
    )
    body = "".join(f"<tr>{_cells(row, right)}</tr>" for row in table.rows)
    return _scrolling(table.name, f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>")


def bars_html(name: str, columns: tuple[str, str, str], amounts: Mapping[str, Decimal], digits: int) -> str:
    """Amounts with a bar and their share of the sum, the largest first."""
    total = sum(amounts.values(), Decimal(0))
    largest = max(amounts.values(), default=Decimal(0))
    rows = []
    for label, amount in sorted(amounts.items(), key=lambda item: (-item[1], item[0])):
        share = float(amount / total) if total > 0 else 0.0
        width = max(float(amount / largest) * 100 if largest > 0 else 0.0, 0.0)
        rows.append(
            f'<tr><th scope="row">{breakable(label)}<span class="bar" aria-hidden="true">'
            f'<span style="width:{width:.1f}%"></span></span></th>'
            f'<td class="number">{plain_number(amount, digits)}</td><td class="number">{share:.1%}</td></tr>'
        )
    head = "".join(f'<th scope="col"{_align(index > 0)}>{escape(column)}</th>' for index, column in enumerate(columns))
    return _scrolling(name, f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>", kind="bars")


def trades_html(content: ReportContent) -> str:
    """The trades, newest first, each with a link to the chart of its symbol."""
    places = {chart.symbol: place for place, chart in enumerate(content.symbols)}
    total = sum(len(account.record.trades) for account in content.accounts)
    rows = sorted((row for account in content.accounts for row in _trades(account, places)), reverse=True)
    columns = ("Opened", "Symbol", "Strategy", "Group", "Regime", "Entry", "Exit", "Ended by", "Net", "Net %")
    head = "".join(f'<th scope="col"{_align(c in {"Entry", "Exit", "Net", "Net %"})}>{c}</th>' for c in columns)
    body = "".join(cells for _, cells in rows[:LISTED_TRADES])
    table = _scrolling("Trades", f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>", kind="tall")
    cut = f"<p>The last {LISTED_TRADES:,} of {total:,} trades.</p>" if total > LISTED_TRADES else ""
    return cut + table


def _trades(account: AccountChart, places: Mapping[str, int]) -> list[tuple[int, str]]:
    """Rows with their sort key, the closing time."""
    currency, digits = account.record.currency, digits_of(account.record.start_equity)
    rows = []
    for trade in account.record.trades:
        trip = trade.round_trip
        place = places.get(trip.symbol)
        opened = moment(trip.opened_at_ms)
        if place is not None:
            opened = (
                f'<button type="button" data-symbol="{place}" data-from="{trip.opened_at_ms}" '
                f'data-to="{trip.closed_at_ms}" aria-label="Show the trade of {opened} on the candles">'
                f"{opened}</button>"
            )
        price_digits = digits_of(trip.entry_price)
        words = (escape(trip.symbol), escape(trip.strategy), spoken_html(trade.group), spoken_html(trade.regime))
        numbers = (
            f'<td class="number">{plain_number(trip.entry_price, price_digits)}</td>'
            f'<td class="number">{plain_number(trip.exit_price, price_digits)}</td>'
            f"<td>{MARK_WORDS[trip.exit_purpose]}</td>"
            f'<td class="number {sign_class(trip.net)}">{signed(trip.net, digits)} {escape(currency)}</td>'
            f'<td class="number {sign_class(trip.net)}">{signed(trip.net_pct, 2)}</td>'
        )
        cells = f'<th scope="row">{opened}</th>' + "".join(f"<td>{word}</td>" for word in words) + "".join(numbers)
        rows.append((trip.closed_at_ms, f"<tr>{cells}</tr>"))
    return rows


def sign_class(amount: Decimal | float) -> str:
    return "gain" if amount > 0 else "loss" if amount < 0 else ""


def _cells(row: tuple[str, ...], right: list[bool]) -> str:
    first, *others = row
    cells = "".join(
        f"<td{_align(number_like)}>{escape(cell)}</td>" for cell, number_like in zip(others, right[1:], strict=True)
    )
    return f'<th scope="row">{escape(first)}</th>{cells}'


def _align(number_like: bool) -> str:
    return ' class="number"' if number_like else ""


def _scrolling(name: str, inner: str, kind: str = "plain") -> str:
    """A region that can be scrolled with the keyboard."""
    label = escape(name)
    return (
        f'<div class="scroll {kind}" role="region" aria-label="{label}" tabindex="0">'
        f"<table><caption>{label}</caption>{inner}</table></div>"
    )
