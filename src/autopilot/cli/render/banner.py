"""The line, on every screen, that names a market which is not real."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from autopilot.cli.render.blocks import Paragraph, Style, line
from autopilot.domain.market import MarketKind

BANNERS = {
    MarketKind.SIMULATED: "SIMULATED MARKET – prices are made up",
    MarketKind.REPLAY: "REPLAY of stored candles – not the present market",
}
"""By the name of the MarketKind."""


def banner(documents: Iterable[Mapping[str, object]]) -> tuple[Paragraph, ...]:
    """One line for each kind of unreal market among ``documents``, which have a ``market`` or an ``account``."""
    kinds = {_kind(document) for document in documents}
    return tuple(line(text, Style.WARNING) for kind, text in BANNERS.items() if kind in kinds)


def _kind(document: Mapping[str, object]) -> str:
    return str(document.get("market") or str(document.get("account", "")).rpartition(":")[2])
