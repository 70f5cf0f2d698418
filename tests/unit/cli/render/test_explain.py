"""The explanation of a decision: complete, in words, and true to the decision's own document."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bases import WHOLE

from autopilot.cli.render.explain import explain_screen
from autopilot.cli.render.layout import lines, plain, text_of
from autopilot.cli.render.lists import decisions_screen
from autopilot.cli.render.remedies import remedies
from autopilot.cli.render.words import feature_words
from autopilot.domain.conditions import FeatureRow, MarketConditions, Regime
from autopilot.domain.decision import Action, CandleBasis, Check, Decision, Denied
from autopilot.domain.documents import document
from autopilot.domain.market import Market, MarketKind
from autopilot.domain.order import Purpose
from autopilot.domain.portfolio import Portfolio, RoundTrip, SymbolRecord
from autopilot.domain.selection import DecidedBy, GroupScore, Selection, StrategyScore
from autopilot.domain.signal import SignalType, StrategyGroup, StrategySignal
from autopilot.domain.timeframe import Timeframe
from autopilot.risk.decision_context import DecisionContext
from autopilot.risk.limits import LowProfit, RecentDrawdown, RiskLimits, StopGuard
from autopilot.risk.preflight import balance_check, order_checks, position_check
from autopilot.risk.rules import rules_of

GOLDEN = Path(__file__).parents[3] / "golden" / "cli"
CASES = ("denied", "hold", "model", "order", "signal")


def canned(case: str) -> dict[str, Any]:
    return json.loads((GOLDEN / "documents" / f"decision_{case}.json").read_text())


@pytest.mark.parametrize("case", CASES)
def test_at_80_columns_it_reads_as_it_always_did(case: str) -> None:
    shown = [text_of(item) for item in lines(explain_screen(canned(case)), 80)]
    assert shown == (GOLDEN / "explain" / f"{case}.txt").read_text().splitlines()


@pytest.mark.parametrize("case", CASES)
def test_every_check_is_shown_with_its_sign(case: str) -> None:
    decision = canned(case)
    shown = plain(explain_screen(decision))
    for check in decision["checks"]:
        said = f"✓ {check['detail']}" if check["passed"] else f"✗ {check['code']}: {check['detail']}"
        assert f"  {said}" in shown


def test_a_model_s_leading_reasons_are_told_in_words() -> None:
    shown = "\n".join(plain(explain_screen(canned("model"))))
    opinion = canned("model")["selection"]["model"]
    assert opinion["contributions"]
    for each in opinion["contributions"]:
        assert each["feature"] not in shown
        assert f"{each['effect_bps']:+.1f} bps  {feature_words(each['feature'])}" in shown


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("return_24", "return over 24 candles, in usual moves"),
        ("mean_30d_market_making", "mean result of market making over 30 days, in usual moves"),
        ("regime_before_trending_up", "the regime before was trending up"),
        ("regime_quiet", "regime quiet"),
        ("adx", "ADX, 0 to 1"),
        ("something_else", "something else"),
    ],
)
def test_features_have_words(name: str, words: str) -> None:
    assert feature_words(name) == words


def decision() -> Decision:
    """As the domain makes one, with numbers that are not there."""
    group = StrategyGroup.MEAN_REVERSION
    signal = StrategySignal("BTC/USD", SignalType.NONE, 0.0, 0.0, 5.0, 4.9, 5.2, "rsi", group, "RSI 50 is neither")
    checks = (Check("SOMETHING", False, float("nan"), 1.0, "", "it could not be measured"),)
    return Decision(
        id="0123456789",
        account="paper:coinbase",
        exchange="coinbase",
        market=MarketKind.REAL,
        symbol="BTC/USD",
        timeframe=Timeframe.H1,
        candle_at_ms=0,
        decided_at_ms=1,
        conditions=MarketConditions(
            symbol="BTC/USD",
            timeframe=Timeframe.H1,
            candle_at_ms=0,
            price=5.0,
            regime=Regime.QUIET,
            regime_strength=0.1,
            candles_in_regime=1,
            adx=float("nan"),
            rsi=50.0,
            atr=0.01,
            volatility=float("nan"),
            volatility_ratio=1.0,
            volume_ratio=float("nan"),
            external_signals=True,
            features=FeatureRow(("one",), np.array([1.0])),
        ),
        selection=Selection(
            DecidedBy.MODEL,
            group,
            "rsi",
            0.9,
            0.0,
            (GroupScore(group, 0.9, "the model says so", 12.5),),
            (StrategyScore("rsi", group, 0.5, 0.5, 0.0, 0.0),),
        ),
        signal=signal,
        signals={},
        strategy_errors={},
        basis=WHOLE,
        action=Action.DENIED,
        checks=checks,
        denied=Denied("SOMETHING", "it could not be measured", checks),
    )


@pytest.mark.parametrize(
    ("basis", "line"),
    [
        (WHOLE, "based on 1,000 candles"),
        (CandleBasis(719, 0, None, ("mine", "consensus")), "based on 719 candles; these need more: mine, consensus"),
        (CandleBasis(1_000, 281, "kraken", ()), "based on 1,000 candles, 281 of kraken and then 719 of coinbase"),
    ],
)
def test_one_line_says_on_what_candles_it_is_based(basis: CandleBasis, line: str) -> None:
    assert line in plain(explain_screen(document(replace(decision(), basis=basis))))


def test_a_decision_of_an_early_version_has_no_such_line() -> None:
    early = document(decision())
    del early["basis"]
    assert not any(line.startswith("based on") for line in plain(explain_screen(early)))


PASSED = {
    "account": "paper:kraken",
    "exchange": "kraken",
    "symbol": "BTC/USD",
    "timeframe": "1h",
    "first_at_ms": 1_714_521_600_000,
    "last_at_ms": 1_714_528_800_000,
    "candles": 3,
    "passed_at_ms": 1_714_532_400_000,
    "code": "HISTORY_TOO_SHORT",
    "detail": "302 candles of 1h are too few to decide; at least 550 are needed",
}


def test_candles_that_were_passed_over_stand_beside_the_decisions() -> None:
    words = "BTC/USD 1h, 2024-05-01 00:00Z to 2024-05-01 02:00Z (3 candles): passed over, 302 candles of 1h are too few"
    later = " ".join(plain(explain_screen(document(decision()) | {"passed": PASSED})))
    assert words in later
    assert words in " ".join(plain(decisions_screen({"decisions": [], "passed": [PASSED]})))


def test_the_domains_own_document_can_be_explained_numbers_missing_or_not() -> None:
    shown = "\n".join(plain(explain_screen(document(decision()))))
    assert "ADX -" in shown
    assert "chosen by the learned model" in shown
    assert "expects +12.5 bps: the model says so" in shown
    assert "SOMETHING: it could not be measured" in shown


@pytest.mark.parametrize("case", CASES)
def test_the_canned_decisions_say_nothing_that_the_domain_would_not(case: str) -> None:
    ours, theirs = canned(case), document(decision())
    assert set(ours) <= set(theirs)
    for part in ("conditions", "selection", "signal"):
        assert set(ours[part]) <= set(theirs[part])
    for part in ("groups", "strategies"):
        assert set(ours["selection"][part][0]) <= set(theirs["selection"][part][0])


def with_confidence(group: float, strategy: float, limit: float) -> dict[str, Any]:
    decided = canned("denied")
    decided["selection"] |= {"group_confidence": group, "strategy_confidence": strategy}
    for check in decided["checks"]:
        if not check["passed"]:
            check |= {"actual": group * strategy, "limit": limit}
    return decided


@pytest.mark.parametrize(
    ("group", "strategy", "said"),
    [
        (0.9, 0.68, "(was 0.612): a strategy confidence of at least 0.84 (its group has 0.90)"),
        (0.5, 0.8, "(was 0.400): a group confidence of at least 0.94 (its strategy has 0.80)"),
        (0.5, 0.5, "(was 0.250): neither factor could reach that alone"),
    ],
)
def test_what_confidence_would_have_been_needed(group: float, strategy: float, said: str) -> None:
    assert remedies(with_confidence(group, strategy, 0.75)) == [f"a confidence of at least 0.75 {said}"]


@pytest.mark.parametrize("group", [0.76, 0.8, 0.9, 1.0])
def test_the_confidence_that_is_named_would_have_been_enough(group: float) -> None:
    (said,) = remedies(with_confidence(group, 0.1, 0.75))
    needed = float(said.partition(": ")[2].partition("at least ")[2].split()[0])
    assert group * needed >= 0.75 > group * (needed - 0.011)


def test_a_hold_names_who_would_have_spoken_and_why_it_was_not_asked() -> None:
    decided = canned("hold")
    said = decided["signals"]["volatility_breakout"]
    macd = {"strategy": "macd", "group": "trend_following", "signal_type": "sell", "confidence": 0.4}
    decided["signals"] = {"macd": said | macd, **decided["signals"]}
    assert remedies(decided) == [
        "moving_average would have to say buy or sell",
        "macd says sell with confidence 0.40, but moving_average scores higher in the same group",
        "volatility_breakout says buy with confidence 0.70, but its group momentum stands at 0.31 "
        "against 0.82 of trend following",
    ]


def test_an_order_leaves_nothing_to_wish() -> None:
    assert remedies(canned("order")) == []


def test_a_signal_that_was_only_shown_says_how_to_trade_on_it() -> None:
    (said,) = remedies(canned("signal"))
    assert "auto_execute true" in said


def entry() -> DecisionContext:
    market = Market("BTC/USD", "BTC", "USD", *map(Decimal, ("0.0001", "0.01", "0.0001", "1", "0.004", "0.006")))
    money = map(Decimal, ("1", "100", "90", "0", "-10"))
    stopped = RoundTrip("paper:coinbase", "BTC/USD", "macd", None, *money, 0, 0, Purpose.STOP_LOSS)
    poor = Portfolio(
        account="paper:coinbase",
        currency="USD",
        free=Decimal(5),
        equity=Decimal(700),
        day_start_equity=Decimal(1000),
        peak_equity=Decimal(1000),
        exposure=Decimal(695),
        positions={},
        history={"BTC/USD": SymbolRecord(3, 0, 9, 0, 0)},
        recent=(stopped,),
    )
    return DecisionContext(
        market=market,
        timeframe=Timeframe.H1,
        portfolio=poor,
        limits=RiskLimits(
            max_open_positions=0,
            exit_cooldown_candles=5,
            stop_guard=StopGuard(symbol_stops=1, account_stops=1),
            low_profit=LowProfit(min_trades=1),
            recent_drawdown=RecentDrawdown(max_pct=1.0),
        ),
        last_close=Decimal(100),
        price=Decimal(110),
        closed_at_ms=-9 * Timeframe.H1.ms,
        now_ms=1,
    )


def test_every_rule_that_fails_has_a_remedy_of_its_own_with_its_numbers() -> None:
    context = entry()
    failed = [check for check in (rule(context) for rule in rules_of(context)) if not check.passed]
    failed += [check for check in order_checks(context.market, Decimal(0), Decimal(1), Decimal(1)) if not check.passed]
    failed += [balance_check(context.market, Decimal(1), Decimal(110), Decimal(5))]
    failed += [position_check(context.market, None, Decimal(1))]
    decided = canned("denied") | {"checks": document(failed), "denied": None}
    said = remedies(decided)
    assert len(said) == len(failed) >= 15
    assert not [item for item in said if "would have to meet" in item]
    assert "less than 60 % of equity invested (was 99.29 %)" in said
    assert "a loss of less than 5 % today (was 30 %); the count restarts at midnight UTC" in said
    assert any(words.startswith("5 candles of rest after the last exit") for words in said)
    assert "trades of the symbol that made 0 % or more (made -10 %), or the pause after them to be over" in said


def test_a_check_nobody_told_us_of_is_told_with_its_numbers() -> None:
    decided = canned("denied") | {"denied": None}
    decided["checks"] = [{"code": "A", "passed": False, "actual": 3.0, "limit": 2.0, "unit": "%", "detail": ""}]
    assert remedies(decided) == ["A: 3 % would have to meet 2 %"]


def test_what_was_sold_without_a_signal_is_told_with_its_reason() -> None:
    decided = canned("hold")
    assert "Sold without a signal" not in plain(explain_screen(decided))
    sale = {"symbol": "BTC/USD", "quantity": "0.5", "created_at_ms": 1_714_568_400_000, "status": "filled"}
    decided["exits"] = [sale | {"purpose": "protection", "reason": "5.10 % lost today, the limit is 5 %"}]
    lines = plain(explain_screen(decided))
    told = lines[lines.index("Sold without a signal") + 1]
    assert told == "  2024-05-01 13:00Z 0.5 BTC/USD: protection, 5.10 % lost today, the limit is 5 %; filled"
