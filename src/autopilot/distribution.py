"""The installed package: its name on the package index, which is not that of command and import."""

from __future__ import annotations

from functools import cache

DISTRIBUTION = "autopilot-trader"


@cache
def installed_version() -> str:
    from importlib.metadata import version

    return version(DISTRIBUTION)


def install_hint(extra: str) -> str:
    """The command that adds an optional part, for errors that say that it is missing."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"
