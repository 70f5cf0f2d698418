"""autopilot keys: the exchange keys, encrypted on this machine."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autopilot.app.trading.passphrase import LARGEST_DESCRIPTOR, passphrase_from
from autopilot.cli.errors import ExitCode
from autopilot.cli.options import Yes, command_group, complete_real_exchange, confirmed, with_session
from autopilot.cli.render.real_money import keys_screen, result_screen
from autopilot.cli.secret_input import new_passphrase, read_keys, unlocked_by, unlocked_or_new
from autopilot.cli.session import Session
from autopilot.control.errors import Conflict
from autopilot.domain.account import account_name
from autopilot.domain.document_types import Document

if TYPE_CHECKING:
    from autopilot.adapters.vault import Entry, Vault
    from autopilot.app.audit_log import CommandRow
    from autopilot.domain.credentials import ExchangeKeys, Passphrase

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
@with_session
def add(
    session: Session,
    exchange: Exchange,
    from_fd: FromFd = None,
    secret_file: SecretFile = None,
) -> None:
    """Store the API keys of an account, encrypted. You are prompted for them; nothing you type is shown.

    The first keys also need a new passphrase.
    """
    with _changed(session, "add", exchange):
        if _is_stored(session, exchange):
            raise Conflict(f"keys for {exchange} are stored already", hint=f"autopilot keys rotate {exchange}")
        given = read_keys(exchange, from_fd, secret_file)
        _store(session, *unlocked_or_new(session), exchange, given)


@app.command()
@with_session
def rotate(
    session: Session,
    exchange: Exchange,
    from_fd: FromFd = None,
    secret_file: SecretFile = None,
) -> None:
    """Replace the API keys of an account. The old keys are removed, and the account is disarmed.

    A running daemon uses the new keys after its next start. Arm the account again: that checks the new key's
    permissions.
    """
    from autopilot.adapters.vault import no_keys_for

    with _changed(session, "rotate", exchange):
        if not _is_stored(session, exchange):
            raise no_keys_for(exchange)
        given = read_keys(exchange, from_fd, secret_file)
        _store(session, *unlocked_by(session), exchange, given)


@app.command()
@with_session
def remove(
    session: Session,
    exchange: Exchange,
    yes: Yes = False,
) -> int:
    """Remove the API keys of an account, and disarm it. A running daemon keeps them in memory until it stops."""
    from autopilot.adapters.vault import save_vault
    from autopilot.app.audit_log import DECLINED

    named = exchange if _is_stored(session, exchange) else None
    with session.recorded("keys remove", {"exchange": named}) as row:
        passphrase, vault = unlocked_by(session)
        remaining = vault.without(exchange)
        question = f"Remove the keys of {exchange}?"
        if not (yes or confirmed(session, question, refusal="nothing was removed", hint="add --yes")):
            row.result = DECLINED
            return ExitCode.FAILED
        disarmed = _disarmed(session, exchange)
        save_vault(session.paths.vault, passphrase, remaining)
    words = f"The keys of {exchange} are removed. Delete them on the exchange as well."
    return session.show({"removed": exchange, "disarmed": disarmed}, partial(result_screen, words))


@app.command("list")
@with_session
def list_(session: Session) -> None:
    """List the exchanges whose API keys are stored. Needs no passphrase and shows no secret."""
    from autopilot.adapters.vault import stored_keys

    session.show({"keys": [_public(each) for each in stored_keys(session.paths.vault)]}, keys_screen)


@app.command("passphrase")
@with_session
def change_passphrase(
    session: Session,
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
) -> None:
    """Change the passphrase of the stored API keys."""
    from autopilot.adapters.vault import save_vault

    with session.recorded("keys passphrase", {"exchange": None}):
        _, vault = unlocked_by(session)
        chosen = new_passphrase(None if new_from_fd is None else passphrase_from(new_from_fd))
        save_vault(session.paths.vault, chosen, vault)
    session.show({"changed": True}, partial(result_screen, "The exchange keys have a new passphrase."))


def _changed(session: Session, command: str, exchange: str) -> AbstractContextManager[CommandRow]:
    """Record a change of keys. Raises ConfigError for an exchange on which real money cannot be traded."""
    from autopilot.adapters.exchange.venues.known import venue_rules

    venue_rules(exchange)
    return session.recorded(f"keys {command}", {"exchange": exchange})


def _is_stored(session: Session, exchange: str) -> bool:
    from autopilot.adapters.vault import stored_keys

    return any(each.exchange == exchange for each in stored_keys(session.paths.vault))


def _store(session: Session, passphrase: Passphrase, vault: Vault, exchange: str, given: ExchangeKeys) -> None:
    """Store the keys. The account is disarmed: its authorization was for other keys."""
    from autopilot.adapters.clock import WallClock
    from autopilot.adapters.vault import save_vault

    changed = vault.with_keys(exchange, given, WallClock().now_ms())
    disarmed = _disarmed(session, exchange)
    save_vault(session.paths.vault, passphrase, changed)
    entry = next(each for each in changed.entries if each.exchange == exchange)
    words = f"The keys of {exchange} are stored, encrypted, as {entry.fingerprint}."
    session.show({**_public(entry), "disarmed": disarmed}, partial(result_screen, words))


def _public(entry: Entry) -> Document:
    return {"exchange": entry.exchange, "added_at_ms": entry.added_at_ms, "fingerprint": entry.fingerprint}


def _disarmed(session: Session, exchange: str) -> list[str]:
    """The accounts that were armed. Called before the keys are stored: a crash leaves no new key with an old
    authorization."""
    from autopilot.app.trading.arming import open_armings

    with open_armings(session.paths) as armings:
        return list(armings.disarm(account_name(exchange, paper=False)))
