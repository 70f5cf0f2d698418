"""What a measurement ran on, for the table."""

from __future__ import annotations

import datetime as dt
import os
import platform
import sqlite3
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from benchmarks.installation import ROOT

LIBRARIES = ("numpy", "TA-Lib", "lightgbm", "pandas", "ccxt")


def machine(before: str | None = None) -> dict[str, str]:
    """Machine, load and versions by their names. ``before``: the git revision that is measured beside."""
    kernel = ".".join(platform.release().split(".")[:2])
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    code = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    return {
        "code": f"{code}, before: {before}" if before else code,
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {kernel}",
        "load before": ", ".join(f"{value:.1f}" for value in os.getloadavg()),
        "versions": f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        + ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        "measured on": dt.datetime.now(dt.UTC).date().isoformat(),
    }


def machine_table(lines: Mapping[str, str]) -> list[str]:
    """In Markdown."""
    return ["| | |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in lines.items())]


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
