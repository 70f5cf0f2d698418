"""Exchange keys in scripts and services: nothing is asked, everything is said."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from autopilot.adapters import vault as module
from autopilot.adapters.clock import WallClock
from autopilot.adapters.store.audit import recent
from autopilot.adapters.vault import open_vault
from autopilot.app.trading.arming import open_armings
from autopilot.app.trading.arming_check import ArmingRequest
from autopilot.config.paths import find_paths
from autopilot.domain.audit import AuditKind
from autopilot.domain.credentials import ExchangeKeys, Passphrase
from autopilot.domain.timeframe import DAY_MS, Timeframe

PASSPHRASE, NEXT = "canary one two three four", "canary five six seven"
API_KEY = base64.b64encode(b"canary-kraken-api-key-of-forty-two-bytes..").decode()
SECRET = base64.b64encode(b"canary-kraken-private-key-of-sixty-four-bytes-as-they-all-have..").decode()
KEYS = json.dumps({"api_key": API_KEY, "secret": SECRET})


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """scrypt takes 0.3 s each time, and has a test of its own; the process that runs the tests stays as it is."""

    def derived(passphrase: Passphrase, scrypt: dict[str, Any]) -> bytes:
        return hashlib.sha256(passphrase.encoded() + scrypt["salt"].encode()).digest()

    monkeypatch.setattr(module, "_derived", derived)
    monkeypatch.setattr("autopilot.cli.secret_input.keep_memory_private", lambda: None)


@pytest.fixture
def descriptor() -> Callable[[str], str]:
    """The number of one that gives this; whoever reads it closes it."""

    def make(content: str) -> str:
        readable, writable = os.pipe()
        os.write(writable, content.encode())
        os.close(writable)
        return str(readable)

    return make


@pytest.fixture
def keys(autopilot: Any, tmp_path: Path) -> Callable[..., Any]:
    """autopilot keys, with systemd credentials."""
    place = tmp_path / "credentials"
    place.mkdir()

    def run(*arguments: str, passphrase: str | None = PASSPHRASE, **credentials: str) -> Any:
        for file in place.iterdir():
            file.unlink()
        given = credentials if passphrase is None else {"passphrase": passphrase, **credentials}
        for name, content in given.items():
            (place / f"autopilot-{name.replace('_', '-')}").write_text(content)
        done = autopilot("keys", *arguments, CREDENTIALS_DIRECTORY=str(place))
        shown = done.out + done.err
        assert not [secret for secret in ("canary", API_KEY, SECRET) if secret in shown]
        return done

    return run


@pytest.fixture
def stored(keys: Any) -> Any:
    """keys, with those of kraken in store."""
    assert keys("add", "kraken", keys_kraken=KEYS).code == 0
    return keys


def held(data_dir: Path, passphrase: str = PASSPHRASE) -> ExchangeKeys:
    return open_vault(data_dir / "keys.json", Passphrase(passphrase)).keys("kraken")


def test_from_a_credential_to_the_end(keys: Any, data_dir: Path) -> None:
    assert keys("list").out == "No exchange keys are stored. Try: autopilot keys add kraken\n"
    added = keys("add", "kraken", "--json", keys_kraken=KEYS)
    assert added.code == 0
    shown = {name: value for name, value in added.document.items() if name != "disarmed"}
    assert keys("list", "--json", passphrase=None).document == {"keys": [shown]}
    assert added.document["fingerprint"] == hashlib.sha256(API_KEY.encode()).hexdigest()[:8]
    assert held(data_dir) == ExchangeKeys(API_KEY, SECRET)
    assert added.document["fingerprint"] in keys("list").out
    removed = keys("remove", "kraken", "--yes", "--json")
    assert (removed.code, removed.document) == (0, {"removed": "kraken", "disarmed": []})
    assert keys("list", "--json").document == {"keys": []}


def test_from_a_descriptor(keys: Any, descriptor: Any, autopilot: Any, data_dir: Path) -> None:
    unlocking = {"AUTOPILOT_PASSPHRASE_FD": descriptor(PASSPHRASE)}
    done = autopilot("keys", "add", "kraken", "--from-fd", descriptor(KEYS), **unlocking)
    assert done.code == 0, done.err
    assert held(data_dir) == ExchangeKeys(API_KEY, SECRET)
    other = base64.b64encode(bytes(64)).decode()
    replaced = json.dumps({"api_key": "other", "secret": other})
    assert keys("rotate", "kraken", "--from-fd", descriptor(replaced), keys_kraken=KEYS).code == 0
    assert held(data_dir) == ExchangeKeys("other", other)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '"canary"', '{"api_key": "canary"}', '{"api_key": "canary", "secret": 5}', "[" * 9_999],
)
def test_what_are_no_keys_is_said_and_not_shown(keys: Any, descriptor: Any, content: str) -> None:
    number = descriptor(content)
    done = keys("add", "kraken", "--from-fd", number)
    assert (done.code, f"error: descriptor {number} does not hold keys" in done.err) == (2, True)
    done = keys("add", "kraken", keys_kraken=content)
    assert (done.code, "autopilot-keys-kraken does not hold keys" in done.err) == (2, True)


@pytest.mark.parametrize("exchange", ["bitstamp", "simulated", "replay", "../kraken", "KRAKEN"])
@pytest.mark.parametrize("command", ["add", "rotate"])
def test_where_no_real_order_can_be_sent_no_keys_are_asked_for(
    keys: Any, data_dir: Path, command: str, exchange: str
) -> None:
    done = keys(command, exchange, passphrase=None)
    why = {
        "bitstamp": "Autopilot cannot find an order there by its own id",
        "simulated": "there is no real money there",
        "replay": "there is no real money there",
    }.get(exchange, "there is no such exchange")
    assert (done.code, f"error: real money cannot be traded on {exchange}: {why}\n" in done.err) == (2, True)
    assert ('did you mean "kraken"?' in done.err) is exchange.lower().endswith("kraken")
    assert not (data_dir / "keys.json").exists()


def test_what_is_there_is_not_overwritten_by_add_and_what_is_not_there_not_rotated(stored: Any, data_dir: Path) -> None:
    twice = stored("add", "kraken", "--json", keys_kraken=KEYS)
    assert (twice.code, "autopilot keys rotate kraken" in twice.err) == (4, True)
    for command in (["rotate", "binance"], ["remove", "binance", "--yes"]):
        done = stored(*command)
        assert (done.code, "no keys for binance are stored" in done.err) == (1, True)
    assert held(data_dir) == ExchangeKeys(API_KEY, SECRET)


CHANGES = [["rotate", "kraken"], ["remove", "kraken", "--yes"], ["passphrase"]]


@pytest.mark.parametrize("command", CHANGES, ids=lambda words: words[0])
def test_without_a_file_there_is_nothing_to_change(keys: Any, command: list[str]) -> None:
    done = keys(*command)
    assert (done.code, " are stored\ntry: autopilot keys add " in done.err) == (1, True)


@pytest.mark.parametrize("command", CHANGES, ids=lambda words: words[0])
def test_a_wrong_passphrase_changes_nothing(stored: Any, data_dir: Path, command: list[str]) -> None:
    before = (data_dir / "keys.json").read_bytes()
    done = stored(*command, passphrase="canary but wrong", keys_kraken=KEYS)
    assert (done.code, "the passphrase does not open the exchange keys" in done.err) == (5, True)
    assert (data_dir / "keys.json").read_bytes() == before


def test_nothing_is_asked_without_a_terminal(stored: Any) -> None:
    for command, what in (
        (["rotate", "kraken"], "there is no terminal to ask on: API key of kraken"),
        (["passphrase"], "there is no terminal to ask on: New passphrase"),
        (["remove", "kraken"], "nothing was removed: there is no terminal to ask on"),
    ):
        done = stored(*command)
        assert (done.code, what in done.err) == (5, True), done.err
    locked = stored("remove", "kraken", "--yes", passphrase=None)
    assert (locked.code, "AUTOPILOT_PASSPHRASE_FD" in locked.err) == (5, True)


def test_the_passphrase_is_changed(stored: Any, descriptor: Any, data_dir: Path) -> None:
    short = stored("passphrase", "--new-from-fd", descriptor("too short"))
    assert (short.code, "shorter than 12 characters; nothing was changed" in short.err) == (5, True)
    changed = stored("passphrase", "--new-from-fd", descriptor(f"{NEXT}\n"), "--json")
    assert (changed.code, changed.document) == (0, {"changed": True})
    assert held(data_dir, NEXT) == ExchangeKeys(API_KEY, SECRET)
    assert stored("remove", "kraken", "--yes").code == 5


def test_a_new_file_wants_a_long_passphrase(keys: Any, data_dir: Path) -> None:
    done = keys("add", "kraken", passphrase="too short", keys_kraken=KEYS)
    assert (done.code, "shorter than 12 characters" in done.err) == (5, True)
    assert not (data_dir / "keys.json").exists()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_secret_file_that_others_may_read_is_refused(keys: Any, tmp_path: Path, mode: int) -> None:
    file = tmp_path / "secret.pem"
    file.write_text(SECRET)
    file.chmod(mode)
    done = keys("add", "kraken", "--secret-file", str(file))
    assert (done.code, f"its mode 0{mode:o} lets others open it" in done.err) == (2, True)
    assert f"try: make it yours alone: chmod 600 {file}" in done.err


def test_a_secret_file_leaves_the_api_key_to_be_asked_for(keys: Any, tmp_path: Path, descriptor: Any) -> None:
    file = tmp_path / "secret.pem"
    file.write_text(SECRET)
    file.chmod(0o600)
    asked = keys("add", "kraken", "--secret-file", str(file), keys_kraken=KEYS)
    assert (asked.code, "no terminal to ask on: API key of kraken" in asked.err) == (5, True)
    both = keys("add", "kraken", "--secret-file", str(file), "--from-fd", descriptor(KEYS))
    assert (both.code, "--from-fd brings the secret already" in both.err) == (2, True)
    missing = keys("add", "kraken", "--secret-file", str(tmp_path / "none"))
    assert (missing.code, "No such file" in missing.err) == (2, True)


def test_a_damaged_file_is_named_by_every_command(stored: Any, data_dir: Path) -> None:
    file = data_dir / "keys.json"
    file.write_bytes(file.read_bytes()[:-20])
    for command in (["list"], ["add", "binance"], *CHANGES):
        done = stored(*command)
        assert (done.code, f"{file} is damaged, or not a file of exchange keys" in done.err) == (1, True)


def audited_commands(data_dir: Path) -> list[tuple[str, Any, str]]:
    """The oldest first."""
    rows = recent(data_dir / "autopilot.db", 99, AuditKind.COMMAND)["audit"]
    assert {row["actor"] for row in rows} == {f"uid {os.geteuid()} pid {os.getpid()}"}
    return [(row["body"]["command"], row["body"]["asked"]["exchange"], row["body"]["result"]) for row in rows[::-1]]


def test_every_change_of_keys_is_told_to_the_audit_log_without_a_secret(
    stored: Any, descriptor: Any, data_dir: Path
) -> None:
    assert stored("add", "kraken", keys_kraken=KEYS).code == 4
    assert stored("rotate", "kraken", keys_kraken=KEYS).code == 0
    assert stored("rotate", "kraken", passphrase="another one entirely", keys_kraken=KEYS).code == 5
    assert stored("passphrase", "--new-from-fd", descriptor(NEXT)).code == 0
    assert stored("remove", "kraken", "--yes", passphrase=NEXT).code == 0
    assert audited_commands(data_dir) == [
        ("keys add", "kraken", "done"),
        ("keys add", "kraken", "CONFLICT"),
        ("keys rotate", "kraken", "done"),
        ("keys rotate", "kraken", "VAULT_LOCKED"),
        ("keys passphrase", None, "done"),
        ("keys remove", "kraken", "done"),
    ]
    assert not [
        secret for secret in ("canary", API_KEY, SECRET) if secret in (data_dir / "autopilot.db").read_text("latin1")
    ]


def arm(data_dir: Path, *accounts: str) -> None:
    with open_armings(find_paths(None, data_dir, {})) as armings:
        for account in accounts:
            armings.arm(
                ArmingRequest(
                    account=account,
                    max_value=Decimal(500),
                    currency="USD",
                    symbols=[],
                    timeframe=Timeframe.H1,
                    unproven=False,
                ),
                DAY_MS,
            )


def armed(data_dir: Path) -> list[str]:
    with open_armings(find_paths(None, data_dir, {})) as armings:
        now_ms = WallClock().now_ms()
        return [account for account in armings.armings.accounts() if armings.armings.holding(account, now_ms)]


@pytest.mark.parametrize("command", [["rotate", "kraken"], ["remove", "kraken", "--yes"]], ids=lambda words: words[0])
def test_other_keys_trade_under_no_old_leave(stored: Any, data_dir: Path, command: list[str]) -> None:
    arm(data_dir, "live:binance", "live:kraken")
    done = stored(*command, "--json", keys_kraken=KEYS)
    assert (done.code, done.document["disarmed"], armed(data_dir)) == (0, ["live:kraken"], ["live:binance"])
    arm(data_dir, "live:kraken")
    said = (
        stored("rotate", "kraken", keys_kraken=KEYS)
        if command[0] == "rotate"
        else stored("add", "kraken", keys_kraken=KEYS)
    )
    assert (said.code, "live:kraken is disarmed" in said.out, armed(data_dir)) == (0, True, ["live:binance"])


def test_what_fails_to_change_the_keys_disarms_nothing(stored: Any, data_dir: Path) -> None:
    arm(data_dir, "live:kraken")
    assert stored("rotate", "kraken", keys_kraken="{}").code == 2
    assert stored("remove", "kraken").code == 5
    assert armed(data_dir) == ["live:kraken"]


@pytest.mark.parametrize("number", ["99999999999", "9" * 5_000, "-1"])
def test_a_number_that_no_descriptor_has_is_said_to_be_wrong(stored: Any, number: str) -> None:
    for command in (["rotate", "kraken", "--from-fd", number], ["passphrase", "--new-from-fd", number]):
        done = stored(*command)
        assert (done.code, done.err.startswith("error: ")) == (2, True)


def test_a_terminal_is_not_read_as_a_descriptor(stored: Any) -> None:
    ours, theirs = os.openpty()
    done = stored("rotate", "kraken", "--from-fd", str(theirs))
    assert (done.code, "is a terminal, which shows what is typed" in done.err) == (2, True)
    os.close(ours)


def test_a_file_of_keys_that_is_a_link_is_refused(stored: Any, data_dir: Path, tmp_path: Path) -> None:
    file = data_dir / "keys.json"
    file.rename(tmp_path / "elsewhere.json")
    file.symlink_to(tmp_path / "elsewhere.json")
    for command in (["list"], ["rotate", "kraken"], ["remove", "kraken", "--yes"]):
        done = stored(*command, keys_kraken=KEYS)
        assert (done.code, "is a symbolic link" in done.err) == (1, True)


@pytest.mark.parametrize("exchange", ["kraken", "coinbase", "binance"])
@pytest.mark.parametrize("malformed", [{"api_key": "x y", "secret": "s"}, {"api_key": "k", "secret": ""}])
def test_malformed_keys_are_refused_before_the_passphrase_is_needed(
    keys: Any, descriptor: Any, exchange: str, malformed: dict[str, str]
) -> None:
    done = keys("add", exchange, "--from-fd", descriptor(json.dumps(malformed)), passphrase=None)
    assert (done.code, done.err.splitlines()[0].startswith(f"error: these are not keys of {exchange}")) == (2, True)


def test_keys_that_are_stored_already_are_refused_before_anything_is_asked(stored: Any) -> None:
    done = stored("add", "kraken", passphrase=None)
    assert (done.code, "keys for kraken are stored already" in done.err) == (4, True)
    missing = stored("rotate", "binance", passphrase=None)
    assert (missing.code, "no keys for binance are stored" in missing.err) == (1, True)
