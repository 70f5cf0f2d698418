"""The audit log on the screen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from autopilot.cli.render.blocks import Block, Field, Screen, Style, as_screen, field, line, listing
from autopilot.cli.render.words import count, price, quantity, spoken, utc
from autopilot.control.protocol import API
from autopilot.domain.document_types import Document
from autopilot.domain.trading_mode import scope_words

LONGEST_LAG_MS = 60_000
"""The anchor follows within seconds. A killed process or a changed clock can delay it, so a lag is no fault."""

CANNOT_SHOW = (
    "a change by someone with your rights who rewrites the log and the anchor together; a copy of audit.head on"
    " another machine shows it",
    "whether a row was added by Autopilot, or by someone with your rights in the same way; autopilot audit show lists"
    " every row",
    "whether rows after the anchor, the newest ones, were removed before the anchor reached them",
    "changes to candles, samples, positions and past decisions, and to the configuration file between two starts",
    "which of several recorded models was made champion by a change of the database",
)
"""The limits of the check, in words."""
_PROOF = ("sha256", "state", "reader")
ID_SHOWN = 8
"""The characters of an id that are shown: enough to tell it from others."""


def audit_screen(document: Document) -> Screen:
    """``{"audit": [row …]}``."""
    return listing(FIELDS, document["audit"], "Nothing is recorded yet.")


@as_screen
def verdict_screen(document: Document) -> Iterator[Block]:
    """The findings of `autopilot audit verify`."""
    fault, breaks = document["fault"], document["breaks"]
    rows = count(document["rows"], "row")
    for seq in breaks:
        words = "when a daemon started, the log had been changed; details: autopilot audit show --kind break"
        yield line(f"row {seq}: {words}", Style.BAD, hang=2)
    for names, words in _ALTERED.items():
        for name in document[names]:
            shown = scope_words(name) if names == "altered_modes" else name
            yield line(words.format(shown), Style.BAD, hang=2)
    if fault:
        yield line(f"NOT INTACT: {fault['problem']}", Style.BAD, hang=2)
        yield line(f"{rows} checked; all before row {fault['seq']} are intact", Style.FAINT, hang=2)
        return
    yield from _intact(document, rows)
    checked = document["checked"]
    compared = [count(checked[name], word) for name, word in _COMPARED.items()]
    yield line(f"compared with the log: {', '.join(compared)}", Style.FAINT, hang=2)
    yield line("It cannot show:", Style.FAINT)
    for words in document["cannot_show"]:
        yield line(f"- {words}", Style.FAINT, hang=2)


def _intact(document: Document, rows: str) -> Iterator[Block]:
    breaks, anchor = document["breaks"], document["anchor"]
    verdict = "It is intact since then." if breaks else f"The audit log is intact: {rows}."
    yield line(verdict, Style.WARNING if breaks else Style.GOOD)
    if anchor:
        since = count(document["since_anchor"], "row")
        yield line(f"{since} since the anchor, which is at row {anchor['seq']}", Style.FAINT)
        if document["since_anchor_ms"] > LONGEST_LAG_MS:
            words = f"the anchor is {document['since_anchor_ms'] // 1000} s behind: the last of these rows"
            yield line(f"{words} could be removed unnoticed; the daemon's log says why", Style.WARNING, hang=2)


def _what(row: Document) -> str:
    """The row in words; a row with an unexpected body, as after an edit, is shown as its JSON."""
    try:
        return _WORDS[row["kind"]](row["body"])
    except (LookupError, TypeError, AttributeError, ArithmeticError):
        return json.dumps(row["body"], ensure_ascii=False)


def _command(body: Document) -> str:
    given = [
        f"{spoken(name)} {_given(value)}"
        for name, value in {**body["asked"], **body.get("outcome", {})}.items()
        if value not in (None, False, [])
    ]
    return ", ".join([f"{body['command'].replace(f'{API}/', '')}: {body['result']}", *given])


def _given(value: Any) -> Any:
    """A list of series in words: the market of each, and the number of candles or rows."""
    if not isinstance(value, list):
        return value
    return ", ".join(_series(each) if isinstance(each, dict) else str(each) for each in value)


def _series(each: Document) -> str:
    number = each.get("candles", each.get("written"))
    return f"{each['exchange']} {each['symbol']} {each['timeframe']} ({number})"


def _model(body: Document) -> str:
    if "reason" not in body:
        proof = [f"{name} {_short(body[name]) if name == 'sha256' else body[name]}" for name in _PROOF if name in body]
        return ", ".join([f"{body['model_id']} {body['event']}", *proof])
    return f"{body['event']}: {body['previous_id'] or 'rules'} → {body['model_id'] or 'rules'} ({body['reason']})"


def _arming(body: Document) -> str:
    change = f"{body['account']} {body['event']}"
    if body["event"] != "armed":
        return change
    unproven = ", UNPROVEN" if body["unproven"] else ""
    return f"{change} up to {body['max_value']} {body['currency']} until {utc(body['expires_at_ms'])}{unproven}"


def _decision(body: Document) -> str:
    decided = f"{body['symbol']} {body['side']}, {body['decision_id']} by {body['strategy']}"
    return f"{decided}, order {_short(body['order_id'])}"


def _order(body: Document) -> str:
    filled = "" if body["filled"] == "0" else f" {quantity(body['filled'])}"
    return f"{body['symbol']} {body['side']} {spoken(body['status'])}{filled}, order {_short(body['client_order_id'])}"


def _write_off(body: Document) -> str:
    return f"{body['account']} {body['symbol']}: {quantity(body['quantity'])} at {price(body['price'])}"


def _short(long_id: str) -> str:
    return long_id[:ID_SHOWN]


_ALTERED = {
    "altered": "the arming of {} differs from the log; autopilot disarm removes it",
    "altered_modes": "the trading mode of {} differs from the log, and the stricter counts; autopilot resume ends it",
    "altered_models": "model {} differs from the log and is not used; autopilot retrain trains another,"
    " autopilot reset-model removes it",
}
_COMPARED = {"armings": "arming", "modes": "trading mode", "models": "model"}
_WORDS: dict[str, Callable[[Document], str]] = {
    "command": _command,
    "daemon": lambda body: f"{body['event']}, version {body['version']}, configuration {_short(body['config_sha256'])}",
    "model": _model,
    "mode": "{account}: {previous} → {mode}, {code} ({why})".format_map,
    "arming": _arming,
    "decision": _decision,
    "order": _order,
    "write_off": _write_off,
    "break": "{problem}".format_map,
}
FIELDS: tuple[Field[Document], ...] = (
    field("row", lambda row: str(row["seq"]), right=True, rank=2),
    field("time", lambda row: utc(row["at_ms"]), rank=1),
    field("by", lambda row: row["actor"], rank=3, shrink_to=17),
    field("kind", lambda row: row["kind"]),
    field("what", _what, shrink_to=20),
)
