"""The market and the source that a file's name shows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from autopilot.adapters.imports.currencies import QUOTES, is_known, quotes_of, usual_name
from autopilot.adapters.imports.layouts import LAYOUTS, Layout, layouts_of
from autopilot.domain.errors import CandleError
from autopilot.domain.timeframe import MINUTE_MS, Timeframe

SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".feather", ".parquet")
PACKED = (".gz", ".zip")

_EXCHANGES = frozenset(
    """
    ascendex bequant bigone binance binancecoinm binanceus binanceusdm bingx bitbank bitbns bitfinex bitfinex2 bitflyer
    bitforex bitget bithumb bitmart bitmex bitopro bitpanda bitrue bitso bitstamp bittrex bitvavo blockchaincom btcalpha
    btcmarkets btcturk bybit cex cexio coinbase coinbaseadvanced coinbaseexchange coinbaseinternational coinbasepro
    coincheck coinex coinmate coinone coinsph cryptocom currencycom delta deribit digifinex exmo ftx ftxus gate gateio
    gdax gemini hashkey hitbtc hollaex htx huobi hyperliquid idex independentreserve indodax itbit kraken krakenfutures
    kucoin kucoinfutures kuna latoken lbank liquid luno mercado mexc mexc3 ndax novadax oceanex okcoin okex okx p2b
    phemex poloniex probit timex tokocrypto upbit wazirx whitebit woo xt yobit zaif zonda
    """.split()  # noqa: SIM905
)
_DATES = re.compile(r"[-_](?:19|20)\d{2}(?:[-_]\d{2}){0,2}(?:[-_](?:to[-_])?(?:19|20)\d{2}(?:[-_]\d{2}){0,2})?$")
_TRADINGVIEW = re.compile(r"(?P<rest>.+?),? (?P<length>\w+?)(?:_[0-9a-f]{4,6})?")
_LENGTH = re.compile(r"(?P<rest>.+)[-_](?P<length>\d+[a-zA-Z]{0,3}|[dh]|day|hour|minute|daily|hourly)")
_KRAKEN_ARCHIVE = re.compile(r"[A-Z0-9.]{5,}_(?:1|5|15|30|60|240|720|1440|10080|21600)", re.IGNORECASE)
_FREQTRADE = re.compile(r"(?:[a-z0-9]+_)?[A-Za-z0-9]+_[A-Za-z0-9]+-\d+[mhdwM]")
_BINANCE_ARCHIVE = re.compile(r"[A-Z0-9]+-\d+[mhdws]-\d{4}-\d{2}(?:-\d{2})?", re.IGNORECASE)
_LENGTHS = {str(timeframe.ms // MINUTE_MS): timeframe for timeframe in Timeframe} | {
    **dict.fromkeys(("d", "day", "daily", "1day"), Timeframe.D1),
    **dict.fromkeys(("h", "hour", "hourly", "1hour"), Timeframe.H1),
    "minute": Timeframe.M1,
    **{f"{minutes}min": Timeframe(f"{minutes}m") for minutes in (1, 5, 15, 30)},
}


@dataclass(frozen=True, slots=True)
class FileMarket:
    """The market that a file's name or the user names; None for a part that is missing.

    ``other_length``: a length of candles in the name that Autopilot does not have."""

    exchange: str | None = None
    symbol: str | None = None
    timeframe: Timeframe | None = None
    other_length: str | None = None

    def may_be(self, other: FileMarket) -> bool:
        """Whether both can be one market; a part that one of them does not name is no difference."""
        pairs = ((self.exchange, other.exchange), (self.symbol, other.symbol), (self._length, other._length))
        return all(mine is None or theirs is None or mine == theirs for mine, theirs in pairs)

    @property
    def _length(self) -> str | None:
        return self.timeframe.value if self.timeframe else self.other_length

    @property
    def words(self) -> str:
        """As a screen says it."""
        named = (self.exchange, self.symbol, self._length)
        return " ".join(part for part in named if part)


def stem_of(name: str) -> str:
    """The name without its folder and its suffixes, in any case."""
    stem = re.split(r"[/\\]", name)[-1]
    for suffixes in (PACKED, SUFFIXES):
        found = next((suffix for suffix in suffixes if stem.lower().endswith(suffix)), "")
        stem = stem[: len(stem) - len(found)]
    return stem


def has_table_suffix(name: str) -> bool:
    """Whether a name ends as the files do that can be imported."""
    return name.lower().removesuffix(".gz").endswith(SUFFIXES)


def named_market(name: str, exchange: str | None, symbol: str | None) -> FileMarket:
    """As `market_of`; nothing for a name that can mean two markets if the user says the symbol."""
    try:
        return market_of(name, exchange)
    except CandleError:
        if symbol is None:
            raise
        return FileMarket()


def market_of(name: str, exchange: str | None = None) -> FileMarket:
    """The market in a file's name, such as ``KRAKEN_BTC-USD_1h.csv.gz``, ``BTC_USDT-1h.feather``,
    ``BTCUSDT-1h-2025-01.zip``, ``BITSTAMP_BTCUSD, 60.csv`` or ``XBTUSD_60.csv``.

    ``exchange``: the source if the user names it. Raises CandleError where two markets are possible.
    """
    stem = _DATES.sub("", stem_of(name)) or stem_of(name)
    found = _LENGTH.fullmatch(stem) or _TRADINGVIEW.fullmatch(stem)
    rest, length = (_DATES.sub("", found["rest"]), found["length"]) if found else (stem, "")
    timeframe = _timeframe(length)
    if found and timeframe is None and not length[:1].isdigit():
        rest, length = stem, ""
    is_archive = bool(_KRAKEN_ARCHIVE.fullmatch(stem))
    named, symbol = _pair(rest, exchange, "kraken" if is_archive else None, name)
    if symbol is None:
        return FileMarket()
    other = length if length and timeframe is None else None
    return FileMarket(named, symbol, timeframe, other)


def layouts_for(name: str, exchange: str | None, *, is_json: bool) -> tuple[Layout, ...]:
    """The layouts that rows without a header can have, by the file's name and the user's exchange."""
    stem = stem_of(name)
    found = []
    if _KRAKEN_ARCHIVE.fullmatch(stem):
        found.append(LAYOUTS["kraken-archive"])
    if _BINANCE_ARCHIVE.fullmatch(stem):
        found.append(LAYOUTS["binance"])
    if _FREQTRADE.fullmatch(stem) and is_json:
        found.append(LAYOUTS["ohlcv"])
    for source in (_exchange_in(stem), exchange):
        found += layouts_of(source or "")
    if is_json:
        found = [layout for layout in found if layout.name != "kraken-archive"]
    return tuple(dict.fromkeys(found))


def _exchange_in(stem: str) -> str | None:
    """The exchange with which a name begins."""
    fitting = [known for known in _EXCHANGES if stem.lower().startswith(known)]
    return max(fitting, key=len, default=None)


def _timeframe(length: str) -> Timeframe | None:
    if length in _LENGTHS:
        return _LENGTHS[length]
    spelled = length if length.endswith("M") else length.lower()
    return next((known for known in Timeframe if known == spelled), _LENGTHS.get(spelled))


def _pair(rest: str, exchange: str | None, source: str | None, name: str) -> tuple[str | None, str | None]:
    """Exchange and symbol in a name without its length; None where the name does not show them."""
    parts = re.split(r"[_:]", rest)
    found: list[tuple[str | None, str]] = []
    named = parts[0].lower() if len(parts) > 1 and ("-" in rest or parts[0].lower() in _EXCHANGES) else None
    if named:
        origin = named
        inner = parts[1:]
    else:
        origin, inner = None, parts
    place = origin or source or exchange
    match [part for piece in inner for part in piece.split("-")]:
        case [joined]:
            found += [(origin, symbol) for symbol in _splits(joined, place, name)]
        case [base, quote]:
            found += [(origin, symbol) for symbol in _separated(base, quote, place)]
    if not found and origin and len(parts) == 2 and "-" not in rest:
        # A coin that is called as an exchange is.
        found += [(None, symbol) for symbol in _separated(parts[0], parts[1], source or exchange)]
    return found[0] if found else (None, None)


def _separated(base: str, quote: str, place: str | None) -> list[str]:
    """The symbol of a base and a quote that the name keeps apart, if one of them at least is known."""
    left, right = base.upper(), quote.upper()
    if not (left + right).isalnum() or left == right:
        return []
    quotes = right in QUOTES or right.endswith("USD") or (is_known(left, place) and is_known(right, place))
    if not quotes or not (is_known(left, place) or (right in QUOTES and base == left)):
        return []
    return [f"{usual_name(left, place)}/{usual_name(right, place)}"]


def _splits(joined: str, place: str | None, name: str) -> list[str]:
    """The symbol of a base and a quote in one word. Raises CandleError if two are possible."""
    word = joined.upper()
    possible = [(word[:at], word[at:]) for at in range(1, len(word)) if word[at:] in QUOTES and word.isalnum()]
    possible = [split for split in possible if split[1] in quotes_of(place)] or possible
    known = [(base, quote) for base, quote in possible if is_known(base, place)]
    if len(known) > 1 or (len(possible) > 1 and known and len(known[0][0]) < 3):
        symbols = " or ".join(f"{base}/{quote}" for base, quote in possible)
        raise CandleError(f"the name of {name} can mean {symbols}", hint="say which: --symbol " + "/".join(possible[0]))
    if not known and joined == word and len(possible) == 1 and not _hides_quote(possible[0][0]):
        known = possible
    return [f"{usual_name(base, place)}/{usual_name(quote, place)}" for base, quote in known]


def _hides_quote(base: str) -> bool:
    """Whether an unknown base is a letter, or begins with a known coin: its rest may belong to an unknown quote."""
    return len(base) < 2 or any(is_known(base[:at], None) for at in range(3, len(base)))
