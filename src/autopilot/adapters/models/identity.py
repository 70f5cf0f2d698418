"""What a model was trained on, as its card says it. Standard library only."""

from __future__ import annotations

import json
from pathlib import Path

from autopilot.adapters.models.files import RETRAIN_HINT, ModelFiles
from autopilot.domain.document_types import Document
from autopilot.domain.errors import ModelError
from autopilot.domain.market import CandleKind, MarketKind
from autopilot.domain.model_state import ModelScope
from autopilot.domain.timeframe import Timeframe


def trained_on(card: Document) -> ModelScope | None:
    """The candles that a model was trained on; None if its card does not say it.

    Cards of early versions name the exchange only. One of `replay` does not tell whose candles were replayed.
    """
    kind, exchange = card.get("kind"), card.get("exchange")
    if kind is None and isinstance(exchange, str) and exchange and MarketKind.of(exchange) is not MarketKind.REPLAY:
        kind = CandleKind.of(exchange)
    try:
        return ModelScope(CandleKind(str(kind)), Timeframe(str(card.get("timeframe"))))
    except ValueError:
        return None


def agrees(card: Document, scope: ModelScope) -> bool:
    """Whether the card of a model says this scope. Of an early card of `replay` its timeframe must do."""
    is_replayed = card.get("kind") is None and card.get("exchange") == MarketKind.REPLAY
    return trained_on({**card, "kind": scope.kind.value} if is_replayed else card) == scope


def inputs_of(card: Document) -> int:
    """The number of inputs of a model. Raises ModelError if its card does not list them."""
    serving = card.get("serving")
    features = serving.get("features") if isinstance(serving, dict) else None
    if not isinstance(features, list):
        raise ModelError("the card of the model does not list its inputs", hint=RETRAIN_HINT)
    return len(features)


def stored_card(directory: Path, model_id: str, sha256: str) -> str | None:
    """Exchange, timeframe and symbols of a model's card, as JSON, for the migration of a database. None if the model's
    files in ``directory`` are missing, altered or unreadable, or the card lacks any of these."""
    try:
        _, card = ModelFiles(directory).read(model_id, sha256)
        wanted = {
            "exchange": _text(card["exchange"]),
            "timeframe": Timeframe(card["timeframe"]).value,
            "symbols": [_text(symbol) for symbol in card["symbols"]],
        }
    except (ModelError, LookupError, TypeError, ValueError):
        return None
    return json.dumps(wanted)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no name")
    return value
