"""The daily review of each champion by its own decisions: one that has drifted abstains, and a new one is trained."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.store.database import open_readonly
from autopilot.adapters.store.models import SqliteModels
from autopilot.domain.document_types import Document
from autopilot.domain.errors import AutopilotError
from autopilot.domain.market import CandleKind, MarketKind
from autopilot.domain.model_state import ModelEntry, ModelScope, ModelState
from autopilot.ports.clock import Clock

if TYPE_CHECKING:
    from autopilot.training.evidence.drift import Drift
    from autopilot.training.request import Acting

# LightGBM and SciPy would double the memory of an idle daemon. They are imported only if there is a champion.

REVIEW_EVERY_S = 24 * 3600.0
PRESENT = {CandleKind.REAL: (MarketKind.REAL,), CandleKind.SIMULATED: (MarketKind.SIMULATED,)}
"""The markets on which a model of such candles is reviewed."""
MARKETS = PRESENT | {CandleKind.REAL: (MarketKind.REAL, MarketKind.REPLAY)}
"""All markets that have such candles."""

log = logging.getLogger(__name__)


class ModelWatch:
    """``changed`` is awaited after a change of a champion's state, ``retrain`` with its card after it began to abstain.
    Decisions on a replay do not count, because a replay must give the same results at any time."""

    def __init__(
        self,
        store: SqliteModels,
        files: ModelFiles,
        drift: Callable[[str, ModelScope | None, Document, Collection[MarketKind]], Drift],
        clock: Clock,
        changed: Callable[[], Awaitable[None]],
        retrain: Callable[[Document], Awaitable[object]],
    ) -> None:
        self._store = store
        self._files = files
        self._drift = drift
        self._clock = clock
        self._changed = changed
        self._retrain = retrain

    async def review(self) -> None:
        """Review the champions. An error is logged, and the next daily review tries again."""
        try:
            champions = self._store.champions()
        except AutopilotError as error:
            log.warning("the learned models were not reviewed: %s", error)
            return
        for champion in champions:
            try:
                await self._review(champion)
            except AutopilotError as error:
                log.warning("model %s was not reviewed: %s", champion.id, error)

    async def _review(self, champion: ModelEntry) -> None:
        if champion.scope is None or champion.state is ModelState.ABSTAINING:
            return
        from autopilot.training.evidence.drift import Standing

        _, card = self._files.read(champion.id, self._store.proven_sha256(champion))
        # With many decisions it takes a second. Cycles must not wait for it.
        drift = await asyncio.to_thread(self._drift, champion.id, champion.scope, card, PRESENT[champion.scope.kind])
        if drift.standing is Standing.DRIFTED:
            await self._set_state(champion, ModelState.ABSTAINING, drift.sentence)
            await self._retrain(card)
        elif drift.standing is Standing.PROVEN and champion.state is ModelState.SHADOW:
            await self._set_state(champion, ModelState.LIVE, drift.sentence)

    async def _set_state(self, champion: ModelEntry, state: ModelState, why: str) -> None:
        log.warning("model %s is %s from now on: %s", champion.id, state, why)
        self._store.set_state(champion.id, state, why, self._clock.now_ms())
        await self._changed()


def model_drift(
    database: Path,
    acting: Acting,
    model_id: str,
    scope: ModelScope | None,
    card: Document,
    markets: Collection[MarketKind] | None = None,
) -> Drift:
    """The drift of a model from its decisions about the candles that it was trained on, on these ``markets`` or on all
    that have such candles. Raises StoreError."""
    import numpy as np

    from autopilot.adapters.store.model_decisions import Served, served_decisions
    from autopilot.training.evidence.drift import judge_drift

    serving = card["serving"]
    among = markets or (MARKETS[scope.kind] if scope else tuple(MarketKind))
    wanted = Served(model_id, serving["trained_until_ms"], scope.timeframe if scope else None, tuple(among))
    with open_readonly(database) as connection:
        served = served_decisions(connection, wanted, serving["classes"])
    return judge_drift(served, np.array(serving["base_rates"]), acting)
