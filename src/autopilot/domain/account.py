"""How accounts are named: ``paper:kraken`` and ``live:kraken`` are two accounts with books of their own."""

from __future__ import annotations

_PAPER, _LIVE = "paper", "live"


def account_name(exchange: str, *, paper: bool) -> str:
    return f"{_PAPER if paper else _LIVE}:{exchange}"


def exchange_of(account: str) -> str:
    return account.partition(":")[2]


def is_live(account: str) -> bool:
    """Whether it is real money."""
    return account.partition(":")[0] == _LIVE
