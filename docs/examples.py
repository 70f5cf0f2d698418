"""Makes every example and picture of README.md and docs/ again, with the installed program: `make examples`.

A block that follows ``<!-- example: autopilot … -->`` holds that command and what it shows on a terminal. The commands
run on a simulated market, so the same seed gives the same text. A test runs the same functions and compares.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w

from autopilot.control.client import ControlClient

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
PICTURES = ROOT / "docs" / "images"
COLUMNS = 92
PROGRAM = (sys.executable, "-P", "-m", "autopilot")
MARKET = {
    "symbols": ["BTC/USD", "ETH/USD"],
    "exchange": "simulated",
    "auto_execute": True,
    "simulated": {"start": "2024-01-01", "end": "2024-01-08", "speed": 0.0},
}
PICTURED = "9878834953"
"""The decision that the README's picture explains: an entry."""
REPORTED = ("backtest", "--exchange", "simulated", "--days", "730", "--no-model", "--no-compare")
"""The backtest whose HTML report the README shows."""
_EXAMPLE = re.compile(r"(<!-- example: (autopilot [^\n]*?) -->\n\n)((?:    [^\n]*\n|\n(?=    ))+)")
_SVG = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace; font-size: {char_height}px; \
line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>{lines}</defs>
<rect width="{width}" height="{height}" rx="8" fill="#1b1d23" />
<g transform="translate({terminal_x}, 12)" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


@contextmanager
def traded() -> Iterator[Path]:
    """A data directory in which a daemon has traded MARKET to its end."""
    with tempfile.TemporaryDirectory(prefix="autopilot-examples-") as name:
        data = Path(name)
        (data / "autopilot.toml").write_text(tomli_w.dumps(MARKET))
        command(data, "start")
        try:
            _wait_for_the_end(ControlClient(data / "run" / "autopilot.sock"))
            yield data
        finally:
            command(data, "stop")


def command(data: Path, *arguments: str) -> str:
    """What a command prints on standard output. Raises CalledProcessError when it fails."""
    done = subprocess.run([*PROGRAM, "--data-dir", data, *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def screen(data: Path, *arguments: str) -> str:
    """What a command shows on a terminal of COLUMNS columns that knows no color."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 200, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "dumb"}
    process = subprocess.Popen(
        [*PROGRAM, "--data-dir", str(data), *arguments], stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    shown = b"".join(_until_closed(ours))
    os.close(ours)
    if process.wait():
        raise RuntimeError(f"autopilot {' '.join(arguments)} failed:\n{shown.decode()}")
    return shown.decode().replace("\r\n", "\n")


def with_examples(page: str, run: Callable[..., str]) -> str:
    """The page with every example made again; ``run`` takes a command's arguments and returns its screen."""

    def again(found: re.Match[str]) -> str:
        lines = [f"$ {found[2]}", *run(*found[2].split()[1:]).splitlines()]
        return found[1] + "".join(f"    {line}".rstrip() + "\n" for line in lines)

    return _EXAMPLE.sub(again, page)


def explained(data: Path) -> str:
    """The picture of `autopilot explain` as SVG."""
    from rich.console import Console
    from rich.text import Text

    from autopilot.cli.render.explain import explain_screen
    from autopilot.cli.render.terminal import LOOKS, painted

    document = json.loads(command(data, "explain", PICTURED, "--json"))
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi("\n".join(painted(explain_screen(document), COLUMNS, LOOKS))), soft_wrap=True)
    return console.export_svg(title="", code_format=_SVG, unique_id="explain")


def words_of(svg: str) -> str:
    """The text of a picture, for comparing two of them."""
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", svg, flags=re.DOTALL).split())


def report(page: Path) -> Mapping[str, Any]:
    """Write the HTML report of the backtest that the README shows; its JSON document."""
    with tempfile.TemporaryDirectory() as name:
        document: Mapping[str, Any] = json.loads(command(Path(name), *REPORTED, "--html", str(page), "--json"))
    return document


def photograph(page: Path, picture: Path) -> None:
    """The top of an HTML page as PNG, by headless Chromium."""
    browser = (
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--window-size=1200,1000",
    )
    subprocess.run([*browser, f"--screenshot={picture}", page.as_uri()], check=True, capture_output=True)


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with traded() as data:
        for page in PAGES:
            page.write_text(with_examples(page.read_text(), lambda *arguments: screen(data, *arguments)))
        (PICTURES / "explain.svg").write_text(explained(data))
        report(data / "report.html")
        photograph(data / "report.html", PICTURES / "report.png")


def _wait_for_the_end(client: ControlClient) -> None:
    finished: set[str] = set()
    for event in client.events(("symbol",), after=0):
        if event["body"]["state"] == "finished":
            finished.add(event["body"]["symbol"])
        if len(finished) == 2:
            return


def _until_closed(descriptor: int) -> Iterator[bytes]:
    """A terminal whose last process has ended raises EIO."""
    try:
        while chunk := os.read(descriptor, 65536):
            yield chunk
    except OSError:
        return


if __name__ == "__main__":
    main()
