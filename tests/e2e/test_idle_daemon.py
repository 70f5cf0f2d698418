"""Memory that a daemon without a model does not take: the big libraries stay out of its process."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

HEAVY = ("lightgbm", "pandas", "scipy", "sklearn")


def test_a_daemon_without_a_model_loads_no_big_library(home: Any) -> None:
    home.configure(symbols=["BTC/USD", "ETH/USD"], exchange="simulated", interval=0.1, simulated={"speed": 20_000.0})
    home.start()
    assert len(list(islice(home.events("decision"), 6))) == 6
    mapped = Path(f"/proc/{home.pid()}/maps").read_text()
    packages = {Path(line.split()[-1]).parts for line in mapped.splitlines() if "site-packages" in line}
    loaded = {parts[parts.index("site-packages") + 1] for parts in packages}
    assert "talib" in loaded
    assert not loaded & set(HEAVY)
