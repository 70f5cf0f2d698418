"""What a request for candles says on the wire, for every exchange of ccxt with spot candles: nothing is sent.

Each exchange is asked for one page, by our own rules, with the last step before the network replaced. The address and
the body that would be sent show whether they hold the first candle, the last one and the number of them. With
--document FILE the table of docs/data.md is written.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from autopilot.adapters.exchange.ccxt_import import exchange_class, known_exchanges
from autopilot.adapters.exchange.exchange_clock import ExchangeClock
from autopilot.adapters.exchange.history.page_rules import PageRules
from autopilot.adapters.exchange.public_exchange import PublicExchange
from autopilot.domain.errors import ExchangeError
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.ports.clock import Clock
from benchmarks.rows.row import replace_part

SINCE_MS = 1_699_999_200_000
NOW_MS = SINCE_MS + 4_000 * HOUR_MS
MOST = 200
SYMBOL = "BTC/USDT"
NUMBERED_MARKETS = frozenset({"nado"})
_TIMES = re.compile(r"\b(\d{13}|\d{10}|\d{8}|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Wire:
    """What the request for one page of an exchange holds. ``stated_limit``: by ccxt's ``features``; ``cost`` of the
    request in ccxt's units; ``trouble``: why ccxt sends none, "" if it does."""

    exchange: str
    rules: PageRules
    stated_limit: int | None
    first: bool
    last: bool
    number: bool
    cost: float
    rate_limit_ms: float
    trouble: str


class _Standing(Clock):
    def now_ms(self) -> int:
        return NOW_MS


class _Sent(Exception):
    """Raised instead of sending."""


def with_candles() -> list[str]:
    """The exchanges of ccxt that have candles of spot markets."""
    found = []
    for name in sorted(known_exchanges()):
        has = exchange_class(name)().has
        if has["fetchOHLCV"] and has["spot"]:
            found.append(name)
    return found


async def wire(name: str) -> Wire:
    """What ccxt would send to this exchange for one page."""
    public = PublicExchange(
        name, ExchangeClock(name, _Standing(), _Standing()), 8.0, needs_coin_list=False, base_url=None
    )
    exchange = await public.open()
    exchange.timeout_on_exit = 0
    sent: list[str] = []
    costs = [0.0]

    async def fetch(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:  # noqa: ARG001
        sent.append(f"{unquote(url)} {body or ''}")
        raise _Sent

    async def throttler(cost: float | None = None) -> None:
        costs.append(1.0 if cost is None else cost)

    exchange.fetch, exchange.throttler = fetch, throttler
    exchange.set_markets([_market(exchange)])
    rules = await public.page_rules(SYMBOL)
    count, trouble = min(MOST, rules.limit), ""
    timeframe = Timeframe.H1 if "1h" in exchange.timeframes else Timeframe(next(iter(exchange.timeframes)))
    try:
        await public.ask(SYMBOL, timeframe, SINCE_MS, count)
    except _Sent:
        pass
    except ExchangeError as error:
        trouble = str(error)
    except Exception as error:  # noqa: BLE001 - ccxt says in many ways that it sends nothing
        trouble = f"{type(error).__name__}: {error}"
    times = list(_times(" ".join(sent)))
    step_ms, end_ms = timeframe.ms, SINCE_MS + count * timeframe.ms
    numbers = re.findall(r"[=:/](\d+)\b", " ".join(sent))
    found = Wire(
        name,
        rules,
        exchange.feature_value(SYMBOL, "fetchOHLCV", "limit"),
        first=any(SINCE_MS - step_ms <= at_ms <= SINCE_MS for at_ms in times) or "20231114" in " ".join(sent),
        last=any(end_ms - step_ms <= at_ms <= end_ms + step_ms for at_ms in times),
        number=bool({str(count), str(count + 1)}.intersection(numbers)),
        cost=costs[-1],
        rate_limit_ms=float(exchange.rateLimit),
        trouble=trouble,
    )
    await public.close()
    return found


def table(found: Sequence[Wire]) -> list[str]:
    """In Markdown, with the version of ccxt."""
    rows = [_cells(each) for each in found]
    head = ("exchange", "history by pages", "candles a page", "candles a second", "the request names")
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ("---", "---", "---:", "---:", "---"), *rows)]
    return [f"With ccxt {version('ccxt')}, from the requests that it would send:", "", *lines]


def _cells(found: Wire) -> tuple[str, ...]:
    rules = found.rules
    if found.trouble or not rules.is_addressable:
        wants_key = "apiKey" in found.trouble
        return found.exchange, "no: it wants an API key" if wants_key else "no", "–", "–", "–"
    named = [name for name in ("first", "last", "number") if getattr(found, name)]
    a_second = rules.limit * 1000 / (found.rate_limit_ms * found.cost)
    history = "yes" if rules.latest is None else f"the latest {rules.latest:,}"
    return found.exchange, history, f"{rules.limit:,}", f"{a_second:,.0f}", ", ".join(named)


def _times(text: str) -> Iterator[int]:
    for found in _TIMES.findall(text):
        if "-" in found:
            yield int(datetime.fromisoformat(found).replace(tzinfo=UTC).timestamp() * 1000)
        elif len(found) > 8:
            yield int(found) * (1 if len(found) == 13 else 1000)


def _market(exchange: Any) -> Any:
    number = exchange.id in NUMBERED_MARKETS
    return exchange.safe_market_structure(
        {
            "id": "1" if number else "BTCUSDT",
            "symbol": SYMBOL,
            "base": "BTC",
            "quote": "USDT",
            "baseId": "btc",
            "quoteId": "usdt",
            "type": "spot",
            "spot": True,
            "active": True,
            "precision": {"amount": 1e-8, "price": 0.01},
            "info": {"id": "BTCUSDT"},
        }
    )


async def survey() -> list[Wire]:
    """Of every exchange with candles of spot markets, by name."""
    return [await wire(name) for name in with_candles()]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks candle_pages", description=__doc__)
    parser.add_argument("--document", metavar="FILE", type=Path, help="put the table into this Markdown file")
    wanted = parser.parse_args(arguments)
    lines = table(asyncio.run(survey()))
    print("\n".join(lines))
    if wanted.document:
        replace_part(wanted.document, "pages", lines)
    return 0
