from pathlib import Path

import pytest

from autopilot.config.paths import create_directories, find_paths
from autopilot.config.socket_place import SOCKET_PATH_MAX
from autopilot.domain.errors import ConfigError


def test_a_named_data_directory_holds_everything(tmp_path: Path) -> None:
    paths = find_paths(None, tmp_path / "d", {})
    assert paths.config_file == tmp_path / "d" / "autopilot.toml"
    assert all(path.is_relative_to(tmp_path / "d") for path in paths)


def test_the_argument_wins_over_the_environment(tmp_path: Path) -> None:
    environ = {"AUTOPILOT_DATA_DIR": str(tmp_path / "environ")}
    assert find_paths(None, None, environ).data_dir == tmp_path / "environ"
    assert find_paths(None, tmp_path / "argument", environ).data_dir == tmp_path / "argument"


def test_a_named_configuration_file_moves_only_itself(tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.touch()
    paths = find_paths(None, tmp_path / "d", {"AUTOPILOT_CONFIG": str(config)})
    assert paths.config_file == config
    assert paths.overrides_file == tmp_path / "d" / "overrides.toml"


def test_a_named_configuration_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no configuration file .*none\.toml"):
        find_paths(tmp_path / "none.toml", tmp_path, {})


def test_without_names_the_users_own_directories_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "d"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    paths = find_paths(None, None, {"AUTOPILOT_DATA_DIR": "", "AUTOPILOT_CONFIG": ""})
    assert paths.config_file == tmp_path / "c/autopilot/autopilot.toml"
    assert paths.database == tmp_path / "d/autopilot/autopilot.db"
    assert paths.log_file == tmp_path / "s/autopilot/autopilot.log"


def test_relative_and_home_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert find_paths(None, Path("here"), {}).data_dir == tmp_path / "here"
    assert find_paths(None, Path("~/there"), {}).data_dir == tmp_path / "home/there"


@pytest.mark.parametrize("letter", ["a", "é"])
def test_a_socket_path_longer_than_the_system_allows_is_refused(letter: str) -> None:
    room = SOCKET_PATH_MAX - len("/") - len("/run/autopilot.sock")
    width = len(letter.encode())
    longest = Path("/" + letter * (room // width))
    assert find_paths(None, longest, {}).data_dir == longest
    with pytest.raises(ConfigError, match=f"bytes, the system allows {SOCKET_PATH_MAX}") as caught:
        find_paths(None, Path(str(longest) + "aa"), {})
    assert "AUTOPILOT_DATA_DIR" in caught.value.hint


def test_directories_are_made_for_the_owner_only(tmp_path: Path) -> None:
    paths = find_paths(None, tmp_path / "d", {})
    create_directories(paths)
    create_directories(paths)
    for directory in (paths.data_dir, paths.state_dir, paths.socket.parent):
        assert directory.stat().st_mode & 0o777 == 0o700


def test_a_file_in_the_way_of_the_data_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "d").write_text("")
    with pytest.raises(ConfigError, match="cannot create the directory") as caught:
        create_directories(find_paths(None, tmp_path / "d", {}))
    assert str(tmp_path / "d") in str(caught.value)


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o775, 0o1777])
def test_a_data_directory_in_which_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    place = tmp_path / "d"
    place.mkdir()
    place.chmod(mode)
    with pytest.raises(ConfigError, match=f"other users can write in the directory {place}: its mode is") as caught:
        create_directories(find_paths(None, place, {}))
    assert caught.value.hint == f"chmod go-w {place}"
    place.chmod(0o755)
    create_directories(find_paths(None, place, {}))


def test_a_data_directory_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(ConfigError, match="belongs to another user"):
        create_directories(find_paths(None, tmp_path, {}))
