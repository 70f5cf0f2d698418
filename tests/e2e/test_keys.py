"""Exchange keys as a user has them: typed or pasted on a real terminal, and found nowhere afterwards."""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from home import Home
from pseudo_terminal import LIMIT_S, Terminal
from secrets_in import forms

from autopilot.adapters.vault import open_vault
from autopilot.domain.credentials import ExchangeKeys, Passphrase

PASSPHRASE, WRONG = "canary one two three four", "canary but a wrong one"
API_KEY = base64.b64encode(b"canary-kraken-api-key-of-forty-two-bytes..").decode()
SECRET = base64.b64encode(b"canary-kraken-private-key-of-sixty-four-bytes-as-they-all-have..").decode()
ROTATED = base64.b64encode(b"canary-rotated-private-key-of-sixty-four-bytes-as-they-all-have.").decode()
COINBASE_NAME = "organizations/3b910e93-0e4c-4a5e-8d2b-0f1d3f8a7c11/apiKeys/0d2ba1de-5c1f-4d5f-9f0c-6b0a6a0cf0aa"
PEM = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    .decode()
)
ENVIRONMENT = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
UNLOCK = ("Passphrase of the exchange keys: ", f"{PASSPHRASE}\n")
Answers = list[tuple[str, str]]


def keys_typed(api_key: str, secret: str) -> Answers:
    return [("API key of ", f"{api_key}\n"), ("Secret of ", f"{secret}\n")]


@pytest.fixture
def terminal(home: Home) -> Callable[..., str]:
    """Runs a command on a terminal and answers what it asks; gives all that was on the screen."""

    def run(arguments: str, answers: Answers, code: int = 0) -> str:
        screen = Terminal([*home.program, *arguments.split()], 80, ENVIRONMENT, errors_too=True)
        for question, answer in answers:
            screen.read(until=question)
            screen.type(answer)
        assert screen.finish() == code, screen.shown
        return screen.shown

    return run


def environment(process: Path) -> bytes:
    """Of a process; a daemon shows its own to root only."""
    try:
        return (process / "environ").read_bytes()
    except PermissionError:
        assert os.geteuid() != 0
        return b""


def test_what_is_typed_is_stored_and_found_nowhere(home: Home, terminal: Any, tmp_path: Path) -> None:
    chosen = [("New passphrase", f"{PASSPHRASE}\n"), ("Repeat passphrase", f"{PASSPHRASE}\n")]
    said = [
        terminal("keys add kraken", [*keys_typed(API_KEY, SECRET), *chosen]),
        terminal("keys add coinbase", [*keys_typed(COINBASE_NAME, f"{PEM}\n\nrest of the clipboard"), UNLOCK]),
        terminal("keys add binance", [*keys_typed("b" * 64, "c" * 64), (UNLOCK[0], f"{WRONG}\n")], code=5),
        terminal("keys rotate kraken", [*keys_typed(API_KEY, ROTATED), UNLOCK]),
        # Malformed keys are refused before the passphrase is asked for.
        terminal("keys rotate kraken", keys_typed(SECRET, API_KEY), code=2),
        terminal("keys add binance", keys_typed("too short", "c" * 64), code=2),
        terminal("keys remove coinbase", [UNLOCK, ("[y/N]", "n\n")], code=1),
        terminal("keys list", []),
    ]
    vault = open_vault(home.data_dir / "keys.json", Passphrase(PASSPHRASE))
    assert vault.keys("kraken") == ExchangeKeys(API_KEY, ROTATED)
    assert vault.keys("coinbase") == ExchangeKeys(COINBASE_NAME, PEM.strip())

    home.configure(symbols=["BTC/USD"], exchange="simulated", simulated={"seed": 1})
    (tmp_path / "autopilot-passphrase").write_text(PASSPHRASE)
    for command in ("start", "status", "config show", "audit show"):
        done = home.run(*command.split(), "--json", CREDENTIALS_DIRECTORY=str(tmp_path))
        assert done.code == 0, done.err
        said += [done.out, done.err]
    files = [file for file in home.directory.rglob("*") if file.is_file()]
    assert {"keys.json", "autopilot.db", "autopilot.log"} <= {file.name for file in files}
    process = Path(f"/proc/{home.pid()}")
    traces = [file.read_bytes() for file in files] + [(process / "cmdline").read_bytes(), environment(process)]
    everything = b"\0".join([*traces, *(text.encode() for text in said)])
    lines = [line for line in PEM.splitlines() if "-----" not in line]
    for secret in (PASSPHRASE, WRONG, API_KEY, SECRET, ROTATED, COINBASE_NAME, *lines):
        assert not [form for form in forms(secret) if form in everything], secret
    for secret in (API_KEY, SECRET, ROTATED):
        assert base64.b64decode(secret) not in everything
    assert b"clipboard" not in everything


def test_an_interrupted_question_stores_nothing_and_gives_the_terminal_its_echo_back(home: Home) -> None:
    screen = Terminal([*home.program, "keys", "add", "kraken"], 80, ENVIRONMENT, errors_too=True)
    for question, answer in keys_typed(API_KEY, SECRET):
        screen.read(until=question)
        screen.type(answer)
    screen.read(until="New passphrase")
    assert not screen.echoes
    screen.type(f"{PASSPHRASE}\n")
    screen.read(until="Repeat passphrase")
    screen.process.send_signal(signal.SIGINT)
    screen.process.wait(LIMIT_S)
    assert screen.echoes
    assert screen.finish() == 130
    assert "canary" not in screen.shown
    assert not (home.data_dir / "keys.json").exists()
