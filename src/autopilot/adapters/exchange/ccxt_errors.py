"""Errors of ccxt and of the network as our own errors."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import localcontext

import aiohttp

from autopilot.domain.errors import ExchangeError, MarketUnavailable, UnknownSymbol

LONGEST = 200
ONLINE = "check that this machine is online, and whether it needs a proxy (HTTPS_PROXY)"

_MALFORMED = (TypeError, KeyError, IndexError, AttributeError, ValueError, ArithmeticError)
"""Raised by ccxt's parsers for JSON of an unexpected form."""


@asynccontextmanager
async def calling(timeout_s: float) -> AsyncIterator[None]:
    """Around every call of ccxt, which sets the rounding of the current decimal context. Raises TimeoutError."""
    with localcontext():
        async with asyncio.timeout(timeout_s):
            yield


@contextmanager
def reading(exchange: str, what: str) -> Iterator[None]:
    """Around code that reads an answer. Raises MarketUnavailable if the answer makes no sense."""
    try:
        yield
    except _MALFORMED as error:
        raise MarketUnavailable(
            f"{exchange} gave an unusable answer ({what}): {type(error).__name__}: {scrub(error)}",
            hint="Autopilot tries again; a newer ccxt may understand it",
        ) from error


@asynccontextmanager
async def asking(exchange: str, what: str, timeout_s: float) -> AsyncIterator[None]:
    """Turns every error of ccxt into UnknownSymbol or MarketUnavailable, after ``timeout_s`` at the latest."""
    from ccxt.base import errors

    try:
        async with calling(timeout_s):
            with reading(exchange, what):
                yield
    except ExchangeError:
        raise
    except (TimeoutError, errors.RequestTimeout) as error:
        raise MarketUnavailable(f"{exchange} did not answer within {timeout_s:g} s ({what})", hint=ONLINE) from error
    except errors.BadSymbol as error:
        raise UnknownSymbol(
            f"{exchange} does not know {what}: {scrub(error)}", hint="see its list of markets"
        ) from error
    except (errors.RateLimitExceeded, errors.DDoSProtection) as error:
        raise MarketUnavailable(
            f"{exchange} wants fewer requests ({what}): {scrub(error)}",
            hint="Autopilot tries again later; a longer interval or fewer symbols help",
        ) from error
    except errors.OnMaintenance as error:
        raise MarketUnavailable(
            f"{exchange} is in maintenance ({what}): {scrub(error)}", hint="Autopilot tries again later"
        ) from error
    except errors.NetworkError as error:
        raise MarketUnavailable(f"{exchange} cannot be reached ({what}): {_reason(error)}", hint=ONLINE) from error
    except errors.BaseError as error:
        said = "refused" if error.__cause__ is None else "gave no usable answer"
        raise MarketUnavailable(f"{exchange} {said} ({what}): {_reason(error)}", hint=ONLINE) from error
    except (aiohttp.ClientError, OSError) as error:
        raise MarketUnavailable(f"{exchange} cannot be reached ({what}): {_reason(error)}", hint=ONLINE) from error


def is_refusal(error: MarketUnavailable) -> bool:
    """Whether the exchange, or ccxt, refused the request in words of its own."""
    from ccxt.base import errors

    cause = error.__cause__
    return isinstance(cause, errors.ExchangeError) and cause.__cause__ is None


def is_final(error: MarketUnavailable) -> bool:
    """Whether the words of a refusal say that the same request will always be refused."""
    from ccxt.base import errors

    final = (errors.ArgumentsRequired, errors.AuthenticationError, errors.BadRequest, errors.NotSupported)
    return isinstance(error.__cause__, final)


def scrub(error: BaseException) -> str:
    """A short text of the error, or else the name of its class: without markup, and without URL queries, which may hold
    signatures."""
    text = re.sub(r"<(style|script|head)\b.*?</\1>", " ", str(error), flags=re.DOTALL | re.IGNORECASE)
    text = re.sub(r"^\w+ (GET|POST) https?://\S+", "", text)  # what was asked for is said by the caller
    text = re.sub(r"(https?://[^\s?]+)\?\S*", r"\1", text)
    text = " ".join(re.sub(r"<[^>]*>", " ", text).split()) or type(error).__name__
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _reason(error: BaseException) -> str:
    """The text of the innermost cause: ccxt and aiohttp wrap it in addresses."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno).lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return scrub(error)
