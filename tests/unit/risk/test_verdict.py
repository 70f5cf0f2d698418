from __future__ import annotations

import ast
import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

import autopilot
from autopilot.domain.decision import Denied
from autopilot.domain.market import Market
from autopilot.domain.order import OrderType, Purpose, Side, client_order_id
from autopilot.domain.portfolio import Position
from autopilot.domain.signal import StrategySignal
from autopilot.risk.decision_context import DecisionContext
from autopilot.risk.verdict import Approved, OrderDraft, review_entry, review_exit

NOW_MS = 1_714_521_600_000


@pytest.fixture
def approved(
    make_entry: Callable[..., DecisionContext], make_signal: Callable[..., StrategySignal], draft: OrderDraft
) -> Approved:
    verdict = review_entry(make_entry(), make_signal(), Decimal(2), draft)
    assert isinstance(verdict, Approved)
    return verdict


def test_an_entry_that_passes_is_an_order_with_its_stop_and_target(approved: Approved) -> None:
    order = approved.order
    assert (order.side, order.purpose, order.type, order.price) == (Side.BUY, Purpose.ENTRY, OrderType.MARKET, None)
    assert (order.quantity, order.stop, order.target) == (2, 95, 110)
    assert order.client_order_id == client_order_id("paper:test", "BTC/USD", NOW_MS, Purpose.ENTRY)
    assert (order.strategy, order.decision_id) == ("macd", "d1")
    assert len(approved.checks) == 16
    assert all(check.passed for check in approved.checks)


def test_levels_are_rounded_away_from_the_price(
    make_entry: Callable[..., DecisionContext], make_signal: Callable[..., StrategySignal], draft: OrderDraft
) -> None:
    verdict = review_entry(make_entry(), make_signal(stop=95.017, target=110.001), Decimal(2), draft)
    assert isinstance(verdict, Approved)
    assert (verdict.order.stop, verdict.order.target) == (Decimal("95.01"), Decimal("110.01"))


def test_levels_are_rounded_by_their_own_step_where_digits_count(
    make_entry: Callable[..., DecisionContext],
    make_signal: Callable[..., StrategySignal],
    market: Market,
    draft: OrderDraft,
) -> None:
    coarse = replace(market, price_step=Decimal("1e-8"), price_digits=4)
    entry = make_entry(context={"market": coarse})
    verdict = review_entry(entry, make_signal(stop=95.0172, target=110.001), Decimal(2), draft)
    assert isinstance(verdict, Approved)
    assert (verdict.order.stop, verdict.order.target) == (Decimal("95.01"), Decimal("110.1"))


def test_a_limit_entry_is_sized_and_judged_at_its_limit(
    make_entry: Callable[..., DecisionContext], make_signal: Callable[..., StrategySignal], draft: OrderDraft
) -> None:
    waiting = replace(draft, type=OrderType.LIMIT, limit=Decimal(98), expires_at_ms=NOW_MS + 1)
    verdict = review_entry(make_entry(), make_signal(), Decimal(999), waiting)
    assert isinstance(verdict, Approved)
    assert (verdict.order.price, verdict.order.quantity) == (98, Decimal("20.4081"))
    below_stop = review_entry(make_entry(), make_signal(stop=99.0), Decimal(999), waiting)
    assert isinstance(below_stop, Denied)
    assert below_stop.code == "STOP_NOT_BELOW_PRICE"


def test_a_refusal_names_the_first_limit_and_keeps_all_that_was_looked_at(
    make_entry: Callable[..., DecisionContext],
    make_signal: Callable[..., StrategySignal],
    make_position: Callable[..., Position],
    draft: OrderDraft,
) -> None:
    entry = make_entry(positions={"BTC/USD": make_position()}, equity=Decimal(7000), free=Decimal(0))
    verdict = review_entry(entry, make_signal(), Decimal(2), draft)
    assert isinstance(verdict, Denied)
    assert (verdict.code, len(verdict.checks)) == ("POSITION_OPEN", 16)
    assert {check.code for check in verdict.checks if not check.passed} == {
        "POSITION_OPEN",
        "DAILY_LOSS_REACHED",
        "DRAWDOWN_REACHED",
        "AMOUNT_BELOW_MINIMUM",
        "VALUE_BELOW_MINIMUM",
        "EXIT_BELOW_MINIMUM",
    }


@pytest.mark.parametrize(
    ("asked", "stop", "code"),
    [
        ("0.0557", 95.0, None),
        ("0.0556", 95.0, "EXIT_BELOW_MINIMUM"),
        ("0.0557", 94.0, "EXIT_BELOW_MINIMUM"),
        ("0.0500", 95.0, "EXIT_BELOW_MINIMUM"),
        ("0.0499", 95.0, "VALUE_BELOW_MINIMUM"),
    ],
)
def test_nothing_is_bought_that_could_not_be_sold_at_its_stop(
    make_entry: Callable[..., DecisionContext],
    make_signal: Callable[..., StrategySignal],
    draft: OrderDraft,
    asked: str,
    stop: float,
    code: str | None,
) -> None:
    """The least is 5 USD: 0.0556 coins, less 0.2 % fee and cut to 0.0554, at 95 less 5 %."""
    verdict = review_entry(make_entry(), make_signal(stop=stop), Decimal(asked), draft)
    assert getattr(verdict, "code", None) == code


@pytest.mark.parametrize(
    ("held", "quantity", "price", "outcome"),
    [
        ("1.00005", None, "100", Decimal("1.0000")),
        ("1", "0.4", "100", Decimal("0.4")),
        ("1", "1.5", "100", "POSITION_TOO_SMALL"),
        (None, None, "100", "POSITION_MISSING"),
        ("0.00005", None, "100", "AMOUNT_BELOW_MINIMUM"),
        ("0.01", None, "100", "VALUE_BELOW_MINIMUM"),
    ],
)
def test_an_exit_sells_what_is_held_and_no_more(
    market: Market,
    make_position: Callable[..., Position],
    draft: OrderDraft,
    held: str | None,
    quantity: str | None,
    price: str,
    outcome: Decimal | str,
) -> None:
    verdict = review_exit(
        market,
        make_position(quantity=held) if held else None,
        account="paper:test",
        purpose=Purpose.STOP_LOSS,
        price=Decimal(price),
        draft=draft,
        at_ms=NOW_MS,
        now_ms=NOW_MS + 5,
        quantity=Decimal(quantity) if quantity else None,
    )
    if isinstance(outcome, str):
        assert isinstance(verdict, Denied)
        assert verdict.code == outcome
    else:
        assert isinstance(verdict, Approved)
        assert (verdict.order.side, verdict.order.quantity) == (Side.SELL, outcome)
        assert verdict.order.client_order_id == client_order_id("paper:test", "BTC/USD", NOW_MS, Purpose.STOP_LOSS)


def test_nobody_else_can_approve(approved: Approved) -> None:
    with pytest.raises(TypeError, match="nowhere else"):
        Approved(approved.order, approved.checks)
    with pytest.raises(TypeError, match="nowhere else"):
        Approved(approved.order, approved.checks, object())


def test_an_approval_does_not_pass_on_to_a_copy_with_another_order(approved: Approved) -> None:
    larger = replace(approved.order, quantity=Decimal(1_000_000))
    with pytest.raises(TypeError, match="nowhere else"):
        replace(approved, order=larger)
    with pytest.raises(AttributeError):
        approved.order = larger  # type: ignore[misc]
    assert copy.deepcopy(approved) == approved
    assert pickle.loads(pickle.dumps(approved)) == approved


def test_no_module_outside_risk_makes_an_approval_or_touches_its_seal() -> None:
    root = Path(autopilot.__file__).parent
    offenders = [
        f"{path.relative_to(root)}:{node.lineno}"
        for path in root.rglob("*.py")
        if path != root / "risk" / "verdict.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Call) and "Approved" in ast.unparse(node.func).split("."))
        or (isinstance(node, ast.Name | ast.alias) and getattr(node, "id", getattr(node, "name", "")) == "_SEAL")
    ]
    assert offenders == []
