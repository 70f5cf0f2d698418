"""Every read-only list and item of the database, declared once. Standard library only.

The name of a view is its address below ``/api/autopilot``: the daemon serves it there, commands ask for it there, and
read it themselves when no daemon runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from autopilot.adapters.store.views import queries
from autopilot.domain.document_types import Document


@dataclass(frozen=True, slots=True)
class View:
    """``read(database, **given)`` makes the document; it raises StoreError, and for an item NotFound. ``parameters``:
    those it takes besides the ones in its name, all optional."""

    read: Callable[..., Document]
    parameters: tuple[str, ...] = ()


VIEWS: Mapping[str, View] = MappingProxyType(
    {
        "decisions": View(queries.decisions, ("symbol", "limit", "action", "before_ms")),
        "decisions/{ref}": View(queries.decision),
        "signals": View(queries.signals, ("symbol", "limit", "before_ms")),
        "orders": View(queries.orders, ("symbol", "limit", "open_only", "before_ms")),
        "positions": View(queries.positions),
        "trades": View(queries.trades, ("symbol", "limit", "before_ms")),
        "tasks": View(queries.tasks),
        "tasks/{task_id}": View(queries.task),
    }
)


def read_view(name: str, database: Path, given: Mapping[str, Any]) -> Document:
    """The document of a view, ``given`` its parameters. Raises StoreError, NotFound."""
    return VIEWS[name].read(database, **given)
