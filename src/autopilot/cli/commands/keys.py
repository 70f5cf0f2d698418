"""autopilot keys: the exchange keys, encrypted on this machine."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autopilot.cli.errors import UsageProblem
from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson
from autopilot.cli.render.keys import kept_screen, keys_screen
from autopilot.cli.session import Session
from autopilot.cli.unlocking import chosen_passphrase, typed, unlocked, unlocked_or_new
from autopilot.config.paths import create_directories
from autopilot.control.errors import Conflict, SafetyRefused
from autopilot.domain.credentials import ExchangeKeys

if TYPE_CHECKING:
    from autopilot.adapters.vault import Vault

app = typer.Typer(help="The exchange keys, encrypted on this machine.", add_completion=False, rich_markup_mode=None)
Exchange = Annotated[str, typer.Argument(metavar="EXCHANGE", help="kraken, coinbase or binance.")]
FromFd = Annotated[
    int | None,
    typer.Option(
        "--from-fd", metavar="N", min=0, help='Read {"api_key": …, "secret": …} from this descriptor, ask nothing.'
    ),
]
SecretFile = Annotated[
    Path | None, typer.Option("--secret-file", metavar="FILE", help="The secret is in this file, as PEM keys are.")
]
_MOST_BYTES = 1 << 16


@app.command()
def add(
    context: typer.Context,
    exchange: Exchange,
    from_fd: FromFd = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> int:
    """Store the keys of an account. They are asked for and not shown; a new file asks for a passphrase too."""
    session = _session(context, exchange, as_json)
    vault = unlocked_or_new(session)
    if any(each.exchange == exchange for each in vault.entries):
        raise Conflict(f"keys for {exchange} are stored already", hint=f"autopilot keys rotate {exchange}")
    return _kept(session, vault, exchange, _asked(exchange, from_fd, secret_file))


@app.command()
def rotate(
    context: typer.Context,
    exchange: Exchange,
    from_fd: FromFd = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> int:
    """Put new keys in the place of the old ones, of which nothing is kept. A running daemon takes them at its next
    start."""
    session = _session(context, exchange, as_json)
    vault = unlocked(session)
    vault.keys(exchange)
    return _kept(session, vault, exchange, _asked(exchange, from_fd, secret_file))


@app.command()
def remove(
    context: typer.Context,
    exchange: Exchange,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> int:
    """Forget the keys of an account. A running daemon forgets them at its end."""
    session = Session.of(context, as_json)
    vault = unlocked(session)
    vault.keys(exchange)
    if not yes:
        if not sys.stdin.isatty():
            raise SafetyRefused("nothing was removed: there is no terminal to ask on", hint="add --yes")
        if not typer.confirm(f"Forget the keys of {exchange}?", err=True):
            session.output.remark("nothing was changed")
            return ExitCode.FAILED
    vault.without(exchange)
    document = {"removed": exchange}
    session.output.show(document, kept_screen(f"The keys of {exchange} are forgotten; delete them there as well."))
    return ExitCode.DONE


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> int:
    """Whose keys are stored. Asks for no passphrase and shows no secret."""
    from autopilot.adapters.vault import stored_keys

    session = Session.of(context, as_json)
    document: dict[str, Any] = {
        "keys": [
            {"exchange": each.exchange, "added_at_ms": each.added_at_ms, "fingerprint": each.fingerprint}
            for each in stored_keys(session.paths.vault)
        ]
    }
    session.output.show(document, keys_screen(document))
    return ExitCode.DONE


@app.command()
def passphrase(context: typer.Context, as_json: AsJson = False) -> int:
    """Choose another passphrase. The file is encrypted anew."""
    session = Session.of(context, as_json)
    unlocked(session).with_passphrase(chosen_passphrase())
    session.output.show({"changed": True}, kept_screen("The exchange keys have a new passphrase."))
    return ExitCode.DONE


def _session(context: typer.Context, exchange: str, as_json: bool) -> Session:
    """Raises ConfigError for an exchange on which real orders cannot be sent."""
    from autopilot.adapters.exchange.dialects import dialect_of

    dialect_of(exchange)
    session = Session.of(context, as_json)
    create_directories(session.paths)
    return session


def _asked(exchange: str, from_fd: int | None, secret_file: Path | None) -> ExchangeKeys:
    """Raises ConfigError when they cannot be keys of this exchange, UsageProblem, SafetyRefused."""
    from autopilot.adapters.exchange.key_shapes import normalized, require_shape

    if from_fd is not None:
        given = _from_descriptor(from_fd)
    else:
        key = typed(f"API key of {exchange}")
        given = ExchangeKeys(key, _from_file(secret_file) if secret_file else typed(f"Secret of {exchange}"))
    keys = normalized(given)
    require_shape(exchange, keys)
    return keys


def _from_descriptor(descriptor: int) -> ExchangeKeys:
    """``{"api_key": …, "secret": …, "password": …}``, the last only where an exchange asks for one."""
    try:
        with os.fdopen(descriptor, "rb") as file:
            document = json.loads(file.read(_MOST_BYTES))
        texts = [document["api_key"], document["secret"], document.get("password")]
        if not all(isinstance(text, str) for text in texts[:2]) or not isinstance(texts[2], str | None):
            document = None
    except OSError as error:
        raise UsageProblem(f"descriptor {descriptor} cannot be read: {error.strerror}", hint="3< FILE") from None
    except (ValueError, LookupError, TypeError, AttributeError):
        document = None
    if document is None:
        raise UsageProblem(
            f"what descriptor {descriptor} gives are no keys", hint='write {"api_key": "…", "secret": "…"} to it'
        )
    return ExchangeKeys(*texts)


def _from_file(path: Path) -> str:
    try:
        return path.read_bytes()[:_MOST_BYTES].decode("ascii", "replace")
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read: {error.strerror}", hint="check its name and mode") from None


def _kept(session: Session, vault: Vault, exchange: str, keys: ExchangeKeys) -> int:
    from autopilot.adapters.clock import WallClock

    kept = vault.with_keys(exchange, keys, WallClock().now_ms())
    entry = next(each for each in kept.entries if each.exchange == exchange)
    document = {"exchange": exchange, "added_at_ms": entry.added_at_ms, "fingerprint": entry.fingerprint}
    session.output.show(document, kept_screen(f"The keys of {exchange} are stored, encrypted, as {entry.fingerprint}."))
    return ExitCode.DONE
