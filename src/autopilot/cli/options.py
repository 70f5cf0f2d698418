"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.completion import complete_exchange, complete_symbol, complete_timeframe
from autopilot.cli.symbols import symbol_or_none

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Full = Annotated[bool, typer.Option("--full", help="Show the whole card.")]
OneSymbol = Annotated[
    str | None,
    typer.Option(
        "--symbol",
        metavar="SYMBOL",
        callback=symbol_or_none,
        autocompletion=complete_symbol,
        help="Only this symbol, such as BTC/USD.",
    ),
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, metavar="N", help="At most N, the latest first.")]
Symbols = Annotated[
    list[str] | None,
    typer.Option(
        "--symbol",
        metavar="SYMBOL",
        autocompletion=complete_symbol,
        help="Such as BTC/USD; repeatable. All share one account.",
    ),
]
LastDays = Annotated[int | None, typer.Option("--days", min=1, metavar="N", help="The last N days.")]
Begin = Annotated[str | None, typer.Option("--from", metavar="DATE", help="Candles from this day or time on, UTC.")]
End = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Candles before this day or time, UTC.")]
TimeframeName = Annotated[
    str | None,
    typer.Option(
        "--timeframe",
        metavar="TIMEFRAME",
        autocompletion=complete_timeframe,
        help="The length of a candle: 1m 5m 15m 30m 1h 4h 1d.",
    ),
]
StoredExchange = Annotated[
    str | None,
    typer.Option(
        "--exchange",
        metavar="NAME",
        autocompletion=complete_exchange,
        help="The exchange of the stored candles, or simulated.",
    ),
]
Fee = Annotated[
    float | None, typer.Option("--fee", min=0, max=10, metavar="PERCENT", help="In percent of the value of each order.")
]
Slippage = Annotated[
    float | None, typer.Option("--slippage", min=0, max=1000, metavar="BPS", help="Of market orders, in bps.")
]
