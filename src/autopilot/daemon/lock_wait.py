"""Waiting, with the event loop free, while another program holds the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LOOK_S = 0.25


async def lock_ends(is_locked: Callable[[], bool], gives_up: Callable[[], bool]) -> None:
    """Return when the database is not locked, or when ``gives_up``."""
    while not gives_up() and is_locked():  # noqa: ASYNC110 - no event says when another process is done
        await asyncio.sleep(LOOK_S)
