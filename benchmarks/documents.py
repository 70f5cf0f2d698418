"""Whether two states of the code decided the same: their documents, compared number by number."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from autopilot.control.client import ControlClient
from autopilot.control.protocol import API

IDENTICAL = "identical"
Books = dict[str, list[str]]
"""Documents by their kind, as texts: the process that measures must stay small (see costs.py)."""
PAGE = 1000
EACH = 25
"""Of so many decisions, one is compared in full: signals of all strategies, features, reasons, limits."""


def difference(before: Any, now: Any, place: str = "") -> str:
    """`IDENTICAL`, or where ``now`` first differs. Fields that are only in ``now`` are additions and count as the
    same."""
    match before, now:
        case Mapping(), Mapping():
            pairs = [(key, value, now.get(key, _MISSING)) for key, value in before.items()]
        case [*_], [*_] if len(before) == len(now):
            pairs = [(str(at), *both) for at, both in enumerate(zip(before, now, strict=True))]
        case _:
            is_same = type(before) is type(now) and before == now
            return IDENTICAL if is_same else f"{place}: {_short(before)} before, {_short(now)} now"
    found = (difference(old, new, f"{place}.{key}".lstrip(".")) for key, old, new in pairs)
    return next((each for each in found if each != IDENTICAL), IDENTICAL)


def books(client: ControlClient) -> Books:
    """All decisions, orders and trades as the daemon lists them, the latest first, and every 25th decision in full."""
    found: Books = {name: [] for name in ("decisions", "orders", "trades", "explained")}
    ids = []
    for name in ("decisions", "orders", "trades"):
        for each in _listed(client, name):
            found[name].append(json.dumps(each))
            if name == "decisions":
                ids.append(each["id"])
    found["explained"] = [json.dumps(client.get(f"{API}/decisions/{each}")) for each in ids[::EACH]]
    return found


def books_difference(before: Books, now: Books) -> str:
    """As `difference` of the documents, with the numbers compared."""
    for name, texts in before.items():
        if len(texts) != len(now[name]):
            return f"{name}: {len(texts):,} before, {len(now[name]):,} now"
        for at, (old, new) in enumerate(zip(texts, now[name], strict=True)):
            found = IDENTICAL if old == new else difference(json.loads(old), json.loads(new), f"{name}.{at}")
            if found != IDENTICAL:
                return found
    return f"{IDENTICAL} ({', '.join(f'{len(each):,} {name}' for name, each in now.items())})"


def _listed(client: ControlClient, name: str) -> Iterator[Any]:
    before = ""
    while True:
        page = client.get(f"{API}/{name}?limit={PAGE}{before}")
        yield from page[name]
        if "next" not in page:
            return
        before = f"&before={page['next']}"


def _short(value: Any) -> str:
    text = "nothing" if value is _MISSING else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


_MISSING = object()
