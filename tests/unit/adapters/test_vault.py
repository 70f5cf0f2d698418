"""The file of the exchange keys: opens for its passphrase, and for nothing that was changed in it."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from secrets_in import forms, shown_by

from autopilot.adapters import vault as module
from autopilot.adapters.vault import Vault, open_vault, save_vault, stored_keys
from autopilot.domain.credentials import ExchangeKeys, Passphrase
from autopilot.domain.errors import AutopilotError, NotFound, StoreCorrupt, StoreTooNew, StoreUnavailable, VaultLocked

PASSPHRASE = Passphrase("canary passphrase of mine")
KRAKEN = ExchangeKeys("canary-kraken-key", "canary-kraken-secret")
BINANCE = ExchangeKeys("canary-binance-key", "canary\nbinance\nsecret", "canary-password")
SECRETS = [PASSPHRASE.text, *(text for keys in (KRAKEN, BINANCE) for text in (keys.api_key, keys.secret))]
DERIVED = module._derived
Document = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def quickly() -> Iterator[None]:
    """Any function of passphrase and parameters does but in the one test of scrypt, which takes 0.3 s each time."""

    def derived(passphrase: Passphrase, scrypt: Document) -> bytes:
        return hashlib.sha256(passphrase.encoded() + json.dumps(scrypt, sort_keys=True).encode()).digest()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "_derived", derived)
        yield


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a file holds that has the keys of two exchanges."""
    path = tmp_path_factory.mktemp("vault") / "keys"
    save_vault(
        path, PASSPHRASE, Vault().with_keys("kraken", KRAKEN, 1_700_000_000_000).with_keys("binance", BINANCE, 5)
    )
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path, written: bytes) -> Path:
    path = tmp_path / "vault.json"
    return put(path, written)


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def forged(content: bytes, change: Callable[[Document], object]) -> bytes:
    """Changed by somebody who also puts the digest right."""
    document = json.loads(content)
    change(document)
    document.pop("sha256")
    plain = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    return json.dumps({**document, "sha256": hashlib.sha256(plain).hexdigest()}).encode()


def test_what_was_stored_comes_back(path: Path) -> None:
    vault = open_vault(path, PASSPHRASE)
    assert (vault.keys("kraken"), vault.keys("binance")) == (KRAKEN, BINANCE)
    shown = [(each.exchange, each.added_at_ms) for each in stored_keys(path)]
    assert shown == [("kraken", 1_700_000_000_000), ("binance", 5)]
    assert stored_keys(path) == vault.entries
    with pytest.raises(NotFound, match="no keys for coinbase"):
        vault.keys("coinbase")


def test_the_file_is_what_it_says(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opened by hand: scrypt with these parameters, AES-256-GCM, and all but the secret bound to it."""
    monkeypatch.setattr(module, "_derived", DERIVED)
    path.unlink()
    save_vault(path, PASSPHRASE, Vault().with_keys("kraken", KRAKEN, 1))
    document = json.loads(path.read_bytes())
    scrypt, nonce, sealed = document["scrypt"], *(base64.b64decode(document[name]) for name in ("nonce", "sealed"))
    salt = base64.b64decode(scrypt["salt"])
    key = hashlib.scrypt(PASSPHRASE.text.encode(), salt=salt, n=1 << 17, r=8, p=1, maxmem=1 << 28, dklen=32)
    bound = {name: value for name, value in document.items() if name not in ("sealed", "sha256")}
    content = AESGCM(key).decrypt(nonce, sealed, json.dumps(bound, sort_keys=True, separators=(",", ":")).encode())
    assert json.loads(content) == {"kraken": [KRAKEN.api_key, KRAKEN.secret, None]}
    assert (scrypt["n"], scrypt["r"], scrypt["p"], len(salt)) == (1 << 17, 8, 1, 16)
    assert open_vault(path, PASSPHRASE).keys("kraken") == KRAKEN


def test_the_file_shows_whose_keys_it_holds_and_no_secret(written: bytes) -> None:
    document = json.loads(written)
    fingerprints = [each["fingerprint"] for each in document["keys"]]
    assert fingerprints == [hashlib.sha256(keys.api_key.encode()).hexdigest()[:8] for keys in (KRAKEN, BINANCE)]
    content = written + base64.b64decode(document["sealed"])
    assert not [form for secret in SECRETS for form in forms(secret) if form in content]


def test_of_what_is_replaced_or_removed_nothing_is_kept(path: Path) -> None:
    before, vault = json.loads(path.read_bytes()), open_vault(path, PASSPHRASE)
    save_vault(path, PASSPHRASE, vault.with_keys("kraken", BINANCE, 9))
    after, replaced = json.loads(path.read_bytes()), open_vault(path, PASSPHRASE)
    assert replaced.keys("kraken") == BINANCE
    assert [(each.exchange, each.added_at_ms) for each in replaced.entries] == [("binance", 5), ("kraken", 9)]
    assert after["nonce"] != before["nonce"]
    assert after["scrypt"]["salt"] != before["scrypt"]["salt"]
    save_vault(path, PASSPHRASE, replaced.without("kraken"))
    left = open_vault(path, PASSPHRASE)
    assert [each.exchange for each in left.entries] == ["binance"]
    with pytest.raises(NotFound):
        left.without("kraken")
    assert list(path.parent.iterdir()) == [path]


def test_another_passphrase_opens_it_and_the_old_one_no_more(path: Path) -> None:
    other = Passphrase("an other passphrase")
    save_vault(path, other, open_vault(path, PASSPHRASE))
    assert open_vault(path, other).keys("kraken") == KRAKEN
    with pytest.raises(VaultLocked):
        open_vault(path, PASSPHRASE)


def test_an_accent_may_be_typed_either_way(path: Path) -> None:
    composed, apart = Passphrase("caf\u00e9 caf\u00e9 caf\u00e9"), Passphrase("cafe\u0301 cafe\u0301 cafe\u0301")
    save_vault(path, composed, open_vault(path, PASSPHRASE))
    assert open_vault(path, apart).keys("kraken") == KRAKEN


@pytest.mark.parametrize("passphrase", ["Canary passphrase of mine", "canary passphrase of mine ", "", "x" * 1000])
def test_a_wrong_passphrase_is_one_clear_error(path: Path, passphrase: str) -> None:
    with pytest.raises(VaultLocked, match=r"^the passphrase does not open the exchange keys$") as caught:
        open_vault(path, Passphrase(passphrase))
    assert caught.value.__context__ is None


CHANGES: dict[str, Callable[[Document], object]] = {
    "salt": lambda found: found["scrypt"].update(salt=base64.b64encode(bytes(16)).decode()),
    "nonce": lambda found: found.update(nonce=base64.b64encode(bytes(12)).decode()),
    "more work": lambda found: found["scrypt"].update(n=1 << 18),
    "whose": lambda found: found["keys"][0].update(exchange="coinbase"),
    "when": lambda found: found["keys"][0].update(added_at_ms=6),
    "fingerprint": lambda found: found["keys"][1].update(fingerprint="00000000"),
    "one less": lambda found: found["keys"].pop(),
    "another order": lambda found: found["keys"].reverse(),
    "one more": lambda found: found["keys"].append({**found["keys"][0], "exchange": "coinbase"}),
    "something else": lambda found: found.update(remark="x"),
    "something else inside": lambda found: found["scrypt"].update(remark="x"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_stands_beside_the_secret_cannot_be_changed_by_whoever_knows_the_format(
    path: Path, written: bytes, change: Callable[[Document], object]
) -> None:
    with pytest.raises(VaultLocked):
        open_vault(put(path, forged(written, change)), PASSPHRASE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(where=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255), cut=st.booleans())
def test_no_byte_of_the_secret_can_be_changed(path: Path, written: bytes, where: float, flip: int, cut: bool) -> None:
    def change(document: Document) -> None:
        sealed = bytearray(base64.b64decode(document["sealed"]))
        at = 17 + int(where * (len(sealed) - 17)) if cut else int(where * len(sealed))
        sealed[at:] = b"" if cut else bytes([sealed[at] ^ flip, *sealed[at + 1 :]])
        document["sealed"] = base64.b64encode(sealed).decode()

    with pytest.raises(VaultLocked):
        open_vault(put(path, forged(written, change)), PASSPHRASE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(where=st.floats(0, 1, exclude_max=True), by=st.binary(max_size=3), removed=st.integers(0, 3))
def test_whatever_changes_in_the_file_is_refused_or_says_the_same(
    path: Path, written: bytes, where: float, by: bytes, removed: int
) -> None:
    at = int(where * len(written))
    changed = written[:at] + by + written[at + removed :]
    try:
        stored_keys(put(path, changed))
    except (StoreCorrupt, StoreTooNew):
        return
    assert json.loads(changed) == json.loads(written)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(
    st.binary(max_size=300)
    | st.sampled_from([b"{}", b"[]", b"null", b'"x"', b'{"sealed": ""}', b'{"keys": 5}', b"NaN"])
)
def test_another_file_is_no_vault(path: Path, content: bytes) -> None:
    with pytest.raises(StoreCorrupt, match="is damaged, or not a file of exchange keys"):
        stored_keys(put(path, content))


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"keys": ' * 50_000, b"9" * 5_000, b"{" + b" " * (1 << 20) + b"}"]
)
def test_a_file_made_to_choke_on_is_no_vault(path: Path, content: bytes) -> None:
    with pytest.raises(StoreCorrupt):
        stored_keys(put(path, content))


BAD_PARAMETERS = [
    *[("n", n) for n in (1 << 16, 1 << 21, (1 << 17) + 1, 0, -(1 << 17), 10**100, True, 131072.0, "131072", None)],
    *[("r", r) for r in (1, 16, 1 << 30, 8.0, True, "8")],
    *[("p", p) for p in (0, 2, 1 << 30, 1.0, True)],
    *[("salt", salt) for salt in ("", "AAAA", base64.b64encode(bytes(64)).decode(), 5, None)],
]


@pytest.mark.parametrize(("name", "value"), BAD_PARAMETERS)
def test_parameters_too_weak_or_too_much_to_bear_are_refused_before_they_are_used(
    path: Path, written: bytes, monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    monkeypatch.setattr(module, "_derived", lambda *_: pytest.fail("it was derived"))
    put(path, forged(written, lambda found: found["scrypt"].update({name: value})))
    with pytest.raises(StoreCorrupt):
        open_vault(path, PASSPHRASE)


@pytest.mark.parametrize(
    "entry",
    [
        {"exchange": "kraken\x1b[2J", "added_at_ms": 1, "fingerprint": "00000000"},
        {"exchange": "kraken", "added_at_ms": 1 << 60, "fingerprint": "00000000"},
        {"exchange": "kraken", "added_at_ms": 1.5, "fingerprint": "00000000"},
        {"exchange": "kraken", "added_at_ms": -1, "fingerprint": "00000000"},
        {"exchange": "kraken", "added_at_ms": 1, "fingerprint": "canary-kraken-secret"},
        {"exchange": None, "added_at_ms": 1, "fingerprint": "00000000"},
        {"exchange": "kraken"},
        "kraken",
    ],
)
def test_what_cannot_be_shown_is_damage(path: Path, written: bytes, entry: object) -> None:
    with pytest.raises(StoreCorrupt):
        stored_keys(put(path, forged(written, lambda found: found["keys"].append(entry))))


def test_a_later_version_is_named(path: Path, written: bytes) -> None:
    with pytest.raises(StoreTooNew, match="newer version of Autopilot"):
        stored_keys(put(path, forged(written, lambda found: found.update(version=2))))


def test_stronger_parameters_of_a_later_version_leave_old_files_readable(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "N", 1 << 18)
    old = open_vault(path, PASSPHRASE)
    save_vault(path, PASSPHRASE, old)
    assert json.loads(path.read_bytes())["scrypt"]["n"] == 1 << 18
    assert open_vault(path, PASSPHRASE).keys("kraken") == KRAKEN


def test_without_a_file_there_are_no_keys(tmp_path: Path) -> None:
    assert stored_keys(tmp_path / "none") == ()
    with pytest.raises(NotFound, match="no exchange keys are stored"):
        open_vault(tmp_path / "none", PASSPHRASE)


def test_it_is_its_owners_alone_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        save_vault(path, PASSPHRASE, open_vault(path, PASSPHRASE))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_one_that_others_may_open_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(StoreUnavailable, match=f"its mode 0{mode:o} lets others open it") as caught:
        open_vault(path, PASSPHRASE)
    assert caught.value.hint == f"make it yours alone: chmod 600 {path}"


def test_a_directory_in_its_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="Is a directory"):
        stored_keys(tmp_path)


def refuse(number: int) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    ("where", "name", "number"),
    [
        (os, "fsync", errno.ENOSPC),
        (os, "fsync", errno.EIO),
        (Path, "replace", errno.EACCES),
        (Path, "replace", errno.EIO),
    ],
)
def test_when_it_cannot_be_written_the_old_one_stays(
    path: Path, written: bytes, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, number: int
) -> None:
    vault = open_vault(path, PASSPHRASE).with_keys("kraken", BINANCE, 9)
    with monkeypatch.context() as patched:
        patched.setattr(where, name, refuse(number))
        with pytest.raises(StoreUnavailable, match=os.strerror(number)) as caught:
            save_vault(path, PASSPHRASE, vault)
    assert path.read_bytes() == written
    assert list(path.parent.iterdir()) == [path]
    assert "canary" not in shown_by(caught.value)
    save_vault(path, PASSPHRASE, vault)
    assert open_vault(path, PASSPHRASE).keys("kraken") == BINANCE


def test_two_commands_at_once_do_not_lose_each_others_change(path: Path) -> None:
    ours, theirs = open_vault(path, PASSPHRASE), open_vault(path, PASSPHRASE)
    save_vault(path, PASSPHRASE, theirs.without("binance"))
    with pytest.raises(StoreUnavailable, match="another command has changed"):
        save_vault(path, PASSPHRASE, ours.with_keys("kraken", BINANCE, 9))
    assert open_vault(path, PASSPHRASE).keys("kraken") == KRAKEN


def test_two_first_commands_at_once_do_not_lose_each_others_keys(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    save_vault(path, PASSPHRASE, Vault().with_keys("kraken", KRAKEN, 1))
    with pytest.raises(StoreUnavailable, match="another command has changed"):
        save_vault(path, PASSPHRASE, Vault().with_keys("binance", BINANCE, 1))
    assert [each.exchange for each in stored_keys(path)] == ["kraken"]


def test_nothing_that_is_shown_of_an_error_or_a_value_is_a_secret(path: Path, written: bytes) -> None:
    vault = open_vault(path, PASSPHRASE)
    errors: list[AutopilotError] = []
    for content, passphrase in ((written, Passphrase("canary but wrong")), (written[:-9], PASSPHRASE)):
        with pytest.raises(AutopilotError) as caught:
            open_vault(put(path, content), passphrase)
        errors.append(caught.value)
    with pytest.raises(NotFound) as missing:
        vault.keys("coinbase")
    shown = [shown_by(error) for error in (*errors, missing.value)]
    assert all("vault.py" in each for each in shown)
    assert "canary" not in "\n".join([*shown, repr(vault), repr(PASSPHRASE), repr(KRAKEN), str(vault)])
