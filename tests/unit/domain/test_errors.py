"""One tree of errors, drawn where it begins; the kind of an error travels with it."""

from __future__ import annotations

import importlib
import pkgutil

import autopilot
from autopilot.domain import errors
from autopilot.domain.errors import AutopilotError, ConfigError, Kind, UnknownSymbol


def below(kind: type[AutopilotError]) -> dict[str, str]:
    """The name of the parent by the name of the class, for all classes below ``kind``."""
    found = {}
    for child in kind.__subclasses__():
        if child.__module__.startswith("autopilot."):
            found |= {child.__name__: kind.__name__} | below(child)
    return found


def drawn() -> tuple[dict[str, str], dict[str, str]]:
    """The parent, and the words beside, by the name of each class in the drawing."""
    parents: dict[str, str] = {}
    words: dict[str, str] = {}
    line_of: list[str] = ["AutopilotError"]
    for text in (errors.__doc__ or "").splitlines():
        branch, mark, rest = text.partition("─ ")
        if mark:
            depth = len(branch) // 4 + 1
            name, _, said = rest.partition(" ")
            line_of[depth:] = [name]
            parents[name] = line_of[depth - 1]
            words[name] = said.strip()
    return parents, words


def test_the_drawing_is_the_tree() -> None:
    for module in pkgutil.walk_packages(autopilot.__path__, "autopilot."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    parents, words = drawn()
    assert parents == below(AutopilotError)
    for name, said in words.items():
        kind = next(each for each in _all(AutopilotError) if each.__name__ == name).kind
        spoken = kind.replace("_", " ")
        inherited = next(each for each in _all(AutopilotError) if each.__name__ == parents[name]).kind is kind
        assert inherited or said.startswith(spoken), (name, kind)


def _all(kind: type[AutopilotError]) -> list[type[AutopilotError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _all(child))]


def test_an_error_has_one_document() -> None:
    assert UnknownSymbol("no BTC", hint="try ETH").document() == {
        "code": "UNKNOWN_SYMBOL",
        "kind": "unknown",
        "message": "no BTC",
        "hint": "try ETH",
    }
    assert ConfigError("x").kind is Kind.USAGE
