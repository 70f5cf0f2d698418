"""The exchange keys, opened for a command."""

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

SHORTEST = 12
"""Characters of a new passphrase."""
NO_TERMINAL = f"in a service: the systemd credential {CREDENTIAL}, or a descriptor named by {FD_VARIABLE}"


def unlocked(session: Session) -> Vault:
    """With the passphrase that the environment gives, or that is typed. Raises NotFound where no keys are stored,
    VaultLocked, SafetyRefused without a terminal, StoreError."""
    return unlocked_by(session)[1]


def unlocked_by(session: Session) -> tuple[Passphrase, Vault]:
    """As `unlocked`, with the passphrase to save it again."""
    from autopilot.adapters.vault import no_keys, open_vault

    keep_memory_private()
    if not session.paths.vault.exists():
        raise no_keys()
    passphrase = given_passphrase() or Passphrase(prompt_secret("Passphrase of the exchange keys", without=NO_TERMINAL))
    return passphrase, open_vault(session.paths.vault, passphrase)


def unlocked_or_new(session: Session) -> tuple[Passphrase, Vault]:
    """As `unlocked_by`; where no keys are stored, an empty vault and a new passphrase."""
    from autopilot.adapters.vault import Vault

    if session.paths.vault.exists():
        return unlocked_by(session)
    keep_memory_private()
    return new_passphrase(given_passphrase()), Vault()


def keys_of(session: Session) -> Callable[[str], ExchangeKeys]:
    """Our keys by exchange; the passphrase is asked for at the first of them. Raises as `unlocked`."""
    vault: list[Vault] = []

    def keys(exchange: str) -> ExchangeKeys:
        if not vault:
            vault.append(unlocked(session))
        return vault[0].keys(exchange)

    return keys


def passphrase_of(session: Session) -> Passphrase:
    """One that opens the keys. Raises as `unlocked`."""
    return unlocked_by(session)[0]


def new_passphrase(given: Passphrase | None) -> Passphrase:
    """The one given, or one that is typed twice. Raises SafetyRefused where it is too short, VaultLocked."""
    if given:
        return _strong(given)
    what = f"New passphrase of the exchange keys (at least {SHORTEST} characters)"
    passphrase = _strong(Passphrase(prompt_secret(what, without=NO_TERMINAL)))
    if Passphrase(prompt_secret("The same once more", without=NO_TERMINAL)) != passphrase:
        raise SafetyRefused("the two passphrases differ; nothing was changed", hint="try again")
    return passphrase


def _strong(passphrase: Passphrase) -> Passphrase:
    if len(passphrase.text) < SHORTEST:
        raise SafetyRefused(
            f"the passphrase is shorter than {SHORTEST} characters; nothing was changed",
            hint="four random words are good",
        )
    if len(passphrase.encoded()) > MAX_BYTES or not passphrase.text.isprintable():
        raise SafetyRefused(
            f"the passphrase is no line of at most {MAX_BYTES} bytes; nothing was changed",
            hint="four random words are good",
        )
    return passphrase
