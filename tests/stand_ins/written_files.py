"""Candle files as the sources write them, made from a seed: well-formed ones of every kind, damaged ones, and packed
ones of which bytes are others.

Independent of the importer: the writing shares no code with it. ``python -m benchmarks imports`` runs this as a program
that imports a number of each kind and says what came of it.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any

LENGTHS = {"1m": 60, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "4h": 14400, "1d": 86400}
NAMES = {
    "time": ["timestamp", "time", "date", "datetime", "open_time", "Open time", "unix", "ts", "Gmt time", "start"],
    "open": ["open", "o", "open_price"],
    "high": ["high", "h", "high_price"],
    "low": ["low", "l", "low_price"],
    "close": ["close", "c", "close_price"],
    "volume": ["volume", "vol", "base_volume", "Volume BTC", "volume_from", "Volume (BTC)"],
}
FIELDS = ("open", "high", "low", "close", "volume")
Values = tuple[float, ...]


@dataclass(frozen=True)
class Written:
    """A file: its name, its bytes, the options that its user gives, and the candles that it holds, by time in ms."""

    name: str
    content: bytes
    timeframe: str
    truth: dict[int, Values]
    options: dict[str, Any]
    kind: str


@dataclass
class Draft:
    """A table of texts before it is written. ``header`` is None for rows without names. ``fields``: what each column
    is; "" for one that is no part of a candle."""

    fields: list[str]
    header: list[str] | None
    rows: list[list[str]]
    decimal: str = "."
    group: str = ""
    name: str = ""
    is_json: bool = False


def market(random: Random) -> tuple[str, list[int], list[list[str]]]:
    """(timeframe, opening times in s, rows of open, high, low, close, volume as plain decimal texts)."""
    timeframe = random.choice(list(LENGTHS))
    step, count = LENGTHS[timeframe], random.randint(30, 110)
    start = random.randint(1_380_000_000, 1_745_000_000) // 86400 * 86400 + random.randint(0, 23) * step % 86400
    start -= start % step
    digits = random.choice([2, 2, 2, 1, 4, 5])
    price = int(random.choice([0.5, 30, 100, 2_000, 30_000, 98_000]) * 10**digits)
    times, rows = [], []
    close = max(price, 400)
    for index in range(count):
        if index > 3 and random.random() < 0.03:
            continue
        opened = close if random.random() < 0.85 else max(200, close + random.randint(-2, 2))
        close = max(200, opened + int(random.gauss(0, max(3, opened * 0.004))))
        high = max(opened, close) + random.randint(0, max(2, opened // 500))
        low = max(100, min(opened, close) - random.randint(0, max(2, opened // 500)))
        volume = max(1, int(random.lognormvariate(11, 1.3)))
        texts = [_decimal(number, digits) for number in (opened, high, low, close)]
        times.append(start + index * step)
        rows.append([*texts, _decimal(volume, 4)])
    return timeframe, times, rows


def _decimal(number: int, digits: int) -> str:
    whole, rest = divmod(number, 10**digits)
    return f"{whole}.{rest:0{digits}d}"


def _grouped(text: str, decimal: str, group: str) -> str:
    whole, _, rest = text.partition(".")
    if group:
        parts = []
        while len(whole) > 3:
            whole, part = whole[:-3], whole[-3:]
            parts.insert(0, part)
        whole = group.join([whole, *parts])
    return f"{whole}{decimal}{rest}" if rest else whole


def _formats(timeframe: str) -> dict[str, Callable[[int], str]]:
    def utc(at: int) -> datetime:
        return datetime.fromtimestamp(at, UTC)

    east = timezone(timedelta(hours=5, minutes=30))
    found: dict[str, Callable[[int], str]] = {
        "s": str,
        "ms": lambda at: str(at * 1000),
        "us": lambda at: str(at * 1_000_000),
        "ns": lambda at: str(at * 1_000_000_000),
        "iso": lambda at: f"{utc(at):%Y-%m-%d %H:%M:%S}",
        "iso T": lambda at: f"{utc(at):%Y-%m-%dT%H:%M:%S}",
        "iso Z": lambda at: f"{utc(at):%Y-%m-%dT%H:%M:%SZ}",
        "iso ms": lambda at: f"{utc(at):%Y-%m-%dT%H:%M:%S}.000Z",
        "iso offset": lambda at: datetime.fromtimestamp(at, east).isoformat(),
        "minutes": lambda at: f"{utc(at):%Y-%m-%d %H:%M}",
        "metatrader": lambda at: f"{utc(at):%Y.%m.%d %H:%M}",
        "dotted": lambda at: f"{utc(at):%d.%m.%Y %H:%M:%S}",
        "gmt": lambda at: f"{utc(at):%d.%m.%Y %H:%M:%S}.000 GMT+0000",
        "slashes": lambda at: f"{utc(at):%Y/%m/%d %H:%M}",
        "half days": lambda at: f"{utc(at):%Y-%m-%d %I:%M:%S %p}",
        "compact": lambda at: f"{utc(at):%Y%m%d %H%M%S}",
        "digits": lambda at: f"{utc(at):%Y%m%d%H%M%S}",
        "named": lambda at: f"{utc(at):%b %d, %Y %H:%M}",
        "float": lambda at: f"{at}.0",
    }
    if timeframe in ("1h", "4h"):
        found["cdd"] = lambda at: f"{utc(at):%Y-%m-%d %I-%p}"
    if timeframe == "1d":
        found["day"] = lambda at: f"{utc(at):%Y-%m-%d}"
        found["day number"] = lambda at: f"{utc(at):%Y%m%d}"
    return found


SOURCES: dict[str, tuple[str, str, str]] = {
    "kraken-archive": ("time open high low close volume count", "s", "XBTUSD_{minutes}.csv"),
    "kraken": ("time open high low close vwap volume count", "s", "kraken_{x}.json"),
    "binance": (
        "time open high low close volume end quote count taker takerquote zero",
        "ms",
        "BTCUSDT-{tf}-2024-05.csv",
    ),
    "binance us": (
        "time open high low close volume end quote count taker takerquote zero",
        "us",
        "BTCUSDT-{tf}-2025-05.csv",
    ),
    "coinbase": ("time low high open close volume", "s", "COINBASE_BTC-USD_{tf}.json"),
    "bitfinex": ("time open close high low volume", "ms", "bitfinex_{x}.json"),
    "kucoin": ("time open close high low volume quote", "s", "kucoin-{x}.json"),
    "bybit": ("time open high low close volume quote", "ms", "bybit.{x}.json"),
    "okx": ("time open high low close volume quote quote one", "ms", "okx {x}.json"),
    "gate": ("time quote close high low open volume true", "s", "gate_{x}.json"),
    "ohlcv": ("time open high low close volume", "ms", "BTC_USDT-{tf}.json"),
    "bitget": ("time open high low close volume quote quote", "ms", "bitget_{x}.json"),
}


def _others(field: str, at: int, row: list[str], step: int, random: Random) -> str:
    prices = [float(text) for text in row[:4]]
    match field:
        case "count":
            return str(random.randint(1, 900))
        case "vwap":
            return f"{(prices[1] + prices[2]) / 2:.6f}"
        case "quote":
            return f"{float(row[4]) * (prices[0] + prices[3]) / 2:.4f}"
        case "taker":
            return f"{float(row[4]) * 0.4:.4f}"
        case "takerquote":
            return f"{float(row[4]) * 0.4 * prices[3]:.4f}"
        case "end":
            return str((at + step) * 1000 - 1)
        case "one":
            return "1"
        case "true":
            return "true"
        case "ema":
            return f"{prices[3] * 0.99:.4f}"
        case "note":
            return "x"
        case "symbol":
            return "BTCUSD"
    return "0"


GONE = "\x01"
"""In place of a name that is left out."""
EXTRAS = {
    "count": "trades",
    "vwap": "vwap",
    "quote": "Volume USD",
    "ema": "50 EMA",
    "note": "remark",
    "symbol": "symbol",
}


def draft(random: Random, *, has_short_numbers: bool) -> tuple[Draft, str, dict[int, Values], str, dict[str, Any]]:
    """(table, timeframe, truth, name of a source, options)."""
    timeframe, times, rows = market(random)
    truth = {at * 1000: tuple(float(text) for text in row) for at, row in zip(times, rows, strict=True)}
    if has_short_numbers:
        rows = [[repr(float(text)) if float(text) >= 0.001 else text for text in row] for row in rows]
    formats, step = _formats(timeframe), LENGTHS[timeframe]
    options: dict[str, Any] = {}
    if random.random() < 0.35:
        source = random.choice(list(SOURCES))
        columns, unit, _ = SOURCES[source]
        fields = columns.split()
        written = formats[unit]
        header = None
        if random.random() < 0.3:
            options["layout"] = source.split()[0]
        time_of, decimal, group = written, ".", ""
    else:
        source = ""
        fields = ["time", *FIELDS]
        if random.random() < 0.5:
            random.shuffle(fields)
        for extra in random.sample(list(EXTRAS), random.choice([0, 0, 1, 2, 3])):
            fields.insert(random.randint(0, len(fields)), extra)
        time_of = formats[random.choice(list(formats))]
        if random.random() < 0.12:
            at = fields.index("time")
            fields[at : at + 1] = ["day", "clock"]
        decimal, group = random.choice([(".", "")] * 6 + [(",", ""), (".", ","), (",", "."), (".", "'"), (",", " ")])
        case = random.choice([str, str, str.upper, str.title])
        header = [case(_name(field, random)) for field in fields]
    table = [
        [_cell(field, at, row, step, time_of, decimal, group, random) for field in fields]
        for at, row in zip(times, rows, strict=True)
    ]
    if random.random() < 0.4:
        table.reverse()
    if source and "layout" not in options:
        name = SOURCES[source][2].format(minutes=LENGTHS[timeframe] // 60, tf=timeframe, x="candles")
        is_json = name.endswith("json")
    else:
        is_json = random.random() < (0.5 if source else 0.25) and len(set(header or fields)) == len(header or fields)
        name = f"candles.{'json' if is_json else 'csv'}"
    return Draft(fields, header, table, decimal, group, name, is_json), timeframe, truth, source, options


def _name(field: str, random: Random) -> str:
    if field in ("day", "clock"):
        return {"day": "date", "clock": "time"}[field]
    return EXTRAS.get(field) or random.choice(NAMES[field])


def _cell(
    field: str,
    at: int,
    row: list[str],
    step: int,
    time_of: Callable[[int], str],
    decimal: str,
    group: str,
    random: Random,
) -> str:
    if field == "time":
        return time_of(at)
    if field in ("day", "clock"):
        return datetime.fromtimestamp(at, UTC).strftime("%Y.%m.%d" if field == "day" else "%H:%M:%S")
    if field in FIELDS:
        return _grouped(row[FIELDS.index(field)], decimal, group)
    text = _others(field, at, row, step, random)
    return _grouped(text, decimal, group) if "." in text else text


def as_csv(table: Draft, random: Random, *, plain: bool = False) -> str:
    """The text of a CSV file; ``plain``: nothing before the header and after the rows."""
    commas = table.decimal == "," or table.group == ","
    mark = random.choice(";\t|" if commas and random.random() < 0.7 else ",,,;\t|")
    end = random.choice(["\n", "\n", "\r\n"])
    quoting = random.choice([False, False, True])
    lines = []
    header = [name for name in table.header or () if name != GONE]
    for row in [*([header] if header else []), *table.rows]:
        cells = [f'"{cell}"' if quoting or mark in cell else cell for cell in row]
        lines.append(mark.join(cells))
    if plain:
        return end.join(lines) + end
    trail = random.random()
    if trail < 0.08 and table.header is None:
        lines = [line + mark for line in lines]
    before = [] if table.header is None else random.choice([[]] * 6 + [["https://www.example.org"], ["# from nowhere"]])
    after = random.choice(["", end, end, end + end])
    return end.join([*before, *lines]) + after


def as_json(table: Draft, random: Random) -> str:
    """The text of a JSON file: lists or objects, bare, in an envelope, or one a line."""
    texts = random.random() < 0.4

    def value(field: str, text: str) -> Any:
        if field in ("note", "symbol", "true", "day", "clock") or texts or not _is_plain(text):
            return text
        return int(text) if text.isdigit() else float(text)

    rows = [[value(field, cell) for field, cell in zip(table.fields, row, strict=False)] for row in table.rows]
    if table.header is None:
        items: list[Any] = rows
    else:
        items = [{name: cell for name, cell in zip(table.header, row, strict=False) if name != GONE} for row in rows]
    shape = random.randint(0, 5)
    if shape == 0:
        return json.dumps({"data": items})
    if shape == 1:
        return json.dumps({"status": "ok", "result": {"candles": items}, "errors": []})
    if shape == 2 and len(items) > 1:
        return "\n".join(json.dumps(item) for item in items) + "\n"
    if shape == 3 and table.header is not None:
        named = [(at, name) for at, name in enumerate(table.header) if name != GONE]
        return json.dumps({name: [row[at] for row in rows if at < len(row)] for at, name in named})
    return json.dumps(items, indent=random.choice([None, 1]))


def _is_plain(text: str) -> bool:
    return text.replace(".", "", 1).isdigit() and not text.startswith("00")


def _stored(text: str, name: str, random: Random) -> tuple[str, bytes]:
    coding = random.choice(["utf-8"] * 8 + ["utf-8-sig", "utf-16"])
    content = text.encode(coding)
    kind = random.random()
    if kind < 0.2:
        return f"{name}.gz", gzip.compress(content)
    if kind < 0.35:
        place = io.BytesIO()
        with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(random.choice(["", "some folder/"]) + name, content)
        return f"{name.rpartition('.')[0]}.zip", place.getvalue()
    if random.random() < 0.1:
        stem, _, suffix = name.rpartition(".")
        return f"{stem}.{suffix.upper()}", content
    return name, content


def well_formed(seed: int) -> Written:
    """A file that some source could have written."""
    random = Random(seed)
    table, timeframe, truth, source, options = draft(random, has_short_numbers=random.random() < 0.4)
    return _written(table, timeframe, truth, source, options, random)


def _written(
    table: Draft,
    timeframe: str,
    truth: dict[int, Values],
    source: str,
    options: dict[str, Any],
    random: Random,
    as_text: Callable[[Draft, Random], str] | None = None,
    torn: int = 0,
) -> Written:
    if as_text is not None and not table.is_json:
        text = as_text(table, random)
    elif table.is_json:
        text = as_json(table, random)
    else:
        text = as_csv(table, random)
    name, content = _stored(text[: len(text.rstrip()) - torn] if torn else text, table.name, random)
    kind = f"{source or 'header'} {'json' if table.is_json else 'csv'}"
    return Written(name, content, timeframe, truth, options, kind)


def damaged(seed: int) -> Written:
    """A file whose structure is damaged after it was written well."""
    random = Random(seed)
    damage = random.choice([_cut, _extra, _mixed_marks, _mixed_decimals, _missing_name, _swapped_names, _moved, _torn])
    # The end of a number that lost its last digits looks like a number, if the others have not all as many decimals.
    has_short_numbers = damage is not _torn and random.random() < 0.4
    table, timeframe, truth, source, options = draft(random, has_short_numbers=has_short_numbers)
    share = random.choice([0.01, 0.05, 0.3, 0.6, 1.0])
    table.rows = [list(row) for row in table.rows]
    hit = [at for at in range(len(table.rows)) if random.random() < share] or [random.randrange(len(table.rows))]
    damage(table, hit, random)
    as_text = _joined if damage is _mixed_marks else None
    torn = random.randint(1, 60) if damage is _torn else 0
    written = _written(table, timeframe, truth, source, options, random, as_text, torn)
    return replace(written, kind=f"{damage.__name__[1:]} of {written.kind}")


def _cut(table: Draft, hit: list[int], random: Random) -> None:
    for at in hit:
        keep = random.randint(1, len(table.fields) - 1)
        table.rows[at] = table.rows[at][:keep]
        if table.rows[at][-1] and random.random() < 0.3:
            table.rows[at][-1] = table.rows[at][-1][: random.randint(1, len(table.rows[at][-1]))]
    _pad(table)


def _extra(table: Draft, hit: list[int], random: Random) -> None:
    if table.header is not None and table.is_json:
        return  # An object has no cells that could be too many.
    cell = random.choice(["7", "0.5", "note", "", "1735689600", "97.1"])
    place = random.randint(0, len(table.fields))
    for at in hit:
        if random.random() < 0.2:
            place = random.randint(0, len(table.fields))
        table.rows[at].insert(place, cell)
    _pad(table)


def _pad(table: Draft) -> None:
    """So that lists in JSON have all cells of the rows."""
    table.fields = [*table.fields, *([""] * max(0, max(map(len, table.rows)) - len(table.fields)))]


def _mixed_marks(table: Draft, hit: list[int], random: Random) -> None:
    for at in hit:
        table.rows[at] = (
            [_OTHER.join(table.rows[at])]
            if random.random() < 0.5
            else [*table.rows[at][:2], _OTHER.join(table.rows[at][2:])]
        )


_OTHER = "\x00"


def _joined(table: Draft, random: Random) -> str:
    text = as_csv(table, random, plain=True)
    first = text.split("\n", 1)[0]
    used = next((mark for mark in "\t;|," if mark in first), ",")
    other = next(mark for mark in random.sample(",;\t|", 4) if mark != used)
    return text.replace('"', "").replace(_OTHER, other)


def _mixed_decimals(table: Draft, hit: list[int], random: Random) -> None:
    turn = str.maketrans(".,", ",.")
    for at in hit:
        for place, field in enumerate(table.fields):
            if field in FIELDS and random.random() < 0.8:
                table.rows[at][place] = table.rows[at][place].translate(turn)


def _torn(table: Draft, hit: list[int], random: Random) -> None:
    """The file ends too early."""


def _missing_name(table: Draft, hit: list[int], random: Random) -> None:
    if table.header is None:
        column = random.randrange(len(table.fields))
        table.rows = [[*row[:column], *row[column + 1 :]] for row in table.rows]
        table.fields = [*table.fields[:column], *table.fields[column + 1 :]]
        return
    if random.random() < 0.5:
        table.header[random.randrange(len(table.header))] = ""
    else:
        table.header[random.randrange(len(table.header))] = GONE


def _swapped_names(table: Draft, hit: list[int], random: Random) -> None:
    if table.header is None:
        return
    known = [at for at, field in enumerate(table.fields) if field not in ("note", "symbol")]
    one, other = random.sample(known, 2)
    table.header[one], table.header[other] = table.header[other], table.header[one]


def _moved(table: Draft, hit: list[int], random: Random) -> None:
    """A cell too many before, and one too few behind; not in the first and the last row, where averages are empty."""
    for at in (at for at in hit if 0 < at < len(table.rows) - 1):
        one, other = sorted(random.sample(range(len(table.fields)), 2))
        row = table.rows[at]
        table.rows[at] = [*row[:one], "", *row[one:other], *row[other + 1 :]]


def badly_packed(seed: int) -> Written:
    """A packed file of which some bytes are others, are missing, or are too many."""
    random = Random(seed)
    file = well_formed(seed)
    name, content = file.name, file.content
    if not name.endswith((".gz", ".zip")):
        name, content = f"{name}.gz", gzip.compress(content)
    kind = random.choice(["bytes", "bytes", "bytes", "torn", "zeros", "longer", "twice"])
    place = random.randrange(len(content))
    if kind == "bytes":
        near_the_ends = random.choice([range(min(60, len(content))), range(max(0, len(content) - 120), len(content))])
        places = random.choice([near_the_ends, range(len(content))])
        flipped = bytearray(content)
        for at in random.choices(places, k=random.randint(1, 6)):
            flipped[at] = random.randrange(256)
        content = bytes(flipped)
    elif kind == "torn":
        content = content[:place]
    elif kind == "zeros":
        content = content[:place] + bytes(random.randint(1, 200)) + content[place + 1 :]
    elif kind == "longer":
        content += random.randbytes(random.randint(1, 300))
    else:
        content = content[:place] + content
    return replace(file, name=name, content=content, kind=f"{kind} of {file.kind}")


def imported(file: Written, folder: Path, *, lenient: bool = False) -> dict[int, Values] | str:
    """The candles that the importer stores of a file, or its reason to refuse the file."""
    from memory_candles import MemoryCandles

    from autopilot.adapters.imports.candle_files import ImportOptions, import_paths
    from autopilot.adapters.imports.layouts import LAYOUTS
    from autopilot.domain.timeframe import Timeframe

    path = folder / file.name
    path.write_bytes(file.content)
    layout = LAYOUTS.get(file.options.get("layout", ""))
    options = ImportOptions("testx", "BTC/USD", Timeframe(file.timeframe), layout, lenient=lenient)
    store = MemoryCandles()
    try:
        outcome = import_paths(store, [path], options)
    finally:
        path.unlink()
    if outcome.refused:
        assert not store.kept
        assert outcome.refused[0].hint, outcome.refused[0]
        return outcome.refused[0].message
    (stored,) = store.kept.values()
    return stored  # type: ignore[return-value]


def wrong_numbers(stored: dict[int, Values], truth: dict[int, Values]) -> list[int]:
    """The times at which something else is stored than the file holds."""
    return [at for at, values in stored.items() if truth.get(at) != values]


def figures(number: int, first: int = 0) -> tuple[list[str], bool]:
    """What came of ``number`` files of each kind, in words, and whether it is as it should be."""
    with tempfile.TemporaryDirectory() as place:
        words, is_exact = _well_formed_figures(range(first, first + number), Path(place))
        more, is_clean = _damaged_figures("damaged", damaged, range(first, first + number), Path(place))
        packed, is_whole = _damaged_figures("badly packed", badly_packed, range(first, first + number), Path(place))
    return [*words, *more, *packed], is_exact and is_clean and is_whole


def _well_formed_figures(seeds: range, folder: Path) -> tuple[list[str], bool]:
    exact, wrong, refused = 0, [], Counter[str]()
    reasons: dict[str, str] = {}
    for seed in seeds:
        file = well_formed(seed)
        found = imported(file, folder)
        if isinstance(found, str):
            refused[file.kind] += 1
            reasons.setdefault(file.kind, f"seed {seed}: {found}")
        elif found == file.truth:
            exact += 1
        else:
            wrong.append(f"  WRONG: seed {seed}, {file.kind}")
    share = f"{exact:,} imported exactly ({100 * exact / len(seeds):.2f} %)"
    counts = f"{refused.total():,} refused, {len(wrong):,} with other numbers"
    lines = [f"well-formed: {len(seeds):,} files, {share}, {counts}", *wrong]
    lines += [f"  {count:,} {kind}: {reasons[kind][:160]}" for kind, count in refused.most_common()]
    return lines, not wrong and exact >= 0.99 * len(seeds)


def _damaged_figures(name: str, made: Callable[[int], Written], seeds: range, folder: Path) -> tuple[list[str], bool]:
    results: dict[str, Counter[str]] = {}
    wrong = []
    for seed in seeds:
        file = made(seed)
        kind = file.kind.partition(" ")[0]
        for lenient in (False, True):
            found = imported(file, folder, lenient=lenient)
            if isinstance(found, dict) and (times := wrong_numbers(found, file.truth)):
                wrong.append(f"  WRONG: seed {seed}, {file.kind}, lenient {lenient}: {len(times)} of {len(found)}")
            if not lenient:
                result = "refused" if isinstance(found, str) else "whole" if found == file.truth else "in part"
                results.setdefault(kind, Counter())[result] += 1
    lines = [f"{name}: {len(seeds):,} files, each also with --lenient; {len(wrong):,} with a wrong number", *wrong]
    for kind, counts in sorted(results.items()):
        lines.append(f"  {kind.replace('_', ' ')}: " + ", ".join(f"{counts[each]:,} {each}" for each in RESULTS))
    return lines, not wrong


RESULTS = ("refused", "whole", "in part")

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1] / "fakes"))
    texts, is_right = figures(*map(int, sys.argv[1:]))
    sys.stdout.write("\n".join(texts) + "\n")
    sys.exit(0 if is_right else 1)
