"""Model files: LightGBM's text with a JSON card, written completely or not at all, and read only if unaltered."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import stat
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import mkdtemp

from autopilot.adapters.durable_file import replace_file, storing, sync_directory, write_file
from autopilot.domain.document_types import Document
from autopilot.domain.errors import ModelDamaged, ModelError

RETRAIN_HINT = "train a new one with: autopilot retrain"
RETRAIN = f"{RETRAIN_HINT}; or return to the one before with: autopilot models rollback"
_ID = re.compile(r"[a-z0-9-]{1,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHOWN = 12


class ModelFiles:
    """``<id>.<digest>.txt`` and ``<id>.<digest>.json`` in ``directory``, for their owner only.

    A model that is trained again keeps its id, and may get another card. The digest in the name is the beginning of
    the one that `write` returns, so that both versions can exist. The version in use is the one whose SHA-256 is in
    the model store. A crash at any moment leaves the old version or the new one, never a mixture.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, model_id: str, model_text: str, card: Document) -> str:
        """Write both to the disk durably, and return the SHA-256 of text and card together, in hexadecimal. The card
        gets a key ``sha256``, that of the text alone.

        Raises ModelError when the id has other characters than ``a-z0-9-`` or the card is not JSON, StoreUnavailable.
        """
        _check_id(model_id)
        text = model_text.encode()
        content = _card_bytes(model_id, {**card, "sha256": hashlib.sha256(text).hexdigest()})
        digest = _digest(text, content)
        with self._storing():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._path(model_id, digest, "txt"), text)
            replace_file(self._path(model_id, digest, "json"), content)
            sync_directory(self._directory)
        return digest

    def read(self, model_id: str, expected_sha256: str) -> tuple[str, Document]:
        """Text and card as they were written. ``expected_sha256`` is the digest that `write` returned.

        Raises ModelDamaged when they are missing, altered or unreadable, or not plain files: links are not followed.
        Raises ModelError for an invalid id.
        """
        _check_id(model_id)
        if not _SHA256.fullmatch(expected_sha256):
            raise ModelDamaged(
                f"the database has {expected_sha256!r} for model {model_id}, which is not a SHA-256", hint=RETRAIN
            )
        text = plain_content(self._path(model_id, expected_sha256, "txt"))
        content = plain_content(self._path(model_id, expected_sha256, "json"))
        if _digest(text, content) != expected_sha256:
            raise ModelDamaged(
                f"the files of model {model_id} in {self._directory} were altered after its training", hint=RETRAIN
            )
        return _parsed(model_id, text, content)

    def card(self, model_id: str, expected_sha256: str) -> Document:
        """The card alone, not compared with the digest: for a list, which does not decide anything.

        Raises ModelError when it is missing or unreadable.
        """
        _check_id(model_id)
        content = plain_content(self._path(model_id, expected_sha256, "json"))
        try:
            card = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"the card of model {model_id} cannot be read: {error}", hint=RETRAIN) from error
        return card if isinstance(card, dict) else {}

    def remove(self, model_id: str) -> None:
        """Delete every file of this model, also those left by a crash. Does nothing if there are no files.

        Raises ModelError for an invalid id, StoreUnavailable.
        """
        _check_id(model_id)
        with self._storing():
            for path in [*self._directory.glob(f"{model_id}.*"), *self._directory.glob(f".{model_id}.*")]:
                path.unlink(missing_ok=True)

    def backup(self, now_ms: int) -> Path:
        """Copy the files of all models, completely or not at all, into ``backup-<now_ms>`` beside them. Returns its
        path.

        Raises StoreUnavailable, also when this backup exists already.
        """
        target = self._directory / f"backup-{now_ms}"
        with self._storing():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = Path(mkdtemp(dir=self._directory, prefix=".backup-"))
            try:
                for path in sorted([*self._directory.glob("[!.]*.txt"), *self._directory.glob("[!.]*.json")]):
                    if path.is_file() and not path.is_symlink():
                        write_file(draft / path.name, path.read_bytes())
                sync_directory(draft)
                draft.rename(target)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
            sync_directory(self._directory)
        return target

    def _storing(self) -> AbstractContextManager[None]:
        return storing(f"the models in {self._directory} cannot be written")

    def _path(self, model_id: str, digest: str, suffix: str) -> Path:
        return self._directory / f"{model_id}.{digest[:_SHOWN]}.{suffix}"


def _check_id(model_id: str) -> None:
    if not _ID.fullmatch(model_id):
        raise ModelError(f"{model_id!r} is not a model id", hint="autopilot models list shows them with their ids")


def _digest(text: bytes, card: bytes) -> str:
    return hashlib.sha256(hashlib.sha256(text).digest() + card).hexdigest()


def _card_bytes(model_id: str, card: Document) -> bytes:
    try:
        return json.dumps(card, allow_nan=False, indent=1, sort_keys=True).encode()
    except (TypeError, ValueError) as error:
        raise ModelError(f"the card of model {model_id} is not JSON: {error}", hint="please report this") from error


def _parsed(model_id: str, text: bytes, content: bytes) -> tuple[str, Document]:
    try:
        model_text, card = text.decode(), json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelDamaged(f"the files of model {model_id} cannot be read: {error}", hint=RETRAIN) from error
    if not isinstance(card, dict) or card.get("sha256") != hashlib.sha256(text).hexdigest():
        raise ModelDamaged(f"the card of model {model_id} belongs to another model", hint=RETRAIN)
    return model_text, card


def plain_content(path: Path) -> bytes:
    """The content of a file. Raises ModelDamaged if it is missing, unreadable or not a plain file."""
    try:
        # NOFOLLOW refuses links. With NONBLOCK, opening a named pipe returns at once, and the check below refuses it.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file.read()
    except FileNotFoundError as error:
        raise ModelDamaged(f"the model's file {path} is missing", hint=RETRAIN) from error
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EISDIR):
            raise ModelDamaged(f"the model's file {path} cannot be read: {error.strerror}", hint=RETRAIN) from error
    raise ModelDamaged(f"the model's file {path} is not a plain file", hint=RETRAIN)
