"""README and docs/: short lines, short sentences, the field's terms, and commands that exist."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from autopilot.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
SOURCE = ROOT / "src" / "autopilot"
CLI = sorted((SOURCE / "cli").rglob("*.py"))
MAX_COLUMNS, MAX_WORDS = 100, 25
PLAIN_WORDS = {"and", "ensemble", "of", "on", "over", "that"}
"""Words that follow "autopilot" where it names no command."""
TERMS = {
    r"deepest|longest below a peak": "max drawdown; longest drawdown",
    r"buying and holding|buy-and-hold|held instead": "buy and hold",
    r"\bround trips?\b": "trade",
    r"\bbp\b(?!`)": "bps",
    r"average ranges": "ATR",
    r"knows until": "trained until",
    r"paid in or taken out|money (that is )?paid in|taken out": "deposit, withdrawal",
    r"(gives?|gave|gets?|no) leave\b": "authorization",
    r"executing on its own": "auto-execute on",
    r"nobody (watches|listens)|watched by nobody": "not monitored; no daemon is listening",
    r"[Ii]t ends by: ": "Undo with",
    r"is asked for": "is required",
    r"[Tt]he same once more": "Repeat",
    r"without being asked": "by default",
    r"judges the market": "classifies the market",
    r"\btells? of\b": "explains, reports",
    r"\banew\b": "again",
    r"colour|cancelled|regularis|neighbour|behaviour|favour|serialis|normalis|analys(e|ed|ing)\b": "American spelling",
}
"""Of the table of terms, those that are wrong wherever they stand."""


def prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a page that are sentences, each with its number: no tables, code, headings or HTML."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith(("#", "|", "    ", "<", "![")):
            yield number, line


def sentences(text: str) -> Iterator[str]:
    """A paragraph or an item of a list at a time, cut after each full stop; code counts as one word."""
    block: list[str] = []
    for _, line in [*prose(text), (0, "")]:
        if block and (not line.strip() or re.match(r"\s*([-*]|\d+\.)\s", line)):
            words = re.sub(r"`[^`]*`", "CODE", " ".join(block))
            yield from re.split(r"(?<=[.!?:;])\s+", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", words))
            block = []
        if line.strip():
            block.append(line.strip())


def strings(path: Path) -> Iterator[str]:
    """Every text constant of a module; an f-string's parts one by one. The unit "bp" is a stored code."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != "bp":
            yield node.value


def commands(text: str) -> Iterator[str]:
    """Every command line in a page's code, without prompt and comment."""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        found = re.match(r"    (?:\$ )?(autopilot [^#]*)", line)
        if found and not re.search(r"[…\[\]|<>=]|\b[A-Z]{2,}\b(?!/)", found[1].replace("BTC-USD", "")):
            yield found[1].strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_of_prose_are_short(page: Path) -> None:
    assert [f"{page.name}:{at}" for at, line in prose(page.read_text()) if len(line) > MAX_COLUMNS] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_sentences_are_short(page: Path) -> None:
    assert [each for each in sentences(page.read_text()) if len(each.split()) > MAX_WORDS] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_use_the_terms_of_the_field(page: Path) -> None:
    assert wrong_terms(re.sub(r"`[^`\n]*`", "", page.read_text())) == []


@pytest.mark.parametrize("module", CLI, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_command_line_uses_the_terms_of_the_field(module: Path) -> None:
    assert [found for text in strings(module) for found in wrong_terms(text)] == []


def test_wrong_terms_are_found() -> None:
    assert wrong_terms("the deepest drawdown, 3 bp a round trip") == [
        "deepest: write max drawdown; longest drawdown",
        "round trip: write trade",
        "bp: write bps",
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_pages_exist(page: Path) -> None:
    for command in commands(page.read_text()):
        group, arguments = get_command(app), shlex.split(command)[1:]
        while arguments and hasattr(group, "commands"):
            context = group.make_context("autopilot", ["--help"], resilient_parsing=True)
            name = arguments.pop(0)
            found = group.get_command(context, name)
            assert found is not None, f"{page.name}: {command}"
            group = found
        group.make_context(command, arguments, resilient_parsing=True)
        known = {option for parameter in group.params for option in (*parameter.opts, *parameter.secondary_opts)}
        unknown = [word for word in arguments if word.startswith("--") and word.split("=")[0] not in known]
        assert unknown == [], f"{page.name}: {command}"


@pytest.mark.parametrize("room", sorted(path.name for path in SOURCE.iterdir() if path.is_dir()))
def test_commands_in_hints_exist(room: str) -> None:
    root = get_command(app)
    for module in (SOURCE / room).rglob("*.py"):
        for text in strings(module):
            for name, inner in re.findall(r"\bautopilot ([a-z][a-z-]+)(?: ([a-z]+))?", text):
                group = root.get_command(None, name)
                assert group is not None or name in PLAIN_WORDS, f"{module}: {text}"
                if name in ("audit", "config", "data", "keys", "models") and inner:
                    assert inner in group.commands, f"{module}: {text}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_in_pages_exist(page: Path) -> None:
    folders = [ROOT, SOURCE, *(folder for folder in SOURCE.rglob("*") if folder.is_dir())]
    for name in re.findall(r"`([\w/]+(?:\.py|/))`", page.read_text()):
        assert any((folder / name).exists() for folder in folders), f"{page.name}: {name}"


def test_names_in_the_architecture_exist() -> None:
    code = "\n".join(path.read_text() for path in SOURCE.rglob("*.py"))
    page = (ROOT / "docs" / "architecture.md").read_text()
    names = re.findall(r"`([A-Z]\w*[a-z]\w*(?:\.\w+)?|[a-z]+_\w+|[A-Z_]{4,})`", page)
    assert [name for name in names if not re.search(rf"\b{name.rpartition('.')[2]}\b", code)] == []


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"


def wrong_terms(text: str) -> list[str]:
    return [f"{found[0]}: write {term}" for wrong, term in TERMS.items() for found in re.finditer(wrong, text)]
