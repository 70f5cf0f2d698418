"""The audit log on the screen."""

from __future__ import annotations

import json
from collections.abc import Callable

from autopilot.cli.render.blocks import Block, Field, Screen, Style, field, line, listed
from autopilot.cli.render.words import count, quantity, spoken, utc
from autopilot.control.protocol import API
from autopilot.domain.document_types import Document

LONGEST_LAG_MS = 60_000
"""The anchor follows within seconds. A killed process or a changed clock can delay it, so a lag is no fault."""

ID_SHOWN = 8
"""The characters of an order's id that are shown: enough to tell it from others."""


def audit_screen(document: Document) -> Screen:
    """``{"audit": [row …]}``."""
    rows = document["audit"]
    if not rows:
        return (line("Nothing is recorded yet.", Style.FAINT),)
    return (listed(FIELDS, rows),)


def verdict_screen(document: Document) -> Screen:
    """The findings of `autopilot audit verify`."""
    fault, breaks = document["fault"], document["breaks"]
    rows = count(document["rows"], "row")
    blocks: list[Block] = [
        line(
            f"row {seq}: when a daemon started, the log had been changed; details: autopilot audit show --kind break",
            Style.BAD,
            hang=2,
        )
        for seq in breaks
    ]
    blocks += [
        line(f"the arming of {account} differs from the log; autopilot disarm removes it", Style.BAD, hang=2)
        for account in document["altered"]
    ]
    if fault:
        blocks.append(line(f"NOT INTACT: {fault['problem']}", Style.BAD, hang=2))
        blocks.append(line(f"{rows} checked; all before row {fault['seq']} are intact", Style.FAINT, hang=2))
    else:
        verdict = "It is intact since then." if breaks else f"The audit log is intact: {rows}."
        blocks.append(line(verdict, Style.WARNING if breaks else Style.GOOD))
    if document["anchor"] and not fault:
        since = count(document["since_anchor"], "row")
        blocks.append(line(f"{since} since the anchor, which is at row {document['anchor']['seq']}", Style.FAINT))
        if document["since_anchor_ms"] > LONGEST_LAG_MS:
            words = f"the anchor is {document['since_anchor_ms'] // 1000} s behind: the last of these rows"
            blocks.append(line(f"{words} could be removed unnoticed; the daemon's log says why", Style.WARNING, hang=2))
    return tuple(blocks)


def _what(row: Document) -> str:
    """The row in words; a row with an unexpected body, as after an edit, is shown as its JSON."""
    try:
        return _WORDS[row["kind"]](row["body"])
    except (LookupError, TypeError, AttributeError, ArithmeticError):
        return json.dumps(row["body"], ensure_ascii=False)


def _command(body: Document) -> str:
    asked = body["asked"]
    given = [
        f"{spoken(name)} {', '.join(value) if isinstance(value, list) else value}"
        for name, value in asked.items()
        if value not in (None, False)
    ]
    return ", ".join([f"{body['command'].replace(f'{API}/', '')}: {body['result']}", *given])


def _daemon(body: Document) -> str:
    return f"{body['event']}, version {body['version']}, configuration {body['config_sha256'][:ID_SHOWN]}"


def _model(body: Document) -> str:
    return f"{body['event']}: {body['previous_id'] or 'rules'} → {body['model_id'] or 'rules'} ({body['reason']})"


def _mode(body: Document) -> str:
    return f"{body['account']}: {body['previous']} → {body['mode']}, {body['code']} ({body['why']})"


def _arming(body: Document) -> str:
    said = f"{body['account']} {body['event']}"
    if body["event"] != "armed":
        return said
    unproven = ", UNPROVEN" if body["unproven"] else ""
    return f"{said} up to {body['max_value']} {body['currency']} until {utc(body['expires_at_ms'])}{unproven}"


def _decision(body: Document) -> str:
    decided = f"{body['symbol']} {body['side']}, {body['decision_id']} by {body['strategy']}"
    return f"{decided}, order {_short(body['order_id'])}"


def _order(body: Document) -> str:
    filled = "" if body["filled"] == "0" else f" {quantity(body['filled'])}"
    return f"{body['symbol']} {body['side']} {spoken(body['status'])}{filled}, order {_short(body['client_order_id'])}"


def _break(body: Document) -> str:
    return str(body["problem"])


def _short(order_id: str) -> str:
    return order_id[:ID_SHOWN]


_WORDS: dict[str, Callable[[Document], str]] = {
    "command": _command,
    "daemon": _daemon,
    "model": _model,
    "mode": _mode,
    "arming": _arming,
    "decision": _decision,
    "order": _order,
    "break": _break,
}
FIELDS: tuple[Field[Document], ...] = (
    field("row", lambda row: str(row["seq"]), right=True, rank=2),
    field("time", lambda row: utc(row["at_ms"]), rank=1),
    field("by", lambda row: row["actor"], rank=3, shrink_to=17),
    field("kind", lambda row: row["kind"]),
    field("what", _what, shrink_to=20),
)
