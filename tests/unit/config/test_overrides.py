import threading
from pathlib import Path

import pytest

from autopilot.config.load import Origin, load
from autopilot.config.overrides import set_value, unset_value
from autopilot.config.paths import Paths, find_paths
from autopilot.domain.errors import ConfigError


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths(None, tmp_path, {})


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("interval", "30", 30.0),
        ("timeframe", "4h", "4h"),
        ("timeframe", '"4h"', "4h"),
        ("auto_execute", "true", True),
        ("symbols", "SOL/USD", ["SOL/USD"]),
        ("symbols", "SOL/USD, BTC/USD", ["SOL/USD", "BTC/USD"]),
        ("symbols", '["SOL/USD"]', ["SOL/USD"]),
        ("paper.balance", "12.50", "12.5"),
        ("paper.balance", '"12.50"', "12.50"),
        ("paper.maker_fee_pct", "0.2", 0.2),
        ("paper.maker_fee_pct", "", None),
        ("data.archive_url", "", None),
        ("data.archive_url", "http://mirror:8080/binance", "http://mirror:8080/binance"),
        ("replay.start", "2024-01-31", "2024-01-31"),
        ("replay.source", "kraken", "kraken"),
    ],
)
def test_a_value_is_set_and_survives(paths: Paths, key: str, text: str, value: object) -> None:
    assert set_value(paths, key, text).values()[key] == value
    assert load(paths).values()[key] == value
    assert load(paths).origins[key] is Origin.OVERRIDE
    assert paths.overrides_file.stat().st_mode & 0o777 == 0o600


def test_the_file_that_people_write_is_never_touched(paths: Paths) -> None:
    mine = "# my reasons\ninterval   = 90 # slow\n"
    paths.config_file.write_text(mine)
    assert set_value(paths, "interval", "30").config.interval == 30
    assert paths.config_file.read_text() == mine


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        ("intervl", "5", 'did you mean "interval"'),
        ("risk", "5", "risk is a section"),
        ("", "5", "no such key"),
        ("risk.", "5", "no such key"),
        ("interval", "-5", "must be a number above 0"),
        ("interval", "soon", 'interval = "soon" must be a number'),
        ("interval", "5\nauto_execute = true", "must be a number"),
        ("interval", "", 'interval = "" must be a number'),
        ("exchange", "a\udc80", "must be the name of an exchange"),
        ("symbols", "BTC/USD,BTC/USD", "more than once"),
        ("symbols", ",", "is not a spot symbol"),
        ("risk.max_position_pct", "99", "99 is more than risk.max_exposure_pct"),
        ("interval", "[" * 60_000, "must be a number"),
    ],
)
def test_a_bad_value_changes_nothing(paths: Paths, key: str, text: str, says: str) -> None:
    set_value(paths, "risk.cooldown_candles", "7")
    before = paths.overrides_file.read_bytes()
    with pytest.raises(ConfigError, match=says):
        set_value(paths, key, text)
    assert paths.overrides_file.read_bytes() == before
    assert [path.name for path in paths.data_dir.glob(".over*")] == []


def test_unsetting_brings_back_what_was_below(paths: Paths) -> None:
    paths.config_file.write_text("interval = 90\n")
    set_value(paths, "interval", "30")
    set_value(paths, "risk.cooldown_candles", "7")
    assert unset_value(paths, "interval").config.interval == 90
    assert unset_value(paths, "risk.cooldown_candles").config.risk.cooldown_candles == 3
    with pytest.raises(ConfigError, match="not changed: interval was not set"):
        unset_value(paths, "interval")


def test_unsetting_what_the_rest_needs_is_refused(paths: Paths) -> None:
    set_value(paths, "risk.max_exposure_pct", "90")
    set_value(paths, "risk.max_position_pct", "80")
    with pytest.raises(ConfigError, match=r"is more than risk\.max_exposure_pct"):
        unset_value(paths, "risk.max_exposure_pct")
    assert load(paths).config.risk.max_exposure_pct == 90


def test_several_bad_keys_can_be_unset_one_by_one(paths: Paths) -> None:
    paths.overrides_file.write_text("retired = 1\n[risk]\nalso_retired = 2\ncooldown_candles = 5\n")
    with pytest.raises(ConfigError, match=r"risk\.also_retired"):
        unset_value(paths, "retired")
    assert unset_value(paths, "risk.also_retired").config.risk.cooldown_candles == 5


def test_overrides_that_are_damaged_are_named(paths: Paths) -> None:
    paths.overrides_file.write_text("interval = = 5")
    with pytest.raises(ConfigError, match=r"overrides\.toml is not valid TOML"):
        set_value(paths, "interval", "5")


def test_commands_at_the_same_time_lose_nothing(paths: Paths) -> None:
    keys = ["risk.cooldown_candles", "risk.loss_pause_candles", "orders.limit_life_candles", "max_trades_per_day"]
    threads = [threading.Thread(target=set_value, args=(paths, key, "11")) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [load(paths).values()[key] for key in keys] == [11] * 4
