"""autopilot init and autopilot config on real files."""

from __future__ import annotations

import tomllib

import pytest


def test_init_writes_a_file_that_is_valid_and_never_overwrites(autopilot, data_dir) -> None:
    first = autopilot("init", "--json")
    file = data_dir / "autopilot.toml"
    assert (first.code, first.document) == (0, {"config_file": str(file)})
    assert autopilot("config", "validate").code == 0
    file.write_text(file.read_text() + "# mine\n")
    again = autopilot("init")
    assert again.code == 2
    assert "was not changed" in again.err
    assert file.read_text().endswith("# mine\n")


def test_init_where_it_is_told_to(autopilot, tmp_path) -> None:
    file = tmp_path / "deep" / "down" / "mine.toml"
    assert autopilot("--config", str(file), "init").code == 0
    assert file.exists()
    assert autopilot("--config", str(file / "impossible.toml"), "init").code == 2


def test_init_by_the_environment(autopilot, tmp_path) -> None:
    file = tmp_path / "mine.toml"
    assert autopilot("init", AUTOPILOT_CONFIG=str(file)).code == 0
    assert file.exists()


def test_show_is_the_configuration_as_toml(autopilot, data_dir) -> None:
    (data_dir / "autopilot.toml").write_text('timeframe = "4h"\n[risk]\nmax_drawdown_pct = 12\n')
    shown = autopilot("config", "show")
    tables = tomllib.loads(shown.out)
    assert tables["timeframe"] == "4h"
    assert tables["risk"]["max_drawdown_pct"] == 12
    assert tables["symbols"] == ["BTC/USD", "ETH/USD"]


def test_show_says_where_each_value_comes_from(autopilot, data_dir) -> None:
    (data_dir / "autopilot.toml").write_text('timeframe = "4h"\n')
    autopilot("config", "set", "interval", "30")
    lines = autopilot("config", "show", "--origin").out.partition("\n[")[0].splitlines()
    found = {line.split(" = ")[0]: line.rpartition("# ")[2] for line in lines if " = " in line}
    assert (found["timeframe"], found["interval"], found["exchange"]) == ("file", "override", "default")
    document = autopilot("config", "show", "--json").document
    assert document["values"]["interval"] == 30.0
    assert document["origins"]["timeframe"] == "file"


@pytest.mark.parametrize(
    ("key", "text", "bare"),
    [
        ("exchange", "kraken", "kraken"),
        ("symbols", "BTC/EUR, ETH/EUR", "BTC/EUR,ETH/EUR"),
        ("auto_execute", "true", "true"),
        ("risk.max_open_positions", "3", "3"),
        ("paper.maker_fee_pct", '""', ""),
    ],
)
def test_what_is_set_is_got_bare(autopilot, key, text, bare) -> None:
    assert autopilot("config", "set", key, text).code == 0
    got = autopilot("config", "get", key)
    assert (got.code, got.out) == (0, f"{bare}\n")
    document = autopilot("config", "get", key, "--json").document
    assert (document["key"], document["origin"]) == (key, "override")


def test_unset_gives_the_default_back(autopilot) -> None:
    autopilot("config", "set", "interval", "30")
    done = autopilot("config", "set", "interval", "--unset")
    assert (done.code, done.out) == (0, "interval = 60.0\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["get", "risk.max_drawdown"],
        ["set", "risk.max_drawdown", "5"],
        ["set", "interval", "minus one"],
        ["set", "interval"],
        ["set", "interval", "5", "--unset"],
        ["set", "interval", "--unset"],
        ["nonsense"],
        [],
    ],
)
def test_what_makes_no_sense_is_exit_code_2_and_changes_nothing(autopilot, data_dir, arguments) -> None:
    done = autopilot("config", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert "try: " in done.err
    assert not (data_dir / "overrides.toml").exists()


def test_set_says_that_a_running_daemon_must_be_restarted(autopilot, daemon) -> None:
    done = autopilot("config", "set", "interval", "30")
    assert (done.code, done.out) == (0, "interval = 30.0\n")
    assert "restart the daemon" in done.err
    assert autopilot("config", "set", "interval", "31", "--json").document["restart_needed"] is True


def test_validate_lists_every_problem_at_once(autopilot, data_dir) -> None:
    (data_dir / "autopilot.toml").write_text('intervall = 5\ninterval = -1\n[risk]\nmax_drawdown_pct = "much"\n')
    done = autopilot("config", "validate")
    assert done.code == 2
    for wrong in ("intervall", "interval = -1", "max_drawdown_pct"):
        assert wrong in done.err
    message = autopilot("config", "validate", "--json").document["error"]["message"]
    assert "max_drawdown_pct" in message


def test_path_says_where_everything_is(autopilot, data_dir) -> None:
    document = autopilot("config", "path", "--json").document
    assert document["database"] == str(data_dir / "autopilot.db")
    assert set(document) >= {"config_file", "overrides_file", "data_dir", "database", "socket", "log_file"}
    shown = autopilot("config", "path").out
    assert all(path in shown for path in document.values())


def test_a_configuration_that_is_named_must_exist(autopilot) -> None:
    done = autopilot("--config", "nowhere.toml", "status")
    assert done.code == 2
    assert "nowhere.toml" in done.err
