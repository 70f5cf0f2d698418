"""The house rules, read from the syntax trees: one name for one thing, small rooms, and no riddles."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SRC = Path(__file__).parents[2] / "src" / "autopilot"

MODULE_LINES, CLASS_LINES, FUNCTION_LINES, PUBLIC_METHODS, RIDDLES = 400, 250, 60, 12, 20

WIDE_BY_NATURE = {
    "Indicators": "one method for each indicator of TA-Lib that a strategy uses, all from one set of candles",
    "IndicatorFormulas": "the formulas of these indicators, each once",
    "IndicatorsAt": "the same at one candle",
    "SqliteLedger": "implements Ledger, the port of the books: a method for each event, and questions about them",
    "MemoryBooks": "implements Ledger",
    "Books": "a Ledger that can also write off",
}
"""Classes that may have more public methods than others, and why."""

RIDDLE_WORDS = re.compile(r"\b(what|told|such|none|anew|leave|asked)\b", re.IGNORECASE)

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = ast.ClassDef | Function


@cache
def modules() -> dict[str, ast.Module]:
    """Syntax tree by path below src/autopilot."""
    return {str(path.relative_to(SRC)): ast.parse(path.read_text()) for path in sorted(SRC.rglob("*.py"))}


def definitions() -> Iterator[tuple[str, Definition]]:
    """Every class and function, nested ones too, with its module."""
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, Definition):
                yield module, node


def is_public(node: Definition) -> bool:
    return not node.name.startswith("_")


def is_command(module: str, node: Definition) -> bool:
    """A function that Typer runs. It is named as users type it, and its parameters are a list of options."""
    if module == f"cli/commands/{node.name}.py":
        return True
    called = (each.func if isinstance(each, ast.Call) else each for each in node.decorator_list)
    names = {each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in called}
    return not names.isdisjoint({"command", "callback", "with_session"})


def lines_of(node: Definition, module: str = "") -> int:
    """From the definition's first line to its last; without its signature for a command."""
    first = node.body[0].lineno if is_command(module, node) else node.lineno
    return (node.end_lineno or first) - first + 1


def classes() -> dict[str, tuple[ast.ClassDef, ...]]:
    """Every class by name, followed by those of its bases that are in this package, and theirs. A Protocol is no base:
    it has signatures only, which the class repeats."""
    found = {node.name: node for _, node in definitions() if isinstance(node, ast.ClassDef) and not is_protocol(node)}

    def with_bases(name: str) -> tuple[ast.ClassDef, ...]:
        bases = [base.id for base in found[name].bases if isinstance(base, ast.Name) and base.id in found]
        return found[name], *(each for base in bases for each in with_bases(base))

    return {name: with_bases(name) for name in found}


def is_protocol(cls: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "Protocol" for base in cls.bases)


def public_methods(cls: ast.ClassDef) -> set[str]:
    return {node.name for node in cls.body if isinstance(node, Function) and is_public(node)}


def docstrings() -> Iterator[tuple[str, str]]:
    """(place, text) of every docstring: of modules, classes, functions, fields and constants."""
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | Definition):
                for statement in node.body:
                    match statement:
                        case ast.Expr(value=ast.Constant(value=str(text))):
                            yield f"{module}:{statement.lineno}", text


def test_a_public_name_is_defined_once() -> None:
    places = defaultdict(list)
    for module, tree in modules().items():
        for node in tree.body:
            if isinstance(node, Definition) and is_public(node) and not is_command(module, node):
                places[node.name].append(module)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_module_is_too_long() -> None:
    lengths = {module: len((SRC / module).read_text().splitlines()) for module in modules()}
    assert {module: length for module, length in lengths.items() if length > MODULE_LINES} == {}


def test_no_class_is_too_long() -> None:
    lengths = {name: sum(map(lines_of, lineage)) for name, lineage in classes().items()}
    assert {name: length for name, length in lengths.items() if length > CLASS_LINES} == {}


def test_no_class_has_too_many_public_methods() -> None:
    counts = {name: len(set().union(*map(public_methods, lineage))) for name, lineage in classes().items()}
    assert {
        name: count for name, count in counts.items() if count > PUBLIC_METHODS and name not in WIDE_BY_NATURE
    } == {}


def test_no_function_is_too_long() -> None:
    lengths = {
        f"{module}: {node.name}": lines_of(node, module) for module, node in definitions() if isinstance(node, Function)
    }
    assert {place: length for place, length in lengths.items() if length > FUNCTION_LINES} == {}


def test_docstrings_are_no_riddles() -> None:
    riddles = [f"{place}: {text}" for place, text in docstrings() if len(RIDDLE_WORDS.findall(text)) >= 2]
    assert len(riddles) <= RIDDLES, "\n".join(riddles)
