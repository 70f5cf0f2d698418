"""The requests of clients, checked strictly: a refusal names every problem, and nothing unknown is passed over.

pydantic checks them; the words of a refusal are ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, ClassVar, NoReturn, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    WrapValidator,
    create_model,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from autopilot.control.errors import RequestInvalid
from autopilot.control.protocol import LIST_LIMIT_MAX, WIRE_NAMES
from autopilot.domain.decision import Action
from autopilot.domain.errors import UnknownSymbol
from autopilot.domain.market import CandleKind, split_symbol
from autopilot.domain.paging import Cursor
from autopilot.domain.suggestion import did_you_mean
from autopilot.domain.timeframe import Timeframe

_Request = TypeVar("_Request")
_OURS = "ours"
_AMOUNT = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")


def _says(words: str) -> WrapValidator:
    """A value that is not allowed is refused with ``words``, or with those of a type inside this one."""

    def validate(value: Any, check: Callable[[Any], Any]) -> Any:
        try:
            return check(value)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False)
            inner = next((each["msg"] for each in found if each["type"] == _OURS), words)
            raise PydanticCustomError(_OURS, "{words}", {"words": inner}) from None

    return WrapValidator(validate)


def _digits(value: Any) -> Any:
    """Strings only of the digits 0 to 9, for ``int`` reads more than that."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    raise ValueError


def _symbol(value: Any) -> Any:
    symbol = value.upper().replace("-", "/") if isinstance(value, str) else ""
    try:
        split_symbol(symbol)
    except UnknownSymbol:
        raise ValueError from None
    return symbol


def _amount(value: Any) -> Any:
    """An exact amount is text: a JSON number is read as a float."""
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value) or not (amount := Decimal(value)):
        raise ValueError
    return amount


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


_SYMBOL_WORDS = "must be a symbol such as BTC/USD"
Symbol = Annotated[str, BeforeValidator(_symbol), _says(_SYMBOL_WORDS)]
Symbols = Annotated[
    tuple[Symbol, ...],
    Field(min_length=1),
    AfterValidator(_distinct),
    _says('must be a list such as ["BTC/USD"]'),
]
Exchange = Annotated[
    str, StringConstraints(pattern="^[a-z_][a-z0-9_]*$"), _says("must be a name in lower case such as coinbase")
]
"""Of which exchanges there are, adapters know."""
TimeframeName = Annotated[Timeframe, _says(f"must be one of {', '.join(Timeframe)}")]
KindName = Annotated[CandleKind, _says(f"must be one of {', '.join(CandleKind)}")]
Seconds = Annotated[
    float,
    Field(strict=True),
    _says("must be a number of seconds"),
    Field(gt=0, le=86_400),
    _says("must be above 0 and at most 86400 seconds"),
]
Account = Annotated[
    str,
    StringConstraints(pattern="^(paper|live):[a-z_][a-z0-9_]*$"),
    _says("must be an account such as paper:coinbase"),
]
Amount = Annotated[
    Decimal,
    BeforeValidator(_amount),
    _says('must be an amount above 0 as text, such as "0.25", with at most 18 decimals'),
]
Count = Annotated[int, Field(strict=True, ge=1, le=100_000), _says("must be a whole number from 1 to 100,000")]
Flag = Annotated[bool, Field(strict=True), _says("must be true or false")]
_FORBID = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class EmptyRequest:
    """Of a command that takes nothing; the base of the others."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID


@dataclass(frozen=True, slots=True)
class StartRequest(EmptyRequest):
    """``symbols`` None: those that ran before or are held, else the configured ones. Another None: as it is, or as
    configured. ``interval``: seconds between two cycles."""

    symbols: Symbols | None = None
    exchange: Exchange | None = None
    timeframe: TimeframeName | None = None
    interval: Seconds | None = None
    paper_trading: Flag | None = None
    auto_execute: Flag | None = None


@dataclass(frozen=True, slots=True)
class StopRequest(EmptyRequest):
    """None: every symbol. ``flatten``: sell the positions first."""

    symbol: Symbol | None = None
    flatten: Flag = False


@dataclass(frozen=True, slots=True)
class ExitRequest(EmptyRequest):
    """``quantity``: in base currency, None for the whole position. ``account``: needed only if several hold the
    symbol."""

    symbol: Symbol
    quantity: Amount | None = None
    account: Account | None = None


@dataclass(frozen=True, slots=True)
class ModeRequest(EmptyRequest):
    """Pause; ``exchange`` None: every exchange."""

    exchange: Exchange | None = None


@dataclass(frozen=True, slots=True)
class ResumeRequest(ModeRequest):
    """``write_off``: remove from the books what is missing from the account."""

    write_off: Flag = False


@dataclass(frozen=True, slots=True)
class PanicRequest(EmptyRequest):
    """``flatten``: sell the positions too."""

    flatten: Flag = False


@dataclass(frozen=True, slots=True)
class RetrainRequest(EmptyRequest):
    """None: as configured. ``surrogate``: on candles whose direction was destroyed. ``source``: the exchange that lends
    candles from before its own first one; ``download``: candles that are not stored may be downloaded."""

    symbols: Symbols | None = None
    exchange: Exchange | None = None
    timeframe: TimeframeName | None = None
    days: Count | None = None
    surrogate: Flag = False
    source: Exchange | None = None
    download: Flag = True


@dataclass(frozen=True, slots=True)
class BootstrapRequest(EmptyRequest):
    """The keys of the training configuration that are to change; None: this one stays."""

    days: Count | None = None
    timeframe: TimeframeName | None = None
    min_samples_per_strategy: Count | None = None
    symbols: Symbols | None = None


@dataclass(frozen=True, slots=True)
class PromoteRequest(EmptyRequest):
    """``force``: even if the gate did not pass the model."""

    force: Flag = False


@dataclass(frozen=True, slots=True)
class RollbackRequest(EmptyRequest):
    """The candles whose champion is meant; None: any."""

    kind: KindName | None = None
    timeframe: TimeframeName | None = None


_TIME_WORDS = "must be a time in milliseconds since 1970, UTC"
_PARAMETERS: Mapping[str, Any] = {
    "symbol": Symbol,
    "limit": Annotated[
        int,
        BeforeValidator(_digits),
        Field(ge=1, le=LIST_LIMIT_MAX),
        _says(f"must be a whole number from 1 to {LIST_LIMIT_MAX}"),
    ],
    "since_ms": Annotated[int, BeforeValidator(_digits), _says(_TIME_WORDS)],
    "before": Annotated[Cursor, PlainValidator(Cursor.of), _says(f"{_TIME_WORDS}, or the next of a list")],
    "action": Annotated[Action, _says(f"must be one of {', '.join(Action)}")],
    "open_only": Annotated[
        bool,
        Field(strict=True),
        BeforeValidator(lambda value: {"true": True, "1": True, "false": False, "0": False}.get(value.lower())),
        _says("must be true or false"),
    ],
    "days": Annotated[
        int, BeforeValidator(_digits), Field(ge=1, le=99_999), _says("must be a whole number from 1 to 99999")
    ],
    "kinds": str,
    "kind": KindName,
    "timeframe": TimeframeName,
    "model_id": str,
}
"""The parameters of queries, all strings on the wire."""


def parse(kind: type[_Request], given: Mapping[str, Any]) -> _Request:
    """A request from a body; null is as if the key were not there. Raises RequestInvalid with every problem."""
    names = tuple(field.name for field in fields(cast(Any, kind)))
    stated = {name: value for name, value in given.items() if value is not None or name not in names}
    request: _Request = _checked(_adapter(cast(Any, kind)).validate_python, stated, names)
    return request


def parse_query(query: Mapping[str, str], names: Collection[str]) -> dict[str, Any]:
    """The parameters ``names`` of a query by name, as far as they are given. Raises RequestInvalid."""
    wire_names = tuple(WIRE_NAMES.get(name, name) for name in names)
    found: BaseModel = _checked(_query_model(tuple(names)).model_validate, query, wire_names)
    # Not its model_dump, which makes a tuple of a Cursor.
    return {name: getattr(found, name) for name in names if name in found.model_fields_set}


def parse_body(content: bytes) -> dict[str, Any]:
    """The JSON object of a request's body; empty if there is no body. Raises RequestInvalid."""
    if not content.strip():
        return {}
    try:
        document = json.loads(content, parse_constant=_no_such_number, object_pairs_hook=_distinct_keys)
    except RecursionError:
        raise _not_json("it is nested too deeply") from None
    except ValueError as error:
        raise _not_json(str(error)) from None
    if not isinstance(document, dict):
        raise _not_json("it is not an object")
    return document


def parse_symbol(text: str) -> str:
    """``BTC/USD``, also written ``btc-usd`` as fits a URL. Raises RequestInvalid."""
    try:
        return str(_symbol(text))
    except ValueError:
        raise RequestInvalid(f"{text[:40]!r} {_SYMBOL_WORDS}", hint="in an address, BTC-USD is BTC/USD") from None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@cache
def _query_model(names: tuple[str, ...]) -> type[BaseModel]:
    parameters: dict[str, Any] = {
        name: (_PARAMETERS[name], Field(default=None, alias=WIRE_NAMES.get(name, name))) for name in names
    }
    return create_model("Query", __config__=_FORBID, **parameters)


def _checked(validate: Callable[[Mapping[str, Any]], Any], given: Mapping[str, Any], names: Collection[str]) -> Any:
    """Raises RequestInvalid with the problems in the order of ``given``, then those of missing keys; ``names``: the
    keys that are taken."""
    try:
        return validate(given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        # A key that is not text, such as half of a surrogate pair, has no place.
        by_key = {str(each["loc"][0]): _problem(str(each["loc"][0]), each, names) for each in found if each["loc"]}
        hint = f"this address takes: {', '.join(names) or 'nothing'}"
        listed = "; ".join(by_key[key] for key in dict.fromkeys([*given, *names]) if key in by_key)
        raise RequestInvalid(listed or "a key is not text", hint=hint) from None


def _problem(key: str, found: ErrorDetails, names: Collection[str]) -> str:
    """In our words: those of pydantic stay inside."""
    if key in names:
        if found["type"] == "missing":
            return f"{key} is missing"
        return f"{key} {found['msg'] if found['type'] == _OURS else 'has a value that cannot be used here'}"
    meant = did_you_mean(key, names)
    return f"there is no {key[:40]!r} here" + (f"; {meant}" if meant else "")


def _not_json(why: str) -> RequestInvalid:
    return RequestInvalid(f"the body is not usable JSON: {why}", hint='send one object such as {"symbol": "BTC/USD"}')


def _no_such_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def _distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("it has a key twice")
    return document
