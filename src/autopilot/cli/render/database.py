"""The size of the database and the rows of an SQL query on the screen."""

from __future__ import annotations

from collections.abc import Iterator

from autopilot.cli.render.blocks import Block, Column, Style, as_screen, line, table
from autopilot.cli.render.words import count, size
from autopilot.domain.document_types import Document

_FEWEST_CHARACTERS = 20
"""Of a text on a narrow terminal: longer ones are cut before any column is left out."""


@as_screen
def size_screen(document: Document) -> Iterator[Block]:
    """`storage`."""
    for name, plain in (("decision", "plain_decisions"), ("sample", "plain_samples")):
        left = f", {document[plain]:,} of them are still to be made compact" if document[plain] else ""
        yield line(f"{count(document[f'{name}s'], name)}{left}")
    yield line(f"{size(document['bytes'])}, of which {size(document['reusable_bytes'])} are free for new rows")


@as_screen
def query_screen(document: Document) -> Iterator[Block]:
    """``{"columns", "rows", "more"}``."""
    rows = document["rows"]
    if not rows:
        yield line("No rows.", Style.FAINT)
        return
    numbers = [all(isinstance(row[at], int | float) for row in rows) for at in range(len(document["columns"]))]
    yield table(
        (
            Column(name, right=right, shrink_to=None if right else _FEWEST_CHARACTERS)
            for name, right in zip(document["columns"], numbers, strict=True)
        ),
        (["" if value is None else str(value) for value in row] for row in rows),
    )
    if document["more"]:
        yield line("There is more: --limit shows more rows.", Style.FAINT)
