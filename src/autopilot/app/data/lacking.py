"""The candles that a job needs: those that are not stored are downloaded first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database
from autopilot.app.data.download import Downloaded, download
from autopilot.app.data.history import history_ways, planned
from autopilot.app.data.ledger import candle_count, lacking, within
from autopilot.app.data.plan import OUT_OF_REACH, DownloadPlan, WantedSeries
from autopilot.app.data.request import DownloadRequest
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.coverage import TimeSpan, missing, union
from autopilot.domain.errors import MarketUnavailable, NotFound, UnknownExchange
from autopilot.domain.progress import Progress
from autopilot.domain.suggestion import did_you_mean
from autopilot.domain.timeframe import iso_utc
from autopilot.ports.history import CoverageStore
from autopilot.ports.market_data import CandleStore

FEW = 0.01
"""The share of the wanted candles that a test does without."""


@dataclass(frozen=True, slots=True)
class NeededHistory:
    """``request``: the candles that a job needs; it does without the share ``spared`` of them. ``is_allowed``: to
    download them. ``say`` is called with the plan in words, ``warn`` with what could not be fetched."""

    request: DownloadRequest
    say: Callable[[str], None]
    warn: Callable[[str], None]
    spared: float = 0.0
    is_allowed: bool = True


async def ensure_history(
    config: AutopilotConfig, database: Database, needed: NeededHistory, progress: Progress, now_ms: int
) -> Downloaded | None:
    """Download the candles that are not stored. If some cannot be fetched, the stored ones must do. Returns None if
    nothing was to fetch, or if ccxt does not know the exchange.

    Raises NotFound if candles are not stored and must not be downloaded, StoreError.
    """
    store, request = SqliteCandles(database), needed.request
    lacked = lacking_series(request, store, needed.spared, now_ms)
    if not lacked:
        return None
    if not needed.is_allowed:
        raise NotFound(_lack_words(lacked), hint=command_for(request))
    try:
        async with history_ways(config, request) as ways:
            plan = await planned(request, ways, store, now_ms)
            if plan.chunks:
                needed.say(f"{_lack_words(lacked)}; fetching {plan.candles:,} candles from {_sources(plan)}")
            downloaded = await download(plan, ways, store, progress, now_ms)
    except UnknownExchange:
        return None  # candles that were imported under a name of the user's own
    for wanted, absent in downloaded.unmet:
        if _has_candles(store, wanted):
            count = candle_count([absent.span], wanted.timeframe)
            needed.warn(f"{wanted}: {count:,} candles are missing; the stored ones are used: {absent.error}")
    return downloaded


def lacking_series(
    request: DownloadRequest, store: CoverageStore, spared: float, now_ms: int
) -> list[tuple[WantedSeries, int]]:
    """The series of which more than the share ``spared`` is missing, each with the number of missing candles; none that
    is only compared with. Raises StoreError."""
    found = []
    for each in request.wanted():
        count = candle_count(_lacking(each, request.source, store, now_ms), each.timeframe)
        if not each.is_reference and count > spared * candle_count([each.span], each.timeframe):
            found.append((each, count))
    return found


def _lacking(wanted: WantedSeries, source: str | None, store: CoverageStore, now_ms: int) -> Sequence[TimeSpan]:
    gaps = store.gaps(wanted.exchange, wanted.symbol, wanted.timeframe)
    covered = store.covered(wanted.exchange, wanted.symbol, wanted.timeframe)
    found = [*lacking(wanted.span, [each.span for each in covered], gaps, now_ms)]
    if source not in (None, wanted.exchange):
        lent = [each.span for each in store.covered(str(source), wanted.symbol, wanted.timeframe)]
        beyond = within([each.span for each in gaps if each.reason in OUT_OF_REACH], wanted.span)
        found += [part for each in beyond for part in missing(each, lent)]
    return union(found)


def command_for(request: DownloadRequest) -> str:
    """The command that downloads the same."""
    words = [f"--exchange {request.exchange}", *(f"--symbol {each}" for each in request.symbols)]
    words += [f"--timeframe {each}" for each in request.timeframes]
    words += [f"--from {iso_utc(request.from_ms)[:10]}", *([f"--source {request.source}"] if request.source else [])]
    return f"autopilot data download {' '.join(words)}"


def require_candles(downloaded: Downloaded, store: CandleStore) -> None:
    """Raises MarketUnavailable with the reason if there is still no candle of a wanted series."""
    for each in downloaded.series:
        wanted = each.plan.wanted
        if each.missing and not wanted.is_reference and not _has_candles(store, wanted):
            why = each.missing[0].error
            stored = [known.symbol for known in store.coverage() if known.exchange == wanted.exchange]
            hint = f"{did_you_mean(wanted.symbol, stored)} {why.hint}".strip()
            raise MarketUnavailable(f"there are no candles of {wanted.symbol}: {why}", hint=hint)


def _has_candles(store: CandleStore, wanted: WantedSeries) -> bool:
    return len(store.load_candles(wanted.exchange, wanted.symbol, wanted.timeframe, last=1)) > 0


def _sources(plan: DownloadPlan) -> str:
    return " and ".join(dict.fromkeys(each.exchange for each in plan.efforts))


def _lack_words(lacked: Sequence[tuple[WantedSeries, int]]) -> str:
    series = ", ".join(f"{count:,} candles of {wanted.symbol} {wanted.timeframe}" for wanted, count in lacked)
    return f"{lacked[0][0].exchange}: {series} are not stored"
