"""Where the passphrase of the exchange keys comes from when nobody is there to type it. Standard library only."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

from autopilot.domain.errors import VaultLocked

CREDENTIAL = "autopilot-passphrase"
"""Its name as a systemd credential (systemd.exec(5): LoadCredential, $CREDENTIALS_DIRECTORY)."""
FD_VARIABLE = "AUTOPILOT_PASSPHRASE_FD"
"""Environment variable: number of a descriptor that it can be read from, once."""
_MOST_BYTES = 4096


def given_passphrase(environ: MutableMapping[str, str] = os.environ) -> str | None:
    """A systemd credential, else an inherited descriptor, which the environment then forgets; None where there is
    neither. Raises VaultLocked when what is named cannot be read."""
    directory = environ.get("CREDENTIALS_DIRECTORY")
    descriptor = environ.pop(FD_VARIABLE, None)
    try:
        if directory and (file := Path(directory) / CREDENTIAL).exists():
            return _line(file.read_bytes())
        if descriptor is not None:
            with os.fdopen(int(descriptor), "rb") as pipe:
                return _line(pipe.read(_MOST_BYTES))
    except (OSError, ValueError) as error:
        raise VaultLocked(
            f"the passphrase of the exchange keys cannot be read: {error}",
            hint=f"check the credential {CREDENTIAL}, or the descriptor that {FD_VARIABLE} names",
        ) from None
    return None


def passphrase_pipe(passphrase: str) -> int:
    """A descriptor from which it can be read, once."""
    readable, writable = os.pipe()
    with os.fdopen(writable, "wb") as pipe:
        pipe.write(passphrase.encode())
    return readable


def _line(content: bytes) -> str:
    """Without the end of the line that an editor puts there. Raises ValueError when it is empty or no text."""
    text = content.decode().rstrip("\r\n")
    if not text:
        raise ValueError("it is empty")
    return text
