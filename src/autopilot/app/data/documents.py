"""A download as JSON: its plan, and its result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from autopilot.app.data.download import Downloaded, SeriesOutcome
from autopilot.app.data.ledger import candle_count, within
from autopilot.app.data.plan import DownloadPlan, Missing, SeriesPlan
from autopilot.domain.coverage import Gap, GapReason, union
from autopilot.domain.document_types import Document
from autopilot.domain.timeframe import Timeframe


def plan_document(plan: DownloadPlan) -> Document:
    """``{"series", "ways", "requests", "seconds", "candles", "bytes", "fetched"}``, where ``fetched`` is None."""
    return {**_effort(plan), "series": [_planned(each) for each in plan.series], "fetched": None}


def download_document(plan: DownloadPlan, downloaded: Downloaded) -> Document:
    """As `plan_document`, with the results in each of its series."""
    return {
        **_effort(plan),
        "series": [{**_planned(each.plan), **_fetched(each)} for each in downloaded.series],
        "fetched": {
            "requests": downloaded.requests,
            "candles": sum(each.candles for each in downloaded.series),
            "complete": not downloaded.unmet,
        },
    }


def _effort(plan: DownloadPlan) -> Document:
    return {
        "ways": [{**asdict(each), "way": each.way.value, "seconds": round(each.seconds, 1)} for each in plan.efforts],
        "requests": sum(each.requests for each in plan.efforts),
        "seconds": round(plan.seconds, 1),
        "candles": plan.candles,
        "bytes": plan.bytes,
    }


def _planned(plan: SeriesPlan) -> Document:
    wanted, timeframe = plan.wanted, plan.wanted.timeframe
    return {
        "exchange": wanted.exchange,
        "symbol": wanted.symbol,
        "timeframe": timeframe.value,
        "reference": wanted.is_reference,
        "from_ms": wanted.span.from_ms,
        "to_ms": wanted.span.to_ms,
        "wanted": candle_count([wanted.span], timeframe),
        "stored": plan.stored,
        "to_fetch": plan.candles,
        "ways": list(dict.fromkeys(chunk.way.value for chunk in plan.chunks)),
        "missing": _missing(plan.missing, timeframe),
        "gaps": _gaps(plan.gaps, plan),
    }


def _fetched(outcome: SeriesOutcome) -> Document:
    timeframe = outcome.plan.wanted.timeframe
    return {
        "fetched": outcome.candles,
        "missing": _missing(outcome.missing, timeframe),
        "gaps": _gaps(outcome.gaps, outcome.plan),
    }


def _missing(found: Sequence[Missing], timeframe: Timeframe) -> list[Document]:
    return [
        {
            "from_ms": each.span.from_ms,
            "to_ms": each.span.to_ms,
            "candles": candle_count([each.span], timeframe),
            "error": each.error.document(),
        }
        for each in found
    ]


def _gaps(gaps: Iterable[Gap], plan: SeriesPlan) -> list[Document]:
    """By reason, in the wanted span."""
    found: list[Document] = []
    held = tuple(gaps)
    for reason in GapReason:
        of_reason = [each for each in held if each.reason is reason]
        spans = union(within([each.span for each in of_reason], plan.wanted.span))
        if spans:
            found.append(
                {
                    "reason": reason.value,
                    "gaps": len(spans),
                    "candles": candle_count(spans, plan.wanted.timeframe),
                    "confirmed": all(each.next_try_at_ms is None for each in of_reason),
                    "from_ms": spans[0].from_ms,
                    "to_ms": spans[-1].to_ms,
                }
            )
    return found
