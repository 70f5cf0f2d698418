"""The demo from its first to its last line, on a market that passes quickly."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from autopilot.cli import demo
from autopilot.cli.main import main


def running_in(directory: Path) -> list[str]:
    """The command lines of living processes that name ``directory``."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(process.read_text())
    return [each for each in found if str(directory) in each]


@pytest.fixture
def quick(home: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the demo makes its directory; its market takes two seconds."""
    monkeypatch.setattr(demo, "WATCHED_S", 2.0)
    monkeypatch.setattr(tempfile, "tempdir", str(home.directory))
    directory: Path = home.directory
    return directory


def test_it_ends_with_the_report_and_leaves_nothing(quick: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--days", "10", "--json"]) == 0
    assert running_in(quick) == []
    assert list(quick.iterdir()) == []
    shown = capfd.readouterr()
    document = json.loads(shown.out)
    assert document["books"]["disagreements"] == []
    assert document["books"]["decisions"] == document["report"]["candles"] > 400
    assert (document["report"]["exchange"], document["report"]["account"]) == ("simulated", "paper:simulated")
    assert "kill -9" in shown.err
    assert "started again and goes on where it was" in shown.err


def test_a_demo_that_fails_leaves_no_process(quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from autopilot.cli.demo import Demo

    def interrupted(*_: object, **__: object) -> None:
        assert running_in(quick)
        raise KeyboardInterrupt

    monkeypatch.setattr(Demo, "_follow", interrupted)
    assert main(["demo", "--days", "10"]) == 130
    assert running_in(quick) == []
    assert list(quick.iterdir()) == []
