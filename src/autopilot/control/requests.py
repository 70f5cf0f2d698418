"""What clients may ask, parsed strictly: every problem of a request is named, nothing unknown is passed over."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NoReturn

from autopilot.control.errors import RequestInvalid
from autopilot.control.protocol import LIST_LIMIT, LIST_LIMIT_MAX
from autopilot.domain.decision import Action
from autopilot.domain.errors import UnknownSymbol, UnknownTimeframe
from autopilot.domain.market import split_symbol
from autopilot.domain.timeframe import Timeframe


@dataclass(frozen=True, slots=True)
class StartRequest:
    """None: as configured. ``interval``: seconds between two cycles."""

    symbols: tuple[str, ...] | None = None
    exchange: str | None = None
    timeframe: Timeframe | None = None
    interval: float | None = None
    paper_trading: bool | None = None
    auto_execute: bool | None = None

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> StartRequest:
        """Raises RequestInvalid."""
        return cls(**_read(document, _START))


@dataclass(frozen=True, slots=True)
class StopRequest:
    """None: every symbol. ``flatten``: sell what is held first."""

    symbol: str | None = None
    flatten: bool = False

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> StopRequest:
        """Raises RequestInvalid."""
        return cls(**_read(document, _STOP))


@dataclass(frozen=True, slots=True)
class ModeRequest:
    """Pause; None: every exchange."""

    exchange: str | None = None

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> ModeRequest:
        """Raises RequestInvalid."""
        return cls(**_read(document, {"exchange": _name}))


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """None: every exchange. ``write_off``: forget what the account was found not to own."""

    exchange: str | None = None
    write_off: bool = False

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> ResumeRequest:
        """Raises RequestInvalid."""
        return cls(**_read(document, {"exchange": _name, "write_off": _truth}))


@dataclass(frozen=True, slots=True)
class PanicRequest:
    """``flatten``: sell what is held too."""

    flatten: bool = False

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> PanicRequest:
        """Raises RequestInvalid."""
        return cls(**_read(document, {"flatten": _truth}))


@dataclass(frozen=True, slots=True)
class RetrainRequest:
    """None: as configured. ``surrogate``: on candles whose direction was destroyed."""

    symbols: tuple[str, ...] | None = None
    exchange: str | None = None
    timeframe: Timeframe | None = None
    days: int | None = None
    surrogate: bool = False

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> RetrainRequest:
        """Raises RequestInvalid."""
        return cls(**_read(document, _RETRAIN))


@dataclass(frozen=True, slots=True)
class BootstrapRequest:
    """Those keys of the training configuration that are to change, as TOML values."""

    values: Mapping[str, Any]

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> BootstrapRequest:
        """Raises RequestInvalid."""
        values = _read(document, _BOOTSTRAP)
        return cls(
            {
                name: list(value) if isinstance(value, tuple) else str(value) if name == "timeframe" else value
                for name, value in values.items()
            }
        )


@dataclass(frozen=True, slots=True)
class PromoteRequest:
    """``force``: even if its gate did not pass the model."""

    force: bool = False

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> PromoteRequest:
        """Raises RequestInvalid."""
        return cls(**_read(document, {"force": _truth}))


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The newest ``limit`` items that fit; each list takes the parameters that `parse` is told.

    ``before_ms``: only what happened before this moment (of a decision: its candle opened before it). ``days``: only
    the newest so many.
    """

    symbol: str | None = None
    limit: int = LIST_LIMIT
    before_ms: int | None = None
    action: Action | None = None
    open_only: bool = False
    days: int | None = None

    @classmethod
    def parse(cls, query: Mapping[str, str], allowed: Collection[str]) -> ListQuery:
        """``query``: the URL's parameters, each once. Raises RequestInvalid."""
        values = _read(query, {name: _LIST[name] for name in allowed})
        names = {"before": "before_ms", "open": "open_only"}
        return cls(**{names.get(name, name): value for name, value in values.items()})


def parse_body(content: bytes) -> dict[str, Any]:
    """A request's body; an empty one says nothing. Raises RequestInvalid when it is not one JSON object."""
    if not content.strip():
        return {}
    try:
        document = json.loads(content, parse_constant=_no_such_number, object_pairs_hook=_distinct)
    except RecursionError:
        raise _not_json("it is nested too deeply") from None
    except ValueError as error:
        raise _not_json(str(error)) from None
    if not isinstance(document, dict):
        raise _not_json("it is not an object")
    return document


def parse_symbol(text: Any) -> str:
    """``BTC/USD``, also written ``btc-usd`` as fits a URL. Raises ValueError with the rule."""
    if not isinstance(text, str):
        raise ValueError("must be a symbol such as BTC/USD")  # noqa: TRY004 - what was received
    symbol = text.upper().replace("-", "/")
    try:
        split_symbol(symbol)
    except UnknownSymbol:
        raise ValueError("must be a symbol such as BTC/USD") from None
    return symbol


def parse_kinds(query: Mapping[str, str]) -> frozenset[str]:
    """The kinds of events asked for; empty says all. Raises RequestInvalid."""
    kinds = _read(query, {"kinds": str}).get("kinds", "")
    return frozenset(kind.strip() for kind in kinds.split(",") if kind.strip())


def parse_model_id(query: Mapping[str, str]) -> str | None:
    """The model asked for; None says whichever decides. Raises RequestInvalid."""
    return _read(query, {"id": str}).get("id")


def parse_nothing(document: Mapping[str, Any]) -> None:
    """Of a command that takes nothing. Raises RequestInvalid when something is given."""
    _read(document, {})


def _not_json(why: str) -> RequestInvalid:
    return RequestInvalid(f"the body is not usable JSON: {why}", hint='send one object such as {"symbol": "BTC/USD"}')


def _no_such_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("it has a key twice")
    return document


def _read(given: Mapping[str, Any], readers: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    values, problems = {}, []
    for name, value in given.items():
        if name not in readers:
            near = get_close_matches(name, readers, n=1)
            problems.append(f"there is no {name[:40]!r} here" + (f"; did you mean {near[0]!r}?" if near else ""))
        elif value is not None:
            try:
                values[name] = readers[name](value)
            except ValueError as error:
                problems.append(f"{name} {error}")
    if problems:
        taken = ", ".join(readers) or "nothing"
        raise RequestInvalid("; ".join(problems), hint=f"this address takes: {taken}")
    return values


def _symbols(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError('must be a list such as ["BTC/USD"]')
    return tuple(dict.fromkeys(parse_symbol(item) for item in value))


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value.isidentifier() or value != value.lower():
        raise ValueError("must be a name in lower case such as coinbase")
    return value


def _timeframe(value: Any) -> Timeframe:
    try:
        return Timeframe.parse(value)
    except UnknownTimeframe as error:
        raise ValueError(f"must be one of those we know: {error.hint}") from None


def _interval(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number of seconds")  # noqa: TRY004 - what was received
    if not 0 < value <= 86_400:
        raise ValueError("must be above 0 and at most 86400 seconds")
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100_000:
        raise ValueError("must be a whole number from 1 to 100,000")
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - what was received
    return value


def _truth_text(value: str) -> bool:
    if value.lower() not in ("true", "false", "1", "0"):
        raise ValueError("must be true or false")
    return value.lower() in ("true", "1")


def _limit(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10 and 1 <= int(value) <= LIST_LIMIT_MAX):
        raise ValueError(f"must be a whole number from 1 to {LIST_LIMIT_MAX}")
    return int(value)


def _days(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 6 and int(value)):
        raise ValueError("must be a whole number from 1 to 99999")
    return int(value)


def _moment_ms(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 16):
        raise ValueError("must be a time in milliseconds since 1970, UTC")
    return int(value)


def _action(value: str) -> Action:
    try:
        return Action(value)
    except ValueError:
        raise ValueError(f"must be one of {', '.join(Action)}") from None


_START: Mapping[str, Callable[[Any], Any]] = {
    "symbols": _symbols,
    "exchange": _name,
    "timeframe": _timeframe,
    "interval": _interval,
    "paper_trading": _truth,
    "auto_execute": _truth,
}
_RETRAIN: Mapping[str, Callable[[Any], Any]] = {
    "symbols": _symbols,
    "exchange": _name,
    "timeframe": _timeframe,
    "days": _count,
    "surrogate": _truth,
}
_BOOTSTRAP: Mapping[str, Callable[[Any], Any]] = {
    "days": _count,
    "timeframe": _timeframe,
    "min_samples_per_strategy": _count,
    "symbols": _symbols,
}
_STOP: Mapping[str, Callable[[Any], Any]] = {"symbol": parse_symbol, "flatten": _truth}
_LIST: Mapping[str, Callable[[str], Any]] = {
    "symbol": parse_symbol,
    "limit": _limit,
    "before": _moment_ms,
    "action": _action,
    "open": _truth_text,
    "days": _days,
}
