"""The parts of a decision's document that queries need as columns. A plain document has none of them: SQL looks into
it."""

from __future__ import annotations

from autopilot.analysis.market_analyzer import WINDOW
from autopilot.domain.document_types import Document

COLUMNS = ("model_id", "rule_choice", "on_other_candles")
"""The columns with parts of a compact document. ``on_other_candles``: a decision with fewer candles than a whole
window, or some of another exchange."""


def _part(column: str, plain: str) -> str:
    """SQL for a part of a decision ``d`` in either form."""
    return f"iif(d.document IS NULL, {plain}, d.{column})"


MODEL_ID = _part("model_id", "json_extract(d.plain_document, '$.selection.model.model_id')")
RULE_CHOICE = _part("rule_choice", "json_extract(d.plain_document, '$.selection.rule_choice')")
ON_OTHER_CANDLES = _part(
    "on_other_candles",
    f"coalesce(json_extract(d.plain_document, '$.basis.count') < {WINDOW}"
    " OR json_extract(d.plain_document, '$.basis.joined') > 0, 0)",
)


def decision_columns(document: Document) -> tuple[str | None, str | None, bool]:
    """The values of `COLUMNS`."""
    selection, basis = document["selection"], document.get("basis")
    opinion = selection.get("model")
    few = basis is not None and on_other_candles(basis["count"], basis["joined"])
    return opinion and opinion["model_id"], selection.get("rule_choice"), few


def on_other_candles(count: int, joined: int) -> bool:
    """For a decision on ``count`` candles, of which the first ``joined`` are of another exchange."""
    return count < WINDOW or joined > 0
