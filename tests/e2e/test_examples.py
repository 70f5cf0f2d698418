"""Every example and picture of README.md and docs/ is what the program shows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def examples() -> Any:
    """docs/examples.py, which makes them."""
    spec = spec_from_file_location("examples", ROOT / "docs" / "examples.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["examples"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def traded(examples: Any) -> Iterator[Path]:
    with examples.traded() as data:
        yield data


@pytest.mark.xdist_group("examples")
def test_examples_are_fresh(examples: Any, traded: Path) -> None:
    stale = [
        page.name
        for page in examples.PAGES
        if examples.with_examples(page.read_text(), lambda *words: examples.screen(traded, *words)) != page.read_text()
    ]
    assert stale == [], "make examples"


@pytest.mark.xdist_group("examples")
def test_the_picture_of_explain_is_fresh(examples: Any, traded: Path) -> None:
    shown = (examples.PICTURES / "explain.svg").read_text()
    assert examples.words_of(shown) == examples.words_of(examples.explained(traded)), "make examples"


def test_an_example_is_replaced_by_what_its_command_shows(examples: Any) -> None:
    head = "a\n\n<!-- example: autopilot orders --limit 2 -->\n\n    $ autopilot orders --limit 2\n"
    made = examples.with_examples(f"{head}    stale\n\n    x\n\nb\n", lambda *words: f"{' '.join(words)}\n\nfresh\n")
    assert made == f"{head}    orders --limit 2\n\n    fresh\n\nb\n"
