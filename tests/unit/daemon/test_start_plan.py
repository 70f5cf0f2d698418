"""What `autopilot start` runs: every state of a symbol, every place where it is held, every option."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from autopilot.adapters.store.autopilots import AutopilotEntry
from autopilot.adapters.store.views.holdings import Holding
from autopilot.config.schema import AutopilotConfig
from autopilot.control.errors import SafetyRefused
from autopilot.control.requests import StartRequest
from autopilot.daemon.start_plan import Planned, Reason, StartPlan, known_symbols
from autopilot.domain.errors import ConfigError
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import Timeframe
from autopilot.engine.settings import AutopilotSettings

CONFIG = AutopilotConfig.of(
    {
        "exchange": "bitstamp",
        "timeframe": "15m",
        "interval": 45.0,
        "auto_execute": True,
        "symbols": ["ADA/USD", "BTC/USD"],
    }
)
BTC = "BTC/USD"

KRAKEN = "kraken 1h 60 paper off"
"""How the symbol runs, or ran."""
COINBASE = "coinbase 4h 45 paper on"
"""How it goes on where nothing but its position and its decisions are known."""
CONFIGURED = "bitstamp 15m 45 paper on"

OPTIONS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "binance": {"exchange": "binance"},
    "coinbase": {"exchange": "coinbase"},
    "kraken": {"exchange": "kraken"},
    "5m": {"timeframe": Timeframe.M5},
    "live": {"paper_trading": False},
    "30 s": {"interval": 30.0},
    "on": {"auto_execute": True},
    "off": {"auto_execute": False},
}

MATRIX: dict[tuple[str, str], tuple[str, str]] = {
    # (state, held in): (settings without an option, options that are refused)
    ("running", ""): (KRAKEN, ""),
    ("running", "kraken"): (KRAKEN, "binance coinbase 5m live"),
    ("running", "coinbase"): (KRAKEN, "binance live"),
    ("running", "kraken coinbase"): (KRAKEN, "binance coinbase 5m live"),
    ("suspended", ""): (KRAKEN, ""),
    ("suspended", "kraken"): (KRAKEN, "binance coinbase 5m live"),
    ("suspended", "coinbase"): (COINBASE, "binance kraken 5m live"),
    ("suspended", "kraken coinbase"): (KRAKEN, "binance 5m live"),
    ("stopped", ""): (CONFIGURED, ""),
    ("stopped", "kraken"): (KRAKEN, "binance coinbase 5m live"),
    ("stopped", "coinbase"): (COINBASE, "binance kraken 5m live"),
    ("stopped", "kraken coinbase"): (KRAKEN, "binance 5m live"),
    ("never", ""): (CONFIGURED, ""),
    ("never", "coinbase"): (COINBASE, "binance kraken 5m live"),
}
MOVES = {
    # (state, held in, option): where it goes on, if not simply with this one setting changed
    ("running", "coinbase", "coinbase"): COINBASE,
    ("suspended", "kraken coinbase", "coinbase"): COINBASE,
    ("stopped", "kraken coinbase", "coinbase"): COINBASE,
}


def an_entry(symbol: str = BTC, **changes: Any) -> AutopilotEntry:
    return AutopilotEntry(
        **{
            "symbol": symbol,
            "exchange": "kraken",
            "market": MarketKind.REAL,
            "account": "paper:kraken",
            "timeframe": Timeframe.H1,
            "interval_s": 60.0,
            "paper_trading": True,
            "auto_execute": False,
            "running": False,
            "started_at_ms": 1,
            **changes,
        }
    )


def a_run(symbol: str = BTC) -> AutopilotSettings:
    return CONFIG.trading(
        symbol, exchange="kraken", timeframe=Timeframe.H1, interval_s=60.0, paper_trading=True, auto_execute=False
    )


def held_in(account: str, symbol: str = BTC, *, order_only: bool = False) -> Holding:
    """In the coinbase account the last decision was about a 4h candle."""
    timeframe = {"paper:coinbase": Timeframe.H4, "paper:kraken": Timeframe.D1}.get(account)
    quantity = None if order_only else Decimal("0.1")
    return Holding(account, symbol, quantity, Decimal(6_000), ({},) if order_only else (), timeframe)  # type: ignore[arg-type]


def plan(
    state: str, held: list[Holding], given: dict[str, Any], symbols: tuple[str, ...] | None = (BTC,)
) -> list[Planned]:
    entries = {
        "running": [an_entry(running=True)],
        "suspended": [an_entry(suspended=True)],
        "stopped": [an_entry()],
        "never": [],
    }[state]
    known = known_symbols([a_run()] if state == "running" else [], entries, held)
    return StartPlan(CONFIG, StartRequest(symbols=symbols, **given), known).planned()


def words(settings: AutopilotSettings) -> str:
    money = "paper" if settings.paper_trading else "live"
    executes = "on" if settings.evaluation.auto_execute else "off"
    return f"{settings.exchange} {settings.timeframe} {settings.interval_s:g} {money} {executes}"


def with_option(base: str, option: str) -> str:
    exchange, timeframe, interval, money, executes = base.split()
    return {
        "nothing": base,
        "5m": f"{exchange} 5m {interval} {money} {executes}",
        "live": f"{exchange} {timeframe} {interval} live {executes}",
        "30 s": f"{exchange} {timeframe} 30 {money} {executes}",
        "on": f"{exchange} {timeframe} {interval} {money} on",
        "off": f"{exchange} {timeframe} {interval} {money} off",
    }.get(option, f"{option} {timeframe} {interval} {money} {executes}")


@pytest.mark.parametrize("order_only", [False, True], ids=["position", "order"])
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize(("state", "held"), MATRIX, ids=lambda part: part or "nothing held")
def test_an_option_changes_what_it_names_or_is_refused(state: str, held: str, option: str, order_only: bool) -> None:
    base, refused = MATRIX[state, held]
    holdings = [held_in(f"paper:{exchange}", order_only=order_only) for exchange in held.split()]
    if option in refused.split():
        with pytest.raises(SafetyRefused) as refusal:
            plan(state, holdings, OPTIONS[option])
        before = f"on {base.split()[0]} at {base.split()[1]} with paper money"
        now = {"live": "real money"}.get(option, option)
        assert before in str(refusal.value)
        assert f"you asked for {now}, which" in str(refusal.value)
        assert all(holding.account in str(refusal.value) for holding in holdings)
        assert f"autopilot exit {BTC}" in refusal.value.hint
        return
    (planned,) = plan(state, holdings, OPTIONS[option])
    wanted = MOVES.get((state, held, option), with_option(base, option))
    assert words(planned.settings) == wanted
    if planned.reasons:
        differs = [now for before, now in zip(base.split(), wanted.split(), strict=True) if before != now]
        assert len(planned.changes) == len(differs)
        assert all(change.before != change.now and change.symbol == BTC for change in planned.changes)


@pytest.mark.parametrize(
    ("state", "held", "reasons"),
    [
        ("running", [], {Reason.RAN}),
        ("suspended", [], {Reason.RAN}),
        ("stopped", [], None),
        ("never", [], None),
        ("stopped", [held_in("paper:kraken")], {Reason.POSITION}),
        ("never", [held_in("live:kraken", order_only=True)], {Reason.ORDER}),
        ("suspended", [held_in("paper:kraken")], {Reason.RAN, Reason.POSITION}),
    ],
)
def test_without_symbols_it_takes_up_what_ran_or_is_held_and_else_what_is_configured(
    state: str, held: list[Holding], reasons: set[Reason] | None
) -> None:
    found = plan(state, held, {}, symbols=None)
    if reasons is None:
        assert [each.settings.symbol for each in found] == ["ADA/USD", BTC]
        assert all(words(each.settings) == CONFIGURED and not each.reasons for each in found)
    else:
        assert [(each.settings.symbol, set(each.reasons)) for each in found] == [(BTC, reasons)]


def test_what_is_held_without_having_been_started_comes_after_what_ran() -> None:
    entries = [an_entry("XRP/USD", suspended=True), an_entry("SOL/USD"), an_entry(suspended=True)]
    held = [held_in("paper:coinbase", "ETH/USD"), held_in("paper:kraken", "SOL/USD")]
    found = StartPlan(CONFIG, StartRequest(), known_symbols([], entries, held)).planned()
    assert [each.settings.symbol for each in found] == ["XRP/USD", "SOL/USD", BTC, "ETH/USD"]


def test_dust_is_not_held() -> None:
    dust = Holding("paper:kraken", BTC, Decimal("0.00001"), Decimal("0.6"), (), Timeframe.D1)
    assert [words(each.settings) for each in plan("stopped", [dust], {"exchange": "binance"})] == [
        with_option(CONFIGURED, "binance")
    ]
    assert [each.settings.symbol for each in plan("stopped", [dust], {}, symbols=None)] == ["ADA/USD", BTC]
    held = Holding("paper:kraken", "ETH/BTC", Decimal(9), Decimal("0.6"), (), Timeframe.D1)
    assert [each.settings.symbol for each in plan("stopped", [held], {}, symbols=None)] == ["ETH/BTC"]


def test_real_money_that_is_held_is_taken_up_with_real_money() -> None:
    (found,) = plan("never", [held_in("live:kraken")], {}, symbols=None)
    assert words(found.settings) == "kraken 15m 45 live on"
    with pytest.raises(SafetyRefused, match=r"with real money and has .* in live:kraken; you asked for paper money"):
        plan("never", [held_in("live:kraken")], {"paper_trading": True}, symbols=None)


def test_every_symbol_that_refuses_is_named() -> None:
    held = [held_in("paper:kraken"), held_in("paper:kraken", "ETH/USD"), held_in("paper:binance", "SOL/USD")]
    with pytest.raises(SafetyRefused) as refusal:
        StartPlan(CONFIG, StartRequest(exchange="binance"), known_symbols([], [], held)).planned()
    assert [symbol in str(refusal.value) for symbol in (BTC, "ETH/USD", "SOL/USD")] == [True, True, False]


def test_several_settings_that_may_not_change_are_all_named() -> None:
    given = {"exchange": "binance", "timeframe": Timeframe.H4, "paper_trading": False}
    with pytest.raises(SafetyRefused) as refusal:
        plan("running", [held_in("paper:kraken")], given)
    assert "you asked for binance and 4h and real money" in str(refusal.value)
    assert "without --exchange, --timeframe, --live, --paper" in refusal.value.hint


@pytest.mark.parametrize(("exchange", "is_allowed"), [("kraken", False), ("simulated", True), ("replay", True)])
def test_a_real_exchange_is_not_asked_several_times_a_second(exchange: str, is_allowed: bool) -> None:
    given = {"exchange": exchange, "interval": 0.2}
    if is_allowed:
        (found,) = plan("never", [], given)
        assert found.settings.interval_s == 0.2
    else:
        with pytest.raises(ConfigError, match=r"0\.2 s is too short for the exchange kraken"):
            plan("never", [], given)
