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
Symbols = Annotated[
    list[str] | None,
    typer.Option("--symbol", metavar="SYMBOL", help="As BTC/USD; may be repeated. All share one account."),
]
LastDays = Annotated[int | None, typer.Option("--days", min=1, metavar="N", help="The last so many days.")]
Begin = Annotated[str | None, typer.Option("--from", metavar="DATE", help="Candles from then on, UTC.")]
End = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Candles before that, UTC.")]
TimeframeName = Annotated[
    str | None, typer.Option("--timeframe", metavar="TIMEFRAME", help="Length of a candle: 1m 5m 15m 30m 1h 4h 1d.")
]
StoredExchange = Annotated[
    str | None, typer.Option("--exchange", metavar="NAME", help="Whose stored candles; or simulated.")
]
Fee = Annotated[float | None, typer.Option("--fee", min=0, max=10, metavar="PERCENT", help="Of each trade's value.")]
Slippage = Annotated[
    float | None, typer.Option("--slippage", min=0, max=1000, metavar="BP", help="Of a market order, in bp.")
]
