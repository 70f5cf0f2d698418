"""Planted faults of an exchange's feed: decisions on wrong candles, recovery, and memory over 1,000 reconnects. Needs
the tests beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
PROGRAM = TESTS / "stand_ins" / "feed_faults.py"


def main(arguments: list[str]) -> int:
    """``arguments``: the number of reconnects."""
    environment = os.environ | {"PYTHONPATH": str(TESTS / "fakes")}
    return subprocess.run([sys.executable, PROGRAM, *arguments], check=False, env=environment).returncode
