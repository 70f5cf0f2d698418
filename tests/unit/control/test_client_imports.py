"""A query must answer at once, so what it imports is part of the contract."""

import subprocess
import sys

import pytest

HEAVY = {"numpy", "pandas", "ccxt", "lightgbm", "aiohttp", "pydantic", "typer", "rich", "sqlite_utils", "http.client"}


@pytest.mark.parametrize(
    "module",
    [
        "autopilot.control.client",
        "autopilot.config.paths",
        "autopilot.daemon.spawn",
        "autopilot.adapters.lock",
        "autopilot.cli.status_query",
        "autopilot.adapters.store.views.status",
        "autopilot.adapters.store.views.queries",
    ],
)
def test_what_every_query_imports_is_light(module: str) -> None:
    program = f"import {module}, sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert module in loaded
    assert not loaded & HEAVY


def test_help_imports_no_library_of_numbers_or_exchanges() -> None:
    lines = (
        "import sys",
        "from autopilot.cli.app import run_command",
        "assert run_command(['data', '--help']) == 0",
        "print('modules:', *sys.modules)",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.partition("modules:")[2].split())
    assert "autopilot.cli.commands.download" in loaded
    assert not loaded & {"numpy", "pandas", "ccxt", "lightgbm", "aiohttp"}
