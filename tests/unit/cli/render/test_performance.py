"""The regret ledger as a screen: at 80 columns, in a pipe, and when there is little to say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autopilot.cli.render.layout import lines, plain, text_of
from autopilot.cli.render.reports import performance_screen

GOLDEN = Path(__file__).parents[3] / "golden" / "cli" / "performance"
AT = 1_714_568_400_000


def interval(point: float, lower: float | None, upper: float | None) -> dict[str, Any]:
    return {"point": point, "lower": lower, "upper": upper, "level": 0.95}


def item(name: str, verdict: str, mean: dict[str, Any], regret: dict[str, Any], hit: float | None = 0.5) -> Any:
    return {
        "name": name,
        "decisions": 960,
        "days": 40,
        "traded": 100,
        "hit_rate": hit,
        "mean_bps": mean,
        "regret_bps": regret,
        "verdict": verdict,
    }


ZERO = interval(0.0, 0.0, 0.0)
NOTHING_KNOWN = interval(0.0, None, None)
SELECTOR = item("selector", "same", interval(2.42, -2.96, 7.99), ZERO, 0.515)
EQUAL = item("equal_weight", "worse", interval(-8.75, -19.4, 2.3), interval(-11.2, -19.4, -3.2), 0.366)
HOLD = item("buy_and_hold", "unshown", interval(1310.6, -1254.2, 3180.1), interval(8.2, -151.4, 73.7))


def slices(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "decisions": 1480, "days": 20, "lines": [SELECTOR, EQUAL, HOLD]} for name in names]


@pytest.fixture
def ledger() -> dict[str, Any]:
    return {
        "decisions": 1960,
        "days": 40,
        "followed": 225,
        "first_at_ms": AT,
        "last_at_ms": AT + 3_456_000_000,
        "lines": [SELECTOR, EQUAL, HOLD, item("cash", "unshown", ZERO, interval(-2.42, -7.99, 2.96), None)],
        "strategies": [
            item("bollinger_mean_reversion", "better", interval(31.0, 12.0, 50.2), interval(28.6, 9.0, 47.0)),
            item("sentiment", "too_few_days", NOTHING_KNOWN, NOTHING_KNOWN, None) | {"decisions": 0, "days": 0},
        ],
        "by_regime": slices("quiet", "trending_down"),
        "by_symbol": slices("BTC/USD", "ETH/USD"),
        "by_decider": slices("rules"),
    }


@pytest.fixture
def document(ledger: dict[str, Any]) -> dict[str, Any]:
    market = {
        "exchange": "simulated",
        "market": "simulated",
        "timeframe": "1h",
        "decisions": 2008,
        "first_matures_at_ms": AT,
        "ledger": ledger,
    }
    return {
        "symbol": None,
        "last_days": None,
        "min_confidence_threshold": 0.75,
        "days_at_least": 20,
        "markets": [market],
    }


def test_at_80_columns(document: dict[str, Any]) -> None:
    shown = [text_of(each) for each in lines(performance_screen(document), 80)]
    assert max(map(len, shown)) <= 80
    assert shown == (GOLDEN / "at_80.txt").read_text().splitlines()


def test_a_pipe_gets_every_column_and_the_whole_name(document: dict[str, Any]) -> None:
    shown = plain(performance_screen(document))
    (row,) = [each for each in shown if each.startswith("bollinger_mean_reversion")]
    assert row.split() == [
        *("bollinger_mean_reversion", "+31.0", "[+12.0,", "+50.2]", "+28.6", "[+9.0,", "+47.0]", "50", "better"),
    ]
    (row,) = [each for each in shown if each.startswith("sentiment")]
    assert row.split() == ["sentiment", "-", "-", "-", "-", "-", "too", "few"]
    assert not any("─" in each or "\x1b" in each for each in shown)


def test_what_the_differences_mean_is_said_in_words(document: dict[str, Any], ledger: dict[str, Any]) -> None:
    text = "\n".join(plain(performance_screen(document)))
    assert "Better than the selector: bollinger_mean_reversion." in text
    assert "Worse than the selector: equal weight." in text
    assert "For 2 of 5 lines the interval contains 0: no significant difference." in text
    assert "one in twenty of the 5 comparisons" in text
    ledger["lines"], ledger["strategies"] = [SELECTOR, HOLD], []
    text = "\n".join(plain(performance_screen(document)))
    assert "For every line the interval contains 0: no significant difference." in text
    assert "one in twenty" not in text


def test_a_few_days_show_nothing(document: dict[str, Any], ledger: dict[str, Any]) -> None:
    ledger["days"] = 19
    text = "\n".join(plain(performance_screen(document)))
    assert "Too short to show anything: 19 days of decisions. Differences are tested from 20 days on." in text
    assert "Better than" not in text


def test_a_slice_that_is_the_whole_is_left_out(document: dict[str, Any]) -> None:
    titles = [each.split()[0] for each in plain(performance_screen(document)) if " decisions  selector" in each]
    assert titles == ["regime", "symbol"]


def test_nothing_has_matured(document: dict[str, Any]) -> None:
    document["markets"][0] |= {"ledger": None, "decisions": 3, "market": "replay", "exchange": "replay"}
    banner, words = plain(performance_screen(document))
    assert banner.startswith("REPLAY")
    assert words == (
        "replay 1h: 3 decisions, none matured yet. The outcome of a decision is known 24 h later; that of the first at"
        " 2024-05-01 13:00Z, market time."
    )


def test_nothing_was_decided(document: dict[str, Any]) -> None:
    assert plain(performance_screen(document | {"markets": []})) == [
        "No decisions yet: each closed candle leads to one."
    ]


def test_each_market_has_a_ledger_of_its_own(document: dict[str, Any]) -> None:
    real = {**document["markets"][0], "exchange": "kraken", "market": "real", "timeframe": "4h"}
    shown = plain(performance_screen(document | {"markets": [real, *document["markets"]]}))
    assert [each.split(":")[0] for each in shown if "matured decisions" in each] == ["kraken 4h", "simulated 1h"]
    assert shown[0].startswith("SIMULATED MARKET")
