"""API keys in one encrypted file.

The key is derived from a passphrase by scrypt (RFC 7914), and the content is sealed by AES-256-GCM (NIST SP 800-38D).
The plain part of the file (parameters, names of exchanges) is authenticated with it. The parameters stay with the file,
so that later files may have stronger ones and old files still open. A digest tells damage from a wrong passphrase; it
is no protection.

    vault = open_vault(paths.vault, passphrase)
    keys = vault.keys("kraken")
    save_vault(paths.vault, passphrase, vault.with_keys("binance", others, now_ms))
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from autopilot.adapters.durable_file import locked, write_durably
from autopilot.adapters.json_text import json_object
from autopilot.adapters.private_file import read_private
from autopilot.domain.credentials import ExchangeKeys, Passphrase
from autopilot.domain.errors import NotFound, StoreCorrupt, StoreTooNew, StoreUnavailable, VaultLocked

FORMAT, VERSION = "autopilot-keys", 1
N, R, P = 1 << 17, 8, 1
"""The parameters of new files: 128 MiB and 0.3 s per guess."""
LEAST_N, LARGEST_N = 1 << 17, 1 << 20
"""The limits for a file: 1 GiB of memory, because a forged file must not make us take more."""
_KEY_BYTES, _SALT_BYTES, _NONCE_BYTES, _TAG_BYTES = 32, 16, 12, 16
_MOST_BYTES = 1 << 20
_NAME = re.compile(r"[a-z0-9_]{1,40}")
_FINGERPRINT = re.compile(r"[0-9a-f]{8}")
_LATEST_MS = 1 << 47
Header = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """The public facts of one exchange's keys. ``fingerprint``: the beginning of a hash of the API key's public
    part."""

    exchange: str
    added_at_ms: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Vault:
    """The keys of all exchanges, decrypted. Holds no passphrase, and changes no file."""

    entries: tuple[Entry, ...] = ()
    _held: Mapping[str, ExchangeKeys] = field(default_factory=dict, repr=False)
    _origin: str = ""
    """The digest of the file from which it was read; empty without a file."""

    def keys(self, exchange: str) -> ExchangeKeys:
        """Raises NotFound."""
        if exchange not in self._held:
            raise no_keys_for(exchange)
        return self._held[exchange]

    def with_keys(self, exchange: str, keys: ExchangeKeys, now_ms: int) -> Vault:
        """A vault with these keys, which replace earlier keys of the exchange."""
        entry = Entry(exchange, now_ms, hashlib.sha256(keys.api_key.encode()).hexdigest()[:8])
        return replace(self, entries=(*self._others(exchange), entry), _held={**self._held, exchange: keys})

    def without(self, exchange: str) -> Vault:
        """Raises NotFound."""
        self.keys(exchange)
        remaining = {name: keys for name, keys in self._held.items() if name != exchange}
        return replace(self, entries=self._others(exchange), _held=remaining)

    def _others(self, exchange: str) -> tuple[Entry, ...]:
        return tuple(each for each in self.entries if each.exchange != exchange)


def open_vault(path: Path, passphrase: Passphrase) -> Vault:
    """Decrypt the file; takes 0.3 s and 128 MiB on purpose. Raises NotFound without a file, VaultLocked for a wrong
    passphrase, StoreCorrupt, StoreTooNew, StoreUnavailable."""
    document = _read(path)
    held = _unsealed(document, passphrase)
    # Raised here, not where it was found: what an error was caught with hangs on it.
    if held is None:
        raise VaultLocked(
            "the passphrase does not open the exchange keys",
            hint=f"check what you typed; without the passphrase the keys are lost: remove {path} to start over",
        )
    return Vault(_entries(document), held, document["sha256"])


def save_vault(path: Path, passphrase: Passphrase, vault: Vault) -> None:
    """Encrypt everything again with a new key, and replace the file. After an error the file is unchanged. Raises
    StoreUnavailable, also if the file is no longer the one that was opened."""
    document = _sealed(vault, passphrase)
    with locked(path.parent):
        if _origin(path) != vault._origin:
            raise StoreUnavailable(
                f"another command has changed {path} meanwhile; this one has changed nothing",
                hint="run the command again",
            )
        write_durably(path, json.dumps(document, indent=1).encode() + b"\n", "the keys' file")


def stored_keys(path: Path) -> tuple[Entry, ...]:
    """The stored keys' public facts, which need no passphrase; empty without a file. Raises StoreCorrupt, StoreTooNew,
    StoreUnavailable."""
    try:
        return _entries(_read(path))
    except NotFound:
        return ()


def no_keys_for(exchange: str) -> NotFound:
    return NotFound(f"no keys for {exchange} are stored", hint=f"autopilot keys add {exchange}")


def no_keys() -> NotFound:
    return NotFound("no exchange keys are stored", hint="autopilot keys add EXCHANGE")


def _sealed(vault: Vault, passphrase: Passphrase) -> Header:
    """The file's document."""
    header: Header = {
        "format": FORMAT,
        "version": VERSION,
        "scrypt": {"n": N, "r": R, "p": P, "salt": _text(os.urandom(_SALT_BYTES))},
        "nonce": _text(os.urandom(_NONCE_BYTES)),
        "keys": [
            {"exchange": e.exchange, "added_at_ms": e.added_at_ms, "fingerprint": e.fingerprint} for e in vault.entries
        ],
    }
    cipher = AESGCM(_derived(passphrase, header["scrypt"]))
    content = {name: [keys.api_key, keys.secret, keys.password] for name, keys in vault._held.items()}
    sealed = cipher.encrypt(_bytes(header["nonce"]), json.dumps(content).encode(), _canonical(header))
    document = {**header, "sealed": _text(sealed)}
    return {**document, "sha256": _digest(document)}


def _unsealed(document: Header, passphrase: Passphrase) -> dict[str, ExchangeKeys] | None:
    """The decrypted content; None for another passphrase, or for a file that somebody else sealed."""
    header = {name: value for name, value in document.items() if name not in ("sealed", "sha256")}
    cipher = AESGCM(_derived(passphrase, header["scrypt"]))
    try:
        content = cipher.decrypt(_bytes(header["nonce"]), _bytes(document["sealed"]), _canonical(header))
    except InvalidTag:
        return None
    return {name: ExchangeKeys(*parts) for name, parts in json.loads(content).items()}


def _derived(passphrase: Passphrase, scrypt: Mapping[str, Any]) -> bytes:
    function = Scrypt(_bytes(scrypt["salt"]), _KEY_BYTES, scrypt["n"], scrypt["r"], scrypt["p"])
    return function.derive(passphrase.encoded())


def _read(path: Path) -> Header:
    """The document of the file, checked as far as possible without the passphrase."""
    if path.is_symlink():
        raise StoreUnavailable(
            f"the keys' file {path} is a symbolic link: it may lead anywhere", hint="put the file itself in its place"
        )
    try:
        text = read_private(path, _MOST_BYTES)
    except FileNotFoundError:
        raise no_keys() from None
    except OSError as error:
        raise StoreUnavailable(
            f"the keys' file {path} cannot be read: {error.strerror}", hint=f"make it yours alone: chmod 600 {path}"
        ) from None
    document = json_object(text)
    version = document.get("version")
    if document.get("format") == FORMAT and type(version) is int and version > VERSION:
        raise StoreTooNew(f"{path} was written by a newer version of Autopilot", hint="upgrade Autopilot")
    if not _is_sound(document):
        raise StoreCorrupt(
            f"{path} is damaged, or not a file of exchange keys",
            hint="restore it from a backup, or remove it and add the keys again",
        )
    return document


def _is_sound(document: Header) -> bool:
    """Whether the parameters are ours, undamaged, and neither too weak nor too expensive."""
    try:
        rest = {name: value for name, value in document.items() if name != "sha256"}
        scrypt = document["scrypt"]
        _entries(document)
        return (
            (document["format"], document["version"]) == (FORMAT, VERSION)
            and document["sha256"] == _digest(rest)
            and _is_bearable(scrypt)
            and len(_bytes(scrypt["salt"])) == _SALT_BYTES
            and len(_bytes(document["nonce"])) == _NONCE_BYTES
            and len(_bytes(document["sealed"])) > _TAG_BYTES
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False


def _is_bearable(scrypt: Mapping[str, Any]) -> bool:
    n, r, p = (scrypt[name] for name in ("n", "r", "p"))
    are_whole = all(type(each) is int for each in (n, r, p))
    return are_whole and LEAST_N <= n <= LARGEST_N and n & (n - 1) == 0 and (r, p) == (R, P)


def _entries(document: Header) -> tuple[Entry, ...]:
    """The keys in a document. Raises ValueError, LookupError or TypeError if the list of keys is malformed."""
    found = tuple(Entry(each["exchange"], each["added_at_ms"], each["fingerprint"]) for each in document["keys"])
    for each in found:
        named = _NAME.fullmatch(each.exchange) and _FINGERPRINT.fullmatch(each.fingerprint)
        if not named or type(each.added_at_ms) is not int or not 0 <= each.added_at_ms < _LATEST_MS:
            raise ValueError
    return found


def _origin(path: Path) -> str:
    try:
        return str(_read(path)["sha256"])
    except NotFound:
        return ""


def _digest(document: Header) -> str:
    return hashlib.sha256(_canonical(document)).hexdigest()


def _canonical(document: Header) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
