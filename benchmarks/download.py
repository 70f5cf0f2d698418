"""A year of 1m candles of two symbols from an exchange that takes 0.15 s a page, whole and killed at 20 random pages:
which pages are fetched twice, and how much of the exchange's limit is used. Needs the tests beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[1] / "tests" / "stand_ins" / "killed_downloads.py"


def main(arguments: list[str]) -> int:
    return subprocess.run([sys.executable, PROGRAM, *arguments], check=False).returncode
