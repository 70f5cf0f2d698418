"""What would have to be different for a decision to end in an order: read off its failed checks. Pure."""

from __future__ import annotations

from typing import Any

from autopilot.cli.render.words import figure, spoken

Document = dict[str, Any]


def remedies(decision: Document) -> list[str]:
    """One sentence for each thing that stood in the way; empty when an order came of it."""
    match decision["action"]:
        case "order":
            return []
        case "hold":
            return _for_hold(decision)
        case _:
            return _for_checks(decision)


def _for_hold(decision: Document) -> list[str]:
    selection = decision["selection"]
    found = [f"{selection['strategy']} would have to say buy or sell"]
    group_confidence = {score["group"]: score["confidence"] for score in selection["groups"]}
    for name, signal in decision["signals"].items():
        if signal["signal_type"] == "none" or name == selection["strategy"]:
            continue
        words = f"{name} says {signal['signal_type']} with confidence {figure(signal['confidence'])}"
        if signal["group"] == selection["group"]:
            found.append(f"{words}, but {selection['strategy']} scores higher in the same group")
        else:
            standing = figure(group_confidence.get(signal["group"]))
            chosen = f"{figure(selection['group_confidence'])} of {spoken(selection['group'])}"
            found.append(f"{words}, but its group {spoken(signal['group'])} stands at {standing} against {chosen}")
    return found


def _for_checks(decision: Document) -> list[str]:
    return [_for_check(check, decision["selection"]) for check in decision["checks"] if not check["passed"]]


def _for_check(check: Document, selection: Document) -> str:
    actual, limit, unit = check["actual"], check["limit"], check["unit"]
    if actual is None or limit is None:
        return f"{check['code']}: {check['detail']}"
    return f"{check['code']}: {figure(actual)} {unit}".rstrip() + f", needs {figure(limit)}"
