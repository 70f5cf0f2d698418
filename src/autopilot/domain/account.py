"""Names of accounts. ``paper:kraken`` and ``live:kraken`` are two accounts, each with its own books."""

from __future__ import annotations

from dataclasses import dataclass

_PAPER, _LIVE = "paper", "live"


def account_name(exchange: str, *, paper: bool) -> str:
    return f"{_PAPER if paper else _LIVE}:{exchange}"


def exchange_of(account: str) -> str:
    return account.partition(":")[2]


def is_live(account: str) -> bool:
    """Whether the account trades real money."""
    return account.partition(":")[0] == _LIVE


@dataclass(frozen=True, slots=True)
class BooksState:
    """The state of an account's books. ``gone``: symbols of positions or orders whose market the exchange no longer
    has. ``uncompared``: why the last comparison failed, "" if it did not; ``hint``: what to try then."""

    gone: tuple[str, ...] = ()
    uncompared: str = ""
    hint: str = ""
