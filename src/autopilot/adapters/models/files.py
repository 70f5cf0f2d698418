"""Model files: LightGBM's text and a JSON card beside it, written whole or not at all, read only when unaltered."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from tempfile import NamedTemporaryFile

from autopilot.domain.documents import Document
from autopilot.domain.errors import ModelError, StoreUnavailable

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_SUFFIXES = (".txt", ".json")
RETRAIN = "autopilot retrain makes a new one; autopilot models rollback goes back to the one before"


class ModelFiles:
    """``<id>.txt`` and ``<id>.json`` in ``directory``, readable by their owner only; nothing outside is ever read."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, model_id: str, model_text: str, card: Document) -> str:
        """Returns the SHA-256 by which `read` knows both. The card comes last and holds the text's own hash: without a
        card there is no model. Raises StoreUnavailable when the disk does not take it, ModelError for an id that is
        none."""
        text = model_text.encode()
        content = _card_bytes(card | {"sha256": hashlib.sha256(text).hexdigest()})
        text_path, card_path = (self._path(model_id, suffix) for suffix in _SUFFIXES)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._replace(text_path, text)
            self._replace(card_path, content)
        except OSError as error:
            raise StoreUnavailable(
                f"model {model_id} cannot be written to {self._directory}: {error.strerror}",
                hint="check the directory's owner, mode and free space",
            ) from error
        return _digest(text, content)

    def read(self, model_id: str, expected_sha256: str) -> tuple[str, Document]:
        """(the text, the card). Raises ModelError when they are missing, altered, or not where they belong."""
        text, content = (self._bytes(model_id, suffix) for suffix in _SUFFIXES)
        if _digest(text, content) != expected_sha256:
            raise ModelError(f"the files of model {model_id} are not those that were trained", hint=RETRAIN)
        try:
            return text.decode(), json.loads(content)
        except ValueError as error:
            raise ModelError(f"the files of model {model_id} cannot be read: {error}", hint=RETRAIN) from error

    def remove(self, model_id: str) -> None:
        """What is missing is no error."""
        for suffix in _SUFFIXES:
            self._path(model_id, suffix).unlink(missing_ok=True)

    def backup(self, now_ms: int) -> Path:
        """Copy every model into ``backup-<now_ms>``; returns that directory. Raises StoreUnavailable."""
        target = self._directory / f"backup-{now_ms}"
        try:
            target.mkdir(mode=0o700, parents=True)
            for path in sorted(self._directory.iterdir()):
                if path.suffix in _SUFFIXES and path.is_file():
                    shutil.copy2(path, target / path.name)
        except OSError as error:
            raise StoreUnavailable(
                f"the models cannot be copied to {target}: {error.strerror}",
                hint="check the directory's owner, mode and free space",
            ) from error
        return target

    def _path(self, model_id: str, suffix: str) -> Path:
        if not _ID.fullmatch(model_id):
            raise ModelError(f"{model_id[:80]!r} is not the id of a model", hint="autopilot models list shows them")
        return self._directory / f"{model_id}{suffix}"

    def _bytes(self, model_id: str, suffix: str) -> bytes:
        """A link is not followed: it could lead out of the directory."""
        path = self._path(model_id, suffix)
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
                return file.read()
        except OSError as error:
            raise ModelError(f"{path} of model {model_id} cannot be read: {error.strerror}", hint=RETRAIN) from error

    def _replace(self, path: Path, content: bytes) -> None:
        """All or nothing, and on the disk before this returns. The temporary file, and so the model, has mode 0600."""
        with NamedTemporaryFile(dir=self._directory, prefix=".new-", delete=False) as file:
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except OSError:
                Path(file.name).unlink(missing_ok=True)
                raise
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _card_bytes(card: Document) -> bytes:
    return json.dumps(card, ensure_ascii=False, indent=1, sort_keys=True).encode()


def _digest(text: bytes, card: bytes) -> str:
    return hashlib.sha256(text + b"\0" + card).hexdigest()
