"""What an idle daemon, and a backtest by rules, must not pay for: LightGBM and SciPy are for learned models."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["autopilot.daemon.wiring", "autopilot.app.backtest.run"])
def test_what_learns_is_imported_where_something_is_learned(module: str) -> None:
    asked = f"import sys, {module}; print([name for name in ('lightgbm', 'scipy', 'sklearn') if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"
