"""A backtest as a document: the figures, beside everything else that could have been done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np

from autopilot.app.backtest.request import StoredModel, WalkForward
from autopilot.app.backtest.run import BacktestRun
from autopilot.backtest.choices import RULES
from autopilot.backtest.engine import Steps
from autopilot.backtest.record import closes_at
from autopilot.domain.candles import FloatArray
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document
from autopilot.domain.market import Market
from autopilot.domain.money import ZERO
from autopilot.execution.paper_settings import PaperSettings
from autopilot.performance.account_record import AccountRecord
from autopilot.performance.luck import Timing, TradeOrders, timing, trade_orders
from autopilot.performance.metrics import KEYS, Metrics, account_metrics, breakdown, intervals

BUY_AND_HOLD, NOTHING = "buy and hold", "doing nothing"
BASIS_POINT = 1e-4
UNSURE = "CONFIDENCE_BELOW_THRESHOLD"


def backtest_document(run: BacktestRun) -> Document:
    """Everything the command prints, as JSON. Money in ``currency``, returns and drawdowns as fractions."""
    record = run.record
    outcome = run.outcome
    unsure = sum(len(each) for each in outcome.unsure)
    denied = Counter({UNSURE: unsure} if unsure else {})
    denied.update(each.denied_code for each in outcome.judged if each.denied_code)
    return {
        "exchange": run.request.exchange,
        "symbols": [each.history.symbol for each in run.tested],
        "timeframe": run.request.timeframe.value,
        "from_ms": int(record.at_ms[0]) - run.request.timeframe.ms,
        "to_ms": int(record.at_ms[-1]),
        "currency": record.currency,
        "balance": format(record.start_equity, "f"),
        "decided_by": decided_by(run),
        "in_sample": run.in_sample,
        "models": [
            {
                "id": model.id,
                "state": model.state.value,
                "verdict": model.verdict,
                "trained_until_ms": model.trained_until_ms,
                "from_ms": model.from_ms,
                "until_ms": model.until_ms,
            }
            for model in run.models
        ],
        "candles": run.outcome.candles,
        "detail": run.request.detail.value if run.request.detail else None,
        "looked_into": run.outcome.looked_into,
        "signals": len(outcome.judged) + unsure,
        "by_models": _by_models(run),
        "orders": sum(1 for _ in run.outcome.books.orders),
        "fills": len(run.outcome.books.fills),
        "denied": dict(denied.most_common()),
        "timing": document(_timing(run)),
        **figures(record),
        "comparison": comparison(record, hold_equity(run), run.alone),
    }


def _by_models(run: BacktestRun) -> int:
    """How many signals a learned model chose."""
    sure = sum(each.model is not None for each in run.outcome.judged)
    return sure + sum(
        int((each.choices.model[indices - each.choices.first] != RULES).sum())
        for each, indices in zip(run.traded, run.outcome.unsure, strict=True)
    )


def figures(record: AccountRecord) -> Document:
    """``metrics``, ``intervals``, ``trade_orders`` and ``breakdown`` of any period."""
    return {
        "metrics": document(account_metrics(record)),
        "intervals": document(intervals(record)),
        "trade_orders": document(_orders(record)),
        "breakdown": {key: document(breakdown(record, key)) for key in KEYS},
    }


def decided_by(run: BacktestRun) -> str:
    """In words, who chose."""
    request, model = run.request, run.request.model
    if request.strategy is not None:
        return f"every signal of the strategy {request.strategy}"
    if request.group is not None:
        return f"every signal that the rules choose in the group {request.group.value}"
    match model:
        case StoredModel():
            return f"model {model.model_id}"
        case WalkForward():
            gate = "where its gate lets it" if model.is_gated else "whatever its gate says"
            return (
                f"models trained every {model.every_days} days on what was known by then, each {gate}; else the rules"
            )
        case _:
            return "the rule table"


def hold_equity(run: BacktestRun) -> FloatArray:
    """float64[n]: see `held_evenly`."""
    return held_evenly(run.record, closes_at(run.traded, run.record.at_ms), run.traded[0].market, run.paper)


def held_evenly(record: AccountRecord, closes: FloatArray, market: Market, paper: PaperSettings) -> FloatArray:
    """float64[n]: the starting equity spread evenly over the symbols at the first moment, with the costs of one
    purchase each, and held. ``closes`` float64[symbols, n] at the moments of the record."""
    fee = float(market.taker_fee) if paper.taker_fee_pct is None else paper.taker_fee_pct / 100.0
    cost = (1.0 + paper.slippage_bps * BASIS_POINT) * (1.0 + fee)
    return np.asarray(float(record.start_equity) * (closes / closes[:, :1] / cost).mean(axis=0))


def comparison(record: AccountRecord, hold: FloatArray, others: Mapping[str, AccountRecord]) -> list[Document]:
    """The period beside holding, doing nothing and, where they are known, strategies alone."""
    lines = [
        _line("this", account_metrics(record)),
        _line(BUY_AND_HOLD, account_metrics(_holding(record, hold))),
        _line(NOTHING, account_metrics(_holding(record, np.full(len(record.at_ms), float(record.start_equity))))),
    ]
    alone = {name: account_metrics(each) for name, each in others.items()}
    if alone:
        best = max(alone, key=lambda name: alone[name].total_return)
        lines.append(_line(f"best single strategy, known afterwards: {best}", alone[best]))
        lines.append(_mean_line(tuple(alone.values())))
        ranked = sorted(alone, key=lambda name: -alone[name].total_return)
        lines += [_line(f"only {name}", alone[name]) for name in ranked]
    return lines


def _holding(record: AccountRecord, equity: FloatArray) -> AccountRecord:
    return AccountRecord(record.currency, record.start_equity, record.at_ms, equity, equity, (), ZERO, ZERO)


def _line(name: str, metrics: Metrics) -> Document:
    return {
        "name": name,
        "net": format(metrics.net, "f"),
        "total_return": metrics.total_return,
        "drawdown": metrics.drawdown.depth,
        "sharpe": metrics.sharpe,
        "trades": metrics.trades,
    }


def _mean_line(alone: tuple[Metrics, ...]) -> Document:
    net = sum((each.net for each in alone), ZERO) / len(alone)
    ratios = [each.sharpe for each in alone if each.sharpe is not None]
    return {
        "name": "mean single strategy",
        "net": format(net.quantize(Decimal("0.01"), ROUND_HALF_EVEN), "f"),
        "total_return": float(np.mean([each.total_return for each in alone])),
        "drawdown": float(np.mean([each.drawdown.depth for each in alone])),
        "sharpe": float(np.mean(ratios)) if ratios else None,
        "trades": round(float(np.mean([each.trades for each in alone]))),
    }


def _orders(record: AccountRecord) -> TradeOrders | None:
    begun = [trade.round_trip.opened_at_ms for trade in record.trades]
    index = np.searchsorted(record.at_ms, begun, side="right") - 1
    equity = np.where(index >= 0, record.equity[np.maximum(index, 0)], float(record.start_equity))
    nets = np.array([float(trade.round_trip.net) for trade in record.trades])
    return trade_orders(nets / equity) if len(nets) and (equity > 0.0).all() else None


def _timing(run: BacktestRun) -> Timing | None:
    record, steps = run.record, run.outcome.steps
    if len(record.at_ms) < 2 or not (record.equity > 0.0).all():
        return None
    closes = closes_at(run.traded, record.at_ms)
    shares = _quantities(steps, record) * closes / record.equity
    return timing(shares[:, :-1], np.diff(np.log(closes), axis=1))


def _quantities(steps: Steps, record: AccountRecord) -> FloatArray:
    step = np.maximum(np.searchsorted(steps.at_ms, record.at_ms, side="right") - 1, 0)
    return np.asarray(steps.quantities[:, step])
