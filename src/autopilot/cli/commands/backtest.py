"""autopilot backtest, backtest check and sweep: the whole autopilot on past data, with the daemon's own code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autopilot.cli.backtest_run import show_backtest
from autopilot.cli.options import (
    AsJson,
    Begin,
    End,
    Fee,
    LastDays,
    NoDownload,
    Slippage,
    Source,
    StoredExchange,
    Symbols,
    TimeframeName,
    command_group,
    complete_group,
    complete_model,
    detail_option,
    strategy_option,
    with_session,
)
from autopilot.cli.render.progress import progress_view
from autopilot.cli.session import Session, symbols_of
from autopilot.domain.timeframe import Timeframe

app = command_group(invoke_without_command=True)


@app.callback()
def backtest(
    context: typer.Context,
    symbol: Symbols = None,
    days: LastDays = None,
    begin: Begin = None,
    end: End = None,
    timeframe: TimeframeName = None,
    exchange: StoredExchange = None,
    strategy: Annotated[str | None, strategy_option(help="Trade every signal of this strategy, and no other.")] = None,
    group: Annotated[
        str | None,
        typer.Option(
            "--group",
            metavar="NAME",
            autocompletion=complete_group,
            help="Trade every signal that the rules choose in this group.",
        ),
    ] = None,
    no_model: Annotated[bool, typer.Option("--no-model", help="Let the rule table choose, without a model.")] = False,
    retrain_every: Annotated[
        str, typer.Option("--retrain-every", metavar="SPAN", help="Train a new model after this time, such as 30d.")
    ] = "30d",
    ungated: Annotated[bool, typer.Option("--ungated", help="Follow each model, even if it failed its gate.")] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="ID",
            autocompletion=complete_model,
            help="Use this stored model instead of training models.",
        ),
    ] = None,
    in_sample: Annotated[
        bool, typer.Option("--in-sample", help="With --model: even if it was trained on the tested period.")
    ] = False,
    fee: Fee = None,
    slippage: Slippage = None,
    balance: Annotated[str | None, typer.Option("--balance", metavar="AMOUNT", help="The money at the start.")] = None,
    detail: Annotated[
        str | None, detail_option(help="Finer stored candles, such as 1m, for the order of events in a candle.")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare/--no-compare", help="Also run each strategy alone, for comparison.")
    ] = True,
    source: Source = None,
    no_download: NoDownload = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write an HTML report.")] = None,
    decisions: Annotated[
        Path | None,
        typer.Option(
            "--decisions", metavar="FILE", help="Write the decision on each signal, one JSON document per line."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Test the whole autopilot on past candles, with all symbols sharing one account.

    Candles that are not stored are downloaded first. Each decision comes from a model that was trained only on earlier
    data. Missing options come from the configuration.
    """
    if context.invoked_subcommand is not None:
        return
    show_backtest(
        Session.of(context, as_json),
        symbol=symbol,
        days=days,
        begin=begin,
        end=end,
        timeframe=timeframe,
        exchange=exchange,
        strategy=strategy,
        group=group,
        no_model=no_model,
        retrain_every=retrain_every,
        ungated=ungated,
        model=model,
        in_sample=in_sample,
        fee=fee,
        slippage=slippage,
        balance=balance,
        detail=detail,
        compare=compare,
        source=source,
        no_download=no_download,
        html=html,
        decisions=decisions,
    )


@app.command()
@with_session
def check(
    session: Session,
    symbol: Annotated[
        list[str] | None, typer.Option("--symbol", metavar="SYMBOL", help="Such as BTC/USD; repeatable.")
    ] = None,
    timeframe: TimeframeName = None,
    exchange: StoredExchange = None,
    cuts: Annotated[int, typer.Option("--cuts", min=1, max=1000, metavar="N", help="At how many candles.")] = 30,
) -> int:
    """Prove of all features and strategies, yours too, that they do not look ahead and need no more past than they get.

    Exit code 1 when one does.
    """
    from autopilot.app.backtest.check import check_strategies
    from autopilot.cli.forecast import check_forecast
    from autopilot.cli.render.backtest import check_screen

    config = session.config
    symbols = tuple(dict.fromkeys(symbols_of(symbol))) or config.symbols
    with progress_view(session.output.remarks, check_forecast(len(symbols))) as progress:
        document = check_strategies(
            session.paths,
            config,
            exchange or config.exchange,
            symbols,
            Timeframe.parse(timeframe) if timeframe else config.timeframe,
            cuts,
            progress,
        )
    return session.show(document, check_screen, is_done=not document["findings"])


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
    source: Source = None,
    no_download: NoDownload = False,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="N", help="The same seed gives the same tries.")] = 1,
) -> None:
    """Search for better parameters, test them on later candles, and say how much is luck.

    Needs optuna: pip install 'autopilot-trader[sweep]'.
    """
    from autopilot.app.sweep.figures import sweep_document
    from autopilot.app.sweep.run import SweepRequest, run_sweep
    from autopilot.cli.backtest_request import backtest_request, period_of
    from autopilot.cli.forecast import sweep_forecast
    from autopilot.cli.lacking import download_lacking
    from autopilot.cli.render.backtest import sweep_screen
    from autopilot.cli.sweep_parameters import parameters_of
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
            source=source,
        ),
        parameters=parameters_of(param or (), strategy, load_strategies()),
        tries=tries,
        folds=folds,
        seed=seed,
    )
    download_lacking(session, config, request.backtest, is_allowed=not no_download)
    with progress_view(session.output.remarks, sweep_forecast(request)) as progress:
        document = sweep_document(run_sweep(session.paths, config, request, progress))
    session.show(document, sweep_screen)
