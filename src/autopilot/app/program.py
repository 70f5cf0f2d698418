"""How this program is started again as another process."""

from __future__ import annotations

import sys

PROGRAM = (sys.executable, "-P", "-m", "autopilot")
"""-P: a module in the directory where the daemon happens to run must not shadow an installed one."""
