"""A page of a list: the command of the next page, and the filters of an empty list."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from autopilot.cli.render.blocks import Screen, Style, line
from autopilot.cli.render.words import utc
from autopilot.domain.document_types import Document

_OPTIONS = {
    "symbol": "--symbol",
    "action": "--action",
    "kind": "--kind",
    "open_only": "--open",
    "limit": "--limit",
    "since_ms": "--since",
}
_NOUNS = {"audit": "rows", "tasks": "trainings"}


def paged(
    name: str, screen: Callable[[Document], Screen], given: Mapping[str, Any], command: str = ""
) -> Callable[[Document], Screen]:
    """The screen of the list ``name`` with the parameters ``given``; ``command`` shows it, by default `autopilot`
    ``name``."""
    present = {each: value for each, value in given.items() if value not in (None, False)}

    def show(document: Document) -> Screen:
        following = document.get("next")
        if following:
            again = shlex.join(["autopilot", *(command or name).split(), *_options(present), "--before", following])
            # On a line of its own, which fits a terminal, so that it can be copied.
            return (*screen(document), line("There is more:", Style.FAINT), line(f"  {again}", Style.FAINT, hang=2))
        if not document[name] and present.keys() - {"limit"}:
            return (line(f"No {_NOUNS.get(name, name)}{_that(present)}.", Style.FAINT),)
        return screen(document)

    return show


def _options(present: Mapping[str, Any]) -> list[str]:
    words: list[str] = []
    for name, option in _OPTIONS.items():
        if name in present:
            words += [option] if present[name] is True else [option, str(present[name])]
    return words


def _that(present: Mapping[str, Any]) -> str:
    """`` of XX/USD since 2024-01-15 00:00Z``."""
    of_kind = [f" with the {each} {present[each]}" for each in ("action", "kind") if each in present]
    symbol = f" of {present['symbol']}" if "symbol" in present else ""
    state = " that may still be filled" if "open_only" in present else ""
    since = f" since {utc(present['since_ms'])}" if "since_ms" in present else ""
    before = f" before {utc(present['before'].at_ms)}" if "before" in present else ""
    return "".join([symbol, *of_kind, state, since, before])
