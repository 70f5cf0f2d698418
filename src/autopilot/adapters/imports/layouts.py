"""The columns of candle files: by the names in their header, or by the layout of a source whose rows have no header.

Sources: the documentation of each exchange's candles endpoint, and its reading in ccxt (``parse_ohlcv``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

PRICES = ("open", "high", "low", "close")

OPENING_TIMES = (
    "open_time", "opentime", "time_period_start", "open_at_ms", "open_timestamp", "opentimestamp", "kline_open_time",
    "candle_begin_time", "start", "start_time", "starttime", "start_at", "startedat", "bucket", "time_open", "timeopen",
)  # fmt: skip
TIMES = (
    "unix", "unix_timestamp", "unix_time", "unixtime", "unix_ms", "epoch", "timestamp", "timestamp_ms", "timestampms",
    "time_ms", "ts", "ts_ms", "mts", "time", "t", "datetime", "date_time", "date", "gmt_time", "local_time", "utc_time",
    "utc", "period", "begin",
)  # fmt: skip
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "open": ("open", "o", "open_price", "openprice", "price_open", "opening"),
    "high": ("high", "h", "high_price", "highprice", "price_high", "max"),
    "low": ("low", "l", "low_price", "lowprice", "price_low", "min"),
    "close": ("close", "c", "close_price", "closeprice", "price_close", "close_last"),
    "volume": (
        "volume", "vol", "v", "base_volume", "basevolume", "volume_base", "base_vol", "basevol", "volumefrom",
        "volume_from", "base_asset_volume", "volume_traded", "basetokenvolume", "base_token_volume",
    ),
}  # fmt: skip
QUOTE_VOLUMES = (
    "quote_volume", "quotevolume", "volume_quote", "volumequote", "quote_asset_volume", "quote_vol", "quotevol",
    "volumeto", "volume_to", "turnover", "volume_currency", "usd_volume", "usdvolume", "amount_quote", "q",
)  # fmt: skip
COUNTS = ("count", "trades", "n", "trade_count", "tradecount", "number_of_trades", "num_trades", "trades_count")
TAKER_VOLUMES = ("taker_buy_volume", "taker_buy_base_volume", "taker_buy_base_asset_volume")
CLOSED = ("x", "confirm", "is_closed", "isclosed", "closed", "complete", "is_final", "isfinal")
"""Whether a candle had closed, if every cell is true or false."""
MARKETS = ("symbol", "pair", "ticker", "instrument", "market", "product_id", "tic", "s")
_FIELDS = {name: field for field, names in _ALIASES.items() for name in names} | dict.fromkeys(
    (*OPENING_TIMES, *TIMES), "time"
)


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of rows without a header, in their order; "" for one that is not read. ``closed``: the column that
    says whether the candle had closed, and its value if so."""

    name: str
    columns: tuple[str, ...]
    words: str
    exchanges: tuple[str, ...] = ()
    closed: tuple[int, str] | None = None

    def place(self, field: str) -> int:
        return self.columns.index(field)


def _layout(name: str, columns: str, words: str, *exchanges: str, closed: tuple[int, str] | None = None) -> Layout:
    fields = tuple("" if column == "-" else column for column in columns.split())
    return Layout(name, fields, words, exchanges, closed)


LAYOUTS: Mapping[str, Layout] = {
    layout.name: layout
    for layout in (
        _layout("ohlcv", "time open high low close volume", "freqtrade's JSON, ccxt's fetch_ohlcv, Gemini", "gemini"),
        _layout(
            "binance",
            "time open high low close volume end quote count taker - -",
            "Binance: public archive and REST klines",
            *("binance", "binanceus", "binanceusdm"),
        ),
        _layout("mexc", "time open high low close volume end quote", "MEXC: REST klines", "mexc"),
        _layout("kraken-archive", "time open high low close volume count", "Kraken: downloadable OHLCVT", "kraken"),
        _layout("kraken", "time open high low close vwap volume count", "Kraken: REST OHLC", "kraken"),
        _layout(
            "coinbase",
            "time low high open close volume",
            "Coinbase Exchange: REST candles",
            *("coinbase", "coinbaseexchange", "coinbasepro", "gdax"),
        ),
        _layout("bitfinex", "time open close high low volume", "Bitfinex: REST candles", "bitfinex", "bitfinex2"),
        _layout("kucoin", "time open close high low volume quote", "KuCoin: REST spot candles", "kucoin"),
        _layout("bybit", "time open high low close volume quote", "Bybit: REST spot kline", "bybit"),
        _layout(
            "okx",
            "time open high low close volume quote quote -",
            "OKX: REST spot candles",
            *("okx", "okex"),
            closed=(8, "1"),
        ),
        _layout(
            "gate",
            "time quote close high low open volume -",
            "Gate: REST spot candlesticks",
            *("gate", "gateio"),
            closed=(7, "true"),
        ),
        _layout("bitget", "time open high low close volume quote quote", "Bitget: REST spot candles", "bitget"),
        _layout(
            "poloniex",
            "low high open close quote volume - - count - - - time -",
            "Poloniex: REST candles",
            "poloniex",
        ),
        _layout("metatrader", "date clock open high low close volume", "MetaTrader: date and time apart"),
    )
}
"""By name."""


@dataclass(frozen=True, slots=True)
class NamedLayout:
    """Columns whose names have another meaning at one source: known by all of ``names`` together."""

    name: str
    names: frozenset[str]
    fields: Mapping[str, str]


NAMED_LAYOUTS = (
    NamedLayout(
        "htx",
        frozenset({"id", "open", "close", "low", "high", "amount", "vol", "count"}),
        {"time": "id", "volume": "amount", "quote": "vol"},
    ),
    NamedLayout(
        "poloniex-legacy",
        frozenset({"date", "high", "low", "open", "close", "volume", "quotevolume", "weightedaverage"}),
        {"volume": "quotevolume", "quote": "volume"},
    ),
)


def normal(name: str) -> str:
    """``Volume (BTC)`` → ``volume_btc``; ``<DATE>`` → ``date``."""
    return re.sub(r"[^0-9a-z]+", "_", str(name).strip().lower()).strip("_")


def field_of(name: str) -> str | None:
    """The field that a column of this name holds, apart from what only a symbol tells."""
    return _FIELDS.get(normal(name))


def is_number_name(name: str) -> bool:
    """Whether a column of this name holds numbers, whatever the source."""
    return field_of(name) in (*PRICES, "volume") or normal(name) in (*QUOTE_VOLUMES, *COUNTS, *TAKER_VOLUMES)


def known_names(cells: Iterable[str]) -> int:
    """How many different fields of a candle, or of an index, the cells name."""
    found = {"value" if normal(cell) == "value" else field_of(cell) for cell in cells}
    return len(found - {None})


def layouts_of(exchange: str) -> tuple[Layout, ...]:
    """The layouts of an exchange's rows."""
    return tuple(layout for layout in LAYOUTS.values() if exchange in layout.exchanges)


def as_wide(width: int) -> Sequence[str]:
    """The names of the layouts with so many columns."""
    return [layout.name for layout in LAYOUTS.values() if len(layout.columns) == width]
