"""The audit log on the screen."""

from __future__ import annotations

import json
from collections.abc import Callable

from autopilot.cli.render.blocks import Block, Field, Screen, Style, field, line, listed
from autopilot.cli.render.words import count, quantity, spoken, utc
from autopilot.control.protocol import API
from autopilot.domain.document_types import Document

LONGEST_LAG_MS = 60_000
"""It follows within seconds. It may lag when a process is killed, and when the clock is set; so this is no fault."""

ID_SHOWN = 8
"""As many characters of an order's id as tell it from others on a screen."""


def audit_screen(document: Document) -> Screen:
    """``{"audit": [row …]}``."""
    rows = document["audit"]
    if not rows:
        return (line("Nothing is recorded yet.", Style.FAINT),)
    return (listed(FIELDS, rows),)


def verdict_screen(document: Document) -> Screen:
    """What `autopilot audit verify` found."""
    fault, breaks = document["fault"], document["breaks"]
    rows = count(document["rows"], "row")
    blocks: list[Block] = [
        line(
            f"row {seq}: a daemon that started found then that the log had been changed; autopilot audit show --kind"
            " break says what",
            Style.BAD,
            hang=2,
        )
        for seq in breaks
    ]
    blocks += [
        line(f"what is armed on {account} is not what the log tells of; autopilot disarm ends it", Style.BAD, hang=2)
        for account in document["altered"]
    ]
    if fault:
        blocks.append(line(f"NOT WHOLE: {fault['problem']}", Style.BAD, hang=2))
        blocks.append(line(f"{rows} looked at; all before row {fault['seq']} fit together", Style.FAINT, hang=2))
    else:
        whole = "It is whole since." if breaks else f"The audit log is whole: {rows}."
        blocks.append(line(whole, Style.WARNING if breaks else Style.GOOD))
    if document["anchor"] and not fault:
        since = count(document["since_anchor"], "row")
        blocks.append(line(f"{since} since the anchor, which is at row {document['anchor']['seq']}", Style.FAINT))
        if document["since_anchor_ms"] > LONGEST_LAG_MS:
            words = f"for {document['since_anchor_ms'] // 1000} s the anchor has not followed: of these rows the last"
            blocks.append(line(f"{words} could be cut off unseen; the daemon's log says why", Style.WARNING, hang=2))
    return tuple(blocks)


def _what(row: Document) -> str:
    """A row that we did not write so, as after somebody edited it, is shown as it is."""
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
