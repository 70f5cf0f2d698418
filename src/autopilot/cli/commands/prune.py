"""autopilot data prune: old candles are deleted."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.errors import ExitCode
from autopilot.cli.options import OneSymbol, Yes, confirmed, exchange_option, listed_ms, timeframe_option, with_session
from autopilot.cli.render.candles import prune_screen
from autopilot.cli.render.progress import Forecast, progress_view
from autopilot.cli.render.words import count, size, utc
from autopilot.cli.session import Session, address
from autopilot.cli.stored_series import candle_database, matching_series, wanted_market
from autopilot.control.errors import DaemonNotRunning
from autopilot.domain.document_types import Document
from autopilot.domain.market import reference_of
from autopilot.domain.timeframe import DAY_MS, Timeframe

NEEDED_DAYS, NEEDED_CANDLES = 30, 1_500
"""What a running symbol reads: the candles of its window, and before them those of the samples that it begins with."""


@with_session
def prune(
    session: Session,
    older_than: Annotated[
        int,
        typer.Option(
            "--older-than",
            metavar="TIME",
            parser=listed_ms,
            help="Delete candles from before this day or time (UTC), or all but the last 90d, 52w.",
        ),
    ],
    exchange: Annotated[str | None, exchange_option(help="Only this exchange.")] = None,
    symbol: OneSymbol = None,
    timeframe: Annotated[str | None, timeframe_option(help="Only candles of this length.")] = None,
    yes: Yes = False,
) -> int:
    """Delete old candles, and what is known of that time. Asks first. A running symbol keeps those that it needs."""
    from autopilot.adapters.store.candles import SqliteCandles
    from autopilot.app.audit_log import DECLINED

    wanted = wanted_market(exchange, symbol, timeframe)
    with session.recorded_change("data prune", {**wanted, "before_ms": older_than}) as row:
        found = _old_candles(session, matching_series(session, wanted), older_than)
        if found and not (yes or _may_delete(session, found, wanted)):
            row.result = DECLINED
            return ExitCode.FAILED
        row.outcome = {"series": found}
        with (
            candle_database(session) as database,
            progress_view(session.output.remarks, Forecast({}, ("--timeframe",)), is_short=True) as progress,
        ):
            for done, item in enumerate(found):
                progress("prune", done, len(found), f"{item['symbol']} {item['timeframe']}")
                length = Timeframe(item["timeframe"])
                SqliteCandles(database).prune_candles(item["exchange"], item["symbol"], length, item["before_ms"])
    return session.show({"pruned": found}, prune_screen)


def _old_candles(session: Session, series: list[Document], before_ms: int) -> list[Document]:
    """Of each series with old candles: from when on they stay, how many are older, and the bytes of these."""
    from autopilot.adapters.store.candles import BYTES_PER_CANDLE, SqliteCandles

    found: list[Document] = []
    running = _running(session)
    with candle_database(session) as database:
        for item in series:
            key = (item["exchange"], item["symbol"], item["timeframe"])
            end_ms, length = before_ms, Timeframe(item["timeframe"])
            if (read_ms := running.get(key[1:])) is not None:
                # Before that candle, and not before now: the time of a replay or a simulated market is another.
                needed_ms = NEEDED_DAYS * DAY_MS + NEEDED_CANDLES * length.ms
                end_ms = min(end_ms, read_ms - needed_ms, item["last_at_ms"] - needed_ms)
            older = SqliteCandles(database).older_candles(*key[:2], length, end_ms)
            if older:
                names = dict(zip(("exchange", "symbol", "timeframe"), key, strict=True))
                found.append({**names, "candles": older, "before_ms": end_ms, "bytes": older * BYTES_PER_CANDLE})
    return found


def _running(session: Session) -> dict[tuple[str, str], int]:
    """The symbols that run, and those that they are compared with, each with its timeframe and the last candle that it
    has read. A replay reads those of any exchange, so theirs does not count."""
    try:
        running = session.client().get(address("status"))["symbols"]
    except DaemonNotRunning:
        return {}
    found: dict[tuple[str, str], int] = {}
    for each in running:
        for symbol in (each["symbol"], reference_of(each["symbol"])) if each["running"] else ():
            key, read_ms = (symbol, each["timeframe"]), each["ohlcv_data"]["last_at_ms"] or 0
            found[key] = min(read_ms, found.get(key, read_ms))
    return found


def _may_delete(session: Session, found: list[Document], wanted: dict[str, str | None]) -> bool:
    """The user's answer. Raises SafetyRefused without a terminal."""
    candles, taken = (sum(item[name] for item in found) for name in ("candles", "bytes"))
    before = utc(max(item["before_ms"] for item in found))
    question = f"Delete {count(candles, 'candle')} from before {before}, {size(taken)} of {len(found)} series?"
    options = " ".join(f"--{name} {value}" for name, value in wanted.items() if value)
    command = " ".join(["autopilot data prune --older-than", before.replace(" ", "T"), options, "--yes"])
    return confirmed(session, question, refusal="nothing was deleted", hint=command.replace("  ", " "))
