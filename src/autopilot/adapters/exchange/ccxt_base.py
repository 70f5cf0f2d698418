"""ccxt's base module without ``cryptography``, until something is signed with it.

Only the accounts of some exchanges need it. It takes 7 MB, which a daemon without keys would spend on nothing.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

BASE = "ccxt.base.exchange"
DEFERRED = "cryptography"


@contextmanager
def signing_deferred() -> Iterator[None]:
    """Inside, ccxt's base module is imported without it."""
    finder = _BaseFinder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _BaseFinder:
    """A finder, as ``sys.meta_path`` has them, of ccxt's base module."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        if fullname != BASE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = BaseLoader(spec.loader.name, spec.loader.path)
        return spec


class _Deferred:
    """A module, or what a path of names leads to from there, imported when it is first called or when an attribute is
    read. While ``importing`` its attributes are deferred too."""

    def __init__(self, importing: list[bool], module: str, *names: str) -> None:
        self._importing, self._module, self._names = importing, module, names

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._importing:
            return _Deferred(self._importing, self._module, *self._names, name)
        return _member(self._found(), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._found()(*args, **kwargs)

    def _found(self) -> Any:
        found: Any = import_module(self._module)
        for name in self._names:
            found = _member(found, name)
        return found


class BaseLoader(SourceFileLoader):
    """Runs the module with an ``import`` of its own, so that no other module and no other thread is affected."""

    def exec_module(self, module: ModuleType) -> None:
        importing = [True]

        def deferring(
            name: str,
            globals: Mapping[str, object] | None = None,  # noqa: A002 - Python's name
            locals: Mapping[str, object] | None = None,  # noqa: A002 - Python's name
            fromlist: Sequence[str] | None = (),
            level: int = 0,
        ) -> Any:
            if importing and fromlist and not level and name.partition(".")[0] == DEFERRED:
                return _Deferred(importing, name)
            return builtins.__import__(name, globals, locals, fromlist or (), level)

        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": deferring}
        try:
            super().exec_module(module)
        finally:
            importing.clear()


def _member(of: Any, name: str) -> Any:
    """An attribute, or a module of a package."""
    if isinstance(of, ModuleType) and not hasattr(of, name):
        return import_module(f"{of.__name__}.{name}")
    return getattr(of, name)
