"""The keys of an account as the user gives them: typed, from a descriptor, from a file, from a systemd credential."""

from __future__ import annotations

import json
import os
from pathlib import Path

from autopilot.adapters.private_file import read_private
from autopilot.app.trading.passphrase import CREDENTIALS_VARIABLE
from autopilot.cli.errors import UsageProblem
from autopilot.cli.hidden_input import prompt_secret
from autopilot.domain.credentials import ExchangeKeys

CREDENTIAL = "autopilot-keys-{exchange}"
"""Name of the systemd credential."""
FORM = '{"api_key": "…", "secret": "…"}'
_MOST_BYTES = 1 << 16


def read_keys(exchange: str, from_fd: int | None, secret_file: Path | None) -> ExchangeKeys:
    """Of the right shape. Raises ConfigError when they cannot be keys of this exchange, UsageProblem, SafetyRefused."""
    from autopilot.adapters.exchange.key_shapes import normalized
    from autopilot.adapters.exchange.venues.known import require_key_shape

    keys = normalized(_given(exchange, from_fd, secret_file))
    require_key_shape(exchange, keys)
    return keys


def _given(exchange: str, from_fd: int | None, secret_file: Path | None) -> ExchangeKeys:
    if from_fd is not None and secret_file is not None:
        raise UsageProblem("--from-fd brings the secret already", hint="leave --secret-file out")
    credential = _credential(exchange)
    if from_fd is not None:
        return _required(_keys(_content(from_fd)), f"descriptor {from_fd}")
    if credential and not secret_file:
        return _required(_keys(_content(credential)), f"the credential {credential}")
    return _typed(exchange, _secret(secret_file) if secret_file else None)


def _typed(exchange: str, secret: str | None) -> ExchangeKeys:
    without = f"--from-fd N, or the systemd credential {CREDENTIAL.format(exchange=exchange)}"
    api_key = prompt_secret(f"API key of {exchange}", without=without)
    return ExchangeKeys(api_key, prompt_secret(f"Secret of {exchange}", without=without) if secret is None else secret)


def _credential(exchange: str) -> Path | None:
    directory = os.environ.get(CREDENTIALS_VARIABLE)
    file = Path(directory) / CREDENTIAL.format(exchange=exchange) if directory else None
    return file if file and file.exists() else None


def _content(source: Path | int) -> bytes:
    try:
        with open(source, "rb") as file:  # noqa: PTH123 - a descriptor too
            if file.isatty():
                raise UsageProblem(
                    f"descriptor {source} is a terminal, which shows what is typed",
                    hint="leave --from-fd out: keys are asked for and not shown",
                )
            return file.read(_MOST_BYTES)
    except OSError as error:
        where = f"descriptor {source}" if isinstance(source, int) else str(source)
        raise UsageProblem(
            f"{where} cannot be read: {error.strerror}", hint="check what it names, and its mode"
        ) from None


def _secret(path: Path) -> str:
    try:
        return read_private(path, _MOST_BYTES).decode("ascii", "replace")
    except OSError as error:
        raise UsageProblem(
            f"the secret in {path} cannot be read: {error.strerror}", hint=f"make it yours alone: chmod 600 {path}"
        ) from None


def _required(keys: ExchangeKeys | None, where: str) -> ExchangeKeys:
    """Raises UsageProblem for what is none, with nothing of it in reach of the error."""
    if keys is None:
        raise UsageProblem(f"what {where} gives are no keys", hint=f"it must be {FORM}")
    return keys


def _keys(content: bytes) -> ExchangeKeys | None:
    """Of FORM; None for anything else."""
    try:
        document = json.loads(content)
        api_key, secret = document["api_key"], document["secret"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return ExchangeKeys(api_key, secret) if isinstance(api_key, str) and isinstance(secret, str) else None
