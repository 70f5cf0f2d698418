"""Memory that a daemon without a model does not take: the big libraries stay out of its process."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest

HEAVY = ("cryptography", "lightgbm", "pandas", "scipy", "sklearn")


@pytest.mark.parametrize("has_tools", [False, True])
def test_a_daemon_without_a_model_loads_no_big_library(home: Any, has_tools: bool) -> None:
    """In the environment of a user, and in that of the tests, where other libraries find scikit-learn too."""
    home.configure(symbols=["BTC/USD", "ETH/USD"], exchange="simulated", interval=0.1, simulated={"speed": 20_000.0})
    if has_tools:
        home.json("start")
    else:
        home.start()
    assert len(list(islice(home.events("decision"), 6))) == 6
    mapped = Path(f"/proc/{home.pid()}/maps").read_text()
    packages = {Path(line.split()[-1]).parts for line in mapped.splitlines() if "site-packages" in line}
    loaded = {parts[parts.index("site-packages") + 1] for parts in packages}
    assert "talib" in loaded
    assert not loaded & set(HEAVY)
