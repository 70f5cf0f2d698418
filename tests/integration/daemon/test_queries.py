"""Queries beside the daemon's own work."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from autopilot.config.paths import create_directories, find_paths
from autopilot.daemon import service as service_module
from autopilot.daemon.wiring import open_service
from autopilot.domain.document_types import Document

MANY = 40
"""More than a loop has threads on a small machine."""


async def test_long_queries_leave_the_loops_threads_to_the_exchanges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, gate = find_paths(None, tmp_path, {}), threading.Event()
    create_directories(paths)
    paths.config_file.write_text(tomli_w.dumps({"symbols": ["BTC/USD"], "exchange": "simulated"}))

    def slow(*_: Any) -> Document:
        gate.wait(30)
        return {}

    monkeypatch.setattr(service_module, "read_view", slow)
    service = open_service(paths, lambda: None)
    queries = [asyncio.ensure_future(service.read("orders", {})) for _ in range(MANY)]
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(3):
            assert await asyncio.to_thread(threading.active_count) < MANY
        assert not any(query.done() for query in queries)
    finally:
        gate.set()
        assert await asyncio.gather(*queries) == [{}] * MANY
        await service.close()
