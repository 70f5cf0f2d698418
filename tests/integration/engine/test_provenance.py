"""A decision says what it was made from: the hashes and the account are those that anyone finds in the books."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from autopilot.adapters.store.views import queries

Open = Callable[..., Any]


async def test_the_hash_is_that_of_the_thousand_candles(open_desk: Open, strategies: Any) -> None:
    desk = open_desk(strategies["says"]())
    await desk.hours(2)
    shown = queries.decision(desk.database.path, "BTC/USD")
    candles = desk.market.series["BTC/USD"]
    last = int(candles.open_at_ms.searchsorted(shown["candle_at_ms"]))
    numbers = [getattr(candles, name)[last - 999 : last + 1] for name in ("open", "high", "low", "close", "volume")]
    text = b"moved|BTC/USD|1h|1000|" + struct.pack("<1000q", *candles.open_at_ms[last - 999 : last + 1])
    text += b"".join(struct.pack("<1000d", *column) for column in numbers)
    provenance = shown["provenance"]
    assert provenance["window_hash"] == hashlib.sha256(text).hexdigest()[:16]
    assert (provenance["version"], provenance["config_hash"]) == ("1.2.3", "0123456789abcdef")


async def test_every_window_has_a_hash_of_its_own(open_desk: Open, strategies: Any) -> None:
    desk = open_desk(strategies["says"](), symbols=("BTC/USD", "ETH/USD"))
    await desk.hours(3)
    listed = queries.decisions(desk.database.path)["decisions"]
    hashes = {queries.decision(desk.database.path, each["id"])["provenance"]["window_hash"] for each in listed}
    assert len(hashes) == len(listed) == 6


async def test_the_account_is_as_it_was_before_the_decision(open_desk: Open, strategies: Any, start_ms: int) -> None:
    desk = open_desk(strategies["says"](sides={start_ms: 1}))
    await desk.hours(3)
    first, *_, last = [
        queries.decision(desk.database.path, each[0])["provenance"]["account"]
        for each in desk.rows("id", "decisions", "candle_at_ms")
    ]
    assert (first["position"], first["open_orders"], first["exposure"]) == (None, [], "0")
    (held,) = desk.rows("quantity, entry_price", "positions", "symbol")
    assert (last["position"]["quantity"], last["position"]["entry_price"]) == held
    (mark,) = queries.stored_status(desk.database)["accounts"]
    names = ("free", "equity", "day_start_equity", "peak_equity", "start_equity", "own_cash")
    assert {name: last[name] for name in names} == {name: mark[name] for name in names}
    assert Decimal(last["free"]) + Decimal(last["exposure"]) == Decimal(last["equity"]) != Decimal(first["equity"])
