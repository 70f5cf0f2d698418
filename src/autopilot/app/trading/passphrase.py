"""The passphrase of the exchange keys for a process without a terminal. Standard library only."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

from autopilot.adapters.private_file import credential_file, read_given
from autopilot.domain.credentials import Passphrase
from autopilot.domain.errors import VaultLocked

CREDENTIAL = "autopilot-passphrase"
"""Its name as a systemd credential."""
FD_VARIABLE = "AUTOPILOT_PASSPHRASE_FD"
"""Environment variable: the number of a descriptor from which the passphrase can be read once."""
MAX_BYTES = 1024
"""A longer file is a mistake. A pipe holds so much before anybody reads it."""
LARGEST_DESCRIPTOR = 2**31 - 1
"""The largest number of a descriptor (open(2): an int)."""
_FIRST_OF_OURS = 3
"""0 to 2 are standard input, output and error."""


def given_passphrase(environ: MutableMapping[str, str] = os.environ) -> Passphrase | None:
    """The passphrase from the systemd credential, else from the inherited descriptor; None without both. The descriptor
    is closed, and its variable removed. Raises VaultLocked if the credential or the descriptor cannot be read."""
    pipe = environ.pop(FD_VARIABLE, None)
    credential = credential_file(CREDENTIAL, environ)
    if credential:
        if pipe is not None:
            _close(_descriptor(pipe))
        return _read(credential, f"the credential {credential}")
    return None if pipe is None else passphrase_from(_descriptor(pipe))


def passphrase_from(descriptor: int) -> Passphrase:
    """The passphrase from a descriptor, which is closed. Raises VaultLocked unless it holds one line of text."""
    return _read(descriptor, f"descriptor {descriptor}")


def passphrase_pipe(passphrase: Passphrase) -> int:
    """A descriptor from which ``passphrase`` can be read once."""
    readable, writable = os.pipe()
    with os.fdopen(writable, "wb") as pipe:
        pipe.write(passphrase.encoded())
    return readable


def _descriptor(text: str) -> int:
    is_short = text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_DESCRIPTOR))
    if not (is_short and _FIRST_OF_OURS <= int(text) <= LARGEST_DESCRIPTOR):
        raise VaultLocked(
            f"{FD_VARIABLE} is not a descriptor number of at least {_FIRST_OF_OURS}", hint=f"{FD_VARIABLE}=3 … 3< FILE"
        )
    return int(text)


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError as error:
        raise _unreadable(f"descriptor {descriptor}", str(error.strerror)) from None


def _read(source: Path | int, where: str) -> Passphrase:
    try:
        text = _text(read_given(source, MAX_BYTES + 1))
    except OSError as error:
        raise _unreadable(where, str(error.strerror)) from None
    if text is None:
        raise _unreadable(where, f"it is empty, longer than {MAX_BYTES} bytes, or not one line of UTF-8")
    return Passphrase(text)


def _text(content: bytes) -> str | None:
    """The only line, without the line end that an editor adds; None if ``content`` is not one line of text."""
    try:
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() and text and len(content) <= MAX_BYTES else None


def _unreadable(where: str, why: str) -> VaultLocked:
    return VaultLocked(
        f"the passphrase of the exchange keys cannot be read from {where}: {why}",
        hint=f"check the credential {CREDENTIAL}, or the descriptor that {FD_VARIABLE} names",
    )
