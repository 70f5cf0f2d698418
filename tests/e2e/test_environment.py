"""The environment of these tests is that of a user: all that the program needs, and nothing else."""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import distributions
from pathlib import Path

from home import Home
from packaging.utils import canonicalize_name
from product_environment import required_distributions, top_level_paths

INSTALLED = "import importlib.metadata, json; print(json.dumps([d.name for d in importlib.metadata.distributions()]))"
FOUND = """
import importlib.util, json, sys
print(json.dumps([name for name in json.loads(sys.argv[1]) if importlib.util.find_spec(name)]))
"""
EVERY_MODULE = """
import importlib, pkgutil, autopilot
for module in pkgutil.walk_packages(autopilot.__path__, "autopilot."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def answer(scripts: Path, *arguments: str) -> str:
    done = subprocess.run(
        [scripts / "python", "-P", "-W", "error::ImportWarning", "-c", *arguments], check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def importable_names(paths: set[Path]) -> set[str]:
    """The modules and packages among files and folders of a site-packages folder."""
    return {path.name.split(".")[0] for path in paths if path.suffix in ("", ".py", ".so")}


def test_it_has_the_distributions_that_the_program_requires(scripts: Path) -> None:
    installed = {canonicalize_name(name) for name in json.loads(answer(scripts, INSTALLED))}
    program = installed - required_distributions().keys()
    assert [name.split("-")[0] for name in program] == ["autopilot"]
    assert required_distributions().keys() <= installed


def test_nothing_of_other_distributions_can_be_imported(scripts: Path) -> None:
    required = required_distributions()
    needed = importable_names(set().union(*map(top_level_paths, required.values())))
    others = [each for each in distributions() if canonicalize_name(each.name) not in required]
    names = importable_names(set().union(*map(top_level_paths, others))) - needed - {"autopilot"}
    assert {"pytest", "hypothesis"} <= names
    assert json.loads(answer(scripts, FOUND, json.dumps(sorted(names)))) == []


def test_every_module_of_the_program_can_be_imported(scripts: Path) -> None:
    answer(scripts, EVERY_MODULE)


def test_a_command_that_needs_an_extra_names_it(home: Home) -> None:
    done = home.run("sweep", "--exchange", "simulated", "--symbol", "BTC/USD", "--days", "40", "--strategy", "grid")
    assert done.code != 0
    assert "[sweep]" in done.err
    assert "Traceback" not in done.err
