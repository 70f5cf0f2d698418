"""A model decides if and only if the candles are of the kind and the timeframe that it was trained on."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from bases import WHOLE
from small_models import FEATURES, STRATEGIES, TRAINED_UNTIL_MS, keep_model, small_card, small_text
from trails import trail_of

from autopilot.adapters.audit_head import HEAD_NAME, read_head
from autopilot.adapters.clock import WallClock
from autopilot.adapters.models import first_reading
from autopilot.adapters.models.champions import Champions
from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.models.first_reading import FIRST_READER, read_elsewhere
from autopilot.adapters.models.readings import FirstReadings
from autopilot.adapters.store.audit import verify_all
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.lost_places import SqliteLostPlaces
from autopilot.adapters.store.model_proof import altered_models
from autopilot.adapters.store.models import SqliteModels
from autopilot.app.models.registry import ModelRegistry
from autopilot.domain.conditions import FeatureRow, MarketConditions, Regime
from autopilot.domain.errors import ModelDamaged, ModelUnread
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelEntry, ModelScope, ModelState
from autopilot.domain.selection import DecidedBy, Selection
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.selection.strategy_rules import profiles_of
from autopilot.selection.strategy_selector import StrategySelector

SCOPES = [ModelScope(kind, timeframe) for kind in CandleKind for timeframe in Timeframe]
REAL_HOURS = ModelScope(CandleKind.REAL, Timeframe.H1)
NOTHING = FeatureRow((), np.empty(0))


@pytest.fixture
def files(tmp_path: Path) -> ModelFiles:
    return ModelFiles(tmp_path / "models")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(tmp_path / "autopilot.db")) as opened:
        yield opened


def conditions(timeframe: Timeframe) -> MarketConditions:
    """A day after the end of the training."""
    return MarketConditions(
        symbol="BTC/USD",
        timeframe=timeframe,
        candle_at_ms=TRAINED_UNTIL_MS + DAY_MS,
        price=100.0,
        regime=Regime.TRENDING_UP,
        regime_strength=0.8,
        candles_in_regime=5,
        adx=30.0,
        rsi=55.0,
        atr=1.0,
        volatility=0.01,
        volatility_ratio=1.0,
        volume_ratio=1.0,
        external_signals=False,
        features=FeatureRow(FEATURES, np.array([-4.5, 0.1])),
    )


def decide(champions: Champions, scope: ModelScope) -> Selection:
    selector = StrategySelector(profiles_of(STRATEGIES), champions.on(scope.kind))
    return selector.select(conditions(scope.timeframe), {}, {}, lambda: NOTHING, WHOLE)


def opened(database: Database, files: ModelFiles, reader: Sequence[str] = FIRST_READER) -> Champions:
    trail = trail_of(database.path)
    readings = FirstReadings(database, trail, reader)
    return Champions(SqliteModels(database, trail), files, STRATEGIES.groups, 60 * DAY_MS, readings)


def test_of_every_pair_of_model_and_candles_it_decides_if_they_agree(database: Database, files: ModelFiles) -> None:
    store, champions = SqliteModels(database), opened(database, files)
    for number, trained_on in enumerate(SCOPES):
        keep_model(database, files, f"m-{number}", trained_on)
        for scope in SCOPES:
            chosen = decide(champions, scope)
            agrees = scope == trained_on
            assert chosen.decided_by is (DecidedBy.MODEL if agrees else DecidedBy.RULES)
            assert chosen.proven_on == (scope if agrees else None)
            if not agrees:
                why = f"no learned model for {scope}: the live model m-{number} was trained on {trained_on};"
                assert chosen.note.startswith(why)
        store.demote(trained_on, 9, "by hand")
    assert decide(champions, REAL_HOURS).note.startswith("no learned model; the rule table decides")


def test_with_a_champion_for_each_the_right_one_decides(database: Database, files: ModelFiles) -> None:
    for number, scope in enumerate(SCOPES):
        keep_model(database, files, f"m-{number}", scope)
    champions = opened(database, files)
    for number, scope in itertools.chain(enumerate(SCOPES), reversed(list(enumerate(SCOPES)))):
        opinion = decide(champions, scope).model
        assert opinion
        assert (opinion.model_id, opinion.trained_on) == (f"m-{number}", scope)


@pytest.mark.parametrize("state", [each for each in ModelState if each not in (ModelState.LIVE, ModelState.UNTRAINED)])
def test_only_a_live_model_proves_anything(database: Database, files: ModelFiles, state: ModelState) -> None:
    keep_model(database, files, "m-1", REAL_HOURS, state)
    chosen = decide(opened(database, files), REAL_HOURS)
    assert chosen.proven_on is None
    assert (chosen.decided_by is DecidedBy.RULES) is (state is ModelState.ABSTAINING)


@pytest.mark.parametrize("change", ["one less", "one more", "another group"])
def test_the_set_of_strategies_must_be_the_same(database: Database, files: ModelFiles, change: str) -> None:
    keep_model(database, files, "m-1", REAL_HOURS)
    installed = dict(STRATEGIES.groups)
    match change:
        case "one less":
            del installed["macd"]
        case "one more":
            installed["macd_of_mine"] = installed["macd"]
        case _:
            installed["macd"] = next(group for group in installed.values() if group is not installed["macd"])
    champions = Champions(
        SqliteModels(database), files, installed, 60 * DAY_MS, FirstReadings(database, None, FIRST_READER)
    )
    chosen = decide(champions, REAL_HOURS)
    assert chosen.decided_by is DecidedBy.RULES
    assert "was trained with other strategies than those installed: macd" in chosen.note
    (status,) = champions.status()
    assert not status["usable"]


def test_the_store_cannot_give_a_model_candles_that_its_card_does_not_name(
    database: Database, files: ModelFiles
) -> None:
    keep_model(database, files, "m-1", ModelScope(CandleKind.SIMULATED, Timeframe.H1))
    with database.transaction(durable=True) as connection:
        connection.execute("UPDATE models SET kind = 'real'")
    chosen = decide(opened(database, files), REAL_HOURS)
    assert (chosen.decided_by, chosen.proven_on) == (DecidedBy.RULES, None)
    assert "its card says otherwise" in chosen.note


def test_an_early_card_of_a_replay_follows_the_store_in_its_kind_only(database: Database, files: ModelFiles) -> None:
    sha256 = files.write("m-1", small_text(), small_card("m-1", exchange="replay"))
    entry = ModelEntry("m-1", 1, ModelState.LIVE, "", sha256, "", False, None, "", CandleKind.REAL, Timeframe.H1)
    store = SqliteModels(database, trail_of(database.path))
    store.register(entry)
    FirstReadings(database, trail_of(database.path), FIRST_READER).record(entry)
    store.promote("m-1", 2, "by hand")
    assert decide(opened(database, files), REAL_HOURS).decided_by is DecidedBy.MODEL
    store.demote(REAL_HOURS, 3, "by hand")
    store.register(replace(entry, timeframe=Timeframe.M5))
    store.promote("m-1", 4, "by hand")
    minutes = ModelScope(CandleKind.REAL, Timeframe.M5)
    assert decide(opened(database, files), minutes).decided_by is DecidedBy.RULES


async def test_a_new_champion_decides_from_the_next_decision_on(database: Database, files: ModelFiles) -> None:
    champions = opened(database, files)
    keep_model(database, files, "m-1", REAL_HOURS)
    await champions.refresh()
    assert decide(champions, REAL_HOURS).decided_by is DecidedBy.MODEL
    keep_model(database, files, "m-2", REAL_HOURS, ModelState.SHADOW)
    opinion = decide(champions, REAL_HOURS).model
    assert opinion
    assert (opinion.model_id, opinion.state) == ("m-2", ModelState.SHADOW)
    assert [each["id"] for each in champions.status()] == ["m-2"]


@pytest.mark.parametrize(("days", "by"), [(59, DecidedBy.MODEL), (61, DecidedBy.RULES), (-1, DecidedBy.RULES)])
def test_it_decides_from_its_training_to_its_expiry(
    database: Database, files: ModelFiles, days: int, by: DecidedBy
) -> None:
    keep_model(database, files, "m-1", REAL_HOURS)
    selector = StrategySelector(profiles_of(STRATEGIES), opened(database, files).on(CandleKind.REAL))
    then = replace(conditions(Timeframe.H1), candle_at_ms=TRAINED_UNTIL_MS + days * DAY_MS)
    assert selector.select(then, {}, {}, lambda: NOTHING, WHOLE).decided_by is by


FORGERIES = {
    "another file and its digest": "UPDATE models SET sha256 = :forged",
    "another state": "UPDATE models SET state = 'shadow'",
    "a model that no training recorded": "UPDATE models SET id = 'm-2', sha256 = :unrecorded",
    "a model that was deleted": "INSERT OR REPLACE INTO models SELECT 'm-0', 1, state, schema, :deleted, verdict,"
    " 1, NULL, '', kind, timeframe FROM models",
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_model_that_differs_from_the_audit_log_is_never_loaded(
    forgery: str, database: Database, files: ModelFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_model(database, files, "m-0", REAL_HOURS)
    store = SqliteModels(database, trail_of(database.path))
    digests = {"deleted": store.champions()[0].sha256}
    store.forget("m-0")
    keep_model(database, files, "m-1", REAL_HOURS)
    for name, model_id in (("forged", "m-1"), ("unrecorded", "m-2")):
        card = small_card(model_id, kind="real", forged=True)
        digests[name] = files.write(model_id, small_text(), card)
    with database.transaction(durable=True) as connection:
        connection.execute(FORGERIES[forgery], digests)
    assert database.row("SELECT count(*) FROM models WHERE is_champion")[0] == 1
    monkeypatch.setattr("autopilot.training.model.ensemble.Ensemble.from_text", never)
    champions = opened(database, files, (sys.executable, "-c", "raise SystemExit('it was read')"))
    await champions.refresh()
    chosen = decide(champions, REAL_HOURS)
    assert (chosen.decided_by, chosen.model) == (DecidedBy.RULES, None)
    assert "does not match the audit log" in chosen.note
    (status,) = champions.status()
    assert (status["usable"], "autopilot retrain" in status["hint"]) == (False, True)
    assert champions.damage(REAL_HOURS)
    altered = verify_all(database.path, read_head(database.path.with_name(HEAD_NAME))).models.altered
    assert status["id"] in altered


async def test_a_forged_model_is_neither_shown_nor_promoted_nor_made_good(
    database: Database, files: ModelFiles
) -> None:
    keep_model(database, files, "m-1", REAL_HOURS)
    store = SqliteModels(database, trail_of(database.path))
    with database.transaction(durable=True) as connection:
        sha256 = files.write("m-1", small_text(), small_card("m-1", forged=True))
        connection.execute("UPDATE models SET sha256 = ?", (sha256,))
    registry = ModelRegistry(store, SqliteLostPlaces(database), files, WallClock(), REAL_HOURS, never)
    for forbidden in (
        lambda: registry.card("m-1"),
        lambda: registry.promote("m-1"),
        lambda: store.set_state("m-1", ModelState.SHADOW, "", 9),
    ):
        with pytest.raises(ModelDamaged, match="does not match the audit log"):
            forbidden()
    assert altered_models(database) == ("m-1",)


def test_a_model_that_disappeared_is_noticed_until_a_reset(database: Database, files: ModelFiles) -> None:
    keep_model(database, files, "m-1", REAL_HOURS)
    with database.transaction(durable=True) as connection:
        connection.execute("DELETE FROM models")
    assert altered_models(database) == ("m-1",)
    store = SqliteModels(database, trail_of(database.path))
    ModelRegistry(store, SqliteLostPlaces(database), files, WallClock(), REAL_HOURS, never).reset()
    assert altered_models(database) == ()


DEATHS = {
    "it is killed": ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
    "it ends": ("import os; os._exit(7)", "ended with exit code 7: no error message"),
    "it refuses": ("raise SystemExit('no trees')", "ended with exit code 1: no trees"),
    "it hangs": ("import signal; signal.pause()", "did not end within"),
}


@pytest.mark.parametrize("death", DEATHS)
async def test_a_model_whose_first_reader_dies_is_never_loaded(
    death: str, database: Database, files: ModelFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_model(database, files, "m-1", REAL_HOURS, was_read=False)
    code, words = DEATHS[death]
    monkeypatch.setattr(first_reading, "LIMIT_S", 0.2 if death == "it hangs" else 30.0)
    monkeypatch.setattr("autopilot.training.model.ensemble.Ensemble.from_text", never)
    champions = opened(database, files, (sys.executable, "-S", "-c", code))
    await champions.refresh()
    chosen = decide(champions, REAL_HOURS)
    assert chosen.decided_by is DecidedBy.RULES
    assert words in chosen.note
    assert words in str(champions.damage(REAL_HOURS))
    (status,) = champions.status()
    assert status["hint"].startswith("autopilot restart tries again; train a new one")


async def test_a_model_of_an_earlier_version_is_read_elsewhere_once(
    database: Database, files: ModelFiles, tmp_path: Path
) -> None:
    keep_model(database, files, "m-1", REAL_HOURS, was_read=False)
    runs = tmp_path / "runs"
    reader = (sys.executable, "-S", "-c", f"open({str(runs)!r}, 'a').write('.')")
    first = opened(database, files, reader)
    chosen = decide(first, REAL_HOURS)
    assert (chosen.decided_by, "is being read by a process of its own" in chosen.note) == (DecidedBy.RULES, True)
    assert isinstance(first.damage(REAL_HOURS), ModelUnread)
    await first.refresh()
    assert decide(first, REAL_HOURS).decided_by is DecidedBy.MODEL
    assert decide(opened(database, files, reader), REAL_HOURS).decided_by is DecidedBy.MODEL
    assert runs.read_text() == "."


async def test_a_library_that_fails_leaves_the_decisions_to_the_rules(
    database: Database, files: ModelFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: str) -> NoReturn:
        raise AttributeError("no such thing in this library")

    keep_model(database, files, "m-1", REAL_HOURS)
    monkeypatch.setattr("autopilot.training.model.ensemble.Ensemble.from_text", broken)
    champions = opened(database, files)
    chosen = decide(champions, REAL_HOURS)
    assert (chosen.decided_by, "cannot be loaded: AttributeError" in chosen.note) == (DecidedBy.RULES, True)
    assert not champions.status()[0]["usable"]


async def test_the_real_first_reader_reads_a_real_model_and_refuses_what_is_none() -> None:
    await read_elsewhere("m-1", small_text(), len(FEATURES), FIRST_READER)
    with pytest.raises(ModelDamaged, match="ended with exit code 1: the model cannot be read"):
        await read_elsewhere("m-1", "#autopilot ensemble [", len(FEATURES), FIRST_READER)


async def test_an_end_of_the_daemon_ends_a_first_reading(database: Database, files: ModelFiles) -> None:
    keep_model(database, files, "m-1", REAL_HOURS, was_read=False)
    champions = opened(database, files, (sys.executable, "-S", "-c", "import signal; signal.pause()"))
    decide(champions, REAL_HOURS)
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await champions.close()


def never(*_: object) -> NoReturn:
    raise AssertionError("it was loaded")
