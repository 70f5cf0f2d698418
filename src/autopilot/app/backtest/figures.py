"""The figures of a trading period as a document, compared with everything else that could have been done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np

from autopilot.app.backtest.request import StoredModel, WalkForward
from autopilot.app.backtest.run import BacktestRun
from autopilot.backtest.choices import RULES
from autopilot.backtest.decided import symbol_closes
from autopilot.domain.candles import FloatArray
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document
from autopilot.domain.market import Market
from autopilot.domain.money import ZERO, to_decimal
from autopilot.domain.order import Fill, Order
from autopilot.domain.timeframe import Timeframe
from autopilot.execution.paper_settings import PaperSettings
from autopilot.performance.account_record import AccountRecord, OpenPosition, prices_at
from autopilot.performance.luck import Timing, TradeOrders, timing, trade_orders
from autopilot.performance.metrics import DAYS_TO_ANNUALIZE, KEYS, Metrics, account_metrics, breakdown, intervals

BUY_AND_HOLD, DOING_NOTHING = "buy and hold", "doing nothing"
BASIS_POINT = 1e-4
UNSURE, NOTHING_TO_SELL = "CONFIDENCE_BELOW_THRESHOLD", "POSITION_MISSING"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TradedPeriod:
    """A period of trading, of a backtest or of a paper account.

    ``hold`` float64[n]: the equity of buy and hold at the moments of ``record``. ``candles`` were decided; ``signals``
    of them had a signal, ``by_models`` of these were chosen by a learned model, and ``denied`` counts the codes.
    ``orders`` by client order id: at least those of the ``fills``; ``orders_made`` of them in the period.
    ``in_sample``: a model decided candles that it had been trained on.
    """

    exchange: str
    symbols: Sequence[str]
    timeframe: Timeframe
    from_ms: int
    record: AccountRecord
    hold: FloatArray
    decided_by: str
    candles: int
    signals: int
    by_models: int
    orders: Mapping[str, Order]
    orders_made: int
    fills: Sequence[Fill]
    denied: Counter[str]
    in_sample: bool = False


def period_document(period: TradedPeriod, others: Mapping[str, AccountRecord]) -> Document:
    """The period as JSON. Money is in ``currency``, returns and drawdowns are fractions. ``others``: the same period
    traded by single strategies."""
    record = period.record
    return {
        "exchange": period.exchange,
        "symbols": list(period.symbols),
        "timeframe": period.timeframe.value,
        "from_ms": period.from_ms,
        "to_ms": int(record.at_ms[-1]),
        "currency": record.currency,
        "balance": format(record.start_equity, "f"),
        "decided_by": period.decided_by,
        "in_sample": period.in_sample,
        "models": [],
        "candles": period.candles,
        "signals": period.signals,
        "by_models": period.by_models,
        "orders": period.orders_made,
        "fills": len(period.fills),
        "denied": dict(period.denied.most_common()),
        "timing": None,
        "days_to_annualize": DAYS_TO_ANNUALIZE,
        "metrics": document(account_metrics(record)),
        "intervals": document(intervals(record)),
        "trade_orders": document(_orders(record)),
        "open_positions": document(record.still_open),
        "breakdown": {key: document(breakdown(record, key)) for key in KEYS},
        "comparison": comparison(record, period.hold, others),
    }


def backtest_document(run: BacktestRun) -> Document:
    """Everything that ``autopilot backtest`` prints, as JSON."""
    return period_document(traded_period(run), run.alone) | {
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
        "lent": [
            {"symbol": each.history.symbol, "exchange": run.request.source, "candles": each.history.lent}
            for each in run.tested
            if each.history.lent
        ],
        "detail": run.request.detail.value if run.request.detail else None,
        "looked_into": run.outcome.looked_into,
        "timing": document(_timing(run)),
    }


def traded_period(run: BacktestRun) -> TradedPeriod:
    """The period that a backtest traded."""
    outcome, record = run.outcome, run.record
    unsure, missing = (sum(len(each) for each in every) for every in (outcome.unsure, outcome.missing))
    orders = {each.client_order_id: each for each in outcome.books.orders}
    prices = prices_at(symbol_closes(run.traded), record.at_ms)
    return TradedPeriod(
        exchange=run.request.exchange,
        symbols=[each.history.symbol for each in run.tested],
        timeframe=run.request.timeframe,
        from_ms=record.from_ms,
        record=record,
        hold=held_evenly(record, prices, run.traded[0].market, run.paper),
        decided_by=decided_by(run),
        candles=outcome.candles,
        signals=len(outcome.judged) + unsure + missing,
        by_models=_by_models(run),
        orders=orders,
        orders_made=len(orders),
        fills=outcome.books.fills,
        denied=_denied(run, unsure, missing),
        in_sample=run.in_sample,
    )


def _by_models(run: BacktestRun) -> int:
    """The number of signals that a learned model chose."""
    judged = sum(each.model is not None for each in run.outcome.judged)
    return judged + sum(
        int((each.choices.model[indices - each.choices.first] != RULES).sum())
        for every in (run.outcome.unsure, run.outcome.missing)
        for each, indices in zip(run.traded, every, strict=True)
    )


def _denied(run: BacktestRun, unsure: int, missing: int) -> Counter[str]:
    """How often each code denied a signal, in the order in which they first did."""
    first: dict[str, tuple[int, str]] = {UNSURE: (-1, "")} if unsure else {}
    for traded, indices in zip(run.traded, run.outcome.missing, strict=True):
        if len(indices):
            moment = int(traded.series.candles.open_at_ms[indices[0]]), traded.market.symbol
            first[NOTHING_TO_SELL] = min(moment, first.get(NOTHING_TO_SELL, moment))
    counts = Counter({UNSURE: unsure, NOTHING_TO_SELL: missing})
    for row in run.outcome.judged:
        if row.denied_code:
            moment = row.candle_at_ms, row.symbol
            first[row.denied_code] = min(moment, first.get(row.denied_code, moment))
            counts[row.denied_code] += 1
    return Counter({code: counts[code] for code in sorted(first, key=lambda code: first[code])})


def decided_by(run: BacktestRun) -> str:
    """A phrase that says who chose the strategies."""
    request, model = run.request, run.request.model
    if request.strategy is not None:
        return f"every signal of the strategy {request.strategy}"
    if request.group is not None:
        return f"every signal that the rules choose in the group {request.group.value}"
    match model:
        case StoredModel():
            return f"model {model.model_id}"
        case WalkForward():
            gate = "if its gate permits" if model.is_gated else "whatever its gate says"
            return f"models trained every {model.every_days} days on past data only, each used {gate}; else the rules"
        case _:
            return "the rule table"


def held_evenly(record: AccountRecord, closes: FloatArray, market: Market, paper: PaperSettings) -> FloatArray:
    """float64[n]: the equity of buy and hold, the starting equity spread evenly over the symbols and paying the costs
    of one purchase each. ``closes`` float64[symbols, n] at the moments of the record."""
    fee = float(market.taker_fee) if paper.taker_fee_pct is None else paper.taker_fee_pct / 100.0
    cost = (1.0 + paper.slippage_bps * BASIS_POINT) * (1.0 + fee)
    return np.asarray(float(record.start_equity) * (closes / closes[:, :1] / cost).mean(axis=0))


def comparison(record: AccountRecord, hold: FloatArray, others: Mapping[str, AccountRecord]) -> list[Document]:
    """One row each for the period, buy and hold, doing nothing and, if there are ``others``, for the best of those that
    traded, for their mean and for every one."""
    lines = [
        _line("this", account_metrics(record)),
        _line(BUY_AND_HOLD, account_metrics(_holding(record, hold))),
        _line(DOING_NOTHING, account_metrics(_holding(record, np.full(len(record.at_ms), float(record.start_equity))))),
    ]
    alone = {name: account_metrics(each) for name, each in others.items()}
    # A strategy that never traded is neither the best nor the worst.
    ranked = sorted(alone, key=lambda name: (not others[name].traded_value, -alone[name].total_return))
    if ranked:
        if others[ranked[0]].traded_value:
            lines.append(_line(f"best single strategy, known afterwards: {ranked[0]}", alone[ranked[0]]))
        lines.append(_mean_line(tuple(alone.values())))
        lines += [_line(f"only {name}", alone[name]) for name in ranked]
    return lines


def _holding(record: AccountRecord, equity: FloatArray) -> AccountRecord:
    """The same period with this equity, all of it in one position that is still open."""
    held = OpenPosition("", ZERO, to_decimal(float(equity[-1])) - record.start_equity, ZERO)
    return replace(
        record,
        equity=equity,
        held=equity,
        trades=(),
        traded_value=ZERO,
        open_before=(),
        still_open=(held,),
    )


def _line(name: str, metrics: Metrics) -> Document:
    return {
        "name": name,
        "net": format(metrics.net, "f"),
        "trades": metrics.trades,
        **{key: figure(metrics) for key, figure in _COMPARED.items()},
    }


_COMPARED: Mapping[str, Callable[[Metrics], float | None]] = {
    "total_return": lambda metrics: metrics.total_return,
    "annual_return": lambda metrics: metrics.annual_return,
    "annual_volatility": lambda metrics: metrics.annual_volatility,
    "drawdown": lambda metrics: metrics.drawdown.depth,
    "drawdown_days": lambda metrics: metrics.drawdown.days,
    "sharpe": lambda metrics: metrics.sharpe,
    "sortino": lambda metrics: metrics.sortino,
    "calmar": lambda metrics: metrics.calmar,
}


def _mean_line(alone: tuple[Metrics, ...]) -> Document:
    net = sum((each.net for each in alone), ZERO) / len(alone)
    return {
        "name": "mean single strategy",
        "net": format(net.quantize(Decimal("0.01"), ROUND_HALF_EVEN), "f"),
        "trades": round(float(np.mean([each.trades for each in alone]))),
        **{key: _known_mean([figure(each) for each in alone]) for key, figure in _COMPARED.items()},
    }


def _known_mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _orders(record: AccountRecord) -> TradeOrders | None:
    begun = [trade.round_trip.opened_at_ms for trade in record.trades]
    index = np.searchsorted(record.at_ms, begun, side="right") - 1
    equity = np.where(index >= 0, record.equity[np.maximum(index, 0)], float(record.start_equity))
    nets = np.array([float(trade.round_trip.net) for trade in record.trades])
    return trade_orders(nets / equity) if len(nets) and (equity > 0.0).all() else None


def _timing(run: BacktestRun) -> Timing | None:
    record, closes = run.record, symbol_closes(run.traded)
    if len(record.at_ms) < 2 or not (record.equity > 0.0).all():
        return None
    prices = prices_at(closes, record.at_ms)
    shares = run.outcome.steps.holdings_at(record.at_ms).quantities * prices / record.equity
    return timing(shares[:, :-1], np.diff(np.log(prices), axis=1))
