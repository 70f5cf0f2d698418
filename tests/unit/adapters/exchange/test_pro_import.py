"""A streaming class of ccxt is imported alone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
from autopilot.adapters.exchange.streams.pro_import import streaming_class, streaming_exchanges
name = sys.argv[1]
made = streaming_class(name)({})
classes = sorted({module.split(".")[2] for module in sys.modules if module.startswith("ccxt.pro.")})
print(json.dumps([made.id, classes, "cryptography" in sys.modules, name in streaming_exchanges()]))
"""


@pytest.mark.parametrize(("name", "classes"), [("kraken", ["kraken"]), ("binanceus", ["binance", "binanceus"])])
def test_one_streaming_class_imports_no_other_exchange(name: str, classes: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, name], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [name, classes, False, True]
