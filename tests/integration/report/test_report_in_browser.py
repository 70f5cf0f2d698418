"""The page in a real browser: it is drawn, it can be used, and it asks the network for nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from autopilot.domain.candles import Candles
from autopilot.domain.order import Purpose, Side
from autopilot.domain.portfolio import RoundTrip
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.performance.account_record import AccountRecord, ClosedTrade
from autopilot.report.content import AccountChart, Figure, Mark, ReportContent, ReportTable, SymbolChart
from autopilot.report.page import render_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome is installed")

LONG, LENGTH = 60_000, 5_000
START_MS = 1_500_001_200_000 // HOUR_MS * HOUR_MS
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
SYMBOL = "</script><b>BTC/USDT"


def _candles(length: int) -> Candles:
    rng = np.random.default_rng(5)
    close = 20_000.0 * np.exp(np.cumsum(rng.normal(0.0, 0.004, length)))
    opens = np.concatenate([[20_000.0], close[:-1]])
    high, low = np.maximum(opens, close) * 1.001, np.minimum(opens, close) * 0.999
    at = START_MS + HOUR_MS * np.arange(length, dtype=np.int64)
    return Candles.from_arrays(Timeframe.H1, at, opens, high, low, close, np.ones(length))


def _trade(candles: Candles, number: int) -> ClosedTrade:
    opened = number * 50
    closed = opened + 20
    entry, leave = candles.close[opened], candles.close[closed]
    trip = RoundTrip(
        account="paper",
        symbol=SYMBOL,
        strategy=f"strategy_{number % 14}",
        decision_id=None,
        quantity=Decimal("0.1"),
        entry_price=Decimal(entry),
        exit_price=Decimal(leave),
        fees=Decimal(2),
        net=Decimal((leave - entry) * 0.1 - 2),
        opened_at_ms=int(candles.open_at_ms[opened]),
        closed_at_ms=int(candles.open_at_ms[closed]),
        exit_purpose=(Purpose.STOP_LOSS, Purpose.TAKE_PROFIT, Purpose.FLATTEN)[number % 3],
    )
    return ClosedTrade(trip, "momentum", "trending_up")


def _content(length: int, trade_count: int) -> ReportContent:
    candles = _candles(length)
    trades = tuple(_trade(candles, number) for number in range(trade_count))
    marks = [
        mark
        for trip in (trade.round_trip for trade in trades)
        for mark in (
            Mark(trip.opened_at_ms, float(trip.entry_price), Side.BUY, Purpose.ENTRY),
            Mark(trip.closed_at_ms, float(trip.exit_price), Side.SELL, trip.exit_purpose),
        )
    ]
    rng = np.random.default_rng(6)
    equity = 10_000.0 + np.cumsum(rng.normal(0.0, 3.0, length))
    record = AccountRecord(
        "USDT",
        Decimal(10_000),
        START_MS,
        HOUR_MS,
        candles.open_at_ms + HOUR_MS,
        equity,
        np.zeros(length),
        trades,
        Decimal(1),
    )
    small = candles[: min(length, 300)]
    return ReportContent(
        title="Backtest of a symbol",
        mode="backtest, walk-forward models",
        from_ms=START_MS,
        to_ms=START_MS + length * HOUR_MS,
        banners=("IN SAMPLE: the model has seen this period",),
        headline=(Figure("Net result", "+4.2 %", "buy and hold +7.9 %"), Figure("Sharpe", "0.4")),
        accounts=(
            AccountChart(
                record,
                {"Buy and hold": candles.close / 2},
                {SYMBOL: record.fees},
                {f"strategy_{k}": Decimal(k + 1) for k in range(14)},
            ),
        ),
        symbols=(
            SymbolChart(SYMBOL, candles, (np.arange(length) // 97 % 5).astype(np.int8), tuple(marks)),
            SymbolChart("ETH/USDT", small, np.full(len(small), 2, dtype=np.int8), ()),
        ),
        confidence=rng.random(500),
        outcome_bps=rng.normal(0.0, 80.0, 500),
        denials={"CONFIDENCE_TOO_LOW": 700, "BALANCE_INSUFFICIENT": 3},
        metrics=(
            ReportTable("Metrics", tuple(f"Column {k}" for k in range(9)), (("Sharpe", *["0.123 to 0.456"] * 8),)),
        ),
        breakdowns=(ReportTable("By month", ("Month", "Net"), (("2024-01", "+3.00"),)),),
        notes=("Fee 0.1 % a side.",),
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield running
        running.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def report(folder: Path) -> Path:
    return _written(folder, LENGTH, LENGTH // 60)


def _written(folder: Path, length: int, trades: int) -> Path:
    path = folder / f"{length}-candles.html"
    path.write_text(render_report(_content(length, trades)), encoding="utf-8")
    return path


class Visit:
    """An opened page, and what it said and asked for meanwhile."""

    def __init__(self, browser: Browser, path: Path, size: dict[str, int], scheme: str, touch: bool = False) -> None:
        self.context = browser.new_context(viewport=size, color_scheme=scheme, has_touch=touch)  # type: ignore[arg-type]
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.address = path.as_uri()
        self.page.goto(self.address)
        self.page.wait_for_function(
            "() => document.querySelector('[data-candles] .readout').textContent.includes('Shown')"
        )

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.context.close()
        if kind is None:
            assert self.complaints == []
            assert [url for url in self.requests if not url.startswith("data:")] == [self.address]

    @property
    def candles(self) -> Locator:
        return self.page.locator("[data-candles]")

    def shown(self) -> str:
        return self.candles.locator(".readout").inner_text()

    def wait_until_shown_is_not(self, before: str) -> str:
        self.page.wait_for_function(
            "before => { const now = document.querySelector('[data-candles] .readout').textContent;"
            " return now.startsWith('Shown') && now !== before }",
            arg=before,
        )
        return self.shown()


COLORS_OF_CANVASES = """canvases => canvases.map(canvas => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  return new Set(new Uint32Array(copy.getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size;
})"""

GROUND = """() => {
  const copy = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  copy.drawImage(document.querySelector('[data-account] canvas'), 0, 0);
  return copy.getImageData(0, 0, 1, 1).data[0];
}"""

CONTRASTS = """() => {
  const paint = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = color => { paint.clearRect(0, 0, 1, 1); paint.fillStyle = color; paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data]; };
  const light = color => { const [r, g, b] = rgba(color).map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = element => { for (let e = element; e; e = e.parentElement) {
    const color = getComputedStyle(e).backgroundColor; if (rgba(color)[3] === 255) return color; } };
  return [...document.querySelectorAll('body *')].filter(e => e.checkVisibility()
      && !e.closest('script, .skip, .canvas')
      && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())).map(e => {
    const style = getComputedStyle(e);
    const [a, b] = [light(e instanceof SVGElement ? style.fill : style.color), light(ground(e))].sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), e.tagName + '.' + (e.getAttribute('class') || '')];
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_it_is_drawn_and_readable(browser: Browser, report: Path, size: dict[str, int], scheme: str) -> None:
    with Visit(browser, report, size, scheme) as visit:
        page = visit.page
        for figure in page.locator("figure.chart").all():
            figure.scroll_into_view_if_needed()
            assert max(figure.locator("canvas").evaluate_all(COLORS_OF_CANVASES)) > 10
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        ratios = page.evaluate(CONTRASTS)
        assert len(ratios) > 100
        assert [place for ratio, place in ratios if ratio < 4.5] == []
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 20, 24)"
        assert dark == (scheme == "dark")


def test_the_charts_follow_a_change_of_scheme(browser: Browser, report: Path) -> None:
    with Visit(browser, report, DESK, "light") as visit:
        assert visit.page.evaluate(GROUND) > 200
        visit.page.emulate_media(color_scheme="dark")
        visit.page.wait_for_function(f"() => ({GROUND})() < 60")


def test_the_wheel_zooms(browser: Browser, report: Path) -> None:
    with Visit(browser, report, DESK, "light") as visit:
        before = visit.shown()
        visit.candles.locator(".canvas").hover(position={"x": 400, "y": 200})
        visit.page.mouse.wheel(0, -600)
        visit.page.mouse.move(5, 5)
        after = visit.wait_until_shown_is_not(before)
        assert _hours(after) < _hours(before)


def test_two_fingers_zoom(browser: Browser, report: Path) -> None:
    with Visit(browser, report, PHONE, "light", touch=True) as visit:
        canvas = visit.candles.locator(".canvas")
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        assert box is not None
        before = visit.shown()
        session = visit.context.new_cdp_session(visit.page)
        x, y = box["x"] + 150, box["y"] + 100

        def touch(kind: str, *apart: int) -> None:
            points = [{"x": x + way * by, "y": y, "id": way + 1} for by in apart for way in (-1, 1)]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", 20)
        for apart in range(30, 120, 10):
            touch("touchMove", apart)
        touch("touchEnd")
        assert _hours(visit.wait_until_shown_is_not(before)) < _hours(before)


def test_the_keyboard_reaches_and_moves_the_candles(browser: Browser, report: Path) -> None:
    with Visit(browser, report, DESK, "light") as visit:
        visit.candles.get_by_role("button", name="Next trade").focus()
        visit.page.keyboard.press("Tab")
        assert visit.page.evaluate("document.activeElement.classList.contains('candles')")
        shown = visit.shown()
        hours = [_hours(shown)]
        for key in ("ArrowLeft", "+", "Home"):
            visit.page.keyboard.press(key)
            shown = visit.wait_until_shown_is_not(shown)
            hours.append(_hours(shown))
        assert hours[1] == pytest.approx(hours[0], abs=4)
        assert hours[2] < hours[1]
        assert hours[3] == LENGTH - 1


def test_trades_can_be_gone_through_and_found_from_the_list(browser: Browser, report: Path) -> None:
    with Visit(browser, report, DESK, "light") as visit:
        shown = visit.shown()
        for _ in range(3):
            visit.candles.get_by_role("button", name="Previous trade").click()
            visit.page.mouse.move(5, 5)
            shown = visit.wait_until_shown_is_not(shown)
            assert "one trade: strategy_" in shown or "trades" in shown
        visit.candles.locator("select").select_option(label="ETH/USDT")
        shown = visit.wait_until_shown_is_not(shown)
        assert visit.candles.get_by_role("button", name="Next trade").is_disabled()
        visit.page.locator("summary").click()
        visit.page.locator("button[data-symbol]").first.click()
        visit.page.mouse.move(5, 5)
        visit.wait_until_shown_is_not(shown)
        assert visit.candles.locator("select").input_value() == "0"


def test_pointing_at_a_candle_tells_about_it(browser: Browser, report: Path) -> None:
    with Visit(browser, report, DESK, "light") as visit:
        shown = visit.shown()
        visit.candles.get_by_role("button", name="Previous trade").click()
        shown = visit.wait_until_shown_is_not(shown)
        box = visit.candles.locator(".canvas").bounding_box()
        assert box is not None
        told = set()
        for across in range(5, int(box["width"]) - 80, 9):
            visit.page.mouse.move(box["x"] + across, box["y"] + 100)
            told.add(visit.shown())
        words = " ".join(told)
        for word in ("open ", "close ", "ranging", "entry at ", "net "):
            assert word in words


def test_a_line_can_be_hidden_and_the_scale_made_logarithmic(browser: Browser, report: Path) -> None:
    with Visit(browser, report, DESK, "light") as visit:
        for name in ("Buy and hold", "Logarithmic"):
            button = visit.page.locator("[data-account]").get_by_role("button", name=name)
            before = button.get_attribute("aria-pressed")
            button.click()
            assert button.get_attribute("aria-pressed") != before


@pytest.mark.parametrize("length", [1, 2, 40])
def test_short_periods_open_too(browser: Browser, folder: Path, length: int) -> None:
    with Visit(browser, _written(folder, length, 0), PHONE, "dark") as visit:
        assert max(visit.candles.locator("canvas").evaluate_all(COLORS_OF_CANVASES)) > 3
        assert visit.page.get_by_text("No trade was closed in this period.").count() == 1


def test_a_long_period_opens_whole(browser: Browser, folder: Path) -> None:
    with Visit(browser, _written(folder, LONG, 1000), PHONE, "dark") as visit:
        before = visit.shown()
        visit.candles.get_by_role("button", name="Whole period").click()
        shown = visit.wait_until_shown_is_not(before)
        assert _hours(shown) == LONG - 1
        assert "1000 trades, zoom in for their marks" in shown
        assert max(visit.candles.locator("canvas").evaluate_all(COLORS_OF_CANVASES)) > 10


def test_headings_tables_and_controls_have_names(browser: Browser, report: Path) -> None:
    with Visit(browser, report, DESK, "light") as visit:
        page = visit.page
        levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map(h => Number(h.tagName[1]))")
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert page.locator("table:not(:has(caption)):not([role=presentation])").count() == 0
        assert page.locator("thead th:not([scope=col]), tbody th:not([scope=row])").count() == 0
        unnamed = "nodes => nodes.filter(n => !n.textContent.trim() && !n.ariaLabel && !n.title).length"
        assert page.locator("button, a, select").evaluate_all(unnamed) == 0


def _hours(shown: str) -> int:
    """The length of "Shown: 2024-01-01 00:00 to 2024-01-02 00:00 UTC"."""
    words = shown.split()
    since, until = (np.datetime64(f"{words[place]}T{words[place + 1]}") for place in (1, 4))
    return int((until - since) / np.timedelta64(1, "h"))
