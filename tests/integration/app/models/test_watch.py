"""What follows from a champion's own decisions: it abstains and another is trained, it is proven, or nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from autopilot.adapters.models.champion import Champion
from fake_clock import FakeClock

from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.models import SqliteModels
from autopilot.app.models.watch import ModelWatch, model_drift
from autopilot.config.paths import find_paths
from autopilot.domain.market import MarketKind
from autopilot.domain.model_state import ModelEntry, ModelState
from autopilot.domain.timeframe import DAY_MS
from autopilot.training.evidence.drift import Drift, Standing
from autopilot.training.request import Acting

CARD = json.loads((Path(__file__).parents[3] / "golden" / "cli" / "documents" / "model_card.json").read_text())
NOW_MS = 1_719_705_600_000


class Place:
    """A champion, and what the watch of it did."""

    def __init__(self, directory: Path) -> None:
        self.paths = find_paths(None, directory, {})
        self.paths.data_dir.mkdir()
        self.database = open_database(self.paths.database)
        self.store = SqliteModels(self.database)
        self.files = ModelFiles(self.paths.models_dir)
        self.champion = Champion(self.store, self.files, 60 * DAY_MS)
        self.trainings = 0
        self.asked: list[MarketKind | None] = []

    def crown(self, state: ModelState) -> None:
        sha256 = self.files.write("m-1", "trees", CARD | {"id": "m-1"})
        self.store.register(ModelEntry("m-1", NOW_MS, state, "learned-1", sha256, "", False, None, ""))
        self.store.promote("m-1", NOW_MS, "by hand")

    async def review(self, standing: Standing) -> None:
        def drift(model_id: str, card: dict[str, Any], market: MarketKind | None) -> Drift:
            assert (model_id, card["id"]) == ("m-1", "m-1")
            self.asked.append(market)
            return Drift(standing, "numbers that say so", 900, 60, None, 1.0, 1.0)

        async def retrain() -> None:
            self.trainings += 1

        watch = ModelWatch(self.store, self.files, drift, FakeClock(NOW_MS), self.champion.refresh, retrain)
        await watch.review()

    @property
    def state(self) -> ModelState:
        entry = self.store.champion()
        assert entry
        return entry.state


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "data")
    yield made
    made.database.close()


@pytest.mark.parametrize(
    ("before", "standing", "after", "trainings"),
    [
        (ModelState.SHADOW, Standing.DRIFTED, ModelState.ABSTAINING, 1),
        (ModelState.LIVE, Standing.DRIFTED, ModelState.ABSTAINING, 1),
        (ModelState.SHADOW, Standing.PROVEN, ModelState.LIVE, 0),
        (ModelState.LIVE, Standing.PROVEN, ModelState.LIVE, 0),
        (ModelState.SHADOW, Standing.HOLDING, ModelState.SHADOW, 0),
        (ModelState.SHADOW, Standing.TOO_EARLY, ModelState.SHADOW, 0),
        (ModelState.INSUFFICIENT, Standing.DRIFTED, ModelState.ABSTAINING, 1),
        (ModelState.INSUFFICIENT, Standing.PROVEN, ModelState.INSUFFICIENT, 0),
    ],
)
async def test_a_standing_and_what_follows(
    place: Place, before: ModelState, standing: Standing, after: ModelState, trainings: int
) -> None:
    place.crown(before)
    await place.review(standing)
    assert (place.state, place.trainings) == (after, trainings)


async def test_one_that_lost_its_skill_says_why_and_is_not_asked_again(place: Place) -> None:
    place.crown(ModelState.SHADOW)
    await place.review(Standing.DRIFTED)
    status = place.champion.status()
    assert status
    assert not status["usable"]
    assert "numbers that say so" in status["message"]
    await place.review(Standing.DRIFTED)
    assert place.asked == [MarketKind.REAL]
    assert place.trainings == 1


async def test_without_a_champion_there_is_nothing_to_review(place: Place) -> None:
    await place.review(Standing.DRIFTED)
    assert place.asked == []


async def test_damaged_files_are_said_and_end_nothing(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.crown(ModelState.SHADOW)
    (card,) = place.paths.models_dir.glob("m-1*.json")
    card.write_text("{}")
    with caplog.at_level(logging.WARNING):
        await place.review(Standing.DRIFTED)
    assert "was not reviewed" in caplog.text
    assert place.state is ModelState.SHADOW


def test_a_model_that_decided_nothing_yet_is_too_early_to_judge(place: Place) -> None:
    found = model_drift(place.paths.database, Acting(0.75, 0.0), "m-1", CARD)
    assert (found.standing, found.decisions) == (Standing.TOO_EARLY, 0)
