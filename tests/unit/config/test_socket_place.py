"""The quick way to the daemon's socket leads to the same place as the thorough one, or nowhere."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from autopilot.config.paths import find_paths
from autopilot.config.socket_place import SOCKET_PATH_MAX, socket_place

HOME = "/home/alice"
PLACES = (None, "", "/var/lib/pilot", "some/where", "~/pilot", "../pilot/./here", "/a//b/../c")
BASES = (None, "", "/x/share", "relative", "~/share", " /x")
CASES = [
    {"AUTOPILOT_DATA_DIR": place, "XDG_DATA_HOME": base}
    for place, base in product(PLACES, BASES)
    if not place or base is None
]


@pytest.mark.parametrize("named", PLACES)
@pytest.mark.parametrize("environ", CASES)
def test_both_ways_lead_to_one_socket(
    named: str | None, environ: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", HOME)
    for name, value in environ.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    given = {name: value for name, value in environ.items() if value is not None} | {"HOME": HOME}
    quick = socket_place(None, named, given)
    thorough = find_paths(None, None if named is None else Path(named), given).socket
    if quick is None:
        assert named is None
        assert environ["XDG_DATA_HOME"] in ("relative", "~/share", " /x")
    else:
        assert Path(quick) == thorough


def test_only_the_thorough_way_knows_a_missing_configuration_and_other_platforms(tmp_path: Path) -> None:
    there, missing = tmp_path / "there.toml", tmp_path / "missing.toml"
    there.touch()
    assert socket_place(str(there), "/d", {}) == "/d/run/autopilot.sock"
    assert socket_place(str(missing), "/d", {}) is None
    assert socket_place("", "/d", {}) is None
    assert socket_place(None, "/" + "d" * SOCKET_PATH_MAX, {}) is None
    assert socket_place(None, "/d", {"AUTOPILOT_CONFIG": str(missing)}) is None
    assert socket_place(None, None, {"HOME": HOME, "ANDROID_DATA": "/data"}) is None
    assert socket_place(None, None, {}) is None
