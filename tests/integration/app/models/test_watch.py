"""What follows from a champion's own decisions: it abstains and another is trained, it is proven, or nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_clock import FakeClock
from trails import trail_of

from autopilot.adapters.models.champions import Champions
from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.models.first_reading import FIRST_READER
from autopilot.adapters.models.readings import FirstReadings
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.models import SqliteModels
from autopilot.app.models.watch import ModelWatch, model_drift
from autopilot.config.paths import find_paths
from autopilot.domain.market import CandleKind, MarketKind
from autopilot.domain.model_state import ModelEntry, ModelScope, ModelState
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.training.evidence.drift import Drift, Standing
from autopilot.training.request import Acting

CARD = json.loads((Path(__file__).parents[3] / "golden" / "cli" / "documents" / "model_card.json").read_text())
NOW_MS = 1_719_705_600_000
SCOPE = ModelScope(CandleKind.REAL, Timeframe.H1)


class Place:
    """A champion, and what the watch of it did."""

    def __init__(self, directory: Path) -> None:
        self.paths = find_paths(None, directory, {})
        self.paths.data_dir.mkdir()
        self.database = open_database(self.paths.database)
        self.store = SqliteModels(self.database, trail_of(self.paths.database))
        self.files = ModelFiles(self.paths.models_dir)
        self.champions = Champions(
            self.store, self.files, {}, 60 * DAY_MS, FirstReadings(self.database, None, FIRST_READER)
        )
        self.trained_again: list[dict[str, Any]] = []
        self.asked: list[tuple[str, Collection[MarketKind]]] = []

    def crown(self, state: ModelState, model_id: str = "m-1", scope: ModelScope = SCOPE) -> None:
        card = CARD | {"id": model_id, "kind": scope.kind.value, "timeframe": scope.timeframe.value}
        sha256 = self.files.write(model_id, "trees", card)
        self.store.register(
            ModelEntry(model_id, NOW_MS, state, "learned-1", sha256, "", False, None, "", scope.kind, scope.timeframe)
        )
        self.store.promote(model_id, NOW_MS, "by hand")

    async def review(self, standing: Standing) -> None:
        def drift(
            model_id: str, scope: ModelScope | None, card: dict[str, Any], markets: Collection[MarketKind]
        ) -> Drift:
            assert (model_id, scope) == (card["id"], ModelScope(CandleKind(card["kind"]), Timeframe(card["timeframe"])))
            self.asked.append((model_id, markets))
            return Drift(standing, "numbers that say so", 900, 60, None, 1.0, 1.0)

        async def retrain(card: dict[str, Any]) -> None:
            self.trained_again.append(card)

        watch = ModelWatch(self.store, self.files, drift, FakeClock(NOW_MS), self.champions.refresh, retrain)
        await watch.review()

    @property
    def state(self) -> ModelState:
        entry = self.store.champion(SCOPE)
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
    assert (place.state, len(place.trained_again)) == (after, trainings)


async def test_one_that_lost_its_skill_says_why_and_is_not_asked_again(place: Place) -> None:
    place.crown(ModelState.SHADOW)
    await place.review(Standing.DRIFTED)
    (status,) = place.champions.status()
    assert not status["usable"]
    assert "numbers that say so" in status["message"]
    await place.review(Standing.DRIFTED)
    assert place.asked == [("m-1", (MarketKind.REAL,))]
    (card,) = place.trained_again
    assert (card["exchange"], card["timeframe"]) == (CARD["exchange"], "1h")


async def test_every_champion_is_reviewed_by_the_present_of_its_own_market(place: Place) -> None:
    place.crown(ModelState.LIVE)
    place.crown(ModelState.LIVE, "m-2", ModelScope(CandleKind.SIMULATED, Timeframe.H1))
    place.crown(ModelState.LIVE, "m-3", ModelScope(CandleKind.REAL, Timeframe.M5))
    await place.review(Standing.DRIFTED)
    assert sorted(place.asked) == [
        ("m-1", (MarketKind.REAL,)),
        ("m-2", (MarketKind.SIMULATED,)),
        ("m-3", (MarketKind.REAL,)),
    ]
    assert {entry.state for entry in place.store.champions()} == {ModelState.ABSTAINING}
    assert len(place.trained_again) == 3


async def test_one_that_cannot_be_read_does_not_keep_the_others_from_their_review(place: Place) -> None:
    place.crown(ModelState.SHADOW)
    place.crown(ModelState.SHADOW, "m-2", ModelScope(CandleKind.SIMULATED, Timeframe.H1))
    (card,) = place.paths.models_dir.glob("m-1*.json")
    card.write_text("{}")
    await place.review(Standing.PROVEN)
    assert [(entry.id, entry.state) for entry in place.store.champions()] == [
        ("m-1", ModelState.SHADOW),
        ("m-2", ModelState.LIVE),
    ]


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
    found = model_drift(place.paths.database, Acting(0.75, 0.0), "m-1", SCOPE, CARD)
    assert (found.standing, found.decisions) == (Standing.TOO_EARLY, 0)
