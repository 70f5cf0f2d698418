"""A download in a process of its own, in which everything that it needs is imported before it is forked."""

from __future__ import annotations

import contextlib
import io
from typing import Any

from autopilot.adapters.exchange import public_exchange
from autopilot.adapters.exchange.ccxt_import import exchange_class
from autopilot.adapters.exchange.venues import opening
from autopilot.app.data import documents, download, history
from autopilot.cli.commands import data
from autopilot.cli.main import main
from autopilot.config import load

__all__ = ["data", "documents", "download", "download_here", "history", "load", "opening"]
exchange_class("coinbase")


def download_here(url: str, arguments: list[str]) -> None:
    """Run the command with ``arguments``; every exchange is at ``url`` and asks for no pauses."""
    opened = public_exchange.open_exchange

    async def redirected(name: str, timeout_s: float, _: str | None, **more: Any) -> Any:
        return await opened(name, timeout_s, url, **more, enableRateLimit=False)

    public_exchange.open_exchange = redirected  # type: ignore[attr-defined]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        main(arguments)
