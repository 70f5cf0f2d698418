"""The page: one HTML file that needs no network."""

from __future__ import annotations

import base64
import hashlib
from decimal import Decimal
from html import escape
from importlib.resources import files
from string import Template

from autopilot.report.chart_data import ChartData, chart_data
from autopilot.report.content import AccountChart, Figure, ReportContent
from autopilot.report.drawings import Confidence, strategies_svg
from autopilot.report.tables import bars_html, table_html, trades_html
from autopilot.report.wording import digits_of, moment

_SCRIPTS = ("lightweight-charts.standalone.production.js", "bands.js", "page.js")


def render_report(content: ReportContent) -> str:
    """A whole HTML document. Its content security policy allows its own scripts by their hashes and no request."""
    charts = chart_data(content)
    scripts = [_asset(name) for name in _SCRIPTS]
    return Template(_asset("page.html")).substitute(
        policy=_policy(scripts),
        title=escape(content.title),
        mode=escape(content.mode),
        period=f"{moment(content.from_ms)} to {moment(content.to_ms)} UTC",
        style=_asset("page.css"),
        banners="".join(
            f'<p class="banner"><strong>Warning</strong> {escape(banner)}</p>' for banner in content.banners
        ),
        headline=_headline(content.headline),
        equity="".join(_equity_figure(place, account) for place, account in enumerate(content.accounts))
        or _nothing("No account traded in this period."),
        candles=_candles_figure(content, charts),
        trades=_trades(content),
        strategies="".join(_strategies(account, content) for account in content.accounts)
        or _nothing("No trade was closed in this period."),
        confidence=_confidence(content),
        denials=_denials(content),
        fees="".join(_fees(account) for account in content.accounts) or _nothing("No fees were paid."),
        metrics="".join(table_html(table) for table in content.metrics) or _nothing("No figures."),
        breakdowns="".join(table_html(table) for table in content.breakdowns) or _nothing("No trade to break down."),
        notes="".join(f"<li>{escape(note)}</li>" for note in (*content.notes, *charts.joined)),
        attribution=escape(_asset("lightweight-charts.NOTICE.txt").splitlines()[0]),
        data=charts.script,
        scripts="".join(f"<script>{script}</script>" for script in scripts),
    )


def _asset(name: str) -> str:
    return files("autopilot.report").joinpath("assets", name).read_text(encoding="utf-8")


def _policy(scripts: list[str]) -> str:
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}'" for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _nothing(words: str) -> str:
    return f'<p class="nothing">{words}</p>'


def _headline(figures: tuple[Figure, ...]) -> str:
    return "".join(
        f"<div><dt>{escape(figure.label)}</dt>"
        f'<dd>{escape(figure.value)}<span class="small">{escape(figure.remark)}</span></dd></div>'
        for figure in figures
    )


def _equity_figure(place: int, account: AccountChart) -> str:
    if not len(account.record.at_ms):
        return _nothing(f"The {escape(account.record.currency)} account has no equity in this period.")
    currency = escape(account.record.currency)
    words = f"Equity and drawdown in {currency}"
    return (
        f'<figure class="chart" data-account="{place}"><figcaption>In {currency}</figcaption>'
        f'<div class="legend"></div>{_TOOLS.format(extra=_LOGARITHMIC)}'
        f'<div class="canvas equity" role="group" tabindex="0" aria-label="{words}. {_KEYS}"></div>'
        '<p class="readout" role="status"></p></figure>'
    )


def _candles_figure(content: ReportContent, charts: ChartData) -> str:
    drawn = [(place, chart) for place, chart in enumerate(content.symbols) if len(chart.candles)]
    if not drawn:
        return _nothing("No candles in this period.")
    options = "".join(f'<option value="{place}">{escape(chart.symbol)}</option>' for place, chart in drawn)
    coarser = "".join(f'<p class="small">{escape(words)}</p>' for words in charts.joined)
    return (
        f'<figure class="chart" data-candles><figcaption><label>Symbol <select>{options}</select></label></figcaption>'
        f'<div class="legend"></div>{_TOOLS.format(extra=_TRADE_BUTTONS)}'
        f'<div class="canvas candles" role="group" tabindex="0" aria-label="Candles with trades and regimes. {_KEYS}">'
        f'</div><p class="readout" role="status"></p>{coarser}</figure>'
    )


_KEYS = "Arrow keys move, plus and minus zoom, Home shows everything."
_TOOLS = (
    '<div class="tools"><button type="button" data-do="left" aria-label="Earlier">◀</button>'
    '<button type="button" data-do="right" aria-label="Later">▶</button>'
    '<button type="button" data-do="out" aria-label="Zoom out">−</button>'
    '<button type="button" data-do="in" aria-label="Zoom in">+</button>'
    '<button type="button" data-do="all">Whole period</button>{extra}</div>'
)
_LOGARITHMIC = '<button type="button" data-do="logarithmic" aria-pressed="false">Logarithmic</button>'
_TRADE_BUTTONS = (
    '<button type="button" data-do="previous">Previous trade</button>'
    '<button type="button" data-do="next">Next trade</button>'
)


def _trades(content: ReportContent) -> str:
    total = sum(len(account.record.trades) for account in content.accounts)
    if not total:
        return _nothing("No trade was closed in this period.")
    return f"<details><summary>All trades ({total:,})</summary>{trades_html(content)}</details>"


def _strategies(account: AccountChart, content: ReportContent) -> str:
    if not account.record.trades:
        return _nothing(f"No trade in {escape(account.record.currency)} was closed in this period.")
    return strategies_svg(account.record, content.from_ms, content.to_ms)


def _confidence(content: ReportContent) -> str:
    points = Confidence.of(content.confidence, content.outcome_bps)
    if not len(points.confidence):
        return _nothing("No outcome is known yet.")
    legend = (
        '<p class="small">● gain &nbsp; ○ loss &nbsp; ◆ mean of an eighth of the decisions, with its interval of '
        "95 % as if they were independent</p>"
    )
    return f'<div class="pair"><div>{points.svg()}{legend}</div>{table_html(points.table())}</div>'


def _denials(content: ReportContent) -> str:
    if not content.denials:
        return _nothing("Nothing was denied.")
    counts = {code.lower().replace("_", " "): Decimal(count) for code, count in content.denials.items()}
    return bars_html("Denials by reason", ("Reason", "Times", "Share"), counts, 0)


def _fees(account: AccountChart) -> str:
    currency, digits = account.record.currency, digits_of(account.record.start_equity)
    if not account.record.fees:
        return _nothing(f"No fees were paid in {escape(currency)}.")
    columns = ("", f"Fees, {currency}", "Share")
    return "".join(
        bars_html(f"Fees in {currency} by {kind}", (kind.capitalize(), *columns[1:]), fees, digits)
        for kind, fees in (("symbol", account.fees_by_symbol), ("strategy", account.fees_by_strategy))
        if fees
    )
