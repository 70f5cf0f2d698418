"""Importing a library without the big ones that it would take along.

TA-Lib, LightGBM and sqlite-utils import pandas (TA-Lib also polars, LightGBM also scikit-learn) whenever it is
installed, only to accept its types as input. Autopilot passes NumPy arrays and plain values, so a daemon would spend
27 MB (LightGBM: 100 MB) and a second of its start on nothing. pandas itself is imported where tables are read.

ccxt imports requests, which Autopilot never calls, and that a detector of character sets with a hundred codecs: 4 MB.

LightGBM imports ``scipy.sparse`` in any case. That cannot be held back, so LightGBM is imported only where a model is
trained or loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import get_ident
from types import ModuleType

HELD_BACK = frozenset({"pandas", "polars", "sklearn", "charset_normalizer", "chardet"})


@contextmanager
def held_back() -> Iterator[None]:
    """Inside, importing one of ``HELD_BACK`` raises ModuleNotFoundError, as if it were not installed.

    Only in this thread: the others import as usual. A library that is loaded already stays so, for example pandas in a
    notebook; TA-Lib and LightGBM then accept its types there.
    """
    finder = _NotInstalled()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _NotInstalled:
    """A finder, as ``sys.meta_path`` has them."""

    def __init__(self) -> None:
        self._thread = get_ident()

    def find_spec(self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None, /) -> None:
        if fullname in HELD_BACK and get_ident() == self._thread:
            # TA-Lib takes an ImportError without the name for a broken installation.
            raise ModuleNotFoundError(f"{fullname} is held back", name=fullname)
