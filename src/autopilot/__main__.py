"""`python -m autopilot`."""

from __future__ import annotations

import sys

from autopilot.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
