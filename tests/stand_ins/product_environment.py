"""The environment of a user: the program and what installing it brings, without the tools of its developers.

As a program it makes one, prints its folder of programs, and takes the place and the package to install.
"""

from __future__ import annotations

import sys
import sysconfig
import tomllib
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import autopilot

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def required_distributions() -> dict[str, Distribution]:
    """The distributions that installing the program without extras installs, by normalized name.

    Follows ``dependencies`` of pyproject.toml and the requirements of every distribution found there. Raises
    PackageNotFoundError for a requirement that is not installed.
    """
    found: dict[str, Distribution] = {}
    followed: set[tuple[str, str]] = set()
    wanted = [(text, "") for text in _project()["dependencies"]]
    while wanted:
        text, extra = wanted.pop()
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        found[name] = distribution(name)
        for option in {"", *requirement.extras}:
            if (name, option) not in followed:
                followed.add((name, option))
                wanted += [(need, option) for need in found[name].requires or ()]
    return found


def top_level_paths(installed: Distribution) -> set[Path]:
    """The files and folders of a distribution that lie directly in its site-packages folder."""
    names = {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}
    return {Path(str(installed.locate_file(name))) for name in names}


def make_environment(directory: Path, package: Path = Path(autopilot.__path__[0])) -> Path:
    """Make a virtual environment of links to ``package`` and to `required_distributions`; return its bin folder."""
    venv.create(directory, symlinks=True)
    places = {"base": str(directory), "platbase": str(directory)}
    site, scripts = (Path(sysconfig.get_path(name, "venv", places)) for name in ("purelib", "scripts"))
    program = distribution(_project()["name"])
    (metadata,) = [path for path in top_level_paths(program) if path.suffix == ".dist-info"]
    for path in {metadata, package}.union(*map(top_level_paths, required_distributions().values())):
        (site / path.name).symlink_to(path)
    (entry,) = program.entry_points.select(group="console_scripts", name="autopilot")
    script = scripts / entry.name
    script.write_text(
        f"#!{scripts / 'python'}\nimport sys\nfrom {entry.module} import {entry.attr}\n"
        f"if __name__ == '__main__':\n    sys.exit({entry.attr}())\n"
    )
    script.chmod(0o755)
    return scripts


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads(PYPROJECT.read_text())["project"]
    return project


if __name__ == "__main__":
    sys.stdout.write(f"{make_environment(*map(Path, sys.argv[1:]))}\n")
