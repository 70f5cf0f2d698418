"""The document of ``status``, for a daemon that runs and without one. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autopilot.adapters.store.database import Database, open_readonly
from autopilot.adapters.store.sizes import database_size
from autopilot.adapters.store.views.problems import mode_document, problems
from autopilot.adapters.store.views.queries import stored_status
from autopilot.adapters.store.views.real_money import real_money
from autopilot.domain.account import BooksState
from autopilot.domain.clock_error import ClockError
from autopilot.domain.document_types import Document
from autopilot.domain.errors import NotFound
from autopilot.domain.stale_sentiment import StaleSentiment
from autopilot.domain.trading_mode import Restriction


@dataclass(frozen=True, slots=True)
class LiveState:
    """The state that only the running daemon knows. ``models``: a `LoadedModelDocument` for each champion; ``symbol``
    puts the live state of a symbol over the stored one; ``restrictions`` gives those in force for an account;
    ``books``: the state of the books by account; ``clock_errors``: by how much this machine's clock is wrong;
    ``locked_at_ms``: since when another program holds the database; ``stale_sentiment``: an index without news."""

    daemon: Document
    models: Sequence[Document]
    symbol: Callable[[Document], Document]
    restrictions: Callable[[str], Sequence[Restriction]]
    books: Mapping[str, BooksState]
    clock_errors: Sequence[ClockError]
    locked_at_ms: int | None
    stale_sentiment: StaleSentiment | None = None


def status_document(database: Path, now_ms: int, live: LiveState | None = None, symbol: str | None = None) -> Document:
    """A `StatusDocument`: of all symbols, or of ``symbol``. Without ``live`` it is the last known state.

    ``now_ms``: the machine's time. Raises NotFound if the symbol was never started, StoreError.
    """
    with open_readonly(database) as connection:
        opened = Database(database, connection)
        document = stored_status(opened)
        if live:
            document |= {
                "daemon": live.daemon,
                "models": list(live.models),
                "database": {"locked_at_ms": live.locked_at_ms},
                "modes": [
                    mode_document(each["account"], live.restrictions(each["account"])) for each in document["modes"]
                ],
                "symbols": [live.symbol(each) for each in document["symbols"]],
            }
            document["model"] = _leading(document["symbols"], live.models)
        document["real_money"] = real_money(opened, document["symbols"], now_ms)
        document["database"] |= database_size(opened, now_ms)
        known = (live.books, live.clock_errors, live.stale_sentiment) if live else ({}, (), None)
        document["health"] = problems(opened, document, *known)
    if symbol is not None:
        document["symbols"] = [each for each in document["symbols"] if each["symbol"] == symbol]
        if not document["symbols"]:
            raise NotFound(f"{symbol} was never started", hint=f"autopilot start --symbol {symbol}")
    return document


def _leading(symbols: Sequence[Document], models: Sequence[Document]) -> Document | None:
    """The champion of the first running symbol; without any running, the first champion."""
    running: list[Document | None] = [each["model"] for each in symbols if each["running"]]
    return (running or [*models, None])[0]
