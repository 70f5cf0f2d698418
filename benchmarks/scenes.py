"""Some hours of the installed program on an exchange as it is: 720 candles, wrong clocks, nonces, refused exits; and
what the exchange's ledger says afterwards. Needs the tests beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[1] / "tests" / "stand_ins" / "scenes.py"


def main(names: list[str]) -> int:
    """``names`` of scenes; without any, all."""
    return subprocess.run([sys.executable, PROGRAM, *names], check=False).returncode
