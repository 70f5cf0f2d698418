"""Where the daemon's socket is, for a query that needs no other path: without ``pathlib``, whose import would take as
long as the rest of it."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SOCKET_PARTS = ("run", "autopilot.sock")
"""Below the data directory."""


def socket_place(config: str | None, data_dir: str | None, environ: Mapping[str, str]) -> str | None:
    """The socket of `find_paths`; None where only that can say: it knows the directories of other platforms, and the
    errors."""
    named_config = config or environ.get("AUTOPILOT_CONFIG")
    if named_config and not os.path.exists(os.path.expanduser(named_config)):  # noqa: PTH110, PTH111
        return None
    named = data_dir or environ.get("AUTOPILOT_DATA_DIR")
    data = os.path.join(os.getcwd(), os.path.expanduser(named)) if named else _default_data(environ)  # noqa: PTH109, PTH111, PTH118
    return data and "/".join((data, *SOCKET_PARTS))


def _default_data(environ: Mapping[str, str]) -> str | None:
    """As the XDG Base Directory Specification has it."""
    if sys.platform != "linux" or not environ.keys().isdisjoint(("ANDROID_DATA", "ANDROID_ROOT")):
        return None
    base, home = environ.get("XDG_DATA_HOME"), environ.get("HOME")
    if not base and home:
        base = home + "/.local/share"
    return base + "/autopilot" if base and base.startswith("/") else None
