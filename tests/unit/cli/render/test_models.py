"""The screens of trained models: complete, true to the card, and readable where the terminal is narrow."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from autopilot.cli.render.blocks import Screen
from autopilot.cli.render.layout import lines, plain, text_of
from autopilot.cli.render.models.screens import (
    changed_screen,
    model_diff_screen,
    model_info_screen,
    models_screen,
    reset_screen,
)
from autopilot.cli.render.words import bps, in_unit, interval, interval_title, standing

GOLDEN = Path(__file__).parents[3] / "golden" / "cli"
REAL = {"kind": "real", "timeframe": "1h"}
UNTRAINED = {"id": None, "state": "untrained", "drift": None, "loaded": None}


def card(**changed: Any) -> dict[str, Any]:
    known = json.loads((GOLDEN / "documents" / "model_card.json").read_text())
    return {**known, "sha256": "5d4140", "note": "", "drift": drift(), "loaded": None, **changed}


def drift(**changed: Any) -> dict[str, Any]:
    nothing = {"decisions": 0, "days": 0, "skill": None, "evidence": 1.0, "evidence_against": 1.0}
    return {"standing": "too_early", "sentence": "none of its decisions has matured", **nothing, **changed}


def used(model_id: str, message: str | None = None) -> dict[str, Any]:
    scope = {"kind": "real", "timeframe": "1h"}
    return {"id": model_id, "state": "shadow", **scope, "usable": message is None, "message": message, "hint": None}


def emptied(value: Any) -> Any:
    """Every list empty, every number null; what names things stays."""
    if isinstance(value, dict):
        return {key: emptied(item) for key, item in value.items()}
    if isinstance(value, list):
        return []
    return value if isinstance(value, str) else None


def hollow(value: Any) -> Any:
    """Every row there, every number null."""
    if isinstance(value, dict):
        return {key: hollow(item) for key, item in value.items()}
    if isinstance(value, list):
        return [hollow(item) for item in value]
    return value if isinstance(value, str | bool) else None


def enlarged(value: Any) -> Any:
    """Numbers as large as the worst market gives."""
    if isinstance(value, dict):
        return {key: enlarged(item) for key, item in value.items()}
    if isinstance(value, list):
        return [enlarged(item) for item in value]
    return round(value * 9, 2) if isinstance(value, float) and abs(value) > 1 else value


def narrow(screen: Screen, width: int = 80) -> list[str]:
    return [text_of(item) for item in lines(screen, width)]


def test_at_80_columns_a_card_reads_as_it_always_did() -> None:
    assert narrow(model_info_screen(card(), full=True)) == (GOLDEN / "models" / "info_80.txt").read_text().splitlines()


def test_without_being_asked_for_all_a_card_is_one_screen() -> None:
    assert narrow(model_info_screen(card())) == (GOLDEN / "models" / "brief_80.txt").read_text().splitlines()
    simulated = card(
        kind="simulated",
        loaded=used("m-other", "model m-other has expired"),
        note="60 days",
        champions=[used("m-other")],
    )
    for known in (card(), simulated, enlarged(card())):
        assert len(narrow(model_info_screen(known))) <= 24


def test_a_card_and_a_list_name_a_simulated_market() -> None:
    banner = "SIMULATED MARKET – prices are made up"
    assert banner in plain(model_info_screen(card(kind="simulated")))
    mixed = {"models": [entry("m-2"), entry("m-1", kind="simulated")], "history": []}
    assert banner in plain(models_screen(mixed))
    assert banner not in plain(models_screen(listed()))
    assert banner in plain(model_diff_screen(card(), card(kind="simulated")))
    assert banner not in plain(model_diff_screen(card(), card()))


def test_a_model_whose_card_cannot_be_read_is_still_listed() -> None:
    _, row, _ = plain(
        models_screen({"models": [entry("m-1", exchange=None, kind=None, timeframe=None)], "history": []})
    )
    assert row.split()[:2] == ["m-1", "-"]


def test_in_a_pipe_a_card_reads_as_it_always_did() -> None:
    assert (
        plain(model_info_screen(card(), full=True)) == (GOLDEN / "models" / "info_plain.txt").read_text().splitlines()
    )


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("change", [lambda known: known, emptied, hollow, enlarged])
def test_no_line_is_wider_than_the_terminal(change, width) -> None:
    known = change(card())
    for screen in (model_info_screen(known), model_info_screen(known, full=True), model_diff_screen(known, known)):
        assert max(len(item) for item in narrow(screen, width)) <= width


def test_at_80_columns_every_number_of_the_evidence_is_there() -> None:
    known = card()
    shown = "\n".join(narrow(model_info_screen(known, full=True)))
    for item in known["comparison"]:
        assert f"{interval(item['lower'], item['upper'])}" in shown
        assert f"{interval(item['ahead_lower'], item['ahead_upper'])}" in shown
    for item in known["metrics"]:
        assert in_unit(item["value"], item["unit"]) in shown
        assert interval(item["lower"], item["upper"], item["unit"]) in shown
    for item in (*known["thresholds"], *known["groups"]):
        assert interval(item["lower"], item["upper"]) in shown
    for item in known["strategies"]:
        assert item["strategy"] in shown


def test_every_rule_and_test_has_its_sign_and_its_numbers() -> None:
    known = card()
    shown = plain(model_info_screen(known, full=True))
    for item in (*known["gate"], *known["leak_tests"]):
        (row,) = [text for text in shown if item["detail"] in text]
        assert row.startswith("  ✓" if item["passed"] else "  ✗")
        assert item["name"] in row


def test_a_strategy_without_a_judgement_still_shows_its_outcomes() -> None:
    (row,) = [text for text in plain(model_info_screen(card(), full=True)) if text.startswith("sentiment  ")]
    assert row.split() == ["sentiment", "-", "0", "-", "-", "-", "-"]


def test_where_nothing_is_trained_it_says_what_to_do() -> None:
    shown = "\n".join(plain(model_info_screen(UNTRAINED)))
    assert "untrained: no model has been trained" in shown
    assert "autopilot retrain" in shown


@pytest.mark.parametrize(
    ("loaded", "said"),
    [
        (None, "The daemon has no model of real 1h candles loaded."),
        (used("m-20240630-1f3a9c2b"), "The daemon has it loaded."),
        (used("m-other"), "The daemon has m-other loaded."),
        (
            used("m-20240630-1f3a9c2b", message="model m-20240630-1f3a9c2b has expired"),
            "The daemon cannot use it, and the rule table decides: model m-20240630-1f3a9c2b has expired",
        ),
    ],
)
def test_it_says_what_is_in_use(loaded, said) -> None:
    assert said in plain(model_info_screen(card(loaded=loaded)))


def test_why_its_state_was_changed_since_is_said() -> None:
    said = "60 days without skill"
    shown = plain(model_info_screen(card(state="abstaining", note=said)))
    assert "abstaining: shows no edge; takes no decision" in shown
    assert said in shown


def test_what_came_since_is_said() -> None:
    shown = plain(model_info_screen(card(), full=True))
    at = shown.index("Since then")
    assert shown[at + 1 : at + 3] == ["  none of its decisions has matured", ""]
    said = "its probabilities are worse than base rates"
    since = drift(standing="drifted", sentence=said, decisions=2880, days=60, evidence=0.02, evidence_against=21.5)
    shown = plain(model_info_screen(card(drift=since), full=True))
    assert f"  {said}" in shown
    assert any("2,880 matured decisions" in text for text in shown)
    assert any("21.5" in text for text in shown)


def test_a_made_up_market_is_said_to_be_one() -> None:
    assert any("SIMULATED MARKET" in text for text in plain(model_info_screen(card(kind="simulated"))))


@pytest.mark.parametrize(
    ("lower", "upper", "than", "low_is_good", "said"),
    [
        (0.1, 0.2, 0.0, False, "better"),
        (0.1, 0.2, 0.0, True, "worse"),
        (-0.2, -0.1, 0.0, False, "worse"),
        (-0.2, -0.1, 0.0, True, "better"),
        (-0.1, 0.1, 0.0, False, "unclear"),
        (0.0, 0.1, 0.0, False, "unclear"),
        (None, 0.1, 0.0, False, "-"),
        (0.1, 0.2, None, False, "-"),
    ],
)
def test_only_an_interval_that_excludes_the_baseline_decides(lower, upper, than, low_is_good, said) -> None:
    assert standing(lower, upper, than, low_is_good=low_is_good) == said


def test_being_worse_than_perfect_is_no_verdict() -> None:
    known = card()
    metric = known["metrics"][2]
    known["metrics"] = [metric | {"lower": 0.01, "upper": 0.02, "level": 0.95}]
    (row,) = [text for text in plain(model_info_screen(known, full=True)) if text.startswith("calibration error")]
    assert row.split()[-2:] == ["perfect", "-"]


@pytest.mark.parametrize(
    ("levels", "title"),
    [([0.95, None, 0.95], "95 % interval"), ([0.9, 0.95], "interval"), ([None], "interval"), ([], "interval")],
)
def test_the_heading_names_the_level_that_the_rows_share(levels, title) -> None:
    assert interval_title([{"level": level} for level in levels]) == title


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.0, "0.0"), (-0.04, "0.0"), (4.06, "+4.1"), (-1234.5, "-1,234.5")]
)
def test_basis_points_are_signed(value, text) -> None:
    assert bps(value) == text


def other() -> dict[str, Any]:
    """The same, retrained: one symbol more, a better skill, a rule lost, a feature gained, another lost."""
    changed = copy.deepcopy(card(id="m-20240730-77aa0c11"))
    changed["symbols"].append("LTC/USD")
    changed["metrics"][0] |= {"value": 0.051, "lower": 0.03, "upper": 0.072}
    changed["metrics"][5] |= {"value": 0.25}
    changed["gate"][2]["passed"] = False
    changed["importance"] = [{"feature": "fresh", "share": 0.07}, *changed["importance"][1:]]
    changed["versions"]["lightgbm"] = "4.7.0"
    del changed["comparison"][-1]
    return changed


def test_two_cards_side_by_side_read_as_they_always_did() -> None:
    assert narrow(model_diff_screen(card(), other())) == (GOLDEN / "models" / "diff_80.txt").read_text().splitlines()


def test_a_change_is_signed_and_only_features_that_changed_are_shown() -> None:
    shown = plain(model_diff_screen(card(), other()))
    (skill,) = [text for text in shown if text.startswith("log-loss skill")]
    assert skill.endswith("+0.90 points")
    at = shown.index("Features that gained or lost")
    assert [text.split()[0] for text in shown[at + 2 :]] == ["fresh", "volatility_rank"]


def test_of_many_changed_features_the_most_changed_are_shown() -> None:
    a = card(importance=[{"feature": f"f{n}", "share": 0.01} for n in range(30)])
    b = card(importance=[{"feature": f"f{n}", "share": 0.001 * n} for n in range(30)])
    shown = plain(model_diff_screen(a, b))
    names = [text.split()[0] for text in shown[shown.index("Features that gained or lost") + 2 :]]
    assert names == [*(f"f{n}" for n in range(29, 21, -1)), *(f"f{n}" for n in range(7, -1, -1))]


def entry(model_id: str, **changed: Any) -> dict[str, Any]:
    return {
        "id": model_id,
        "created_at_ms": 1_719_705_600_000,
        "state": "shadow",
        "schema": "learned-1",
        "sha256": "5d4140",
        "verdict": "Some evidence of an edge, not enough for real money.",
        "is_champion": False,
        "retired_at_ms": None,
        "note": "",
        "exchange": "coinbase",
        "kind": "real",
        "timeframe": "1h",
        **changed,
    }


def listed() -> dict[str, Any]:
    return {
        "models": [
            entry("m-20240730-77aa0c11", is_champion=True),
            entry("m-20240630-1f3a9c2b", retired_at_ms=1_722_297_600_000),
            entry("m-20240530-0b0b0b0b", state="abstaining", note="no edge"),
        ],
        "history": [
            {
                "at_ms": 1_722_297_600_000,
                "event": "promoted",
                "model_id": "m-20240730-77aa0c11",
                "previous_id": "m-20240630-1f3a9c2b",
                "reason": "Some evidence of an edge, not enough for real money.",
                "kind": "real",
                "timeframe": "1h",
            },
            {
                "at_ms": 1_719_705_600_000,
                "event": "promoted",
                "model_id": "m-20240630-1f3a9c2b",
                "previous_id": None,
                "reason": "by hand",
                "kind": None,
                "timeframe": None,
            },
        ],
    }


def test_the_list_says_who_decides_and_how_that_came_about() -> None:
    shown = narrow(models_screen(listed()))
    assert shown == (GOLDEN / "models" / "list_80.txt").read_text().splitlines()


def test_in_a_pipe_the_list_has_every_column() -> None:
    head, champion, *_ = plain(models_screen(listed()))
    assert head.split() == ["model", "candles", "exchange", "trained", "state", "decides", "features", "verdict"]
    assert champion.endswith("not enough for real money.")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"models": [], "history": []}, "No model is stored. To train one: autopilot retrain"),
        ({"models": [entry("m-1")], "history": []}, "The rule table decides."),
    ],
)
def test_without_a_champion_it_says_what_decides(document, said) -> None:
    assert plain(models_screen(document))[-1] == said


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        (
            {"champion": "m-2", "state": "shadow", "previous": "m-1", "means": "it decides on paper", **REAL},
            ["m-2, for real 1h candles: it decides on paper", "Before: m-1"],
        ),
        (
            {"champion": "m-2", "state": "shadow", "previous": "m-2", "means": "it decides on paper", **REAL},
            ["m-2, for real 1h candles: it decides on paper"],
        ),
        (
            {"champion": None, "state": None, "previous": "m-1", "means": "the rule table decides from now on", **REAL},
            ["No model decides about real 1h candles: the rule table decides from now on", "Before: m-1"],
        ),
    ],
)
def test_a_change_says_what_it_means(document, shown) -> None:
    assert plain(changed_screen(document)) == shown


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        ({"models": 0, "backup": None, "means": ""}, ["There was no model to reset."]),
        (
            {"models": 2, "backup": "models/backup-1", "means": "the rule table decides from now on"},
            ["2 models retired: the rule table decides from now on", "Backup: models/backup-1"],
        ),
    ],
)
def test_a_reset_says_where_the_backup_is(document, shown) -> None:
    assert plain(reset_screen(document)) == shown


def test_the_other_champions_are_named_with_their_candles() -> None:
    other = {"id": "m-5", "state": "live", "kind": "simulated", "timeframe": "5m"}
    own = {"id": card()["id"], "state": "shadow", **REAL}
    both = card(champions=[own, other])
    assert plain(model_info_screen(both))[-1] == "All of it: add --full. Every champion (2): autopilot models list"
    assert "Other champions: m-5 about simulated 5m candles" in plain(model_info_screen(both, full=True))
    alone = plain(model_info_screen(card(champions=[own]), full=True))
    assert not any("Other champions" in text for text in alone)


def test_a_simulated_model_is_not_said_to_follow_real_money() -> None:
    for state in ("shadow", "live"):
        shown = plain(model_info_screen(card(kind="simulated", state=state)))
        assert f"{state}: decides about simulated candles only, never about real money" in shown


def test_a_change_made_by_a_daemon_that_ran_before_an_upgrade_is_told_too() -> None:
    """It does not say for which candles."""
    document = {"champion": "m-1", "state": "live", "previous": None, "means": "it decides"}
    assert narrow(changed_screen(document)) == ["m-1, for any candles: it decides"]
