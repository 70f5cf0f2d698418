"""Options that several commands share."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from autopilot.cli.completion import (
    complete_exchange,
    complete_real_exchange,
    complete_strategy,
    complete_symbol,
    complete_timeframe,
)
from autopilot.cli.symbols import symbol_or_none

exchange_option = partial(typer.Option, "--exchange", metavar="NAME", autocompletion=complete_exchange)
real_exchange_option = partial(typer.Option, "--exchange", metavar="NAME", autocompletion=complete_real_exchange)
strategy_option = partial(typer.Option, "--strategy", metavar="NAME", autocompletion=complete_strategy)
symbol_option = partial(typer.Option, "--symbol", metavar="SYMBOL", autocompletion=complete_symbol)
one_symbol_option = partial(symbol_option, callback=symbol_or_none)
timeframe_option = partial(typer.Option, "--timeframe", metavar="TIMEFRAME", autocompletion=complete_timeframe)
detail_option = partial(typer.Option, "--detail", metavar="TIMEFRAME", autocompletion=complete_timeframe)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Full = Annotated[bool, typer.Option("--full", help="Show the whole card.")]
OneSymbol = Annotated[str | None, one_symbol_option(help="Only this symbol, such as BTC/USD.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, metavar="N", help="At most N, the latest first.")]
OnlyDays = Annotated[int | None, typer.Option("--days", min=1, max=99_999, metavar="N", help="Only the last N days.")]
Symbols = Annotated[list[str] | None, symbol_option(help="Such as BTC/USD; repeatable. All share one account.")]
LastDays = Annotated[int | None, typer.Option("--days", min=1, metavar="N", help="The last N days.")]
Begin = Annotated[str | None, typer.Option("--from", metavar="DATE", help="Candles from this day or time on, UTC.")]
End = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Candles before this day or time, UTC.")]
TimeframeName = Annotated[str | None, timeframe_option(help="The length of a candle: 1m 5m 15m 30m 1h 4h 1d.")]
StoredExchange = Annotated[str | None, exchange_option(help="The exchange of the stored candles, or simulated.")]
Fee = Annotated[
    float | None, typer.Option("--fee", min=0, max=10, metavar="PERCENT", help="In percent of the value of each order.")
]
Slippage = Annotated[
    float | None, typer.Option("--slippage", min=0, max=1000, metavar="BPS", help="Of market orders, in bps.")
]
