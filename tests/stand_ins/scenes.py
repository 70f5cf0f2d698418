"""A few hours of the installed program on an exchange as it is, and what the exchange's own ledger says afterwards.

``scenes.py`` plays all scenes, or those that are named, and prints what came of each; exit code 1 if one went wrong.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from aiohttp import web
from daily_market import DAYS, RISING
from home import Finished, Home
from kraken_exchange import API_KEY, SECRET, KrakenExchange
from lock_holder import held_by_another_program
from loopback_exchange import Fields
from loopback_thread import answering
from paper_week import trade_on_paper

from autopilot.adapters.store.database import open_readonly

HOUR_S = 3_600
REDIRECT = Path(__file__).with_name("redirect")
PASSPHRASE = "four random words here"
PATIENCE_S = 90.0
"""How long a scene waits for what has to come."""


class Kraken(KrakenExchange):
    """``refused_nonces``: how many requests came with a nonce that was not above the last; ``refuses_sales``: the words
    that every order to sell is answered with, "" for none."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        super().__init__(now_ms)
        self.refused_nonces = 0
        self.refuses_sales = ""

    def denied(self, request: web.Request, body: str, fields: Fields) -> web.Response | None:
        denied = super().denied(request, body, fields)
        if denied is not None and "nonce" in (denied.text or ""):
            self.refused_nonces += 1
        return denied

    async def _instead(self, request: web.Request, fault: str) -> web.StreamResponse | None:
        is_sale = request.path.endswith("AddOrder") and "type=sell" in await request.text()
        return await super()._instead(request, self.refuses_sales if is_sale and self.refuses_sales else fault)


class Clocks:
    """Those of the machine that the program runs on, ahead of this one's by so many seconds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set(0.0, 0.0)

    def set(self, wall_s: float, steady_s: float) -> None:
        self.path.touch()
        with self.path.open("r+b") as file:
            file.write(struct.pack("dd", wall_s, steady_s))


@dataclass
class Scene:
    """A user with ``home`` on the exchange, whose market has hourly candles. ``ahead_s``: of the exchange's clock."""

    home: Home
    clocks: Clocks
    ahead_s: float = 0.0
    exchange: Kraken = field(init=False)
    last_price: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        self.exchange = Kraken(lambda: int((time.time() + self.ahead_s) * 1000))
        self._first_hour = int(time.time()) // HOUR_S - DAYS + 1
        self.show()

    def show(self, price: Decimal | None = None) -> None:
        """The exchange shows the candles up to now; ``price``: of the one that is open."""
        rows = hourly_market(self._first_hour, self.exchange.now_ms() // 1000)
        self.last_price = price or Decimal(rows[-1][4])
        rows[-1][4] = str(self.last_price)
        rows[-1][3] = str(min(self.last_price, Decimal(rows[-1][3])))
        self.exchange.price["BTC"] = self.last_price
        self.exchange.candles = rows

    def pass_time(self, seconds: float) -> None:
        """On all clocks."""
        self.ahead_s += seconds
        self.clocks.set(self.ahead_s, self.ahead_s)
        self.show()

    def environment(self) -> dict[str, str]:
        return {
            "AUTOPILOT_TEST_EXCHANGE": self.exchange.url,
            "AUTOPILOT_TEST_CLOCKS": str(self.clocks.path),
            "PYTHONPATH": str(REDIRECT),
            "CREDENTIALS_DIRECTORY": str(self.home.directory),
        }

    def run(self, *arguments: str, given: bytes = b"") -> Finished:
        done = self.home.run(*arguments, given=given, **self.environment())
        if done.code:
            raise RuntimeError(f"{arguments}: {done.err}")
        return done

    def decided(self) -> list[int]:
        """The candles that were decided, as hours since the epoch, newest first."""
        found = self.run("decisions", "--limit", "500", "--json").document["decisions"]
        return [each["candle_at_ms"] // (HOUR_S * 1000) for each in found]

    def codes(self) -> list[str]:
        return [each["code"] for each in self.run("status", "--json").document["health"]]

    def wait(self, is_so: Callable[[], bool]) -> float:
        """Seconds until it is so; infinity if it never is."""
        begin = time.monotonic()
        while time.monotonic() - begin < PATIENCE_S:
            if is_so():
                return time.monotonic() - begin
            time.sleep(0.2)
        return float("inf")


def hourly_market(first_hour: int, now_s: int) -> list[list[Any]]:
    """From ``first_hour``, counted since the epoch, to ``now_s``: the same walk whenever it is asked for."""
    drawn, price, rows = Random(RISING), 30_000.0, []
    for hour in range(first_hour, now_s // HOUR_S + 1):
        opened = price
        price *= 1 + drawn.gauss(0.0003, 0.001)
        high, low = max(opened, price) * 1.0003, min(opened, price) * 0.9997
        rows.append([hour * HOUR_S, *(f"{each:.1f}" for each in (opened, high, low, price, price)), "12.5", 100])
    return rows


@dataclass(frozen=True)
class Ending:
    """What came of a scene. ``wrong``: empty if it went as it should."""

    says: str
    wrong: str = ""


def first_decision(scene: Scene) -> Ending:
    """A fresh account: the exchange gives 720 candles, the program would like 1,000."""
    configure(scene.home, auto_execute=False)
    scene.run("start")
    first = len(scene.decided())
    scene.pass_time(HOUR_S)
    missed = scene.wait(lambda: len(scene.decided()) == 2)
    return Ending(
        f"{first} decision at once, the next {missed:.1f} s after the next close", _unless(first == 1, missed)
    )


def first_decision_after_an_import(scene: Scene) -> Ending:
    """Older candles are imported, and the program was down for three closes."""
    configure(scene.home, auto_execute=False)
    scene.run("start")
    before = set(scene.decided())
    scene.run("stop")
    series = ("--exchange", "kraken", "--symbol", "BTC/USD", "--timeframe", "1h")
    scene.run("data", "import", str(older_candles(scene)), *series)
    scene.pass_time(3 * HOUR_S)
    scene.run("start")
    waited = scene.wait(lambda: len(set(scene.decided()) - before) == 3)
    return Ending(f"3 of 3 missed candles decided after {waited:.1f} s", _unless(waited))


def clock_behind(scene: Scene) -> Ending:
    return _stop_with_a_wrong_clock(scene, -HOUR_S)


def clock_ahead(scene: Scene) -> Ending:
    return _stop_with_a_wrong_clock(scene, HOUR_S)


def suspended(scene: Scene) -> Ending:
    """The machine sleeps for ten minutes; meanwhile the price falls below the stop."""
    hold(scene)
    scene.pass_time(600)
    return _fall(scene, "")


def nonces(scene: Scene) -> Ending:
    """The clock was an hour ahead for a while, was put right, and the program starts again."""
    hold(scene)
    scene.clocks.set(scene.ahead_s + HOUR_S, scene.ahead_s)
    asked = len(scene.exchange.asked)
    scene.run("restart")
    scene.wait(lambda: len(scene.exchange.asked) > asked + 3)
    scene.home.kill_hard()
    scene.clocks.set(scene.ahead_s, scene.ahead_s)
    asked = len(scene.exchange.asked)
    scene.run("start", "--live")
    ending = _fall(scene, "")
    since, refused = len(scene.exchange.asked) - asked, scene.exchange.refused_nonces
    return Ending(
        f"{ending.says}; {refused} of {since} private calls refused", ending.wrong or ("" if not refused else "refused")
    )


def refused_exit(scene: Scene) -> Ending:
    """Every order to sell is refused for a minute, 30 % below the stop; then one is accepted."""
    hold(scene)
    before, rows = Counter(name for name, _ in scene.exchange.asked), _audit_rows(scene)
    scene.exchange.refuses_sales = "EOrder:Insufficient funds"
    scene.show(scene.last_price * Decimal("0.7"))
    seen = scene.wait(lambda: "EXIT_REFUSED" in scene.codes())
    time.sleep(60)
    calls = Counter(name for name, _ in scene.exchange.asked) - before
    rows = _audit_rows(scene) - rows
    sent = ", ".join(f"{calls[name]} {name}" for name in ("AddOrder", "BalanceEx"))
    says = f"EXIT_REFUSED after {seen:.1f} s; in 60 s {sent}, {rows} audit rows"
    scene.exchange.refuses_sales = ""
    scene.show(scene.last_price * Decimal("0.98"))
    sold = scene.wait(lambda: not scene.exchange.balances["BTC"])
    return Ending(f"{says}; sold {sold:.1f} s after it was possible", _unless(seen, sold) or _books(scene))


def full_disk(scene: Scene) -> Ending:
    """The disk is full to its last byte when the daemon is killed, starts again, and the price falls below the stop.
    Later there is room again."""
    with small_disk(scene.home.data_dir) as is_small:
        if not is_small:
            return Ending("not played: this user may not mount anything")
        hold(scene)
        rest = fill_up(scene.home.data_dir)
        scene.home.kill_hard()
        scene.run("start", "--live")
        ending = _fall(scene, "DISK_NEARLY_FULL")
        seen = "DISK_FULL" in scene.codes()
        rest.unlink()
        back = scene.wait(lambda: "DISK_FULL" not in scene.codes())
        _next_hour(scene)
        scene.run("stop")
        says = f"{ending.says}; DISK_FULL {'seen' if seen else 'not seen'}, over {back:.1f} s after there was room"
        return Ending(says, ending.wrong or _unless(seen, back))


def locked_database(scene: Scene) -> Ending:
    """Another program holds the database for 20 s while the price falls below the stop."""
    hold(scene)
    slowest_s = 0.0
    with held_by_another_program(scene.home.database):
        seen = scene.wait(lambda: "DATABASE_LOCKED" in scene.codes())
        scene.show(scene.last_price * Decimal("0.7"))
        end = time.monotonic() + 20
        while time.monotonic() < end:
            begin = time.monotonic()
            scene.home.client.get("/health")
            slowest_s = max(slowest_s, time.monotonic() - begin)
            time.sleep(0.05)
        sent = sum(order.side == "sell" for order in scene.exchange.orders.values())
    ending = _fall(scene, "")
    says = f"DATABASE_LOCKED after {seen:.1f} s, slowest answer {slowest_s:.2f} s, {sent} sales while it was locked"
    return Ending(f"{says}; {ending.says}", ending.wrong or _unless(seen, sent == 0))


SCENES: dict[str, Callable[[Scene], Ending]] = {
    scene.__name__: scene
    for scene in (
        first_decision,
        first_decision_after_an_import,
        clock_behind,
        clock_ahead,
        suspended,
        nonces,
        refused_exit,
        full_disk,
        locked_database,
    )
}


@contextmanager
def small_disk(place: Path) -> Iterator[bool]:
    """560 MB in place of the directory, because arming needs 500; False if this user may not mount anything."""
    place.mkdir(mode=0o700, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=560m,mode=700", "tmpfs", place]
    is_small = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield is_small
    finally:
        if is_small:
            subprocess.run(["umount", "--lazy", place], check=True)


def fill_up(place: Path) -> Path:
    """The file that takes the disk's last byte."""
    rest = place / "rest"
    with rest.open("wb", buffering=0) as file:
        for size in (1_048_576, 4_096):
            with suppress(OSError):
                while file.write(bytes(size)):
                    pass
    return rest


def configure(home: Home, *, auto_execute: bool) -> None:
    home.configure(
        symbols=["BTC/USD"],
        exchange="kraken",
        interval=1.0,
        auto_execute=auto_execute,
        min_confidence_threshold=0.0,
        sentiment={"enabled": False},
        model={"allow_unproven": True},
    )


def hold(scene: Scene) -> None:
    """Buy for real money, and be filled."""
    configure(scene.home, auto_execute=True)
    (scene.home.directory / "autopilot-passphrase").write_text(PASSPHRASE + "\n")
    scene.run(
        "keys", "add", "kraken", "--from-fd", "0", given=json.dumps({"api_key": API_KEY, "secret": SECRET}).encode()
    )
    scene.run("disarm")
    trade_on_paper(scene.home.database, "kraken", "BTC/USD")
    scene.run("arm", "--max-value", "500", "--accept-risk=live-money-unproven")
    scene.run("start", "--live")
    while not scene.exchange.orders:
        _next_hour(scene)
    (order,) = scene.exchange.orders.values()
    scene.exchange.fill(order, order.quantity)
    scene.wait(lambda: bool(scene.home.json("positions")["positions"]))


def _next_hour(scene: Scene) -> None:
    """Raises RuntimeError if its candle is not decided in time."""
    count = len(scene.decided())
    scene.pass_time(HOUR_S)
    if scene.wait(lambda: len(scene.decided()) > count) >= PATIENCE_S:
        raise RuntimeError(f"nothing was decided: {scene.codes()}")


def older_candles(scene: Scene) -> Path:
    """A file with those of the market that the exchange no longer gives."""
    path = scene.home.directory / "older.csv"
    rows = scene.exchange.candles[:-600]
    lines = [",".join(map(str, (row[0], *row[1:5], row[6]))) for row in rows]
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *lines]) + "\n")
    return path


def _stop_with_a_wrong_clock(scene: Scene, ahead_s: float) -> Ending:
    hold(scene)
    scene.clocks.set(scene.ahead_s + ahead_s, scene.ahead_s)
    return _fall(scene, "CLOCK_WRONG")


def _fall(scene: Scene, code: str) -> Ending:
    """The price falls by 30 %. ``code``: what the status has to say until then, "" for nothing."""
    said = scene.wait(lambda: code in scene.codes()) if code else 0.0
    scene.show(scene.last_price * Decimal("0.7"))
    sold = scene.wait(lambda: not scene.exchange.balances["BTC"])
    says = f"sold {sold:.1f} s after the fall" + (f", {code} after {said:.1f} s" if code else "")
    return Ending(says, _unless(said, sold) or _books(scene))


def _unless(*waited: float | bool) -> str:
    return "" if all(each is True or (each is not False and each < PATIENCE_S) for each in waited) else "it never came"


def _books(scene: Scene) -> str:
    """The difference between our books and the exchange's ledger; "" without one."""

    def gone() -> bool:
        return not scene.home.json("positions")["positions"]

    if scene.wait(gone) >= PATIENCE_S:
        return "our books still hold it"
    with open_readonly(scene.home.database) as connection:
        ours = {row["fill_id"]: Decimal(row["quantity"]) for row in connection.execute("SELECT * FROM fills")}
    theirs = {name: trade.quantity for name, trade in scene.exchange.trades.items()}
    twice = [
        name
        for name, count in Counter(each.client_order_id for each in scene.exchange.orders.values()).items()
        if count > 1
    ]
    return "" if ours == theirs and not twice else f"our fills {ours}, theirs {theirs}, sent twice {twice}"


def _audit_rows(scene: Scene) -> int:
    with open_readonly(scene.home.database) as connection:
        return int(connection.execute("SELECT max(seq) FROM audit").fetchone()[0])


@contextmanager
def scene_in(directory: Path) -> Iterator[Scene]:
    home = Home(directory, Path(sys.executable).parent)
    scene = Scene(home, Clocks(directory / "clocks"))
    with answering(scene.exchange):
        try:
            yield scene
        finally:
            home.clear()


def main(names: list[str]) -> int:
    failed = 0
    for name in names or SCENES:
        with scene_in(Path(tempfile.mkdtemp(prefix="ap"))) as scene:
            ending = SCENES[name](scene)
        failed += bool(ending.wrong)
        sys.stdout.write(f"{name:<32} {ending.says}{'; WRONG: ' + ending.wrong if ending.wrong else ''}\n")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
