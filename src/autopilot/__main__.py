"""``python -m autopilot`` is `autopilot`."""

import sys

from autopilot.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
