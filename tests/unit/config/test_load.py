import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from autopilot.adapters.exchange.offline_markets.settings import FaultPlan, ReplaySettings
from autopilot.config.keys import all_keys
from autopilot.config.load import FILE_MAX_BYTES, Origin, load
from autopilot.config.paths import Paths, find_paths
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.errors import ConfigError
from autopilot.domain.timeframe import Timeframe
from autopilot.risk.evaluation import EvaluationSettings
from autopilot.risk.limits import OnLimit, RiskLimits, StopGuard
from autopilot.training.request import Acting


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths(None, tmp_path, {})


def refusal(paths: Paths, content: str | bytes) -> str:
    paths.config_file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        load(paths)
    assert str(paths.config_file) in str(caught.value)
    assert caught.value.hint
    return str(caught.value)


def test_without_any_file_the_defaults_hold(paths: Paths) -> None:
    loaded = load(paths)
    assert loaded.config == AutopilotConfig()
    assert loaded.config.paper_trading is True
    assert loaded.config.auto_execute is False
    assert loaded.config.symbols == ("BTC/USD", "ETH/USD")
    assert set(loaded.origins.values()) == {Origin.DEFAULT}
    assert loaded.origins.keys() == loaded.values().keys() == all_keys().keys()


def test_overrides_lie_over_the_file_and_each_value_knows_where_it_comes_from(paths: Paths) -> None:
    paths.config_file.write_text('timeframe = "4h"\n[paper]\nbalance = 500\nslippage_bps = 1\n')
    paths.overrides_file.write_text('[paper]\nbalance = "750.25"\n')
    loaded = load(paths)
    assert loaded.config.timeframe is Timeframe.H4
    assert loaded.config.paper.balance == Decimal("750.25")
    assert loaded.config.paper.slippage_bps == 1.0
    assert loaded.origins["timeframe"] is loaded.origins["paper.slippage_bps"] is Origin.FILE
    assert loaded.origins["paper.balance"] is Origin.OVERRIDE
    assert loaded.origins["interval"] is Origin.DEFAULT
    assert loaded.values()["paper.balance"] == "750.25"
    assert loaded.values()["paper.maker_fee_pct"] is None


@pytest.mark.parametrize("prefix", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_files_from_other_systems_are_read(paths: Paths, prefix: str, newline: str) -> None:
    text = f"{prefix}interval = 5{newline}[risk]{newline}cooldown_candles = 9{newline}typo = 1{newline}"
    paths.config_file.write_bytes(text.replace(f"typo = 1{newline}", "").encode())
    assert load(paths).config.risk.cooldown_candles == 9
    assert "line 4: risk.typo" in refusal(paths, text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("intervl = 5", 'line 1: intervl: there is no such key; did you mean "interval"?'),
        (
            "\n\n[risk]\nmax_positon_pct = 5",
            'line 4: risk.max_positon_pct: there is no such key; did you mean "risk.max_position_pct"?',
        ),
        ("max_position_pct = 5", 'did you mean "risk.max_position_pct"?'),
        ("[rsk]\nx = 1", 'line 1: rsk: there is no such key; did you mean "risk"?'),
        ("frobnicate = 1", "line 1: frobnicate: there is no such key"),
        ("risk.foo = 1", "line 1: risk.foo: there is no such key"),
        ("paper = { balance = 1, foo = 2 }", "line 1: paper.foo: there is no such key"),
        ('[paper]\n"balance" = -1', "line 2: paper.balance = -1 must be a number above 0"),
        ("risk = 5", "line 1: risk = 5 must be a section: [risk]"),
        ('interval = "60"', 'interval = "60" must be a number above 0, at most 86,400'),
        ("interval = true", "interval = true must be a number"),
        ("interval = nan", "interval = NaN must be a number"),
        ("interval = inf", "interval = Infinity must be a number"),
        ("interval = 0", "interval = 0 must be a number above 0"),
        ("interval = 0.5", 'interval = 0.5 is too short for exchange = "coinbase": at least 1 second'),
        ('paper_trading = "yes"', 'paper_trading = "yes" must be true or false'),
        ("paper_trading = 1", "paper_trading = 1 must be true or false"),
        ("max_trades_per_day = 2.0", "max_trades_per_day = 2.0 must be a whole number from 0"),
        ("max_trades_per_day = -1", "max_trades_per_day = -1 must be a whole number from 0"),
        (f"max_trades_per_day = {10**30}", "must be a whole number from 0"),
        ("min_confidence_threshold = 75", "min_confidence_threshold = 75 must be a number from 0 to 1"),
        ('timeframe = "2h"', 'timeframe = "2h" must be one of "1m", "5m"'),
        ("exchange = 5", 'exchange = 5 must be the name of an exchange of ccxt, such as "coinbase"'),
        ('exchange = "../kraken"', 'exchange = "../kraken" must be the name of an exchange'),
        ('data.history_exchange = "krakn"', "data.history_exchange"),
        (
            'data.history_exchange = "simulated"',
            'data.history_exchange = "simulated" must be the name of a real exchange of ccxt, such as "coinbase"',
        ),
        ('data.archive_url = "data.binance.vision"', 'must be an address such as "https://data.binance.vision", or ""'),
        ('data.archive_url = "https://me:secret@mirror/"', "must be an address"),
        ('data.archive_url = "file:///etc"', "must be an address"),
        ('data.archive_url = "https://mirror/?x=1"', "must be an address"),
        ('exchange = "simulatd"', 'or "simulated": did you mean "simulated"?'),
        ('symbols = "BTC/USD"', 'symbols = "BTC/USD" must be a list such as'),
        ("symbols = []", "symbols = [] must be a list such as"),
        ('symbols = ["BTC/USD", 5]', 'symbols = ["BTC/USD", 5] must be a list'),
        ('symbols = ["BTCUSD"]', "'BTCUSD' is not a spot symbol"),
        ('symbols = ["BTC/USD:USD"]', "is not a spot symbol"),
        ('symbols = ["BTC/USD", "BTC/USD"]', "without duplicates: BTC/USD is listed more than once"),
        ("[paper]\nbalance = nan", "paper.balance"),
        ("[paper]\nbalance = -inf", "paper.balance"),
        ('[paper]\nbalance = "much"', 'paper.balance = "much" must be a number above 0'),
        ('[paper]\nbalance = "NaN"', 'paper.balance = "NaN" must be a number above 0'),
        ("[paper]\nbalance = true", "paper.balance = true must be a number"),
        ("[paper]\nmaker_fee_pct = -0.1", "paper.maker_fee_pct = -0.1 must be a number from 0 to 10"),
        ("[risk]\nmax_position_pct = 70", "risk.max_position_pct = 70 is more than risk.max_exposure_pct = 60"),
        ('[replay]\nstart = "last year"', 'replay.start = "last year" must be a date'),
        ("[replay]\nstart = 2024-02-01\nend = 2024-02-01T00:00:00Z", "does not come after replay.start"),
        (
            "[simulated]\nend = 2023-12-31",
            'simulated.end = "2023-12-31" does not come after simulated.start = "2024-01-01"',
        ),
        ("[replay.faults]\nrejected = 1.5", "line 2: replay.faults.rejected = 1.5 must be a number from 0 to 1"),
        ("[replay.faults]\nrejcted = 1", 'did you mean "replay.faults.rejected"?'),
        (
            "[replay.faults]\nrejected = 0.6\nlost_after_accept = 0.6",
            "replay.faults.rejected + replay.faults.lost_before_accept + replay.faults.lost_after_accept = 1.2",
        ),
        ("[replay.faults]\nmaintenance_ms = [9, 5]", "replay.faults.maintenance_ms = [9, 5] must be two times"),
        ("[replay.faults]\nmaintenance_ms = [1]", "must be two times in milliseconds"),
        ('[replay.faults]\nmaintenance_ms = ["a", 5]', "must be two times in milliseconds"),
        ("[replay.faults]\nclock_skew_ms = 0.5", "must be a whole number from -86,400,000"),
        ("[simulated]\nseed = 1.5", "simulated.seed = 1.5 must be a whole number from 0 to 4,294,967,295"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_what_is_allowed(paths: Paths, text: str, says: str) -> None:
    assert says in refusal(paths, text)


def test_all_problems_of_both_files_are_told_at_once_in_order(paths: Paths) -> None:
    paths.overrides_file.write_text("max_trades_per_day = -1\n")
    message = refusal(paths, '[orders]\nstrong_signal = 2\n\n[risk]\nfoo = 1\nmax_drawdown_pct = "x"\n')
    assert message.startswith("the configuration has 4 problems:")
    places = [line.split(": ")[0].strip().removeprefix(str(paths.data_dir)) for line in message.splitlines()[1:]]
    assert places == [f"/autopilot.toml, line {n}" for n in (2, 5, 6)] + ["/overrides.toml, line 1"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("interval = \n", "line 1, column"),
        ("interval = 5\ninterval = 6\n", "line 2"),
        ("interval = 1_\n", "line 1"),
        ("[risk\n", "line 1"),
        (b"\x00\x01\x02", "not valid TOML"),
        (b"interval = 5 # \xff", "byte 16 is not UTF-8"),
        (b"\x7fELF\x02\x01\x01\xf0\xf1", "not UTF-8"),
        ("x = " + "[" * 60_000, "nested too deeply"),
        (f"interval = {'9' * 5_000}", "not valid TOML"),
        (b"#" * (FILE_MAX_BYTES + 1), "more than"),
    ],
)
def test_what_is_not_toml_is_refused(paths: Paths, content: str | bytes, says: str) -> None:
    assert says in refusal(paths, content)


def test_a_directory_in_place_of_the_file_is_refused(paths: Paths) -> None:
    paths.config_file.mkdir()
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory"):
        load(paths)


def test_a_file_that_may_not_be_read_is_refused(paths: Paths) -> None:
    loop = paths.data_dir / "other.toml"
    loop.symlink_to(paths.config_file)
    paths.config_file.symlink_to(loop)
    with pytest.raises(ConfigError, match=r"cannot be read: Too many levels"):
        load(paths)


def test_no_interval_is_too_short_offline(paths: Paths) -> None:
    paths.config_file.write_text('exchange = "simulated"\ninterval = 0.05\n')
    assert load(paths).config.interval == 0.05


def test_dates_need_no_quotes_and_an_empty_text_says_not_set(paths: Paths) -> None:
    paths.config_file.write_text('[replay]\nstart = 2024-01-31\nend = 2024-02-01T12:00:00Z\nsource = ""\n')
    replay = load(paths).config.replay
    assert (replay.start, replay.end, replay.source) == ("2024-01-31", "2024-02-01T12:00:00+00:00", None)


def test_money_means_the_decimal_that_is_written(paths: Paths) -> None:
    paths.config_file.write_text("[paper]\nbalance = 100.1\n[risk]\nmin_order_value = 1.05\n")
    config = load(paths).config
    assert (config.paper.balance, config.risk.min_order_value) == (Decimal("100.1"), Decimal("1.05"))


def test_the_cores_own_settings_are_the_sections(paths: Paths) -> None:
    paths.config_file.write_text(
        'auto_execute = true\n[risk]\nmax_position_pct = 7\non_drawdown = "close_positions"\n'
        "[risk.stop_guard]\nsymbol_stops = 2\n[model]\nmin_edge_bps = 5\n"
        "[replay]\nspeed = 0\n[replay.faults]\nrejected = 0.5\nmaintenance_ms = [5, 9]\n"
    )
    config = load(paths).config
    assert config.risk == RiskLimits(
        max_position_pct=7.0, on_drawdown=OnLimit.CLOSE_POSITIONS, stop_guard=StopGuard(symbol_stops=2)
    )
    assert config.replay == ReplaySettings(speed=0.0, faults=FaultPlan(rejected=0.5, maintenance_ms=(5, 9)))
    assert config.evaluation() == EvaluationSettings(
        min_confidence_threshold=0.75, min_edge_bps=5.0, max_trades_per_day=10, auto_execute=True
    )
    assert config.evaluation(auto_execute=False).auto_execute is False
    assert config.acting() == Acting(min_confidence=0.75, min_edge_bps=5.0)


def test_every_value_has_the_type_that_its_setting_declares(paths: Paths) -> None:
    paths.config_file.write_text("interval = 60\n[risk]\nmax_position_pct = 20\nmin_order_value = 2\n")
    config = load(paths).config
    assert type(config.interval) is type(config.risk.max_position_pct) is float
    assert config.risk == RiskLimits(min_order_value=Decimal(2))
    assert type(config.risk.min_order_value) is Decimal


def test_money_of_more_than_24_digits_is_refused(paths: Paths) -> None:
    paths.config_file.write_text(f'[paper]\nbalance = "999.{"1" * 21}"\n')
    assert load(paths).config.paper.balance == Decimal("999." + "1" * 21)
    assert "paper.balance" in refusal(paths, f'[paper]\nbalance = "999.{"1" * 22}"\n')


@pytest.mark.parametrize("depth", [100, 300, 3_000])
def test_tables_of_any_depth_are_refused_in_words(paths: Paths, depth: int) -> None:
    message = refusal(paths, "x" + ".x" * depth + " = 1\n")
    assert "there is no such key" in message or "nested too deeply" in message


HEAVY = "lightgbm", "numpy", "pandas", "scipy", "sklearn"


def test_loading_imports_nothing_heavy(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from autopilot.config.load import load
from autopilot.config.paths import find_paths
load(find_paths(None, Path({str(tmp_path)!r}), {{}})).config.acting()
print([name for name in {HEAVY} if name in sys.modules])
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout == "[]\n"
