"""A recorded period compared with the same period run again, on the screen."""

from __future__ import annotations

from collections.abc import Iterator

from autopilot.cli.render.blocks import (
    BLANK,
    Block,
    Field,
    Screen,
    Style,
    as_screen,
    banner,
    field,
    heading,
    line,
    listed,
)
from autopilot.cli.render.words import NOTHING, count, money, result, spoken, utc
from autopilot.domain.document_types import Document

ROWS_SHOWN = 50
_PARTS = {
    "signal": "orders sent only once",
    "price": "other prices",
    "fee": "other fees",
    "missed_fill": "quantities filled only once",
}


@as_screen
def parity_screen(document: Document) -> Iterator[Block]:
    """The screen of a `parity` document."""
    differences, fills = document["differences"], document["fills"]
    yield heading(f"{document['account']}, {', '.join(document['symbols'])}, {document['timeframe']}")
    yield from banner([{"market": document["exchange"]}])
    yield line(f"{utc(document['from_ms'])} to {utc(document['to_ms'])}", Style.FAINT)
    yield line(
        f"recorded: {count(document['recorded'], 'decision')} with a signal, {count(fills['recorded'], 'fill')};"
        f" run again: {count(document['again'], 'decision')}, {count(fills['again'], 'fill')}",
        hang=2,
    )
    yield from (line(f"note: {note}", Style.WARNING, hang=2) for note in document["notes"])
    if not differences:
        yield line("No decision differs.", Style.GOOD)
        return
    verb = "differs" if len(differences) == 1 else "differ"
    yield from (BLANK, line(f"{count(len(differences), 'decision')} {verb}:", Style.WARNING))
    yield listed(_FIELDS, differences[:ROWS_SHOWN])
    if len(differences) > ROWS_SHOWN:
        yield line(f"and {len(differences) - ROWS_SHOWN:,} more; --json lists all of them", Style.FAINT)
    yield BLANK
    yield from _cost(document)


def _decision(difference: Document) -> Document:
    """The recorded decision or, if it is missing, the repeated one."""
    return dict(difference["recorded"] or difference["again"])


_FIELDS: tuple[Field[Document], ...] = (
    field("candle", lambda each: utc(_decision(each)["candle_at_ms"]), rank=1),
    field("symbol", lambda each: _decision(each)["symbol"], rank=2),
    field("difference", lambda each: ", ".join(spoken(name) for name in each["fields"]), shrink_to=20),
    field("recorded", lambda each: _values(each["recorded"], each["fields"]), shrink_to=16),
    field("again", lambda each: _values(each["again"], each["fields"]), shrink_to=16),
)


def _values(decision: Document | None, fields: list[str]) -> str:
    if decision is None:
        return NOTHING
    if fields == ["missing"]:
        return f"{decision['signal_type']} {decision['strategy']}"
    return ", ".join(spoken(str(decision[field])) if decision[field] is not None else NOTHING for field in fields)


def _cost(document: Document) -> Screen:
    cost, currency = document["cost"], document["currency"]
    fields: tuple[Field[str], ...] = (
        field("cause", lambda part: _PARTS[part]),
        field("amount", lambda part: result(cost[part], f" {currency}"), right=True),
    )
    return (
        line(f"The recorded period earned {money(cost['total'])} {currency} more than the repeated one:"),
        listed(fields, _PARTS),
    )
