"""autopilot data verify, repair and resample: the stored candles checked, mended, and made longer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from autopilot.cli.errors import UsageProblem
from autopilot.cli.options import (
    OneSymbol,
    complete_exchange,
    complete_timeframe,
    exchange_option,
    timeframe_option,
    with_session,
)
from autopilot.cli.render.candles import verify_screen
from autopilot.cli.render.mending import repair_plan_screen, repair_screen, resample_screen
from autopilot.cli.render.progress import Forecast, progress_view
from autopilot.cli.session import Session
from autopilot.cli.stored_series import (
    candle_database,
    compared_series,
    each_series,
    matching_series,
    series_progress,
    stored_series,
    verified_series,
    wanted_market,
)
from autopilot.domain.document_types import Document
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import Timeframe

if TYPE_CHECKING:
    from autopilot.adapters.store.candles import SqliteCandles
    from autopilot.app.data.repair import SeriesRepair
    from autopilot.app.data.request import DownloadRequest

OneExchange = Annotated[str | None, exchange_option(help="Only this exchange.")]
OneTimeframe = Annotated[str | None, timeframe_option(help="Only candles of this length.")]
MAX_BPS = 100.0


@with_session
def verify(
    session: Session,
    exchange: OneExchange = None,
    symbol: OneSymbol = None,
    timeframe: OneTimeframe = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="NAME",
            autocompletion=complete_exchange,
            help="Compare with the stored candles of this exchange.",
        ),
    ] = None,
    max_bps: Annotated[
        float | None,
        typer.Option(
            "--max-bps", min=0.1, metavar="BPS", help="How far apart the closes of both may be; 100 by default."
        ),
    ] = None,
) -> int:
    """Check the stored candles for faults; exit code 1 if there are any, but 0 for gaps and differing closes alone."""
    if against is None and max_bps is not None:
        raise UsageProblem("--max-bps needs --against", hint="add --against with another exchange")
    found = matching_series(session, wanted_market(exchange, symbol, timeframe))
    with series_progress(session, "--exchange", "--symbol", "--timeframe") as progress:
        series = [verified_series(session, item) for item in each_series(found, "verify", progress)]
        if against is not None:
            series = _compared(session, series, against.lower(), max_bps or MAX_BPS)
    is_sound = all(item["sound"] for item in series)
    return session.show({"series": series, "sound": is_sound}, verify_screen, is_done=is_sound)


@with_session
def repair(
    session: Session,
    exchange: OneExchange = None,
    symbol: OneSymbol = None,
    timeframe: OneTimeframe = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is needed; fetch nothing.")] = False,
) -> int:
    """Fetch missing and damaged candles again from their own exchange. Nothing is made up.

    Works beside a running daemon and without one. Exit code 1 if something could not be fetched.
    """
    wanted = wanted_market(exchange, symbol, timeframe)
    found = [item for item in matching_series(session, wanted) if MarketKind.of(item["exchange"]) is MarketKind.REAL]
    if dry_run:
        plans = [asyncio.run(_repaired(session, name, found, dry_run=True)) for name in _exchanges(found)]
        return session.show(_together(plans), repair_plan_screen)
    with session.recorded_change("data repair", wanted) as row:
        result = _together([asyncio.run(_repaired(session, name, found)) for name in _exchanges(found)])
        row.outcome = {name: sum(each.get(name, 0) for each in result["series"]) for name in ("fetched", "corrected")}
    return session.show(result, repair_screen, is_done=not any(each["unreachable"] for each in result["series"]))


@with_session
def resample(
    session: Session,
    source: Annotated[
        str, typer.Option("--from", metavar="TIMEFRAME", autocompletion=complete_timeframe, help="Of these candles.")
    ],
    target: Annotated[
        str, typer.Option("--to", metavar="TIMEFRAME", autocompletion=complete_timeframe, help="Make these.")
    ],
    exchange: OneExchange = None,
    symbol: OneSymbol = None,
) -> int:
    """Make longer candles of shorter ones, where all of those are there.

    Never in place of the exchange's own candles. A candle without trades may be missing if the exchange confirmed it.
    """
    from autopilot.adapters.clock import WallClock
    from autopilot.adapters.store.candles import SqliteCandles
    from autopilot.app.data.resample import resample_series

    shorter, longer = Timeframe.parse(source), Timeframe.parse(target)
    if longer.ms <= shorter.ms:
        raise UsageProblem(f"{longer} candles cannot be made of {shorter} candles", hint="name a longer --to")
    wanted = wanted_market(exchange, symbol, shorter.value)
    with session.recorded_change("data resample", {**wanted, "to": longer.value}) as row:
        found = matching_series(session, wanted)
        now_ms = WallClock().now_ms()
        with candle_database(session) as database, series_progress(session, "--symbol") as progress:
            store = SqliteCandles(database)
            series = [
                resample_series(store, item["exchange"], item["symbol"], shorter, longer, now_ms)
                for item in each_series(found, "resample", progress)
            ]
        row.outcome = {"stored": sum(each["stored"] for each in series)}
    return session.show({"series": series}, resample_screen)


def _compared(session: Session, series: list[Document], against: str, max_bps: float) -> list[Document]:
    """Raises UsageProblem if nothing is stored of that exchange."""
    names = {item["exchange"] for item in stored_series(session)}
    if series and against not in names:
        first = series[0]
        command = f"autopilot data download --exchange {against} --symbol {first['symbol']}"
        raise UsageProblem(
            f"no candles of {against!r} are stored",
            hint=f"fetch some with {command} --timeframe {first['timeframe']}",
        )
    return [compared_series(session, item, against, max_bps) for item in series]


def _exchanges(series: list[Document]) -> list[str]:
    return list(dict.fromkeys(item["exchange"] for item in series))


def _together(results: Sequence[Document]) -> Document:
    return {
        "series": [series for each in results for series in each["series"]],
        "requests": sum(each["requests"] for each in results),
    }


async def _repaired(session: Session, exchange: str, series: list[Document], *, dry_run: bool = False) -> Document:
    """The result of one exchange, or its plan."""
    from autopilot.adapters.clock import WallClock
    from autopilot.adapters.store.candles import SqliteCandles
    from autopilot.app.data.history import history_ways
    from autopilot.app.data.repair import plan_repair, planned_document, repair_series, without_ways
    from autopilot.domain.errors import UnknownExchange

    now_ms = WallClock().now_ms()
    with candle_database(session) as database:
        store = SqliteCandles(database)
        needed = _needed(store, exchange, series, now_ms)
        if not needed:
            return {"series": [], "requests": 0}
        request = _request(exchange, needed)
        try:
            async with history_ways(session.config, request) as ways:
                plan = await plan_repair(needed, ways, store)
                if dry_run:
                    return planned_document(needed, plan)
                forecast = Forecast({}, ("--symbol", "--timeframe"))
                with progress_view(session.output.remarks, forecast, is_short=True) as progress:
                    return await repair_series(needed, plan, ways, store, progress, now_ms)
        except UnknownExchange as error:
            return {"series": [without_ways(each, error) for each in needed], "requests": 0}


def _needed(store: SqliteCandles, exchange: str, series: list[Document], now_ms: int) -> list[SeriesRepair]:
    from autopilot.app.data.repair import needed_repair

    found = [
        needed_repair(store, exchange, item["symbol"], Timeframe(item["timeframe"]), now_ms)
        for item in series
        if item["exchange"] == exchange
    ]
    return [each for each in found if each.holes or each.damaged]


def _request(exchange: str, needed: Sequence[SeriesRepair]) -> DownloadRequest:
    from autopilot.app.data.request import DownloadRequest

    return DownloadRequest(
        exchange=exchange,
        symbols=tuple(dict.fromkeys(each.symbol for each in needed)),
        timeframes=tuple(dict.fromkeys(each.timeframe for each in needed)),
        from_ms=min(each.span.from_ms for each in needed),
        to_ms=max(each.span.to_ms for each in needed),
    )
