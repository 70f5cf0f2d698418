"""A real-money trader killed at every point of its life: what is sent twice, lost or unknown afterwards. Needs the
tests beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[1] / "tests" / "stand_ins" / "kill_everywhere.py"


def main(_: list[str]) -> int:
    return subprocess.run([sys.executable, PROGRAM], check=False).returncode
