"""The stages of work on past candles, as its progress names them."""

from __future__ import annotations

from enum import StrEnum


class BacktestStage(StrEnum):
    """The first six are those of a backtest, in their order. With ``CACHED`` models nothing is trained."""

    CANDLES = "candles"
    SERIES = "indicators and signals"
    JUDGING = "judging the models"
    MODELS = "models"
    TRADING = "trading"
    COMPARISON = "comparison"
    CACHED = "cached models"
    TRADING_AGAIN = "trading again"
    PROOFS = "proofs"
    TRIES = "tries"
    FOLLOWING = "tests on later candles"
