"""autopilot backtest: the whole autopilot over history, with the daemon's own code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from autopilot.cli.commands.backtest_check import check
from autopilot.cli.completion import complete_group, complete_model, complete_strategy, complete_timeframe
from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson, Begin, End, Fee, LastDays, Slippage, StoredExchange, Symbols, TimeframeName
from autopilot.cli.output import replace_text
from autopilot.cli.render.backtest import backtest_screen
from autopilot.cli.render.progress import progress_view
from autopilot.cli.session import Session
from autopilot.cli.shell import command_group

app = command_group(invoke_without_command=True)
app.command("check")(check)


@app.callback()
def backtest(
    context: typer.Context,
    symbol: Symbols = None,
    days: LastDays = None,
    begin: Begin = None,
    end: End = None,
    timeframe: TimeframeName = None,
    exchange: StoredExchange = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            "--strategy",
            metavar="NAME",
            autocompletion=complete_strategy,
            help="Trade every signal of this strategy, and no other.",
        ),
    ] = None,
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
        str | None,
        typer.Option(
            "--detail",
            metavar="TIMEFRAME",
            autocompletion=complete_timeframe,
            help="Finer stored candles, such as 1m, for the order of events in a candle.",
        ),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare/--no-compare", help="Also run each strategy alone, for comparison.")
    ] = True,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write an HTML report.")] = None,
    decisions: Annotated[
        Path | None,
        typer.Option(
            "--decisions", metavar="FILE", help="Write the decision on each signal, one JSON document per line."
        ),
    ] = None,
    as_json: AsJson = False,
) -> int | None:
    """Test the whole autopilot on stored candles, with all symbols sharing one account.

    Each decision comes from a model that was trained only on earlier data. Missing options come from the configuration.
    """
    if context.invoked_subcommand is not None:
        return None
    from autopilot.app.backtest.figures import backtest_document
    from autopilot.app.backtest.run import run_backtest
    from autopilot.cli.backtest_request import backtest_request, deciding_model, period_of
    from autopilot.config.load import load
    from autopilot.domain.documents import document

    session = Session.of(context, as_json)
    config = load(session.paths).config
    request = backtest_request(
        config,
        period=period_of(days, begin, end),
        symbols=symbol,
        timeframe=timeframe,
        exchange=exchange,
        model=deciding_model(
            no_model=no_model, model=model, in_sample=in_sample, retrain_every=retrain_every, ungated=ungated
        ),
        group=group,
        strategy=strategy,
        fee=fee,
        slippage=slippage,
        balance=balance,
        detail=detail,
        compare=compare,
    )
    with progress_view(session.output.remarks) as progress:
        run = run_backtest(session.paths, config, request, progress)
        found = backtest_document(run)
    if decisions:
        lines = (json.dumps(document(each), ensure_ascii=False) for each in run.decisions())
        replace_text(decisions, "".join(f"{line}\n" for line in lines))
    if html:
        from autopilot.app.report.page import backtest_page

        replace_text(html, backtest_page(run, found))
        session.output.remark(f"the report is in {html}")
    session.output.show(found, backtest_screen(found))
    return ExitCode.DONE
