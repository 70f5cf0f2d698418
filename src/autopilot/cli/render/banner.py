"""The line that says, on every screen, when prices are not those of a real market."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from autopilot.cli.render.blocks import Paragraph, Style, line
from autopilot.domain.market import MarketKind

BANNERS = {
    MarketKind.SIMULATED: "SIMULATED MARKET – prices are made up",
    MarketKind.REPLAY: "REPLAY of stored candles – not the present market",
}


def banner(documents: Iterable[dict[str, Any]]) -> tuple[Paragraph, ...]:
    """One line for each kind of unreal market among ``documents``, which have a ``market`` or an ``exchange``.

    Orders, positions and trades know only their account; the offline exchanges are called as their kinds are.
    """
    kinds = {_kind(document) for document in documents}
    return tuple(line(text, Style.WARNING) for kind, text in BANNERS.items() if kind in kinds)


def _kind(document: dict[str, Any]) -> str:
    return str(document.get("market") or document.get("account", "").rpartition(":")[2])
