"""The page says what it was given, and nothing that it was given can act."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from autopilot.domain.candles import Candles
from autopilot.domain.timeframe import Timeframe
from autopilot.performance.account_record import ClosedTrade
from autopilot.report.content import Figure, ReportContent, ReportMisfit, ReportTable, SymbolChart
from autopilot.report.page import render_report

HOSTILE = "</script><script>alert('x')</script><img src=http://evil.example onerror=alert(1)>\"'&${data}"
Period = Callable[..., ReportContent]
Trade = Callable[..., ClosedTrade]


class Reader(HTMLParser):
    """What a browser would make of a page: its elements, its text, and the text of its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._within = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within == "script":
            self.scripts[-1] += data
        elif self._within != "style":
            self.text += data

    def attributes(self, name: str) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get(name)) is not None]

    @property
    def data(self) -> dict[str, list[dict[str, object]]]:
        return json.loads(self.scripts[0])


def test_nothing_that_is_given_becomes_markup_or_script(period: Period, trade: Trade) -> None:
    plain = period(trades=(trade("ema_cross", "3", 1, 4),))
    chart = plain.symbols[0]
    account = replace(
        plain.accounts[0],
        record=replace(plain.accounts[0].record, currency=HOSTILE, trades=(trade(HOSTILE, "3", 1, 4, symbol=HOSTILE),)),
        comparisons={HOSTILE: plain.accounts[0].record.equity},
        fees_by_symbol={HOSTILE: plain.accounts[0].record.fees},
        fees_by_strategy={HOSTILE: plain.accounts[0].record.fees},
    )
    tables = (ReportTable(HOSTILE, (HOSTILE, HOSTILE), ((HOSTILE, HOSTILE),)),)
    page = render_report(
        replace(
            plain,
            title=HOSTILE,
            mode=HOSTILE,
            banners=(HOSTILE,),
            headline=(Figure(HOSTILE, HOSTILE, HOSTILE),),
            accounts=(account,),
            symbols=(SymbolChart(HOSTILE, chart.candles, chart.regimes, chart.marks),),
            denials={HOSTILE: 1},
            metrics=tables,
            breakdowns=tables,
            notes=(HOSTILE,),
        )
    )
    reader, harmless = Reader(page), Reader(render_report(plain))
    assert "evil.example" in reader.text
    assert len(reader.scripts) == len(harmless.scripts)
    assert "img" not in {tag for tag, _ in reader.elements}
    assert reader.data["symbols"][0]["symbol"] == HOSTILE
    known = {name for _, attributes in harmless.elements for name in attributes}
    assert {name for _, attributes in reader.elements for name in attributes} <= known


def test_the_policy_allows_its_own_scripts_and_no_other(period: Period) -> None:
    reader = Reader(render_report(period()))
    policy = next(attrs["content"] for tag, attrs in reader.elements if "http-equiv" in attrs)
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    for script in reader.scripts[1:]:
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy
    assert policy.count("sha256-") == len(reader.scripts) - 1
    assert reader.attributes("src") == []
    links = {href for href in reader.attributes("href") if not href.startswith("#")}
    assert links == {"data:,", "https://www.tradingview.com/", "https://www.apache.org/licenses/LICENSE-2.0"}


def test_every_place_that_is_linked_exists_once(period: Period) -> None:
    reader = Reader(render_report(period()))
    places = reader.attributes("id")
    assert len(places) == len(set(places))
    for link in reader.attributes("href") + ["#" + label for label in reader.attributes("aria-labelledby")]:
        if link.startswith("#"):
            assert link[1:] in places


def test_what_was_given_can_be_read(period: Period, trade: Trade) -> None:
    trades = (trade("ema_cross", "3.5", 1, 4), trade("grid", "-2.25", 6, 9))
    text = Reader(render_report(period(trades=trades, banners=("IN SAMPLE: known period",), notes=("Fee 0.1 %",)))).text
    for words in ("IN SAMPLE: known period", "Fee 0.1 %", "backtest, rules only", "confidence too low", "+3.50 USDT"):
        assert words in text
    for words in ("−2.25 USDT", "trending up", "1 trade, 100% won", "Sharpe", "+5.0", "All trades (2)"):
        assert words in text


def test_an_empty_period_says_so_everywhere(period: Period) -> None:
    empty = replace(
        period(candles=0),
        headline=(),
        confidence=np.empty(0),
        outcome_bps=np.empty(0),
        denials={},
        metrics=(),
    )
    for content in (empty, replace(empty, accounts=(), symbols=())):
        text = Reader(render_report(content)).text
        for words in ("No candles", "No trade", "No outcome is known", "Nothing was denied", "No fees", "No figures"):
            assert words in text


def test_one_candle_and_one_decision_are_enough(period: Period, trade: Trade) -> None:
    content = period(
        candles=1, trades=(trade("ema_cross", "1", 0, 0),), confidence=np.array([0.5]), outcome_bps=np.array([0.0])
    )
    reader = Reader(render_report(content))
    assert len(reader.data["symbols"][0]["marks"]) == 2  # type: ignore[arg-type]
    assert "Outcome by confidence" in reader.text


@pytest.mark.parametrize("lengths", [(60_000,), (60_000, 60_000, 60_000), (1,) * 50])
def test_a_long_period_stays_small(period: Period, trade: Trade, lengths: tuple[int, ...]) -> None:
    trades = tuple(trade(f"strategy {k % 14}", "1.5" if k % 2 else "-1", 50 * k, 50 * k + 20) for k in range(1000))
    content = period(candles=max(lengths), trades=trades)
    chart = content.symbols[0]
    symbols = tuple(
        SymbolChart(f"S{place}", chart.candles[:length], chart.regimes[:length], chart.marks[place :: len(lengths)])
        for place, length in enumerate(lengths)
    )
    page = render_report(
        replace(content, symbols=symbols, confidence=np.full(60_000, 0.5), outcome_bps=np.ones(60_000))
    )
    assert len(page.encode()) < 5_000_000
    assert ("candles of 1h are drawn as one" in page) == (sum(lengths) > 120_000)


def test_joined_candles_keep_the_extremes_and_their_marks(period: Period, trade: Trade) -> None:
    content = period(candles=130_000, trades=(trade("ema_cross", "1", 1001, 1003),))
    symbol = Reader(render_report(content)).data["symbols"][0]
    chart = content.symbols[0]
    high = np.frombuffer(base64.b64decode(str(symbol["high"])), "<f4")
    time = np.frombuffer(base64.b64decode(str(symbol["time"])), "<u4")
    assert high.max() == pytest.approx(chart.candles.high.max(), rel=1e-6)
    assert len(high) == len(time) < len(chart.candles)
    for mark, given in zip(symbol["marks"], chart.marks, strict=True):  # type: ignore[call-overload]
        assert time[mark["at"]] <= given.at_ms // 1000 < time[mark["at"] + 1]


def test_moments_of_one_second_are_drawn_once_as_the_last(period: Period) -> None:
    content = period(candles=3)
    record = replace(content.accounts[0].record, at_ms=np.array([1000, 1400, 2000]), equity=np.array([1.0, 2.0, 3.0]))
    account = Reader(render_report(replace(content, accounts=(replace(content.accounts[0], record=record),)))).data
    lines = account["accounts"][0]["lines"]
    assert np.frombuffer(base64.b64decode(lines[0]["equity"]), "<f8").tolist() == [2.0, 3.0]  # type: ignore[index]


def test_parts_that_do_not_fit_are_refused(period: Period) -> None:
    content = period(candles=5)
    market = Candles.empty(Timeframe.H1)
    with pytest.raises(ReportMisfit, match="0 candles of X, but 5 of regimes"):
        SymbolChart("X", market, np.zeros(5, dtype=np.int8), ())
    with pytest.raises(ReportMisfit, match="5 moments of the USDT account, but 4 of Buy and hold"):
        replace(content.accounts[0], comparisons={"Buy and hold": np.ones(4)})
    with pytest.raises(ReportMisfit, match="3 confidences, but 1 of outcomes"):
        replace(content, outcome_bps=np.ones(1))
    with pytest.raises(ReportMisfit, match="'Odd' has 2 columns and a row of 1 cells"):
        ReportTable("Odd", ("a", "b"), (("1",),))


def test_the_same_period_gives_the_same_page(period: Period) -> None:
    assert render_report(period()) == render_report(period())
