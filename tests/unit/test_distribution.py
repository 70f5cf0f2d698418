"""The package's name, as it is declared and as it is installed."""

from __future__ import annotations

import tomllib
from importlib.metadata import distribution
from pathlib import Path

from autopilot.distribution import DISTRIBUTION, install_hint, installed_version

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def test_the_declared_package_is_the_one_that_is_installed() -> None:
    assert PROJECT["name"] == DISTRIBUTION
    assert installed_version() == PROJECT["version"]


def test_command_and_import_keep_the_short_name() -> None:
    commands = {
        entry.name: entry.value for entry in distribution(DISTRIBUTION).entry_points.select(group="console_scripts")
    }
    assert commands == {"autopilot": "autopilot.cli.main:main"}


def test_an_install_hint_names_a_declared_extra() -> None:
    assert install_hint("sweep") == "pip install 'autopilot-trader[sweep]'"
    assert {"cluster", "sweep"} <= set(PROJECT["optional-dependencies"])


def test_dependencies_are_ranges_never_pins() -> None:
    extras = PROJECT["optional-dependencies"].values()
    needed = [*PROJECT["dependencies"], *(each for extra in extras for each in extra)]
    assert not [each for each in needed if "==" in each]


def test_the_licenses_of_our_code_and_of_the_chart_library_are_in_the_package() -> None:
    found = {Path(str(file)).name for file in distribution(DISTRIBUTION).files or () if "licenses" in str(file)}
    assert found == {"LICENSE", "lightweight-charts.LICENSE.txt", "lightweight-charts.NOTICE.txt"}
