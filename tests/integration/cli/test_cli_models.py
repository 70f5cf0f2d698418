"""The commands for trained models: without a daemon on real files, and what they ask of one that runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from trails import trail_of

from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.models import SqliteModels
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelEntry, ModelState
from autopilot.domain.timeframe import Timeframe

API = "/api/autopilot"
UNTRIED = {"standing": "too_early", "sentence": "none of its decisions has matured", "decisions": 0}
CARD = json.loads((Path(__file__).parents[2] / "golden" / "cli" / "documents" / "model_card.json").read_text())

Train = Callable[..., None]
"""``(model_id, state)``: a model is kept."""


@pytest.fixture
def train(data_dir: Path) -> Iterator[Train]:
    with closing(open_database(data_dir / "autopilot.db")) as database:

        def keep(model_id: str, state: ModelState = ModelState.SHADOW, kind: CandleKind = CandleKind.REAL) -> None:
            store, files = SqliteModels(database, trail_of(database.path)), ModelFiles(data_dir / "models")
            card = CARD | {"id": model_id, "state": state.value, "kind": kind.value}
            sha256 = files.write(model_id, f"trees of {model_id}", card)
            now_ms = 1_719_705_600_000 + len(store.entries())
            store.register(
                ModelEntry(
                    model_id,
                    now_ms,
                    state,
                    "learned-1",
                    sha256,
                    CARD["verdict"],
                    False,
                    None,
                    "",
                    kind,
                    Timeframe.H1,
                )
            )

        yield keep


def test_where_nothing_is_trained_it_says_what_to_do(autopilot, data_dir) -> None:
    for arguments in (("model-info",), ("models", "list")):
        done = autopilot(*arguments)
        assert (done.code, done.err) == (0, "")
        assert "autopilot retrain" in done.out
    assert autopilot("model-info", "--json").document == {
        "id": None,
        "state": "untrained",
        "drift": None,
        "loaded": None,
        "champions": [],
    }
    assert not (data_dir / "autopilot.db").exists()


def test_model_info_shows_the_card(autopilot, train) -> None:
    train("m-1")
    done = autopilot("model-info")
    assert (done.code, done.err) == (0, "")
    assert CARD["verdict"] in done.out
    assert not set("─│╭\x1b") & set(done.out)
    document = autopilot("model-info", "m-1", "--json").document
    assert document["comparison"] == CARD["comparison"]
    assert autopilot("models", "show", "m-1", "--json").document == document


def test_two_models_side_by_side(autopilot, train) -> None:
    train("m-1")
    train("m-2", ModelState.LIVE)
    assert "m-1 and m-2" in autopilot("models", "diff", "m-1", "m-2").out
    document = autopilot("models", "diff", "m-1", "m-2", "--json").document
    assert [document[name]["id"] for name in ("a", "b")] == ["m-1", "m-2"]


def test_promoted_listed_and_rolled_back(autopilot, train) -> None:
    train("m-1")
    train("m-2")
    assert autopilot("models", "promote", "m-1").out == (
        "m-1, for real 1h candles: it decides on paper; about real money it may not\n"
    )
    assert "Before: m-1" in autopilot("models", "promote", "m-2").out
    champions = [
        model["id"] for model in autopilot("models", "list", "--json").document["models"] if model["is_champion"]
    ]
    assert champions == ["m-2"]
    assert autopilot("models", "rollback", "--json").document["champion"] == "m-1"
    assert "No model decides" in autopilot("models", "rollback").out
    done = autopilot("models", "rollback")
    assert (done.code, done.out) == (4, "")
    assert "the rule table already does" in done.err


def test_where_several_decide_it_asks_which_and_lists_them(autopilot, train) -> None:
    train("m-1")
    train("s-1", kind=CandleKind.SIMULATED)
    for model_id in ("m-1", "s-1"):
        autopilot("models", "promote", model_id)
    done = autopilot("models", "rollback")
    assert (done.code, done.out) == (2, "")
    assert "m-1 (real 1h candles), s-1 (simulated 1h candles)" in done.err
    assert "try: say which, as in: autopilot models rollback --kind real --timeframe 1h" in done.err
    assert "No model decides about simulated 1h candles" in autopilot("models", "rollback", "--kind", "simulated").out
    assert autopilot("model-info", "--json").document["id"] == "m-1"
    assert autopilot("models", "rollback", "--kind", "unreal").code == 2


def test_a_model_that_did_not_pass_is_refused_for_safety_unless_forced(autopilot, train) -> None:
    train("m-1", ModelState.INSUFFICIENT)
    done = autopilot("models", "promote", "m-1", "--json")
    assert (done.code, done.document["error"]["code"]) == (5, "SAFETY_REFUSED")
    assert "try: autopilot model-info m-1 shows why" in done.err
    done = autopilot("models", "promote", "m-1", "--force")
    assert done.code == 0
    assert "too little was seen to judge it" in done.out


def test_a_damaged_model_is_refused(autopilot, train, data_dir) -> None:
    train("m-1")
    (trees,) = (data_dir / "models").glob("m-1*.txt")
    trees.write_text("other trees")
    for arguments in (("models", "promote", "m-1", "--force"), ("model-info",)):
        done = autopilot(*arguments)
        assert (done.code, done.out) == (1, "")
        assert "m-1" in done.err


@pytest.mark.parametrize(
    "arguments",
    [("model-info", "m-9"), ("models", "show", "m-9"), ("models", "promote", "m-9"), ("models", "diff", "m-1", "m-9")],
)
def test_an_unknown_model_is_said_to_be_unknown(autopilot, train, arguments) -> None:
    train("m-1")
    done = autopilot(*arguments)
    assert (done.code, done.out) == (1, "")
    assert "error: there is no model 'm-9'" in done.err
    assert 'try: did you mean "m-1"? autopilot models list' in done.err


def test_reset_without_a_terminal_needs_to_be_told(installed, train, data_dir) -> None:
    train("m-1")
    done = installed("reset-model")
    assert (done.code, done.out) == (5, "")
    assert "try: autopilot reset-model --yes" in done.err
    assert installed("models", "list").out.startswith("model")
    done = installed("reset-model", "--yes")
    assert done.code == 0
    backup = Path(done.out.partition("Backup: ")[2].strip())
    assert backup.parent == data_dir / "models"
    assert any(backup.glob("m-1*.txt"))
    assert "There was no model to reset." in installed("reset-model", "--yes").out


@pytest.mark.parametrize(
    ("arguments", "method", "path", "given"),
    [
        (("model-info",), "GET", "model-info", {}),
        (("model-info", "m-1"), "GET", "model-info", {"id": "m-1"}),
        (
            ("model-info", "--kind", "real", "--timeframe", "5m"),
            "GET",
            "model-info",
            {"kind": "real", "timeframe": "5m"},
        ),
        (("models", "show", "m-1"), "GET", "models/m-1", {}),
        (("models", "list"), "GET", "models", {}),
        (("models", "promote", "m-1"), "POST", "models/m-1/promote", {"force": False}),
        (("models", "promote", "m-1", "--force"), "POST", "models/m-1/promote", {"force": True}),
        (("models", "rollback"), "POST", "models/rollback", {}),
        (("models", "rollback", "--kind", "simulated"), "POST", "models/rollback", {"kind": "simulated"}),
        (("reset-model", "--yes"), "POST", "reset", {}),
    ],
)
def test_a_daemon_that_runs_is_asked(autopilot, daemon, data_dir, arguments, method, path, given) -> None:
    around = {"sha256": "5d41", "note": "", "drift": UNTRIED, "loaded": None}
    changed = {"champion": None, "state": None, "previous": "m-1", "means": "the rule table decides from now on"}
    changed |= {"kind": "real", "timeframe": "1h"}
    answers: dict[str, dict[str, Any]] = {
        "model-info": CARD | around,
        "models/m-1": CARD | around,
        "models": {"models": [], "history": []},
        "reset": {"models": 0, "backup": None, "means": ""},
    }
    daemon.answers[f"{API}/{path}"] = (200, answers.get(path, changed))
    assert autopilot(*arguments).code == 0
    assert daemon.requests == [(method, f"{API}/{path}", given)]
    assert not (data_dir / "autopilot.db").exists()


def test_a_daemons_refusal_is_the_same_exit_code(autopilot, daemon) -> None:
    refusal = {
        "error": {"code": "SAFETY_REFUSED", "kind": "safety", "message": "its gate did not pass it", "hint": "--force"}
    }
    daemon.answers[f"{API}/models/m-1/promote"] = (403, refusal)
    assert autopilot("models", "promote", "m-1").code == 5
