"""Options that several commands share, so that they read and behave alike."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.symbols import symbol_or_none

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
OneSymbol = Annotated[
    str | None,
    typer.Option("--symbol", metavar="SYMBOL", callback=symbol_or_none, help="Only this symbol, as BTC/USD."),
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many, the latest first.")]
