"""A cache of the scores of walk-forward models. Its files may be deleted at any time."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from autopilot.adapters.durable_file import replace_file
from autopilot.adapters.models.files import plain_content
from autopilot.domain.candles import AnyArray
from autopilot.domain.errors import ModelDamaged

MOST_BYTES = 256 * 2**20
"""Enough for about fifty backtests of a year with two symbols and all their history."""
_DIGEST_BYTES = 32


class ScoreCache:
    """One file per key in ``directory``, for its owner only. If all files together exceed ``most_bytes``, those that
    were not used for longest are deleted.

    A file begins with the SHA-256 of its key and of its content. A file that is damaged or cannot be read counts as
    missing, and a file that cannot be written is left out: the scores are computed again.
    """

    def __init__(self, directory: Path, most_bytes: int = MOST_BYTES) -> None:
        self._directory, self._most_bytes = directory, most_bytes

    def load(self, key: str) -> dict[str, AnyArray] | None:
        """The arrays by name; None if they are not cached. ``key`` is a SHA-256 in hexadecimal."""
        path = self._path(key)
        try:
            content = plain_content(path)
        except ModelDamaged:
            return None
        digest, body = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if digest != _digest(key, body):
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            os.utime(path)
        with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def save(self, key: str, arrays: Mapping[str, AnyArray]) -> None:
        """Cache them, or do nothing if the disk refuses."""
        buffer, named = io.BytesIO(), dict[str, Any](arrays)
        np.savez(buffer, **named)
        body = buffer.getvalue()
        with suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._path(key), _digest(key, body) + body)
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Drafts of a killed process count too. Another process may delete the same files."""
        found = []
        for path in self._directory.iterdir():
            with suppress(FileNotFoundError):
                status = path.stat()
                found.append((status.st_mtime_ns, path, status.st_size))
        total = sum(size for _, _, size in found)
        for _, path, size in sorted(found):
            if total <= self._most_bytes:
                break
            path.unlink(missing_ok=True)
            total -= size

    def _path(self, key: str) -> Path:
        return self._directory / f"{key}.npz"


def _digest(key: str, body: bytes) -> bytes:
    return hashlib.sha256(bytes.fromhex(key) + body).digest()
