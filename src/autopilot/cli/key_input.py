"""Reading the API keys of an account: from a prompt, a descriptor, a file, or a systemd credential."""

from __future__ import annotations

import json
from pathlib import Path

from autopilot.adapters.private_file import credential_file, read_given, read_private
from autopilot.cli.errors import UsageProblem
from autopilot.cli.hidden_input import prompt_secret
from autopilot.domain.credentials import ExchangeKeys

CREDENTIAL = "autopilot-keys-{exchange}"
"""Name of the systemd credential."""
FORM = '{"api_key": "…", "secret": "…"}'
_MAX_BYTES = 1 << 16


def read_keys(exchange: str, from_fd: int | None, secret_file: Path | None) -> ExchangeKeys:
    """The keys of an account. Raises ConfigError if they cannot be keys of this exchange, UsageProblem if they cannot
    be read, SafetyRefused without a terminal to ask on."""
    from autopilot.adapters.exchange.key_shapes import normalized
    from autopilot.adapters.exchange.venues.known import require_key_shape

    keys = normalized(_raw_keys(exchange, from_fd, secret_file))
    require_key_shape(exchange, keys)
    return keys


def _raw_keys(exchange: str, from_fd: int | None, secret_file: Path | None) -> ExchangeKeys:
    if from_fd is not None and secret_file is not None:
        raise UsageProblem("--from-fd brings the secret already", hint="omit --secret-file")
    credential = credential_file(CREDENTIAL.format(exchange=exchange))
    if from_fd is not None:
        return _required(_keys(_content(from_fd)), f"descriptor {from_fd}")
    if credential and not secret_file:
        return _required(_keys(_content(credential)), f"the credential {credential}")
    return _prompted(exchange, _secret(secret_file) if secret_file else None)


def _prompted(exchange: str, secret: str | None) -> ExchangeKeys:
    without = f"--from-fd N, or the systemd credential {CREDENTIAL.format(exchange=exchange)}"
    api_key = prompt_secret(f"API key of {exchange}", without=without)
    return ExchangeKeys(api_key, prompt_secret(f"Secret of {exchange}", without=without) if secret is None else secret)


def _content(source: Path | int) -> bytes:
    try:
        return read_given(source, _MAX_BYTES)
    except OSError as error:
        where = f"descriptor {source}" if isinstance(source, int) else f"the credential {source}"
        hint = "check what it names; without --from-fd there is a prompt, which shows nothing"
        raise UsageProblem(f"{where} cannot be read: {error.strerror}", hint=hint) from None


def _secret(path: Path) -> str:
    try:
        return read_private(path, _MAX_BYTES).decode("ascii", "replace")
    except OSError as error:
        raise UsageProblem(
            f"the secret in {path} cannot be read: {error.strerror}", hint=f"make it yours alone: chmod 600 {path}"
        ) from None


def _required(keys: ExchangeKeys | None, where: str) -> ExchangeKeys:
    """Raises UsageProblem without keys; the error holds no part of the content."""
    if keys is None:
        raise UsageProblem(f"{where} does not hold keys", hint=f"it must hold {FORM}")
    return keys


def _keys(content: bytes) -> ExchangeKeys | None:
    """The keys in ``content``; None if it is not in the form of `FORM`."""
    try:
        document = json.loads(content)
        api_key, secret = document["api_key"], document["secret"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return ExchangeKeys(api_key, secret) if isinstance(api_key, str) and isinstance(secret, str) else None
