"""Every error Autopilot raises on purpose, in one tree.

AutopilotError
├── ConfigError                 the configuration is wrong
├── CandleError                 candle data that no market can have produced
├── StrategyError               a strategy broke its contract
├── NotFound                    nothing of that name is kept here
├── VaultLocked                 the exchange keys cannot be opened
├── ModelError                  the learned model cannot be used; rules decide instead
├── StoreError                  the database
│   ├── StoreCorrupt            damaged, or not a database of ours
│   ├── StoreTooNew             written by a newer Autopilot
│   └── StoreUnavailable        locked, read-only, disk full, no permission
└── ExchangeError               the market
    ├── UnknownExchange         ╮
    ├── UnknownSymbol           │ asking again will not help
    ├── UnknownTimeframe        ╯
    ├── MarketUnavailable       unreachable, rate limited, in maintenance: asking later may help
    ├── MarketEnded             stored candles are used up
    ├── OrderRejected           the exchange's own, definite refusal: the order does not exist
    └── AnswerLost              sent, but no usable answer: the order may or may not exist
"""

from __future__ import annotations

import re

_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])")


class AutopilotError(Exception):
    """Base of all expected errors. ``str(error)`` says what was wrong and where, ``hint`` what to try."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def error_code(error: AutopilotError) -> str:
    """UnknownSymbol → UNKNOWN_SYMBOL."""
    return _WORD_START.sub("_", type(error).__name__).upper()


class ConfigError(AutopilotError):
    """The configuration is wrong; the message lists every problem found."""


class CandleError(AutopilotError):
    """Candles that are unsorted, duplicated, not finite, negative, or have high below low."""


class StrategyError(AutopilotError):
    """A strategy broke its contract; it has no opinion in this cycle."""


class NotFound(AutopilotError):
    """There is no such decision, symbol or address."""


class VaultLocked(AutopilotError):
    """The passphrase of the exchange keys is wrong or not given."""


class ModelError(AutopilotError):
    """The learned model is missing, unreadable or gave unusable numbers."""


class StoreError(AutopilotError):
    """The database could not do what was asked."""


class StoreCorrupt(StoreError):
    """The file is damaged or is not one of our databases."""


class StoreTooNew(StoreError):
    """The database was written by a newer version of Autopilot."""


class StoreUnavailable(StoreError):
    """The database is locked, read-only, out of space or not permitted."""


class ExchangeError(AutopilotError):
    """Something between us and the market."""


class UnknownExchange(ExchangeError):
    """No exchange of that name."""


class UnknownSymbol(ExchangeError):
    """The exchange has no such market."""


class UnknownTimeframe(ExchangeError):
    """The timeframe is not one of ours, or the exchange does not offer it."""


class MarketUnavailable(ExchangeError):
    """The exchange did not answer usefully; a later attempt may succeed."""


class MarketEnded(ExchangeError):
    """A stored market has no more candles."""


class OrderRejected(ExchangeError):
    """The exchange refused the order in its own words; no order exists."""


class AnswerLost(ExchangeError):
    """The request went out and no usable answer came back; the order may or may not exist."""
