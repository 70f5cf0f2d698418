"""Addresses of the control protocol."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from autopilot.control.protocol import API


def address(*parts: str, **parameters: str | int | None) -> str:
    """``address("decisions", symbol="BTC/USD")`` → ``/api/autopilot/decisions?symbol=BTC%2FUSD``.

    Parts are quoted but keep their slashes; parameters that are None are left out.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    path = "/".join([API, *(quote(part) for part in parts)])
    return f"{path}?{urlencode(given)}" if given else path
