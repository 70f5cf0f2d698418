import re
import tomllib
from pathlib import Path

from autopilot.config.example import example_text
from autopilot.config.keys import all_keys
from autopilot.config.problems import key_lines
from autopilot.config.schema import AutopilotConfig

EXAMPLE = Path(__file__).parents[3] / "autopilot.toml.example"


def uncommented(text: str) -> str:
    return re.sub(r"^#(?=[a-z_]+ = )", "", text, flags=re.MULTILINE)


def test_the_example_file_is_up_to_date() -> None:
    assert EXAMPLE.read_text() == example_text()


def test_it_changes_nothing_as_it_stands_nor_with_every_key_uncommented() -> None:
    for text in (example_text(), uncommented(example_text())):
        assert AutopilotConfig.of(tomllib.loads(text)) == AutopilotConfig()


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
