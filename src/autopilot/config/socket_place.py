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
SOCKET_PATH_MAX = 107
"""Bytes; the kernel's limit for the path of a Unix socket (unix(7): sun_path is 108 with its final zero)."""


def socket_place(config: str | None, data_dir: str | None, environ: Mapping[str, str]) -> str | None:
    """The socket of `find_paths`; None where only that can say: it knows the directories of other platforms, and the
    errors."""
    named_config = environ.get("AUTOPILOT_CONFIG") or None if config is None else config
    if named_config is not None and not os.path.exists(os.path.expanduser(named_config)):  # noqa: PTH110, PTH111
        return None
    named = environ.get("AUTOPILOT_DATA_DIR") or None if data_dir is None else data_dir
    data = _default_data(environ) if named is None else os.path.join(os.getcwd(), os.path.expanduser(named))  # noqa: PTH109, PTH111, PTH118
    place = data and "/".join((data, *SOCKET_PARTS))
    return None if place and len(os.fsencode(place)) > SOCKET_PATH_MAX else place


def _default_data(environ: Mapping[str, str]) -> str | None:
    """As the XDG Base Directory Specification has it."""
    if sys.platform != "linux" or not environ.keys().isdisjoint(("ANDROID_DATA", "ANDROID_ROOT")):
        return None
    base, home = environ.get("XDG_DATA_HOME"), environ.get("HOME")
    if not base and home:
        base = home + "/.local/share"
    return base + "/autopilot" if base and base.startswith("/") else None
