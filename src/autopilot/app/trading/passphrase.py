"""Where the passphrase of the exchange keys comes from when nobody is there to type it. Standard library only."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

from autopilot.domain.credentials import Passphrase
from autopilot.domain.errors import VaultLocked

CREDENTIAL = "autopilot-passphrase"
"""Its name as a systemd credential (systemd.exec(5): LoadCredential, $CREDENTIALS_DIRECTORY)."""
CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"
FD_VARIABLE = "AUTOPILOT_PASSPHRASE_FD"
"""Environment variable: number of a descriptor that it can be read from, once."""
MOST_BYTES = 1024
"""Longer is another file by mistake. A pipe holds so much before anybody reads it."""
LARGEST_DESCRIPTOR = 2**31 - 1
"""What the system can number (open(2): an int)."""
_FIRST_OF_OURS = 3
"""0 to 2 are standard input, output and error."""


def given_passphrase(environ: MutableMapping[str, str] = os.environ) -> Passphrase | None:
    """A systemd credential, else an inherited descriptor; None where there is neither. The environment then forgets the
    descriptor, and it is closed. Raises VaultLocked when what is named cannot be read."""
    pipe = environ.pop(FD_VARIABLE, None)
    directory = environ.get(CREDENTIALS_VARIABLE)
    credential = Path(directory) / CREDENTIAL if directory else None
    if credential and credential.exists():
        if pipe is not None:
            _close(_descriptor(pipe))
        return _read(credential, f"the credential {credential}")
    return None if pipe is None else passphrase_from(_descriptor(pipe))


def passphrase_from(descriptor: int) -> Passphrase:
    """The one line that it gives; closes it. Raises VaultLocked."""
    return _read(descriptor, f"descriptor {descriptor}")


def passphrase_pipe(passphrase: Passphrase) -> int:
    """A descriptor from which it can be read, once."""
    readable, writable = os.pipe()
    with os.fdopen(writable, "wb") as pipe:
        pipe.write(passphrase.encoded())
    return readable


def _descriptor(text: str) -> int:
    is_short = text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_DESCRIPTOR))
    if not (is_short and _FIRST_OF_OURS <= int(text) <= LARGEST_DESCRIPTOR):
        raise VaultLocked(
            f"{FD_VARIABLE} is no descriptor's number from {_FIRST_OF_OURS} up", hint=f"{FD_VARIABLE}=3 … 3< FILE"
        )
    return int(text)


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError as error:
        raise _unreadable(f"descriptor {descriptor}", str(error.strerror)) from None


def _read(source: Path | int, where: str) -> Passphrase:
    try:
        with open(source, "rb") as file:  # noqa: PTH123 - a descriptor too
            if file.isatty():
                raise _unreadable(where, "it is a terminal, which shows what is typed")
            text = _text(file.read(MOST_BYTES + 1))
    except OSError as error:
        raise _unreadable(where, str(error.strerror)) from None
    if text is None:
        raise _unreadable(where, f"it is empty, longer than {MOST_BYTES} bytes, or not one line of UTF-8")
    return Passphrase(text)


def _text(content: bytes) -> str | None:
    """Without the end of the line that an editor puts there."""
    try:
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() and text and len(content) <= MOST_BYTES else None


def _unreadable(where: str, why: str) -> VaultLocked:
    return VaultLocked(
        f"the passphrase of the exchange keys cannot be read from {where}: {why}",
        hint=f"check the credential {CREDENTIAL}, or the descriptor that {FD_VARIABLE} names",
    )
