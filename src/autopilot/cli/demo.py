"""The demo: the simulated market or the user's own candles, real processes, a real socket, a real SIGKILL, and a
check of the books after it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import tomli_w

from autopilot.adapters.imports.candle_files import import_path
from autopilot.adapters.imports.file_names import FileMarket, has_table_suffix, market_of
from autopilot.adapters.imports.sentiment_files import import_sentiment
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.sentiment import SqliteSentiment
from autopilot.adapters.store.views.bookkeeping import BookCheck, check_books
from autopilot.cli.output import Output
from autopilot.cli.render.blocks import Paragraph, Style, heading, line
from autopilot.cli.render.demo import decision_line, fill_line
from autopilot.cli.session import address
from autopilot.config.paths import Paths, find_paths
from autopilot.control.client import ControlClient
from autopilot.control.errors import ControlError, DaemonNotRunning
from autopilot.domain.errors import AutopilotError, CandleError
from autopilot.domain.timeframe import DAY_MS, iso_utc

SYMBOLS = ("BTC/USD", "ETH/USD")
SIMULATED_START_MS = 1_704_067_200_000
"""2024-01-01."""
WATCHED_S = 25.0
"""Duration of the demo's market, long enough to follow it by eye."""
KINDS = ("decision", "fill", "symbol")
QUIET_DENIALS = ("CONFIDENCE_BELOW_THRESHOLD", "POSITION_MISSING")
"""Denials too frequent to show each of them; the report counts them."""
COMMAND_LIMIT_S = 30.0
DAEMON_END_LIMIT_S = 30.0


class DemoFailed(AutopilotError):
    """A step of the demo failed."""


@dataclass(frozen=True, slots=True)
class DemoMarket:
    """The traded period is ``start_ms`` to ``end_ms``. ``settings`` returns the configuration of this market."""

    exchange: str
    symbols: tuple[str, ...]
    timeframe: str
    start_ms: int
    end_ms: int
    source: str | None = None

    def settings(self) -> dict[str, object]:
        period: dict[str, object] = {
            "start": iso_utc(self.start_ms),
            "end": iso_utc(self.end_ms),
            "speed": (self.end_ms - self.start_ms) / 1000 / WATCHED_S,
        }
        return {
            "symbols": list(self.symbols),
            "exchange": self.exchange,
            "timeframe": self.timeframe,
            "auto_execute": True,
            self.exchange: period | ({"source": self.source} if self.source else {}),
        }


def simulated(days: int) -> DemoMarket:
    return DemoMarket("simulated", SYMBOLS, "1h", SIMULATED_START_MS, SIMULATED_START_MS + days * DAY_MS)


def imported(database_path: Path, data: Path, days: int) -> tuple[DemoMarket, list[Path]]:
    """Import the best pair of markets in ``data`` (a file, or a folder with subfolders), and the Fear & Greed index if
    it is there. Returns a market of their last ``days`` in common, and the imported files. Raises CandleError when
    there are no candle files."""
    files = [data] if data.is_file() else _best_markets(path for path in sorted(data.rglob("*")) if path.is_file())
    if not files:
        raise CandleError(
            f"{data} has no candle files", hint="name files as KRAKEN_BTC-USD_1h.csv.gz: exchange, market, timeframe"
        )
    with closing(open_database(database_path)) as database:
        store = SqliteCandles(database)
        reports = [report for file in files for report in import_path(store, file)]
        sentiments = sorted(data.rglob("FEAR_GREED*.csv")) if data.is_dir() else []
        for file in sentiments:
            import_sentiment(SqliteSentiment(database), file)
        symbols = tuple(report.symbol for report in reports)
        timeframe = reports[0].timeframe
        covered = [each for each in store.coverage() if each.symbol in symbols]
    end_ms = min(each.last_at_ms for each in covered) + timeframe.ms
    market = DemoMarket("replay", symbols, timeframe.value, end_ms - days * DAY_MS, end_ms, source=reports[0].exchange)
    return market, [*files, *sentiments]


def _best_markets(files: Iterable[Path]) -> list[Path]:
    """The files of Bitcoin and Ether in dollars at 1h from one exchange, or else the closest match; two at most."""
    groups: dict[tuple[str | None, str, str], dict[str, Path]] = {}
    for file in files:
        market = FileMarket()
        with suppress(CandleError):
            market = market_of(file.name) if has_table_suffix(file.name) else market
        if market.symbol and market.timeframe:
            base, _, quote = market.symbol.partition("/")
            groups.setdefault((market.exchange, quote, market.timeframe.value), {}).setdefault(base, file)

    def rank(item: tuple[tuple[str | None, str, str], dict[str, Path]]) -> tuple[bool, bool, bool, bool, int]:
        (_, quote, timeframe), by_base = item
        return timeframe == "1h", "BTC" in by_base and "ETH" in by_base, quote == "USD", "BTC" in by_base, len(by_base)

    if not groups:
        return []
    _, by_base = max(groups.items(), key=rank)
    return [by_base[base] for base in sorted(by_base, key=lambda base: (base not in ("BTC", "ETH"), base))[:2]]


@dataclass(slots=True)
class Demo:
    """One demo in ``directory``, which must be empty but for an imported database."""

    market: DemoMarket
    directory: Path
    output: Output
    finished: set[str] = field(default_factory=set)

    @property
    def paths(self) -> Paths:
        return find_paths(None, self.directory, {})

    def run(self) -> BookCheck:
        """Trade the market, with a kill halfway; returns the check of the books. No process is left, also after an
        error. Raises AutopilotError."""
        self.paths.config_file.write_text(tomli_w.dumps(self.market.settings()))
        with self._daemon_ends():
            self._say(heading("A daemon is started, on paper money:"))
            self._autopilot("start")
            self._follow(until_ms=(self.market.start_ms + self.market.end_ms) // 2)
            self._kill()
            self._say(heading("It is started again and goes on where it was:"))
            self._autopilot("start")
            self._follow(until_ms=None)
            self._say(heading("What status says at the end:"))
            self._autopilot("status")
        return check_books(self.paths.database)

    def _follow(self, until_ms: int | None) -> None:
        """Show orders and fills until a candle of ``until_ms`` is decided, or until the market has ended."""
        for event in self._client().events(KINDS, after=0):
            body = event["body"]
            if event["kind"] == "fill":
                self._say(fill_line(body))
            elif event["kind"] == "symbol" and body["state"] == "finished":
                self.finished.add(body["symbol"])
                if self.finished >= set(self.market.symbols):
                    return
            elif event["kind"] == "decision":
                if body["action"] != "hold" and body["denied_code"] not in QUIET_DENIALS:
                    self._say(decision_line(body))
                if until_ms is not None and body["candle_at_ms"] >= until_ms:
                    return
        raise DemoFailed("the daemon ended by itself", hint=f"its log: {self.paths.log_file}")

    def _kill(self) -> None:
        with self._process() as (pid, process):
            _kill(process)
        books = check_books(self.paths.database)
        self._say(heading(f"kill -9 {pid}: the daemon is dead."))
        self._say(
            line(
                f"On disk: {books.decisions:,} decisions, {books.orders:,} orders, {books.fills:,} fills.", Style.FAINT
            )
        )

    @contextmanager
    def _process(self) -> Iterator[tuple[int, int]]:
        """The daemon's process id, and a descriptor of its process. Raises DaemonNotRunning."""
        pid = int(self._client().get("/health")["pid"])
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            raise DaemonNotRunning(f"process {pid} has ended") from None
        try:
            yield pid, process
        finally:
            os.close(process)

    def _client(self) -> ControlClient:
        return ControlClient(self.paths.socket)

    def _autopilot(self, *arguments: str) -> None:
        """Run a command as the user would type it, and show its output. Raises DemoFailed if it fails."""
        self._say(line(f"$ autopilot {' '.join(arguments)}", Style.FAINT))
        done = subprocess.run(  # noqa: S603 - this program itself
            [sys.executable, "-P", "-m", "autopilot", "--data-dir", str(self.directory), *arguments],
            stdout=self.output.remarks if self.output.as_json else self.output.results,
            stderr=self.output.remarks,
            stdin=subprocess.DEVNULL,
            timeout=COMMAND_LIMIT_S,
            check=False,
        )
        if done.returncode:
            raise DemoFailed(
                f"autopilot {' '.join(arguments)} ended with exit code {done.returncode}",
                hint="its output above says why; if it does not, please report it",
            )

    @contextmanager
    def _daemon_ends(self) -> Iterator[None]:
        """However the demo ends, Ctrl-C included, the daemon has ended afterwards."""
        try:
            yield
        finally:
            with suppress(DaemonNotRunning), self._process() as (_, process):
                with suppress(ControlError):
                    self._client().post(address("stop"), {})
                if not _ends(process):
                    _kill(process)

    def _say(self, words: Paragraph) -> None:
        if self.output.as_json:
            self.output.remark("".join(span.text for span in words.spans))
        else:
            self.output.show({}, (words,))


def _kill(process: int) -> None:
    """Kill the process of this descriptor with SIGKILL, and wait for its end."""
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, signal.SIGKILL)
    _ends(process)


def _ends(process: int) -> bool:
    """Whether the process of this descriptor ends within DAEMON_END_LIMIT_S."""
    return bool(select.select([process], [], [], DAEMON_END_LIMIT_S)[0])
