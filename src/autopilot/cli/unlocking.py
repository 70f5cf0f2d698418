"""The exchange keys, opened for a command."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from autopilot.cli.session import Session
from autopilot.control.errors import SafetyRefused
from autopilot.daemon.passphrase import CREDENTIAL, FD_VARIABLE, given_passphrase

if TYPE_CHECKING:
    from autopilot.adapters.vault import Vault
    from autopilot.domain.credentials import ExchangeKeys

SHORTEST = 10
NO_TERMINAL = f"in a service: the systemd credential {CREDENTIAL}, or a descriptor named by {FD_VARIABLE}"


def unlocked(session: Session) -> Vault:
    """With the passphrase that the environment gives, or that is typed. Raises NotFound where no keys are stored,
    VaultLocked, SafetyRefused without a terminal, StoreError."""
    from autopilot.adapters.vault import open_vault

    return open_vault(session.paths.vault, passphrase_of(session, verified=False))


def keys_of(session: Session) -> Callable[[str], ExchangeKeys]:
    """Our keys by exchange; the passphrase is asked for at the first of them. Raises as `unlocked`."""
    vault: list[Vault] = []

    def keys(exchange: str) -> ExchangeKeys:
        if not vault:
            vault.append(unlocked(session))
        return vault[0].keys(exchange)

    return keys


def passphrase_of(session: Session, *, verified: bool = True) -> str:
    """Raises as `unlocked`; a wrong one only where it is to be ``verified``."""
    from autopilot.adapters.vault import no_keys, open_vault
    from autopilot.daemon.hardening import keep_memory_private

    keep_memory_private()
    if not session.paths.vault.exists():
        raise no_keys()
    passphrase = given_passphrase() or typed("Passphrase of the exchange keys")
    if verified:
        open_vault(session.paths.vault, passphrase)
    return passphrase


def unlocked_or_new(session: Session) -> Vault:
    """As `unlocked`; where no keys are stored, an empty vault whose passphrase is typed twice."""
    from autopilot.adapters.vault import new_vault

    if session.paths.vault.exists():
        return unlocked(session)
    return new_vault(session.paths.vault, given_passphrase() or chosen_passphrase())


def chosen_passphrase() -> str:
    """A new one. Raises SafetyRefused."""
    passphrase = typed(f"New passphrase of the exchange keys (at least {SHORTEST} characters)")
    if len(passphrase) < SHORTEST:
        raise SafetyRefused(f"the passphrase is shorter than {SHORTEST} characters", hint="four random words are good")
    if typed("The same once more") != passphrase:
        raise SafetyRefused("the two passphrases differ; nothing was changed", hint="try again")
    return passphrase


def typed(what: str) -> str:
    """Not shown while it is typed. Raises SafetyRefused without a terminal."""
    if not sys.stdin.isatty():
        raise SafetyRefused(f"there is no terminal to ask on: {what[0].lower()}{what[1:]}", hint=NO_TERMINAL)
    text: str = typer.prompt(what, hide_input=True, err=True)
    return text
