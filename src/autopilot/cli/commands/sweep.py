"""autopilot sweep: a parameter search that measures luck."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.options import (
    Begin,
    End,
    Fee,
    LastDays,
    Slippage,
    StoredExchange,
    Symbols,
    TimeframeName,
    detail_option,
    strategy_option,
    with_session,
)
from autopilot.cli.render.progress import progress_view
from autopilot.cli.render.sweep import sweep_screen
from autopilot.cli.session import Session


@with_session
def sweep(
    session: Session,
    strategy: Annotated[str | None, strategy_option(help="Trade this strategy alone; search its parameters.")] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=LOW..HIGH", help="A parameter or a configuration key; repeatable."),
    ] = None,
    tries: Annotated[int, typer.Option("--tries", min=2, max=10_000, metavar="N", help="Tries in each fold.")] = 50,
    folds: Annotated[
        int,
        typer.Option("--folds", min=1, max=50, metavar="N", help="How often the search is tested on later candles."),
    ] = 4,
    symbol: Symbols = None,
    days: LastDays = None,
    begin: Begin = None,
    end: End = None,
    timeframe: TimeframeName = None,
    exchange: StoredExchange = None,
    fee: Fee = None,
    slippage: Slippage = None,
    detail: Annotated[str | None, detail_option(help="Finer stored candles, as in a backtest.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="N", help="The same seed gives the same tries.")] = 1,
) -> None:
    """Search for better parameters, test them on later candles, and say how much is luck.

    Needs optuna: pip install 'autopilot-trader[sweep]'.
    """
    from autopilot.app.sweep.figures import sweep_document
    from autopilot.app.sweep.run import SweepRequest, run_sweep
    from autopilot.cli.backtest_request import backtest_request, period_of
    from autopilot.cli.sweep_request import parameters_of
    from autopilot.strategies.registry import load_strategies

    config = session.config
    request = SweepRequest(
        backtest=backtest_request(
            config,
            period=period_of(days, begin, end),
            symbols=symbol,
            timeframe=timeframe,
            exchange=exchange,
            strategy=strategy,
            fee=fee,
            slippage=slippage,
            detail=detail,
        ),
        parameters=parameters_of(param or (), strategy, load_strategies()),
        tries=tries,
        folds=folds,
        seed=seed,
    )
    with progress_view(session.output.remarks) as progress:
        document = sweep_document(run_sweep(session.paths, config, request, progress))
    session.show(document, sweep_screen)
