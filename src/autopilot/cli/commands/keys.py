"""autopilot keys: the exchange keys, encrypted on this machine."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autopilot.app.trading.passphrase import LARGEST_DESCRIPTOR, passphrase_from
from autopilot.cli.completion import complete_real_exchange
from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.key_input import read_keys
from autopilot.cli.options import AsJson
from autopilot.cli.render.keys import kept_screen, keys_screen
from autopilot.cli.session import Session
from autopilot.cli.shell import command_group
from autopilot.cli.unlocking import new_passphrase, unlocked_by, unlocked_or_new
from autopilot.config.paths import create_directories
from autopilot.control.errors import Conflict, SafetyRefused
from autopilot.domain.account import account_name

if TYPE_CHECKING:
    from autopilot.adapters.vault import Vault
    from autopilot.domain.credentials import Passphrase

app = command_group(help="Store, replace and remove exchange keys, encrypted on this machine.")
Exchange = Annotated[
    str, typer.Argument(metavar="EXCHANGE", autocompletion=complete_real_exchange, help="kraken, coinbase or binance.")
]
FromFd = Annotated[
    int | None,
    typer.Option(
        "--from-fd",
        metavar="N",
        min=0,
        max=LARGEST_DESCRIPTOR,
        help='Read {"api_key": "…", "secret": "…"} from this descriptor.',
    ),
]
SecretFile = Annotated[
    Path | None,
    typer.Option("--secret-file", metavar="FILE", help="Read the secret from this file, such as a PEM key."),
]


@app.command()
def add(
    context: typer.Context,
    exchange: Exchange,
    from_fd: FromFd = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> int:
    """Store the API keys of an account, encrypted. You are prompted for them; nothing you type is shown.

    The first keys also need a new passphrase.
    """
    session = _session(context, exchange, as_json)
    with _recorded(session, "add", exchange):
        passphrase, vault = unlocked_or_new(session)
        if any(each.exchange == exchange for each in vault.entries):
            raise Conflict(f"keys for {exchange} are stored already", hint=f"autopilot keys rotate {exchange}")
        return _store(session, passphrase, vault, exchange, from_fd, secret_file)


@app.command()
def rotate(
    context: typer.Context,
    exchange: Exchange,
    from_fd: FromFd = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> int:
    """Replace the API keys of an account. The old keys are removed, and the account is disarmed.

    A running daemon uses the new keys after its next start. Arm the account again: that checks the new key's
    permissions.
    """
    session = _session(context, exchange, as_json)
    with _recorded(session, "rotate", exchange):
        passphrase, vault = unlocked_by(session)
        vault.keys(exchange)
        return _store(session, passphrase, vault, exchange, from_fd, secret_file)


@app.command()
def remove(
    context: typer.Context,
    exchange: Exchange,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> int:
    """Remove the API keys of an account, and disarm it. A running daemon keeps them in memory until it stops."""
    from autopilot.adapters.vault import save_vault

    session = Session.of(context, as_json)
    passphrase, vault = unlocked_by(session)
    remaining = vault.without(exchange)
    if not yes:
        if not sys.stdin.isatty():
            raise SafetyRefused("nothing was removed: there is no terminal to ask on", hint="add --yes")
        if not typer.confirm(f"Remove the keys of {exchange}?", err=True):
            session.output.remark("nothing was changed")
            return ExitCode.FAILED
    with _recorded(session, "remove", exchange):
        disarmed = _disarmed(session, exchange)
        save_vault(session.paths.vault, passphrase, remaining)
    document = {"removed": exchange, "disarmed": disarmed}
    words = f"The keys of {exchange} are removed. Delete them on the exchange as well."
    session.output.show(document, kept_screen(words, disarmed))
    return ExitCode.DONE


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> int:
    """List the exchanges whose API keys are stored. Needs no passphrase and shows no secret."""
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


@app.command("passphrase")
def change_passphrase(
    context: typer.Context,
    new_from_fd: Annotated[
        int | None,
        typer.Option(
            "--new-from-fd",
            metavar="N",
            min=0,
            max=LARGEST_DESCRIPTOR,
            help="Read the new passphrase from this descriptor.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Change the passphrase of the stored API keys."""
    from autopilot.adapters.vault import save_vault

    session = Session.of(context, as_json)
    with _recorded(session, "passphrase"):
        _, vault = unlocked_by(session)
        chosen = new_passphrase(None if new_from_fd is None else passphrase_from(new_from_fd))
        save_vault(session.paths.vault, chosen, vault)
    session.output.show({"changed": True}, kept_screen("The exchange keys have a new passphrase."))
    return ExitCode.DONE


def _session(context: typer.Context, exchange: str, as_json: bool) -> Session:
    """Raises ConfigError for an exchange on which real money cannot be traded."""
    from autopilot.adapters.exchange.venues.known import venue_rules

    venue_rules(exchange)
    session = Session.of(context, as_json)
    create_directories(session.paths)
    return session


def _store(
    session: Session, passphrase: Passphrase, vault: Vault, exchange: str, from_fd: int | None, secret_file: Path | None
) -> int:
    """Read the keys and store them. The account is disarmed: its authorization was for other keys."""
    from autopilot.adapters.clock import WallClock
    from autopilot.adapters.vault import save_vault

    changed = vault.with_keys(exchange, read_keys(exchange, from_fd, secret_file), WallClock().now_ms())
    disarmed = _disarmed(session, exchange)
    save_vault(session.paths.vault, passphrase, changed)
    entry = next(each for each in changed.entries if each.exchange == exchange)
    facts = {"exchange": exchange, "added_at_ms": entry.added_at_ms, "fingerprint": entry.fingerprint}
    words = f"The keys of {exchange} are stored, encrypted, as {entry.fingerprint}."
    session.output.show({**facts, "disarmed": disarmed}, kept_screen(words, disarmed))
    return ExitCode.DONE


def _recorded(session: Session, command: str, exchange: str | None = None) -> AbstractContextManager[None]:
    from autopilot.app.audit_log import recorded

    return recorded(session.paths, f"keys {command}", {"exchange": exchange})


def _disarmed(session: Session, exchange: str) -> list[str]:
    """The accounts that were armed. Called before the keys are stored: a crash leaves no new key with an old
    authorization."""
    from autopilot.app.trading.arming import open_armings

    with open_armings(session.paths) as armings:
        return list(armings.disarm(account_name(exchange, paper=False)))
