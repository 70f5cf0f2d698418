"""The look-ahead and warm-up proofs on the candles that a backtest would use."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import asdict, replace

from autopilot.adapters.exchange.offline_markets.replay import HISTORY
from autopilot.adapters.store.database import open_database
from autopilot.app.backtest.data import Period, tested_symbols
from autopilot.backtest.proofs import ProofFinding, prove, spread_cuts
from autopilot.config.paths import Paths
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document
from autopilot.domain.progress import Progress, part_of
from autopilot.domain.timeframe import Timeframe
from autopilot.strategies.registry import load_strategies

LENGTH = 3000
"""The number of latest candles: enough for every rule to signal."""


def check_strategies(
    paths: Paths,
    config: AutopilotConfig,
    exchange: str,
    symbols: tuple[str, ...],
    timeframe: Timeframe,
    cuts: int,
    progress: Progress,
) -> Document:
    """``{"strategies": names, "symbols", "timeframe", "exchange", "candles", "cuts", "findings"}``.

    Raises ExchangeError without candles, ConfigError with too few.
    """
    strategies = load_strategies()
    with closing(open_database(paths.database)) as database:
        tested = asyncio.run(
            tested_symbols(config, database, exchange, symbols, timeframe, Period(), None, HISTORY, progress, None)
        )
    findings: list[ProofFinding] = []
    made = candles = 0
    for number, each in enumerate(tested):
        history = replace(each.history, candles=each.history.candles[-LENGTH:])
        at = spread_cuts(len(history.candles), cuts)
        made, candles = made + len(at), candles + len(history.candles)
        findings += prove(history, strategies, at, part_of(progress, number, len(tested)))
    return {
        "exchange": exchange,
        "symbols": [each.history.symbol for each in tested],
        "timeframe": timeframe.value,
        "strategies": list(strategies.names),
        "candles": candles,
        "cuts": made,
        "findings": [document(asdict(each)) for each in findings],
    }
