"""One exchange class of ccxt, without importing the hundred others.

``import ccxt.async_support`` runs the code of every exchange: 0.6 s and 102 MB, where one exchange takes 0.3 s and 52
MB. So ccxt's two packages are entered into ``sys.modules`` without running their ``__init__``. It runs when something
asks a package for a name that the base modules do not have. A later ``import ccxt`` gets all of ccxt as usual.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from functools import cache
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any

from autopilot.adapters.exchange.ccxt_base import BASE, signing_deferred
from autopilot.domain.errors import ConfigError, UnknownExchange
from autopilot.domain.market import MarketKind
from autopilot.domain.suggestion import did_you_mean
from autopilot.lean_imports import held_back

_BASE = ("ccxt.base.errors", BASE)


@cache
def known_exchanges() -> frozenset[str]:
    """The names of all exchanges of ccxt, from its file names: nothing is imported."""
    spec = find_spec("ccxt")
    folders = (spec.submodule_search_locations or []) if spec else []
    return frozenset(path.stem for folder in folders for path in Path(folder, "async_support").glob("[!_]*.py"))


def require_exchange(name: str) -> None:
    """Raises UnknownExchange, which suggests the nearest names, unless ``name`` is an exchange of ccxt or of ours."""
    offline = tuple(kind.value for kind in MarketKind if kind is not MarketKind.REAL)
    if name not in offline and name not in known_exchanges():
        meant = did_you_mean(name, [*offline, *sorted(known_exchanges())], most=3)
        common = "coinbase, kraken, binance and bitstamp are common; replay and simulated need no network"
        raise UnknownExchange(f"there is no exchange {name!r}", hint=f"{meant} {common}".strip())


def lending_exchange(source: str | None, exchange: str) -> str | None:
    """``source``, whose candles are to stand before those of ``exchange``. Raises UnknownExchange, or ConfigError if it
    is not another real exchange."""
    if source is None:
        return None
    require_exchange(source)
    if MarketKind.of(source) is not MarketKind.REAL:
        raise ConfigError(f"{source} is not a real exchange", hint="name one, such as --source coinbase")
    if source == exchange:
        raise ConfigError(f"--source {source} is the exchange itself", hint="name another exchange, or none")
    if MarketKind.of(exchange) is MarketKind.SIMULATED:
        raise ConfigError("the simulated market takes no candles of an exchange", hint="remove --source")
    return source


def exchange_class(name: str) -> Any:
    """ccxt's asynchronous class of a known exchange."""
    for package in ("ccxt", "ccxt.async_support"):
        if package not in sys.modules:
            enter_package(package)
    # requests warns that it cannot detect character sets, each time that it is imported so.
    warnings.filterwarnings("ignore", "Unable to find acceptable character detection", Warning)
    with held_back(), signing_deferred():
        return getattr(importlib.import_module(f"ccxt.async_support.{name}"), name)


def enter_package(name: str) -> None:
    """Enter a package into ``sys.modules`` whose code runs only when it is needed."""
    spec = find_spec(name)
    assert spec is not None, "ccxt is installed"
    assert spec.loader is not None, "ccxt is a regular package"
    loader, package = spec.loader, module_from_spec(spec)

    def missing(attribute: str) -> Any:
        if attribute.startswith("__") and attribute not in {"__version__", "__all__"}:
            raise AttributeError(attribute)
        for module in map(importlib.import_module, _BASE if name == "ccxt" else ()):
            if hasattr(module, attribute):
                return getattr(module, attribute)
        del package.__getattr__
        loader.exec_module(package)
        return getattr(package, attribute)

    package.__getattr__ = missing  # type: ignore[method-assign]
    sys.modules[name] = package
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, package)
