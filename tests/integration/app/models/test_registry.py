"""Promotion, rollback and reset on a real database and real files."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from trails import trail_of

from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.lost_places import SqliteLostPlaces
from autopilot.adapters.store.models import SqliteModels
from autopilot.app.models.registry import ModelRegistry, champions, open_registry
from autopilot.config.paths import find_paths
from autopilot.control.errors import Conflict, RequestInvalid, SafetyRefused
from autopilot.domain.errors import ModelError, NotFound
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelChange, ModelEntry, ModelEvent, ModelScope, ModelState
from autopilot.domain.timeframe import Timeframe
from autopilot.training.evidence.drift import Drift, Standing

CARD = json.loads((Path(__file__).parents[3] / "golden" / "cli" / "documents" / "model_card.json").read_text())
STARTED_MS = 1_719_705_600_000
SCOPE = ModelScope(CandleKind.REAL, Timeframe.H1)
SIMULATED = ModelScope(CandleKind.SIMULATED, Timeframe.H1)
MINUTES = ModelScope(CandleKind.REAL, Timeframe.M5)


class Ticking:
    """Every look at it is a minute later."""

    def __init__(self) -> None:
        self._now_ms = STARTED_MS

    def now_ms(self) -> int:
        self._now_ms += 60_000
        return self._now_ms


def since_then(model_id: str, scope: ModelScope | None, card: dict[str, Any]) -> Drift:
    assert model_id == card["id"]
    return Drift(Standing.HOLDING, f"nothing speaks against {model_id}", 100, 25, None, 1.5, 0.5)


class Place:
    """A data directory with trained models."""

    def __init__(self, directory: Path) -> None:
        self.paths = find_paths(None, directory, {})
        self.paths.data_dir.mkdir()
        self.database = open_database(self.paths.database)
        self.store = SqliteModels(self.database, trail_of(self.paths.database))
        self.files = ModelFiles(self.paths.models_dir)
        self.clock = Ticking()
        self.places = SqliteLostPlaces(self.database)
        self.registry = ModelRegistry(self.store, self.places, self.files, self.clock, SCOPE, since_then)

    def train(self, *model_ids: str, state: ModelState = ModelState.SHADOW, scope: ModelScope = SCOPE) -> None:
        for model_id in model_ids:
            own = {"id": model_id, "state": state.value, "kind": scope.kind.value, "timeframe": scope.timeframe.value}
            card = copy.deepcopy(CARD) | own
            sha256 = self.files.write(model_id, f"trees of {model_id}", card)
            now_ms = self.clock.now_ms()
            self.store.register(
                ModelEntry(
                    model_id,
                    now_ms,
                    state,
                    "learned-1",
                    sha256,
                    card["verdict"],
                    False,
                    None,
                    "",
                    scope.kind,
                    scope.timeframe,
                )
            )

    def damage(self, model_id: str) -> None:
        (trees,) = self.paths.models_dir.glob(f"{model_id}*.txt")
        trees.write_text("other trees")

    @property
    def champion(self) -> str | None:
        found = self.store.champion(SCOPE)
        return found.id if found else None


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "data")
    yield made
    made.database.close()


def test_without_models_it_is_untrained(place) -> None:
    assert place.registry.info() == {
        "id": None,
        "state": "untrained",
        "drift": None,
        "loaded": None,
        "champions": [],
    }
    assert place.registry.list() == {"models": [], "history": []}


def test_info_is_of_the_named_else_the_champion_else_the_newest(place) -> None:
    place.train("m-1", "m-2", "m-3")
    assert place.registry.info()["id"] == "m-3"
    place.registry.promote("m-1")
    assert place.registry.info()["id"] == "m-1"
    assert place.registry.info("m-2")["id"] == "m-2"


def test_info_is_the_card_with_the_state_as_it_is_now(place) -> None:
    place.train("m-1")
    place.store.set_state("m-1", ModelState.ABSTAINING, "60 days without skill", place.clock.now_ms())
    found = place.registry.info("m-1")
    assert (found["state"], found["note"]) == ("abstaining", "60 days without skill")
    assert found["drift"]["sentence"] == "nothing speaks against m-1"
    assert {name: found[name] for name in CARD if name not in ("id", "state")} == {
        name: value for name, value in CARD.items() if name not in ("id", "state")
    }


def test_info_says_what_this_process_uses(place) -> None:
    usable = {"state": "shadow", "usable": True, "message": None, "hint": None}
    used = [{"id": each, "kind": "real", "timeframe": each[2:], **usable} for each in ("m-5m", "m-1h")]
    registry = ModelRegistry(place.store, place.places, place.files, place.clock, SCOPE, since_then, lambda: used)
    place.train("m-1h")
    assert registry.info()["loaded"] == used[1]
    place.train("m-2", scope=SIMULATED)
    assert registry.info("m-2")["loaded"] is None


def test_the_list_says_what_each_model_was_trained_on_if_its_card_can_be_read(place) -> None:
    place.train("m-1", "m-2")
    (card,) = place.paths.models_dir.glob("m-1*.json")
    card.write_text("no card")
    assert [(each["id"], each["exchange"], each["timeframe"]) for each in place.registry.list()["models"]] == [
        ("m-2", CARD["exchange"], CARD["timeframe"]),
        ("m-1", None, "1h"),
    ]


def test_documents_are_json(place) -> None:
    place.train("m-1")
    place.registry.promote("m-1")
    for document in (place.registry.info(), place.registry.list()):
        assert json.loads(json.dumps(document)) == document


def ask(registry: ModelRegistry, what: str) -> Any:
    return registry.info("m-9") if what == "info" else registry.promote("m-9")


@pytest.mark.parametrize("what", ["info", "promote"])
def test_a_model_that_is_not_there_is_not_found(place, what) -> None:
    with pytest.raises(NotFound, match="m-9"):
        ask(place.registry, what)


@pytest.mark.parametrize("what", ["info", "promote"])
def test_a_damaged_model_is_refused_by_name(place, what) -> None:
    place.train("m-8", "m-9")
    place.registry.promote("m-8")
    place.damage("m-9")
    with pytest.raises(ModelError, match="m-9"):
        ask(place.registry, what)
    assert place.champion == "m-8"


def test_force_does_not_help_a_damaged_model(place) -> None:
    place.train("m-9", state=ModelState.INSUFFICIENT)
    place.damage("m-9")
    with pytest.raises(ModelError):
        place.registry.promote("m-9", force=True)


@pytest.mark.parametrize("state", [ModelState.SHADOW, ModelState.LIVE])
def test_a_model_that_passed_is_promoted(place, state) -> None:
    place.train("m-1", "m-2", state=state)
    place.registry.promote("m-1")
    done = place.registry.promote("m-2")
    assert (done["champion"], done["state"], done["previous"]) == ("m-2", state.value, "m-1")
    assert place.champion == "m-2"


@pytest.mark.parametrize("state", [ModelState.INSUFFICIENT, ModelState.ABSTAINING])
def test_a_model_that_did_not_pass_is_refused_unless_forced(place, state) -> None:
    place.train("m-1", state=state)
    with pytest.raises(SafetyRefused) as refused:
        place.registry.promote("m-1")
    assert "--force" in refused.value.hint
    assert place.champion is None
    done = place.registry.promote("m-1", force=True)
    assert (done["champion"], done["state"]) == ("m-1", state.value)
    assert place.champion == "m-1"
    assert "forced" in place.registry.list()["history"][0]["reason"]


def test_what_a_promotion_means_differs_by_state(place) -> None:
    said = set()
    for state in (ModelState.INSUFFICIENT, ModelState.SHADOW, ModelState.LIVE, ModelState.ABSTAINING):
        place.train(f"m-{state}", state=state)
        said.add(place.registry.promote(f"m-{state}", force=True)["means"])
    assert len(said) == 4


def test_rollback_goes_back_step_by_step_and_ends_with_the_rules(place) -> None:
    place.train("m-1", "m-2", "m-3")
    for model_id in ("m-1", "m-2", "m-3"):
        place.registry.promote(model_id)
    went = [place.registry.rollback() for _ in range(3)]
    assert [(each["champion"], each["previous"]) for each in went] == [("m-2", "m-3"), ("m-1", "m-2"), (None, "m-1")]
    assert place.champion is None
    with pytest.raises(Conflict):
        place.registry.rollback()


def test_after_a_rollback_to_the_rules_the_past_is_past(place) -> None:
    place.train("m-1", "m-2")
    place.registry.promote("m-1")
    place.registry.rollback()
    place.registry.promote("m-2")
    assert place.registry.rollback()["champion"] is None


def test_each_kind_of_candles_has_a_champion_and_a_history_of_its_own(place) -> None:
    place.train("m-1", "m-2")
    place.train("s-1", "s-2", scope=SIMULATED)
    for model_id in ("m-1", "s-1", "m-2", "s-2"):
        place.registry.promote(model_id)
    assert [entry.id for entry in place.store.champions()] == ["m-2", "s-2"]
    went = place.registry.rollback(CandleKind.REAL)
    assert (went["champion"], went["previous"], went["kind"], went["timeframe"]) == ("m-1", "m-2", "real", "1h")
    assert [entry.id for entry in place.store.champions()] == ["m-1", "s-2"]
    assert place.registry.rollback(CandleKind.REAL)["champion"] is None
    assert [entry.id for entry in place.store.champions()] == ["s-2"]
    assert place.registry.rollback()["champion"] == "s-1"


def test_where_several_decide_a_command_asks_which_and_lists_them(place) -> None:
    place.train("m-1")
    place.train("m-5", scope=MINUTES)
    place.train("s-1", scope=SIMULATED)
    for model_id in ("m-1", "m-5", "s-1"):
        place.registry.promote(model_id)
    for ask in (place.registry.rollback, lambda **wanted: place.registry.info(None, **wanted)):
        with pytest.raises(RequestInvalid) as asked:
            ask(kind=CandleKind.REAL)
        assert "m-1 (real 1h candles), m-5 (real 5m candles)" in str(asked.value)
        assert "s-1" not in str(asked.value)
        assert "--kind real --timeframe" in asked.value.hint
    assert place.registry.info()["id"] == "m-1"
    assert place.registry.info(timeframe=Timeframe.M5)["id"] == "m-5"
    assert [each["id"] for each in place.registry.info()["champions"]] == ["m-1", "m-5", "s-1"]
    with pytest.raises(NotFound, match="simulated 5m candles"):
        place.registry.info(None, CandleKind.SIMULATED, Timeframe.M5)
    with pytest.raises(Conflict, match="real 1d candles"):
        place.registry.rollback(CandleKind.REAL, Timeframe.D1)
    assert len(place.store.champions()) == 3


def test_a_model_whose_files_were_restored_is_known_again(place) -> None:
    place.train("m-1", "m-2", scope=SIMULATED)
    with place.database.transaction(durable=True) as connection:
        connection.execute("UPDATE models SET kind = NULL, timeframe = NULL")
    place.damage("m-2")
    with pytest.raises(ModelError):
        place.registry.promote("m-2")
    assert place.registry.promote("m-1")["kind"] == "simulated"
    assert place.store.champion(SIMULATED).id == "m-1"


def test_what_a_model_of_simulated_candles_means_is_not_real_money(place) -> None:
    place.train("s-1", state=ModelState.LIVE, scope=SIMULATED)
    assert place.registry.promote("s-1")["means"] == "it decides about simulated candles only, never about real money"


def test_rollback_passes_over_what_abstains_and_what_is_gone(place) -> None:
    place.train("m-1", "m-2", "m-3", "m-4")
    for model_id in ("m-1", "m-2", "m-3", "m-4"):
        place.registry.promote(model_id)
    place.store.set_state("m-3", ModelState.ABSTAINING, "no edge", place.clock.now_ms())
    place.store.forget("m-2")
    assert place.registry.rollback()["champion"] == "m-1"
    assert place.registry.rollback()["champion"] is None


def test_rollback_to_a_damaged_model_is_refused_and_changes_nothing(place) -> None:
    place.train("m-1", "m-2")
    place.registry.promote("m-1")
    place.registry.promote("m-2")
    place.damage("m-1")
    before = place.registry.list()
    with pytest.raises(ModelError, match="nothing was changed"):
        place.registry.rollback()
    assert place.registry.list() == before


def promoted(model_id: str, over: str | None) -> ModelChange:
    return ModelChange(0, ModelEvent.PROMOTED, model_id, over, "", None, None)


def back(model_id: str | None, over: str) -> ModelChange:
    return ModelChange(0, ModelEvent.ROLLED_BACK, model_id, over, "", None, None)


@pytest.mark.parametrize(
    ("history", "line"),
    [
        ([], ()),
        ([promoted("a", None)], ("a",)),
        ([promoted("a", None), promoted("b", "a"), promoted("a", "b")], ("a", "b", "a")),
        ([promoted("a", None), promoted("b", "a"), promoted("a", "b"), back("b", "a")], ("a", "b")),
        ([promoted("a", None), promoted("b", "a"), promoted("c", "b"), back("a", "c")], ("a",)),
        ([promoted("a", None), promoted("b", "a"), back("a", "b"), promoted("c", "a")], ("a", "c")),
        ([promoted("a", None), back(None, "a"), promoted("b", None)], ("b",)),
        (
            [promoted("a", None), ModelChange(0, ModelEvent.RESET, None, "a", "", None, None), promoted("b", None)],
            ("b",),
        ),
        (
            [promoted("a", None), ModelChange(0, ModelEvent.STATE, "z", "z", "", None, None), promoted("b", "a")],
            ("a", "b"),
        ),
        ([promoted("b", "unknown"), back("unknown", "b")], ("unknown",)),
    ],
)
def test_the_line_of_champions(history, line) -> None:
    assert champions(history) == line


def test_reset_takes_everything_out_of_use_and_keeps_a_backup(place) -> None:
    place.train("m-1", "m-2")
    place.registry.promote("m-1")
    kept = {file.name: file.read_bytes() for file in place.paths.models_dir.iterdir()}
    done = place.registry.reset()
    backup = Path(done["backup"])
    assert (done["models"], backup.parent) == (2, place.paths.models_dir)
    assert backup.name.startswith("backup-")
    assert {file.name: file.read_bytes() for file in backup.iterdir()} == kept
    assert list(place.paths.models_dir.iterdir()) == [backup]
    assert place.registry.info()["state"] == "untrained"
    assert [change["event"] for change in place.registry.list()["history"]] == ["reset", "promoted"]


def test_a_second_reset_keeps_the_first_backup(place) -> None:
    place.train("m-1")
    first = Path(place.registry.reset()["backup"])
    assert place.registry.reset()["backup"] is None
    place.train("m-1")
    second = Path(place.registry.reset()["backup"])
    assert first != second
    assert [len(list(each.iterdir())) for each in (first, second)] == [2, 2]


def test_after_a_reset_the_same_training_can_be_kept_again(place) -> None:
    place.train("m-1")
    place.registry.promote("m-1")
    place.registry.reset()
    place.train("m-1")
    assert place.registry.promote("m-1")["previous"] is None
    assert place.registry.rollback()["champion"] is None


def test_looking_without_a_database_makes_none(tmp_path) -> None:
    paths = find_paths(None, tmp_path, {})
    with open_registry(paths) as registry:
        assert registry.info()["state"] == "untrained"
        assert registry.reset()["backup"] is None
        with pytest.raises(NotFound):
            registry.promote("m-1")
    assert list(tmp_path.iterdir()) == []


def test_without_a_daemon_the_same_is_done(place) -> None:
    place.train("m-1")
    with open_registry(place.paths) as registry:
        registry.promote("m-1")
    assert place.champion == "m-1"
