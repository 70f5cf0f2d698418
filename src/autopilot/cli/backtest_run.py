"""The backtest of the command line, from options to screen."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Any

from autopilot.cli.lacking import download_lacking
from autopilot.cli.render.backtest import backtest_screen
from autopilot.cli.render.progress import progress_view
from autopilot.cli.session import Places, Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autopilot.app.backtest.run import BacktestRun
    from autopilot.domain.document_types import Document

_FLAGS = {
    "--no-model": ("no_model", True),
    "--ungated": ("ungated", True),
    "--in-sample": ("in_sample", True),
    "--compare": ("compare", True),
    "--no-compare": ("compare", False),
    "--no-download": ("no_download", True),
    "--json": ("as_json", True),
}
_TEXTS = {
    "--from": "begin",
    "--to": "end",
    "--timeframe": "timeframe",
    "--exchange": "exchange",
    "--strategy": "strategy",
    "--group": "group",
    "--retrain-every": "retrain_every",
    "--model": "model",
    "--balance": "balance",
    "--detail": "detail",
}


def quick_backtest(places: Mapping[str, str], rest: Sequence[str]) -> int | None:
    """The exit code of `autopilot backtest` with the arguments ``rest``; None if Typer must parse them. ``places``: the
    global options by their name in `Places`. Raises AutopilotError as the command does."""
    options = plain_options(rest)
    if options is None:
        return None
    gc.disable()  # Nothing that is imported is garbage.
    # NumPy starts a thread for each processor as soon as it is imported, and nothing here multiplies large matrices.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    show_backtest(Session.at(Places.of(places), options.pop("as_json", False)), **options)
    return 0


def plain_options(words: Sequence[str]) -> dict[str, Any] | None:
    """The options by their parameter of `show_backtest`, and ``as_json``. None unless they are flags, texts and whole
    days in their usual form, each once except --symbol."""
    options: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        if word in _FLAGS:
            name, value = _FLAGS[word]
        else:
            name, value = _with_value(word, next(rest, "-"))
            if value is None:
                return None
        if name == "symbol":
            options.setdefault(name, []).append(value)
        elif name in options:
            return None
        else:
            options[name] = value
    return options


def _with_value(word: str, text: str) -> tuple[str, Any]:
    """The parameter and the value of an option; the value None if Typer must read it."""
    if text.startswith("-"):
        return "", None
    if word == "--symbol":
        return "symbol", text
    if word == "--days":
        return "days", int(text) if text.isascii() and text.isdigit() and int(text) else None
    return _TEXTS.get(word, ""), text if word in _TEXTS else None


def show_backtest(
    session: Session,
    *,
    symbol: Sequence[str] | None = None,
    days: int | None = None,
    begin: str | None = None,
    end: str | None = None,
    timeframe: str | None = None,
    exchange: str | None = None,
    strategy: str | None = None,
    group: str | None = None,
    no_model: bool = False,
    retrain_every: str = "30d",
    ungated: bool = False,
    model: str | None = None,
    in_sample: bool = False,
    fee: float | None = None,
    slippage: float | None = None,
    balance: str | None = None,
    detail: str | None = None,
    compare: bool = True,
    source: str | None = None,
    no_download: bool = False,
    html: Path | None = None,
    decisions: Path | None = None,
) -> None:
    """Run the backtest and show its figures. Raises AutopilotError."""
    from autopilot.app.backtest.figures import backtest_document
    from autopilot.app.backtest.run import run_backtest
    from autopilot.cli.backtest_request import backtest_request, deciding_model, period_of
    from autopilot.cli.forecast import backtest_forecast
    from autopilot.strategies.registry import load_strategies

    config = session.config
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
        source=source,
    )
    download_lacking(session, config, request, is_allowed=not no_download)
    gc.freeze()  # What is imported stays: no collection looks at it again.
    gc.enable()
    with progress_view(session.output.remarks, backtest_forecast(request, len(load_strategies()))) as progress:
        run = run_backtest(session.paths, config, request, progress)
        figures = backtest_document(run)
    _write_files(session, run, figures, decisions, html)
    session.show(figures, backtest_screen)


def _write_files(
    session: Session, run: BacktestRun, figures: Document, decisions: Path | None, html: Path | None
) -> None:
    if decisions:
        import json

        from autopilot.cli.output import replace_text
        from autopilot.domain.documents import document

        lines = (json.dumps(document(each), ensure_ascii=False) for each in run.decisions())
        replace_text(decisions, "".join(f"{line}\n" for line in lines))
    if html:
        from autopilot.app.report.page import backtest_page

        session.output.save_page(html, backtest_page(run, figures))
