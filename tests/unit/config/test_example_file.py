import re
import tomllib
from pathlib import Path

from autopilot.config.example import BETTER, example_text
from autopilot.config.keys import all_keys
from autopilot.config.problems import key_lines
from autopilot.config.schema import AutopilotConfig
from autopilot.training.evidence.gate import MIN_DAYS, MIN_DECISIONS
from autopilot.training.evidence.outlook import outlook

EXAMPLE = Path(__file__).parents[3] / "autopilot.toml.example"


def uncommented(text: str) -> str:
    return re.sub(r"^#(?=[a-z_]+ = )", "", text, flags=re.MULTILINE)


def test_the_example_file_is_up_to_date() -> None:
    assert EXAMPLE.read_text() == example_text()


def test_it_changes_only_two_keys_as_it_stands_and_with_every_key_uncommented() -> None:
    usual = AutopilotConfig()
    training = usual.training.model_copy(update={"days": BETTER["training.days"]})
    data = usual.data.model_copy(update={"keep_decisions_days": 90})
    for text in (example_text(), uncommented(example_text())):
        found = AutopilotConfig.of(tomllib.loads(text))
        assert found == usual.model_copy(update={"training": training, "data": data})
    assert usual.data.keep_decisions_days == 0, "nothing is deleted from stores that exist"


def test_a_training_by_the_file_can_pass_the_gate_and_one_by_the_defaults_cannot() -> None:
    usual, set_by_file = AutopilotConfig().training, AutopilotConfig.of(tomllib.loads(example_text())).training
    assert not outlook(usual.days, len(usual.symbols)).most.is_enough
    assert outlook(set_by_file.days, len(set_by_file.symbols)).least.is_enough
    assert f"at least {MIN_DECISIONS:,} decisions on {MIN_DAYS} days" in example_text()


def test_it_explains_every_key_just_above_it() -> None:
    text = uncommented(example_text())
    lines, where = text.splitlines(), key_lines(text)
    assert set(all_keys()) <= set(where)
    for key in all_keys().values():
        start = max(0, where[key.name] - 8)
        above = " ".join(line.removeprefix("# ") for line in lines[start : where[key.name] - 1])
        assert key.description
        assert key.description in above
        assert key.allowed in above
