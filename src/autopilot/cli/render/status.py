"""The status screen: a row for each symbol, a line for each account, each problem with its remedy."""

from __future__ import annotations

from autopilot.cli.render.blocks import BLANK, Paragraph, Span, Style, as_screen, banner, field, line, listed, remedy
from autopilot.cli.render.fixed_point import fixed, minus, times
from autopilot.cli.render.real_money import real_money_lines
from autopilot.cli.render.words import (
    MODE_STYLES,
    NOTHING,
    action_span,
    after_close,
    candles_of,
    count,
    figure,
    gain,
    money,
    price,
    quantity,
    size,
    spoken,
    utc,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from autopilot.cli.render.blocks import Block, Field, Screen
    from autopilot.cli.render.fixed_point import FixedPoint
    from autopilot.domain.card_types import LoadedModelDocument
    from autopilot.domain.document_types import (
        AnalysisDocument,
        BriefDecisionDocument,
        Document,
        OrderDocument,
        PositionDocument,
        SelectedDocument,
    )
    from autopilot.domain.status_types import (
        AccountDocument,
        CandleRangeDocument,
        DaemonDocument,
        ProblemDocument,
        StatusDocument,
        StreamDocument,
        SymbolDocument,
    )

    Part = TypeVar("Part")

_STATE_STYLES = {"running": Style.GOOD, "retrying": Style.WARNING, "stopped": Style.FAINT, "finished": Style.FAINT}


def _mode(symbol: SymbolDocument) -> str:
    money_used = "paper" if symbol["paper_trading"] else "LIVE"
    doing = f"auto-execute {'on' if symbol['auto_execute'] else 'off'}"
    return f"{symbol['timeframe']} {money_used}, {doing}"


def _state(symbol: SymbolDocument) -> Span:
    """A daemon that ran before an upgrade says nothing of refused exits."""
    refused = symbol.get("refused_exit")
    if refused and not refused["is_stop"]:
        return Span("exit refused", Style.BAD)
    return Span(symbol["state"], _STATE_STYLES.get(symbol["state"], Style.PLAIN))


def _of(part: Part | None, read: Callable[[Part], Span | str]) -> Span | str:
    """The cell read off a part of a symbol's status that may not be known yet."""
    return read(part) if part else NOTHING


FIELDS: tuple[Field[SymbolDocument], ...] = (
    field("symbol", lambda symbol: symbol["symbol"]),
    field("state", _state),
    field("price", lambda symbol: price(symbol["price"]), right=True, rank=2),
    field("regime", lambda symbol: _of(symbol["last_analysis"], lambda seen: spoken(seen["regime"])), rank=4),
    field(
        "strategy",
        lambda symbol: _of(symbol["selected_strategy"], lambda chosen: chosen["strategy"]),
        rank=5,
        shrink_to=10,
    ),
    field(
        "conf.",
        lambda symbol: _of(symbol["selected_strategy"], lambda chosen: figure(chosen["confidence"])),
        right=True,
        rank=6,
    ),
    field("action", lambda symbol: _of(symbol["last_decision"], lambda brief: action_span(brief["action"]))),
    field(
        "position",
        lambda symbol: _of(symbol["position"], lambda held: quantity(held["quantity"])),
        right=True,
        rank=1,
    ),
    field("P&L", lambda symbol: _of(unrealized(symbol), gain), right=True),
    field(
        "candle", lambda symbol: _of(symbol["last_decision"], lambda decision: utc(decision["candle_at_ms"])), rank=7
    ),
    field("cycles", lambda symbol: f"{symbol['cycles']:,}", right=True, rank=8),
    field("trades today", lambda symbol: f"{symbol['trades_today']:,}", right=True, rank=9),
    field("mode", _mode, rank=10),
)
HEALTH_SHOWN = 5
_CENTURY_DAYS = 36_500
_NAME_WIDTH = 10
"""Of the details of a symbol."""
SHOWN_ELSEWHERE = ("SYMBOL_RETRYING", "EXCHANGE_UNREACHABLE", "MODEL_UNUSABLE")
"""Problems that have their own place: a symbol's row and the line below it, the model's line at the top."""


@as_screen
def status_screen(document: Document, *, full: bool = False) -> Iterator[Block]:
    """``{"daemon": …, "accounts": […], "symbols": […]}``; ``full`` adds the details of an only symbol."""
    status: StatusDocument = document  # type: ignore[assignment]  # importing typing.cast would take too long
    symbols = status["symbols"]
    yield _daemon(status["daemon"])
    yield from (*_models(status), *banner(symbols), *real_money_lines(status["real_money"]))
    if symbols:
        yield from (BLANK, listed(FIELDS, symbols))
    else:
        yield line("No symbol is running. Try: autopilot start --symbol BTC/USD", Style.FAINT)
    if status["accounts"]:
        modes = {each["account"]: each["mode"] for each in status["modes"]}
        yield from (BLANK, *(_account(account, modes.get(account["account"])) for account in status["accounts"]))
    yield from _database(status)
    if full and len(symbols) == 1:
        yield from (BLANK, *_details(symbols[0]))
    unarmed = {each["account"] for each in status["real_money"] if each["unarmed_symbols"]}
    remarks = [*_health(status["health"], unarmed), *(each for symbol in symbols for each in _remarks(symbol))]
    yield from (BLANK, *remarks) if remarks else ()


def unrealized(symbol: SymbolDocument) -> FixedPoint | None:
    """The gain or loss of selling the position at the last price, before the fee of the sale."""
    position = symbol["position"]
    if not position or symbol["price"] is None:
        return None
    return minus(times(fixed(position["quantity"]), fixed(symbol["price"])), fixed(position["cost"]))


def _daemon(daemon: DaemonDocument) -> Paragraph:
    if not daemon["running"]:
        return Paragraph((Span("daemon "), Span("not running", Style.BAD)))
    since = f", pid {daemon['pid']}, version {daemon['version']}, since {utc(daemon['started_at_ms'])}"
    return Paragraph((Span("daemon "), Span("running", Style.GOOD), Span(since, Style.FAINT)), hang=2)


def _models(status: StatusDocument) -> Screen:
    """What decides about each kind of candles that is traded, or, if nothing runs, each champion. Nothing where the
    rules decide because there is no model. A daemon that ran before an upgrade knows one model for everything."""
    running = [symbol for symbol in status["symbols"] if symbol["running"]]
    used = [symbol.get("model", status["model"]) for symbol in running] if running else status.get("models", [])
    models = {model["id"]: model for model in used if model}
    lines = [_model(model, only=len(models) == 1 and None not in used) for model in models.values()]
    if None in used and status.get("models"):
        without = ", ".join(symbol["symbol"] for symbol in running if not symbol["model"])
        lines.append(
            line(f"the rule table decides for {without}: no model was trained on such candles", Style.FAINT, hang=2)
        )
    return tuple(lines)


def _model(model: LoadedModelDocument, *, only: bool) -> Paragraph:
    about = "" if only and model["usable"] else f" for {candles_of(model)}"
    if model["usable"]:
        words = f"model {model['id']} ({model['state']}) chooses the group of strategies{about}"
        return line(words, Style.FAINT, hang=2)
    return line(f"the rule table decides{about}: {model['message']}", Style.WARNING, hang=2)


def _account(account: AccountDocument, mode: str | None) -> Paragraph:
    """``mode``: the trading mode, None if unknown."""
    currency = account["currency"]
    positions = count(int(account["open_positions"]), "open position")
    return Paragraph(
        (
            Span(f"{account['account']}: "),
            *((Span(mode, MODE_STYLES[mode]), Span(", ")) if mode else ()),
            Span(f"equity {money(account['equity'])} {currency} ("),
            gain(minus(fixed(account["equity"]), fixed(account["start_equity"]))),
            Span(f" since the start) and {money(account['free'])} free at {utc(account['at_ms'])}, {positions}"),
        ),
        hang=2,
    )


def _database(status: StatusDocument) -> Iterator[Paragraph]:
    """Nothing from a daemon that ran before an upgrade."""
    found = status.get("database")
    if found:
        growth, days = found["growth_bytes_per_day"], found["days_until_full"]
        grows = "its growth is not known yet" if growth is None else "it does not grow"
        if growth is not None and days is not None:
            lasts = f"is full in {count(round(days), 'day')}" if days < _CENTURY_DAYS else "lasts for a century"
            grows = f"it grows by {size(growth)} per day, the disk {lasts}"
        yield line(f"database {size(found['bytes'])}, {grows}", Style.FAINT, hang=2)


def _health(records: list[ProblemDocument], unarmed: set[str]) -> Iterator[Paragraph]:
    """The problems that the screen shows nowhere else, the worst first: all errors, and others up to `HEALTH_SHOWN`.

    ``unarmed``: the accounts that the lines on real money name as not armed.
    """
    shown = [
        record
        for record in records
        if record["code"] not in SHOWN_ELSEWHERE
        and not (record["code"] == "NOT_ARMED" and unarmed.issuperset(record["subject"].split(", ")))
    ]
    most = max(HEALTH_SHOWN, sum(record["level"] == "error" for record in shown))
    for record in shown[:most]:
        since = f", since {utc(record['since_ms'])}" if record["since_ms"] else ""
        style = Style.BAD if record["level"] == "error" else Style.WARNING
        yield line(f"{record['subject']}: {record['detail']}{since}", style, hang=2)
        yield remedy(record["hint"])
    if len(shown) > most:
        yield line(f"and {len(shown) - most} more: autopilot status --json", Style.WARNING)


def _remarks(symbol: SymbolDocument) -> tuple[Paragraph, ...]:
    name, state, message = symbol["symbol"], symbol["state"], symbol["message"] or ""
    if state == "retrying":
        reason = message or symbol["last_error"] or "the last cycle failed"
        hint = symbol.get("hint") or "nothing, Autopilot tries again; autopilot config path names the log"
        return (line(f"{name} is retrying: {reason}", Style.WARNING, hang=2), remedy(hint))
    return (line(f"{name}: {message}", Style.FAINT, hang=2),) if message else ()


def _details(symbol: SymbolDocument) -> list[Paragraph]:
    """A line for each detail of a symbol that is known."""
    facts = [
        ("runs on", f"{symbol['exchange']}, {symbol['timeframe']} candles, a cycle every {symbol['interval']:g} s"),
        ("market", _analysis(symbol["last_analysis"])),
        ("strategy", _selected(symbol["selected_strategy"])),
        ("position", _held(symbol["position"])),
        *(("order", _open_order(order)) for order in symbol["open_orders"]),
        ("candles", _candles(symbol["ohlcv_data"])),
        ("cycles", _cycles(symbol)),
        ("stream", _stream(symbol.get("stream"))),
        ("decision", _last_decision(symbol["last_decision"])),
    ]
    return [
        Paragraph((Span(f"{name:<{_NAME_WIDTH}}", Style.FAINT), Span(words)), hang=_NAME_WIDTH)
        for name, words in facts
        if words
    ]


def _analysis(analysis: AnalysisDocument | None) -> str:
    if not analysis:
        return ""
    return (
        f"{spoken(analysis['regime'])}, strength {figure(analysis['regime_strength'])}, "
        f"for {count(analysis['candles_in_regime'], 'candle')}; ADX {figure(analysis['adx'], 1)}, "
        f"RSI {figure(analysis['rsi'], 1)}"
    )


def _selected(selected: SelectedDocument | None) -> str:
    if not selected:
        return ""
    group, confidence = spoken(selected["group"]), figure(selected["confidence"])
    return f"{selected['strategy']} ({group}), confidence {confidence}, chosen by {selected['decided_by']}"


def _held(held: PositionDocument | None) -> str:
    if not held:
        return "none"
    levels = f"stop {price(held['stop'])}, target {price(held['target'])}"
    return f"{quantity(held['quantity'])} at {price(held['entry_price'])}, {levels}, since {utc(held['opened_at_ms'])}"


def _open_order(order: OrderDocument) -> str:
    at = f"at {price(order['price'])}" if order["price"] else "at the market"
    done = f"{quantity(order['filled'])} filled"
    return f"{order['side']} {quantity(order['quantity'])} {at}, {spoken(order['purpose'])}: {order['status']}, {done}"


def _candles(data: CandleRangeDocument) -> str:
    if not data["candles"]:
        return "none yet"
    return f"{data['candles']:,}, {utc(data['first_at_ms'])} to {utc(data['last_at_ms'])}"


def _cycles(symbol: SymbolDocument) -> str:
    counts = f"{count(symbol['cycles'], 'cycle')}, {count(symbol['decisions'], 'decision')}"
    errors = f", {count(symbol['errors'], 'error')}" if symbol["errors"] else ""
    if not symbol["running"]:
        return counts + errors
    # An offline market has its own time, but the time of the next cycle is that of the wall clock.
    coming = f", next {utc(symbol['next_cycle_at_ms'])}" if symbol["market"] == "real" else ""
    if at_close_ms := symbol.get("next_close_cycle_at_ms"):
        coming += f", at a close {utc(at_close_ms)}"
    return f"{counts}{errors}; last {utc(symbol['last_cycle_at_ms'])}{coming}"


def _stream(stream: StreamDocument | None) -> str:
    if not stream:
        return ""
    detail = f": {stream['detail']}" if stream["detail"] else ""
    return f"{stream['state']} since {utc(stream['since_ms'])}{detail}"


def _last_decision(brief: BriefDecisionDocument | None) -> str:
    if not brief:
        return "none yet"
    refused = f" ({brief['denied_code']})" if brief["denied_code"] else ""
    # An offline market has no seconds after a close.
    late = f", decided {after_close(brief)}" if brief["market"] == "real" else ""
    return f"{brief['action']}{refused}, candle of {utc(brief['candle_at_ms'])}{late}: autopilot explain {brief['id']}"
