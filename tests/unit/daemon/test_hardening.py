"""A process that holds secrets leaves no memory in files and lets nobody of the same user look into it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

ASK = """
import ctypes, json, resource
from autopilot.daemon.log import keep_memory_private
def state():
    return [resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)]
resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
before = state()
keep_memory_private()
keep_memory_private()
print(json.dumps([before, state()]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_no_core_and_no_looking_in() -> None:
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    before, after = json.loads(done.stdout)
    assert before[1] == 1, "a process can be looked into as it starts"
    assert after == [[0, 0], 0]


def test_where_the_system_offers_neither_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes
    import resource

    from autopilot.daemon.log import keep_memory_private

    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(resource, "setrlimit", refuse)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    keep_memory_private()
