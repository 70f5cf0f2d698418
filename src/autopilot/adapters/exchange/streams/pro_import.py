"""One streaming exchange class of ccxt, without importing the others: see `ccxt_import`."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from autopilot.adapters.exchange.ccxt_base import signing_deferred
from autopilot.adapters.exchange.ccxt_import import enter_package, exchange_class
from autopilot.lean_imports import held_back

_PACKAGE, _PLAIN = "ccxt.pro", "ccxt.async_support"


@cache
def streaming_exchanges() -> frozenset[str]:
    """The names of all exchanges with streams, from ccxt's file names: nothing is imported."""
    spec = find_spec("ccxt")
    folders = (spec.submodule_search_locations or []) if spec else []
    return frozenset(path.stem for folder in folders for path in Path(folder, "pro").glob("[!_]*.py"))


def streaming_class(name: str) -> Any:
    """ccxt's streaming class of one of `streaming_exchanges`."""
    plain = exchange_class(name)
    if _PACKAGE not in sys.modules:
        enter_package(_PACKAGE)
    # A streaming class takes its parent from the package, where the parent's module has the same name.
    for parent in plain.__mro__:
        if parent.__module__ == f"{_PLAIN}.{parent.__name__}":
            setattr(sys.modules[_PLAIN], parent.__name__, parent)
    with held_back(), signing_deferred():
        return getattr(importlib.import_module(f"{_PACKAGE}.{name}"), name)
