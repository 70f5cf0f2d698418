"""A recorded period compared with the same period run again, on the screen."""

from __future__ import annotations

from autopilot.cli.render.blocks import BLANK, Block, Column, Screen, Span, Style, banner, line, table
from autopilot.cli.render.words import NOTHING, count, money, result, spoken, utc
from autopilot.domain.document_types import Document

ROWS_SHOWN = 50
_PARTS = {
    "signal": "orders sent only once",
    "price": "other prices",
    "fee": "other fees",
    "missed_fill": "quantities filled only once",
}


def parity_screen(document: Document) -> Screen:
    """The screen of a `parity` document."""
    differences = document["differences"]
    blocks: list[Block] = [
        line(f"{document['account']}, {', '.join(document['symbols'])}, {document['timeframe']}", Style.HEADING),
        *banner([{"market": document["exchange"]}]),
        line(f"{utc(document['from_ms'])} to {utc(document['to_ms'])}", Style.FAINT),
        line(
            f"recorded: {count(document['recorded'], 'decision')} with a signal, "
            f"{count(document['fills']['recorded'], 'fill')}; run again: "
            f"{count(document['again'], 'decision')}, {count(document['fills']['again'], 'fill')}",
            hang=2,
        ),
        *(line(f"note: {note}", Style.WARNING, hang=2) for note in document["notes"]),
    ]
    if not differences:
        return (*blocks, line("No decision differs.", Style.GOOD))
    blocks += [
        BLANK,
        line(
            f"{count(len(differences), 'decision')} {'differs' if len(differences) == 1 else 'differ'}:", Style.WARNING
        ),
        _listed(differences),
    ]
    if len(differences) > ROWS_SHOWN:
        blocks.append(line(f"and {len(differences) - ROWS_SHOWN:,} more; --json lists all of them", Style.FAINT))
    return (*blocks, BLANK, *_cost(document))


def _listed(differences: list[Document]) -> Block:
    columns = (
        Column("candle", rank=1),
        Column("symbol", rank=2),
        Column("difference", shrink_to=20),
        Column("recorded", shrink_to=16),
        Column("again", shrink_to=16),
    )
    rows = []
    for each in differences[:ROWS_SHOWN]:
        one, other = each["recorded"], each["again"]
        decision = one or other
        rows.append(
            (
                utc(decision["candle_at_ms"]),
                decision["symbol"],
                ", ".join(spoken(field) for field in each["fields"]),
                _values(one, each["fields"]),
                _values(other, each["fields"]),
            )
        )
    return table(columns, rows)


def _values(decision: Document | None, fields: list[str]) -> str:
    if decision is None:
        return NOTHING
    if fields == ["missing"]:
        return f"{decision['signal_type']} {decision['strategy']}"
    return ", ".join(spoken(str(decision[field])) if decision[field] is not None else NOTHING for field in fields)


def _cost(document: Document) -> list[Block]:
    cost, currency = document["cost"], document["currency"]
    rows = [(words, result(cost[part], f" {currency}")) for part, words in _PARTS.items()]
    return [
        line(f"The recorded period earned {money(cost['total'])} {currency} more than the repeated one:"),
        table((Column("cause"), Column("amount", right=True)), [(Span(words), amount) for words, amount in rows]),
    ]
