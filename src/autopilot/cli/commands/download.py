"""autopilot data download: past candles from an exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from autopilot.cli.errors import UsageProblem
from autopilot.cli.options import (
    Begin,
    End,
    complete_real_exchange,
    complete_timeframe,
    known_exchange_option,
    symbol_option,
    with_session,
)
from autopilot.cli.render.download import download_screen, effort_words, plan_screen
from autopilot.cli.render.progress import Forecast, progress_view
from autopilot.cli.session import Session, symbols_of
from autopilot.cli.stored_series import candle_database
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import DAY_MS, Timeframe

INCOMPLETE = "INCOMPLETE"
"""The result of a download that could not fetch all that exists."""

if TYPE_CHECKING:
    from autopilot.config.schema import AutopilotConfig


@with_session
def download(
    session: Session,
    exchange: Annotated[str | None, known_exchange_option(help="The exchange. Default: of the configuration.")] = None,
    symbol: Annotated[list[str] | None, symbol_option(help="Such as BTC/USD; repeatable.")] = None,
    timeframe: Annotated[
        list[str] | None,
        typer.Option(
            "--timeframe", metavar="TIMEFRAME", autocompletion=complete_timeframe, help="Such as 1h; repeatable."
        ),
    ] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, max=20_000, metavar="N", help="The last N days.")] = None,
    begin: Begin = None,
    end: End = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            metavar="NAME",
            autocompletion=complete_real_exchange,
            help="Another exchange, for candles that this one does not give.",
        ),
    ] = None,
    from_trades: Annotated[
        bool, typer.Option("--from-trades", help="Make candles that the exchange does not give from its trades.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; fetch nothing.")] = False,
) -> int:
    """Download past candles: only those that are not stored yet.

    Missing options come from the configuration. Each page is stored at once: an interrupted download goes on where it
    ended. Works beside a running daemon and without one. Exit code 1 if something could not be fetched.
    """
    import asyncio

    from autopilot.adapters.clock import WallClock
    from autopilot.adapters.exchange.ccxt_import import lending_exchange
    from autopilot.adapters.store.candles import SqliteCandles
    from autopilot.app.data.documents import download_document, plan_document
    from autopilot.app.data.download import download as fetch
    from autopilot.app.data.history import history_ways, planned
    from autopilot.app.data.request import DownloadRequest
    from autopilot.domain.documents import document

    now_ms = WallClock().now_ms()
    config = session.config
    request = DownloadRequest(
        **_series(config, exchange, symbol, timeframe),
        **_span(config, days, begin, end, now_ms),
        source=lending_exchange(source, exchange or config.exchange),
        from_trades=from_trades,
    )
    if not request.wanted():
        names = " or ".join(request.timeframes)
        problem = f"no {names} candle opens and closes in that period"
        raise UsageProblem(problem, hint="use an earlier --from, or a later --to")

    async def run() -> int:
        with candle_database(session) as database:
            async with history_ways(config, request) as ways:
                store = SqliteCandles(database)
                plan = await planned(request, ways, store, now_ms)
                if dry_run:
                    return session.show(plan_document(plan), plan_screen)
                if plan.chunks:
                    session.output.remark(effort_words(plan_document(plan)))
                with progress_view(session.output.remarks, Forecast({}, ("fewer --days",)), is_short=True) as progress:
                    downloaded = await fetch(plan, ways, store, progress, now_ms)
        result = download_document(plan, downloaded)
        row.outcome = result["fetched"]
        if downloaded.unmet:
            row.result = INCOMPLETE
        return session.show(result, download_screen, is_done=not downloaded.unmet)

    if dry_run:
        return asyncio.run(run())
    with session.recorded("data download", document(request)) as row:
        try:
            return asyncio.run(run())
        except KeyboardInterrupt:
            session.output.remark("What has come is stored; the same command fetches the rest.")
            raise


def _series(
    config: AutopilotConfig, exchange: str | None, symbols: list[str] | None, timeframes: list[str] | None
) -> dict[str, Any]:
    """Raises UsageProblem, UnknownSymbol, UnknownTimeframe."""
    name = exchange or config.exchange
    if MarketKind.of(name) is not MarketKind.REAL:
        raise UsageProblem(
            f"{name} has no history to download", hint="name a real exchange, such as --exchange coinbase"
        )
    return {
        "exchange": name,
        "symbols": tuple(dict.fromkeys(symbols_of(symbols))) or config.symbols,
        "timeframes": tuple(dict.fromkeys(map(Timeframe.parse, timeframes or ()))) or (config.timeframe,),
    }


def _span(config: AutopilotConfig, days: int | None, begin: str | None, end: str | None, now_ms: int) -> dict[str, Any]:
    """Raises UsageProblem, ConfigError."""
    from autopilot.cli.backtest_request import period_of

    period = period_of(days, begin, end)
    to_ms = min(period.to_ms or now_ms, now_ms)
    from_ms = period.from_ms
    if from_ms is None:
        from_ms = to_ms - (period.days or config.training.days) * DAY_MS
    if from_ms >= to_ms:
        raise UsageProblem("that period has not begun", hint="use an earlier --from")
    return {"from_ms": from_ms, "to_ms": to_ms}
