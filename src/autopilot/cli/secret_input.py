"""Secrets: typed at a prompt that shows nothing, read from a descriptor, a file or a systemd credential, and the
stored keys that they unlock."""

from __future__ import annotations

import json
import os
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from autopilot.adapters.private_file import credential_file, read_given, read_private
from autopilot.app.trading.passphrase import CREDENTIAL, FD_VARIABLE, MAX_BYTES, given_passphrase
from autopilot.cli.errors import UsageProblem
from autopilot.cli.session import Session
from autopilot.control.errors import SafetyRefused
from autopilot.daemon.log import keep_memory_private
from autopilot.domain.credentials import ExchangeKeys, Passphrase

if TYPE_CHECKING:
    from autopilot.adapters.vault import Vault

KEYS_CREDENTIAL = "autopilot-keys-{exchange}"
"""Name of the systemd credential that holds keys."""
FORM = '{"api_key": "…", "secret": "…"}'
MIN_LENGTH = 12
"""Characters of a new passphrase."""
NO_TERMINAL = f"in a service: the systemd credential {CREDENTIAL}, or a descriptor named by {FD_VARIABLE}"
_MAX_KEY_BYTES = 1 << 16
_ECHO_FLAGS = 3
"""Index of the local modes (termios(3))."""
_PEM_BEGIN, _PEM_END = "-----BEGIN", "-----END"


def unlocked_by(session: Session) -> tuple[Passphrase, Vault]:
    """The passphrase from the environment or a prompt, and the stored keys that it unlocks. Raises NotFound without
    stored keys, VaultLocked, SafetyRefused without a terminal, StoreError."""
    from autopilot.adapters.vault import no_keys, open_vault

    keep_memory_private()
    if not session.paths.vault.exists():
        raise no_keys()
    passphrase = given_passphrase() or Passphrase(prompt_secret("Passphrase of the exchange keys", without=NO_TERMINAL))
    return passphrase, open_vault(session.paths.vault, passphrase)


def unlocked_or_new(session: Session) -> tuple[Passphrase, Vault]:
    """As `unlocked_by`; without stored keys, a new passphrase and an empty vault."""
    from autopilot.adapters.vault import Vault

    if session.paths.vault.exists():
        return unlocked_by(session)
    keep_memory_private()
    return new_passphrase(given_passphrase()), Vault()


def keys_of(session: Session) -> Callable[[str], ExchangeKeys]:
    """Returns the keys of an exchange; the first call prompts for the passphrase. Raises as `unlocked_by`."""

    @cache
    def vault() -> Vault:
        return unlocked_by(session)[1]

    return lambda exchange: vault().keys(exchange)


def new_passphrase(given: Passphrase | None) -> Passphrase:
    """``given``, or a passphrase that the user types twice. Raises SafetyRefused if it is too short or too long."""
    if given:
        return _strong(given)
    what = f"New passphrase of the exchange keys (at least {MIN_LENGTH} characters)"
    passphrase = _strong(Passphrase(prompt_secret(what, without=NO_TERMINAL)))
    if Passphrase(prompt_secret("Repeat passphrase", without=NO_TERMINAL)) != passphrase:
        raise SafetyRefused("the two passphrases differ; nothing was changed", hint="run the command again")
    return passphrase


def _strong(passphrase: Passphrase) -> Passphrase:
    if len(passphrase.text) < MIN_LENGTH:
        raise SafetyRefused(
            f"the passphrase is shorter than {MIN_LENGTH} characters; nothing was changed",
            hint="four random words make a good one",
        )
    if len(passphrase.encoded()) > MAX_BYTES or not passphrase.text.isprintable():
        raise SafetyRefused(
            f"the passphrase must be a single line of at most {MAX_BYTES} bytes; nothing was changed",
            hint="four random words make a good one",
        )
    return passphrase


def read_keys(exchange: str, from_fd: int | None, secret_file: Path | None) -> ExchangeKeys:
    """The keys of an account, read before the passphrase. Raises ConfigError if they cannot be keys of this exchange,
    UsageProblem if they cannot be read, SafetyRefused without a terminal to ask on."""
    from autopilot.adapters.exchange.key_shapes import normalized
    from autopilot.adapters.exchange.venues.known import require_key_shape

    keep_memory_private()
    keys = normalized(_raw_keys(exchange, from_fd, secret_file))
    require_key_shape(exchange, keys)
    return keys


def _raw_keys(exchange: str, from_fd: int | None, secret_file: Path | None) -> ExchangeKeys:
    if from_fd is not None and secret_file is not None:
        raise UsageProblem("--from-fd brings the secret already", hint="omit --secret-file")
    credential = credential_file(KEYS_CREDENTIAL.format(exchange=exchange))
    if from_fd is not None:
        return _required(_keys(_content(from_fd)), f"descriptor {from_fd}")
    if credential and not secret_file:
        return _required(_keys(_content(credential)), f"the credential {credential}")
    return _prompted(exchange, _secret(secret_file) if secret_file else None)


def _prompted(exchange: str, secret: str | None) -> ExchangeKeys:
    without = f"--from-fd N, or the systemd credential {KEYS_CREDENTIAL.format(exchange=exchange)}"
    api_key = prompt_secret(f"API key of {exchange}", without=without)
    return ExchangeKeys(api_key, prompt_secret(f"Secret of {exchange}", without=without) if secret is None else secret)


def _content(source: Path | int) -> bytes:
    try:
        return read_given(source, _MAX_KEY_BYTES)
    except OSError as error:
        where = f"descriptor {source}" if isinstance(source, int) else f"the credential {source}"
        hint = "check what it names; without --from-fd there is a prompt, which shows nothing"
        raise UsageProblem(f"{where} cannot be read: {error.strerror}", hint=hint) from None


def _secret(path: Path) -> str:
    try:
        return read_private(path, _MAX_KEY_BYTES).decode("ascii", "replace")
    except OSError as error:
        raise UsageProblem(
            f"the secret in {path} cannot be read: {error.strerror}", hint=f"make it yours alone: chmod 600 {path}"
        ) from None


def _required(keys: ExchangeKeys | None, where: str) -> ExchangeKeys:
    """Raises UsageProblem without keys; the error holds no part of the content."""
    if keys is None:
        raise UsageProblem(f"{where} does not hold keys", hint=f"it must hold {FORM}")
    return keys


def _keys(content: bytes) -> ExchangeKeys | None:
    """The keys in ``content``; None if it is not in the form of `FORM`."""
    try:
        document = json.loads(content)
        api_key, secret = document["api_key"], document["secret"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return ExchangeKeys(api_key, secret) if isinstance(api_key, str) and isinstance(secret, str) else None


def prompt_secret(what: str, *, without: str) -> str:
    """One line, or the lines of a PEM key up to its end or an empty line. ``without``: the hint without a terminal.

    Raises SafetyRefused without a terminal, UsageProblem for input that is not UTF-8, typer.Abort at Ctrl-D.
    """
    if not sys.stdin.isatty():
        raise SafetyRefused(f"there is no terminal to ask on: {what}", hint=without)
    terminal = sys.stdin.fileno()
    with _unseen(terminal):
        sys.stderr.write(f"{what}: ")
        sys.stderr.flush()
        lines = [_line(terminal)]
        if lines[0].startswith(_PEM_BEGIN):
            while lines[-1] and _PEM_END not in lines[-1]:
                lines.append(_line(terminal))
        sys.stderr.write("\n")
    return "\n".join(lines)


@contextmanager
def _unseen(terminal: int) -> Iterator[None]:
    """Switch echo off. Input typed before the prompt is kept; input after the answer is discarded."""
    before = termios.tcgetattr(terminal)
    silent = [*before]
    silent[_ECHO_FLAGS] = before[_ECHO_FLAGS] & ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)


def _line(terminal: int) -> str:
    """One line, without its line end."""
    text = _text(_raw_line(terminal))
    if text is None:
        raise UsageProblem("the input is not UTF-8", hint="set the terminal to UTF-8, then try again")
    return text.removesuffix("\n").removesuffix("\r")


def _raw_line(terminal: int) -> bytes:
    """Read by descriptor: sys.stdin would keep a copy of the following input."""
    content = b""
    while not content.endswith(b"\n"):
        part = os.read(terminal, 4096)
        if not part:
            raise typer.Abort
        content += part
    return content


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
