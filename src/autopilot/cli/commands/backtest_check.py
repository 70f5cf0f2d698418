"""autopilot backtest check: proofs that features and strategies do not look ahead."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson, StoredExchange, TimeframeName
from autopilot.cli.render.backtest_check import check_screen
from autopilot.cli.render.progress import progress_view
from autopilot.cli.session import Session
from autopilot.cli.symbols import symbol_of


def check(
    context: typer.Context,
    symbol: Annotated[
        list[str] | None, typer.Option("--symbol", metavar="SYMBOL", help="Such as BTC/USD; repeatable.")
    ] = None,
    timeframe: TimeframeName = None,
    exchange: StoredExchange = None,
    cuts: Annotated[int, typer.Option("--cuts", min=1, max=1000, metavar="N", help="At how many candles.")] = 30,
    as_json: AsJson = False,
) -> int:
    """Prove of all features and strategies, yours too, that they do not look ahead and need no more past than they get.

    Exit code 1 when one does.
    """
    from autopilot.app.backtest.check import check_strategies
    from autopilot.config.load import load
    from autopilot.domain.timeframe import Timeframe

    session = Session.of(context, as_json)
    config = load(session.paths).config
    with progress_view(session.output.remarks) as progress:
        found = check_strategies(
            session.paths,
            config,
            exchange or config.exchange,
            tuple(dict.fromkeys(symbol_of(each) for each in symbol or ())) or config.symbols,
            Timeframe.parse(timeframe) if timeframe else config.timeframe,
            cuts,
            progress,
        )
    session.output.show(found, check_screen(found))
    return ExitCode.FAILED if found["findings"] else ExitCode.DONE
