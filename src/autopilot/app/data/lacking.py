"""The candles that a job needs: those that are not stored are downloaded first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database
from autopilot.app.data.download import Downloaded, download
from autopilot.app.data.history import history_ways, planned
from autopilot.app.data.ledger import candle_count, lacking
from autopilot.app.data.plan import WantedSeries
from autopilot.app.data.request import DownloadRequest
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.errors import MarketUnavailable, NotFound
from autopilot.domain.progress import Progress
from autopilot.domain.timeframe import iso_utc
from autopilot.ports.history import CoverageStore

FEW = 0.01
"""The share of the wanted candles that a test does without."""


@dataclass(frozen=True, slots=True)
class NeededHistory:
    """``request``: the candles that a job needs; it does without the share ``spared`` of them. ``is_allowed``: to
    download them. ``say``: called with the plan in words, and with what could not be fetched."""

    request: DownloadRequest
    say: Callable[[str], None]
    spared: float = 0.0
    is_allowed: bool = True


async def ensure_history(
    config: AutopilotConfig, database: Database, needed: NeededHistory, progress: Progress, now_ms: int
) -> None:
    """Download the candles that are not stored. If some cannot be fetched, the stored ones must do.

    Raises NotFound if they are not stored and must not be downloaded, MarketUnavailable if there are none of a symbol,
    UnknownExchange, StoreError.
    """
    store, request = SqliteCandles(database), needed.request
    lacked = lacking_series(request.wanted(), store, needed.spared, now_ms)
    if not lacked:
        return
    if not needed.is_allowed:
        raise NotFound(_lack_words(lacked), hint=command_for(request))
    async with history_ways(config, request) as ways:
        plan = await planned(request, ways, store, now_ms)
        if plan.chunks:
            needed.say(f"{_lack_words(lacked)}: fetching at most {plan.candles:,} candles from {request.exchange}")
        downloaded = await download(plan, ways, store, progress, now_ms)
    _judge(downloaded, store, needed.say)


def lacking_series(
    wanted: Sequence[WantedSeries], store: CoverageStore, spared: float, now_ms: int
) -> list[tuple[WantedSeries, int]]:
    """The series of which more than the share ``spared`` is missing, each with the number of missing candles; none that
    is only compared with. Raises StoreError."""
    found = []
    for each in wanted:
        key = each.exchange, each.symbol, each.timeframe
        spans = lacking(each.span, [covered.span for covered in store.covered(*key)], store.gaps(*key), now_ms)
        missing = candle_count(spans, each.timeframe)
        if not each.is_reference and missing > spared * candle_count([each.span], each.timeframe):
            found.append((each, missing))
    return found


def command_for(request: DownloadRequest) -> str:
    """The command that downloads the same."""
    words = [f"--exchange {request.exchange}", *(f"--symbol {each}" for each in request.symbols)]
    words += [f"--timeframe {each}" for each in request.timeframes]
    words += [f"--from {iso_utc(request.from_ms)[:10]}", *([f"--source {request.source}"] if request.source else [])]
    return f"autopilot data download {' '.join(words)}"


def _judge(downloaded: Downloaded, store: SqliteCandles, say: Callable[[str], None]) -> None:
    """Raises MarketUnavailable if there is no candle of a symbol."""
    for wanted, missing in downloaded.unmet:
        why = missing.error
        if not len(store.load_candles(wanted.exchange, wanted.symbol, wanted.timeframe, last=1)):
            raise MarketUnavailable(f"there are no candles of {wanted.symbol}: {why}", hint=why.hint)
        count = candle_count([missing.span], wanted.timeframe)
        say(f"{wanted}: {count:,} candles are missing, the stored ones are used: {why}")


def _lack_words(lacked: Sequence[tuple[WantedSeries, int]]) -> str:
    series = [f"{count:,} of {wanted.symbol} {wanted.timeframe}" for wanted, count in lacked]
    return f"candles of {lacked[0][0].exchange} are not stored: {', '.join(series)}"
