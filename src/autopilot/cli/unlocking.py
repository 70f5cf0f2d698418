"""Unlocking the stored API keys for a command."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from autopilot.app.trading.passphrase import CREDENTIAL, FD_VARIABLE, MAX_BYTES, given_passphrase
from autopilot.cli.hidden_input import prompt_secret
from autopilot.cli.session import Session
from autopilot.control.errors import SafetyRefused
from autopilot.daemon.log import keep_memory_private
from autopilot.domain.credentials import Passphrase

if TYPE_CHECKING:
    from autopilot.adapters.vault import Vault
    from autopilot.domain.credentials import ExchangeKeys

MIN_LENGTH = 12
"""Characters of a new passphrase."""
NO_TERMINAL = f"in a service: the systemd credential {CREDENTIAL}, or a descriptor named by {FD_VARIABLE}"


def unlocked(session: Session) -> Vault:
    """The stored keys, unlocked by the passphrase from the environment or a prompt. Raises NotFound without stored
    keys, VaultLocked, SafetyRefused without a terminal, StoreError."""
    return unlocked_by(session)[1]


def unlocked_by(session: Session) -> tuple[Passphrase, Vault]:
    """As `unlocked`, with the passphrase, which is needed to save the keys again."""
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
    """Returns the keys of an exchange; the first call prompts for the passphrase. Raises as `unlocked`."""
    vault: list[Vault] = []

    def keys(exchange: str) -> ExchangeKeys:
        if not vault:
            vault.append(unlocked(session))
        return vault[0].keys(exchange)

    return keys


def passphrase_of(session: Session) -> Passphrase:
    """The passphrase that unlocks the stored keys. Raises as `unlocked`."""
    return unlocked_by(session)[0]


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
