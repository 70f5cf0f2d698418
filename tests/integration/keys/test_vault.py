"""The file of exchange keys: what opens it, what does not, and what is left of it when a write fails."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autopilot.adapters import vault as vault_module
from autopilot.adapters.vault import Vault, new_vault, open_vault, stored_keys
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.errors import AutopilotError, NotFound, StoreCorrupt, StoreUnavailable, VaultLocked

PASSPHRASE = "four random words here"
KRAKEN = ExchangeKeys("public-part-of-kraken", "c2VjcmV0LW9mLWtyYWtlbg==")
COINBASE = ExchangeKeys(
    "organizations/1/apiKeys/2", "-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----"
)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a file with the keys of two exchanges holds."""
    path = tmp_path_factory.mktemp("vault") / "keys.json"
    new_vault(path, PASSPHRASE).with_keys("kraken", KRAKEN, 1_000).with_keys("coinbase", COINBASE, 2_000)
    return path.read_bytes()


@pytest.fixture
def path(stored: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_bytes(stored)
    return path


def test_what_was_stored_comes_back_and_nothing_of_it_shows(path: Path, stored: bytes) -> None:
    vault = open_vault(path, PASSPHRASE)
    assert (vault.keys("kraken"), vault.keys("coinbase")) == (KRAKEN, COINBASE)
    assert [(each.exchange, each.added_at_ms) for each in stored_keys(path)] == [("kraken", 1_000), ("coinbase", 2_000)]
    for secret in (KRAKEN.secret, KRAKEN.api_key, COINBASE.secret, PASSPHRASE):
        assert secret.encode() not in stored
        assert secret not in repr(vault)
    with pytest.raises(NotFound, match="binance"):
        vault.keys("binance")


def test_it_is_for_its_owner_only_and_salted_anew(path: Path, stored: bytes) -> None:
    vault = open_vault(path, PASSPHRASE).with_keys("kraken", COINBASE, 3_000)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_vault(path, PASSPHRASE).keys("kraken") == vault.keys("kraken") == COINBASE
    before, after = json.loads(stored), json.loads(path.read_bytes())
    assert before["nonce"] != after["nonce"]
    assert before["scrypt"]["salt"] != after["scrypt"]["salt"]
    assert after["scrypt"]["n"] >= 1 << 17


def test_another_passphrase_locks_the_first_one_out(path: Path) -> None:
    open_vault(path, PASSPHRASE).with_passphrase("another one entirely")
    with pytest.raises(VaultLocked):
        open_vault(path, PASSPHRASE)
    left = open_vault(path, "another one entirely").without("coinbase")
    assert [each.exchange for each in left.entries] == ["kraken"]


def _changed(change: Callable[[dict[str, Any]], None]) -> Callable[[bytes], bytes]:
    def apply(content: bytes) -> bytes:
        document = json.loads(content)
        change(document)
        return json.dumps(document).encode()

    return apply


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda content: content[: len(content) // 2], StoreCorrupt),
        (lambda content: b"", StoreCorrupt),
        (lambda content: b"[1]", StoreCorrupt),
        (lambda content: b"\xff\xfe", StoreCorrupt),
        (_changed(lambda d: d.update(format="autopilot-keys-2")), StoreCorrupt),
        (_changed(lambda d: d.pop("keys")), StoreCorrupt),
        (_changed(lambda d: d["scrypt"].update(n=1 << 14)), StoreCorrupt),
        (_changed(lambda d: d["scrypt"].update(n=1 << 40)), StoreCorrupt),
        (_changed(lambda d: d["scrypt"].update(n=(1 << 17) + 1)), StoreCorrupt),
        (_changed(lambda d: d["scrypt"].update(n=True)), StoreCorrupt),
        (_changed(lambda d: d["scrypt"].update(r=64)), StoreCorrupt),
        (_changed(lambda d: d["scrypt"].update(p=2)), StoreCorrupt),
        (_changed(lambda d: d["scrypt"].update(salt="")), StoreCorrupt),
        (_changed(lambda d: d.update(nonce="AAAA")), StoreCorrupt),
        (_changed(lambda d: d.update(sealed="not base64!")), StoreCorrupt),
        (_changed(lambda d: d["keys"][0].update(exchange="binance")), VaultLocked),
        (_changed(lambda d: d["keys"][0].update(fingerprint="00000000")), VaultLocked),
        (_changed(lambda d: d.update(sealed="A" + d["sealed"][1:] if d["sealed"][0] != "A" else "B")), VaultLocked),
        (_changed(lambda d: d.update(more=1)), VaultLocked),
    ],
)
def test_what_was_changed_does_not_open(
    path: Path, stored: bytes, damage: Callable[[bytes], bytes], error: type[AutopilotError]
) -> None:
    path.write_bytes(damage(stored))
    with pytest.raises(error) as refused:
        open_vault(path, PASSPHRASE)
    assert refused.value.hint
    assert KRAKEN.secret not in str(refused.value)


def test_a_wrong_passphrase_says_no_more_than_that(path: Path) -> None:
    with pytest.raises(VaultLocked) as refused:
        open_vault(path, "four random words there")
    assert str(refused.value) == "the passphrase does not open the exchange keys"
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("call", ["fsync", "open"])
def test_a_write_that_fails_leaves_the_file_as_it_was(
    path: Path, stored: bytes, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = open_vault(path, PASSPHRASE)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(StoreUnavailable, match="No space left"):
        vault.without("kraken")
    monkeypatch.undo()
    assert path.read_bytes() == stored
    assert [file.name for file in path.parent.iterdir()] == ["keys.json"]


def test_where_there_is_no_file_there_are_no_keys(tmp_path: Path) -> None:
    assert stored_keys(tmp_path / "keys.json") == ()
    with pytest.raises(NotFound):
        open_vault(tmp_path / "keys.json", PASSPHRASE)


def test_later_files_may_ask_for_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_module, "N", 1 << 18)
    kept: Vault = new_vault(tmp_path / "keys.json", PASSPHRASE).with_keys("kraken", KRAKEN, 1)
    monkeypatch.undo()
    assert open_vault(kept.path, PASSPHRASE).keys("kraken") == KRAKEN
