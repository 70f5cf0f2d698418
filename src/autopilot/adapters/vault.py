"""Exchange keys in one encrypted file.

The key is derived from a passphrase by scrypt (RFC 7914), the content sealed by AES-256-GCM (NIST SP 800-38D), and all
that stands beside it in the file (parameters, whose keys they are) is authenticated with it. The parameters stay with
the file, so that later files may ask for more and old ones still open.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from autopilot.adapters.durable_file import write_durably
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.errors import NotFound, StoreCorrupt, StoreUnavailable, VaultLocked

FORMAT = "autopilot-keys-1"
N, R, P = 1 << 17, 8, 1
LARGEST_N = 1 << 20
"""1 GiB of memory. Who can write the file must not be able to make us take more."""
_SALT_BYTES, _NONCE_BYTES = 16, 12
_MOST_BYTES = 1 << 20
Header = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One exchange's keys as anybody may see them. ``fingerprint``: the beginning of a hash of the public part."""

    exchange: str
    added_at_ms: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Vault:
    """An open file. A change is in the file when the call returns; after an error the file is as it was."""

    path: Path
    entries: tuple[Entry, ...] = ()
    _passphrase: str = field(default="", repr=False)
    _held: Mapping[str, ExchangeKeys] = field(default_factory=dict, repr=False)

    def keys(self, exchange: str) -> ExchangeKeys:
        """Raises NotFound."""
        if exchange not in self._held:
            raise NotFound(f"no keys for {exchange} are stored", hint=f"autopilot keys add {exchange}")
        return self._held[exchange]

    def with_keys(self, exchange: str, keys: ExchangeKeys, now_ms: int) -> Vault:
        """In place of earlier ones, of which nothing is kept. Raises StoreUnavailable."""
        entry = Entry(exchange, now_ms, hashlib.sha256(keys.api_key.encode()).hexdigest()[:8])
        others = tuple(each for each in self.entries if each.exchange != exchange)
        return self._saved((*others, entry), {**self._held, exchange: keys}, self._passphrase)

    def without(self, exchange: str) -> Vault:
        """Raises NotFound, StoreUnavailable."""
        self.keys(exchange)
        left = {name: keys for name, keys in self._held.items() if name != exchange}
        return self._saved(tuple(each for each in self.entries if each.exchange != exchange), left, self._passphrase)

    def with_passphrase(self, passphrase: str) -> Vault:
        """Raises StoreUnavailable."""
        return self._saved(self.entries, self._held, passphrase)

    def _saved(self, entries: tuple[Entry, ...], held: Mapping[str, ExchangeKeys], passphrase: str) -> Vault:
        salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
        header: Header = {
            "format": FORMAT,
            "scrypt": {"n": N, "r": R, "p": P, "salt": _text(salt)},
            "nonce": _text(nonce),
            "keys": [
                {"exchange": e.exchange, "added_at_ms": e.added_at_ms, "fingerprint": e.fingerprint} for e in entries
            ],
        }
        content = {name: [keys.api_key, keys.secret, keys.password] for name, keys in held.items()}
        sealed = AESGCM(_derived(passphrase, header)).encrypt(nonce, json.dumps(content).encode(), _bound(header))
        document = {**header, "sealed": _text(sealed)}
        write_durably(self.path, json.dumps(document, indent=1).encode() + b"\n", "the keys' file")
        return Vault(self.path, entries, passphrase, held)


def new_vault(path: Path, passphrase: str) -> Vault:
    """An empty one; there is no file before the first change."""
    return Vault(path, (), passphrase)


def open_vault(path: Path, passphrase: str) -> Vault:
    """Takes 0.3 s and 128 MiB, on purpose. Raises NotFound where there is no file, VaultLocked for a wrong passphrase,
    StoreCorrupt, StoreUnavailable."""
    header, sealed = _read(path)
    try:
        content = AESGCM(_derived(passphrase, header)).decrypt(_bytes(header["nonce"]), sealed, _bound(header))
    except InvalidTag:
        raise VaultLocked(
            "the passphrase does not open the exchange keys", hint="try again; without it they must be added anew"
        ) from None
    held = {name: ExchangeKeys(*parts) for name, parts in json.loads(content).items()}
    return Vault(path, _entries(header), passphrase, held)


def stored_keys(path: Path) -> tuple[Entry, ...]:
    """Whose keys are stored, as the file says without its passphrase. Raises StoreCorrupt, StoreUnavailable."""
    try:
        return _entries(_read(path)[0])
    except NotFound:
        return ()


def no_keys() -> NotFound:
    return NotFound("no exchange keys are stored", hint="autopilot keys add EXCHANGE")


def _read(path: Path) -> tuple[Header, bytes]:
    """(header, sealed content), checked as far as it can be without the passphrase."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES)
    except FileNotFoundError:
        raise no_keys() from None
    except OSError as error:
        raise StoreUnavailable(
            f"the keys' file {path} cannot be read: {error.strerror}", hint="check its owner and mode"
        ) from error
    try:
        document = json.loads(text)
        sealed = _bytes(document.pop("sealed"))
        is_ours = _is_sound(document) and len(sealed) > _NONCE_BYTES
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        is_ours = False
    if not is_ours:
        raise StoreCorrupt(
            f"{path} is damaged, or no file of exchange keys",
            hint="restore it from a backup, or remove it and add the keys again",
        )
    return document, sealed


def _is_sound(header: Header) -> bool:
    """Neither weaker than what we write nor more than a machine bears."""
    parameters = header["scrypt"]
    n, r, p = (parameters[name] for name in ("n", "r", "p"))
    sizes = all(type(each) is int for each in (n, r, p)) and N <= n <= LARGEST_N and n & (n - 1) == 0
    lengths = len(_bytes(header["nonce"])) == _NONCE_BYTES and len(_bytes(parameters["salt"])) >= _SALT_BYTES
    _entries(header)
    return header["format"] == FORMAT and sizes and r == R and p == P and lengths


def _entries(header: Header) -> tuple[Entry, ...]:
    return tuple(
        Entry(str(each["exchange"]), int(each["added_at_ms"]), str(each["fingerprint"])) for each in header["keys"]
    )


def _derived(passphrase: str, header: Header) -> bytes:
    parameters = header["scrypt"]
    scrypt = Scrypt(_bytes(parameters["salt"]), 32, parameters["n"], parameters["r"], parameters["p"])
    return scrypt.derive(passphrase.encode())


def _bound(header: Header) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
