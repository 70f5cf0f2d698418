"""Requests to the daemon as broken clients send them, from seeds: valid ones with mutations, in pieces, half-closed.

Independent of the server: this shares no code with it. ``python -m benchmarks requests`` runs it as a program that
sends a number of them to a real daemon and counts the answers.
"""

from __future__ import annotations

import json
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

API = "/api/autopilot"
QUERIES = (
    "/health", "/status", "/status/BTC-USD", "/status/XX", "/decisions", "/decisions/latest", "/decisions/BTC-USD",
    "/signals", "/orders", "/orders?open=true", "/positions", "/trades?limit=5", "/tasks", "/tasks/x", "/performance",
    "/model-info", "/models", "/models/x", "/bootstrap-config", "/decisions?since=0&before=9", "/no/such/address",
    "/events",
)  # fmt: skip
COMMANDS: dict[str, dict[str, Any]] = {
    "/start": {"symbols": ["BTC/USD"], "exchange": "simulated", "interval": 60.0, "paper_trading": True},
    "/exit": {"symbol": "BTC/USD", "quantity": "0.25", "account": "paper:simulated"},
    "/pause": {"exchange": "simulated"},
    "/resume": {"exchange": "simulated", "write_off": False},
    "/panic": {"flatten": False},
    "/models/rollback": {"kind": "real", "timeframe": "1h"},
    "/models/x/promote": {"force": True},
    "/tasks/x/cancel": {},
    "/stop?never=1": {"flatten": False},
    "/retrain?never=1": {"days": 90, "timeframe": "1h"},
}
"""The last two end the daemon and start a process: their addresses are always refused."""
VALUES = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**30, -(10**30), 1.5, 1e308, "", "BTC/USD", "btc-usd",
    "1e400",
    "9" * 400, "\u0000", "\ud800", "é", "💥", "'; DROP TABLE orders; --", "../../etc/passwd", [], ["BTC/USD"] * 50,
    {}, {"a": {"b": []}},
)  # fmt: skip
TEXTS = (
    "", "%00", "%ff", "%C3%28", "%ED%A0%80", "é", "\udcff", "..", "../..", "%2e%2e", "//", "BTC%2FUSD", "a" * 3_000,
    "-1", "1e9", "99999999999999999999", "%", "%zz", "+", ";", "#", "*", "{", "\\", "\x7f", "\x01", "@", ":", "[",
    "http://",
)  # fmt: skip
PARAMETERS = ("limit", "since", "before", "symbol", "open", "action", "days", "kind", "timeframe", "id", "kinds", "x")
HEADERS = (
    b"X-A: \xff\xfe", b"X-\xe9: 1", b"Host: \xff", b"Host: a b", b"Host: [::", b"Host:", b"Cookie: \xff=\x80",
    b"Cookie: a=b; ;;",
    b"Content-Type: \xff", b"Content-Type: multipart/form-data", b"Content-Type: application/json; charset=nonsense",
    b"Content-Type: ;;;", b"Content-Encoding: gzip", b"Content-Encoding: deflate", b"Content-Encoding: br",
    b"Content-Encoding: \xff", b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip",
    b"Transfer-Encoding: chunked, chunked",
    b"Expect: 100-continue", b"Expect: nonsense", b"Connection: keep-alive", b"Connection: upgrade",
    b"Upgrade: websocket",
    b"Upgrade: h2c", b"Sec-WebSocket-Key: AAAA", b"Last-Event-ID: 5", b"Last-Event-ID: \xb2", b"Last-Event-ID: x",
    b"Range: bytes=0-", b"If-Modified-Since: nonsense", b"Content-Length: 3", b"Content-Length: +3",
    b"Content-Length: 0x3",
    b"Content-Length: 99999999999999999999", b"Content-Length: -1", b" folded: 1", b"NoColon",
    b"X: " + b"a" * 9_000, b": empty",
    b"X-Forwarded-Proto: \xff", b"Accept-Encoding: gzip", b"Authorization: Basic \xff", b"Date: \x00",
)  # fmt: skip
METHODS = (
    "GET",
    "POST",
    "PUT",
    "DELETE",
    "HEAD",
    "OPTIONS",
    "PATCH",
    "TRACE",
    "CONNECT",
    "get",
    "G",
    "PRI",
    "GÉT",
    "\x00",
)
VERSIONS = ("HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.9", "HTTP/", "", "http/1.1", "HTTP/1.1 x")


@dataclass(frozen=True)
class Broken:
    """``pieces`` are sent one by one; then the client closes its side (``half``), leaves without reading (``leaves``),
    or waits for the answer."""

    pieces: tuple[bytes, ...]
    ending: str
    kind: str


@dataclass
class Draft:
    """A request before it is written. ``length`` None: no such header."""

    method: str
    path: str
    body: bytes
    length: int | None
    headers: list[bytes]
    version: str = "HTTP/1.1"
    separator: bytes = b"\r\n"

    def written(self) -> bytes:
        line = f"{self.method} {self.path} {self.version}".encode(errors="surrogateescape")
        headers = [b"Host: autopilot", *self.headers]
        if self.length is not None:
            headers.append(b"Content-Length: %d" % self.length)
        return self.separator.join([line, *headers, b"", b""]) + self.body


def valid(random: Random) -> Draft:
    """Any query, or any command that leaves the daemon running."""
    if random.random() < 0.5:
        path = random.choice(QUERIES)
        return Draft("GET", path if path == "/health" else API + path, b"", None, [])
    path, body = random.choice(list(COMMANDS.items()))
    content = json.dumps(body).encode()
    return Draft("POST", API + path, content, len(content), [b"Content-Type: application/json"])


def _method(random: Random, draft: Draft) -> None:
    draft.method = random.choice(METHODS)


def _version(random: Random, draft: Draft) -> None:
    draft.version = random.choice(VERSIONS)


def _path(random: Random, draft: Draft) -> None:
    text = random.choice(TEXTS)
    at = random.randint(1, len(draft.path))
    if "never" in draft.path:
        at = len(draft.path)
    draft.path = draft.path[:at] + text + draft.path[at:]


def _query(random: Random, draft: Draft) -> None:
    pairs = [f"{random.choice(PARAMETERS)}={random.choice(TEXTS)}" for _ in range(random.randint(1, 3))]
    draft.path += ("&" if "?" in draft.path else "?") + "&".join(pairs)


def _header(random: Random, draft: Draft) -> None:
    draft.headers += random.choices(HEADERS, k=random.choice([1, 1, 2, 5]))


def _many_headers(random: Random, draft: Draft) -> None:
    draft.headers += [b"X-%d: %s" % (number, b"v" * random.randint(0, 60)) for number in range(random.randint(20, 300))]


def _separator(random: Random, draft: Draft) -> None:
    draft.separator = random.choice([b"\n", b"\r", b"\r\n\r\n", b"\r\n ", b"\0"])


def _value(random: Random, draft: Draft) -> None:
    """Another value in the body, or another key."""
    try:
        document = dict(json.loads(draft.body or b"{}"))
    except (ValueError, TypeError, RecursionError):
        document = {}
    name = random.choice([*document, "symbol", "symbols", "x", "exchange", "\ud800"])
    _set_body(draft, json.dumps({**document, name: random.choice(VALUES)}).encode())


def _text(random: Random, draft: Draft) -> None:
    """No JSON, or deep, or with huge numbers."""
    depth = random.choice([10, 1_000, 30_000])
    texts = [
        b"[" * depth,
        b'{"a":' * depth,
        b"{" + b'"symbol":' * 3,
        b'{"days": 1' + b"0" * 5_000 + b"}",
        b'{"days": 1e99999}',
    ]
    texts += [
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b"nul",
        b"[]",
        b'""',
        b" ",
        random.randbytes(random.randint(1, 300)),
    ]
    texts += [
        b'{"symbol": "\\ud800"}',
        b'{"quantity": "' + b"9" * 60_000 + b'"}',
        b"x" * random.choice([65_536, 65_537, 300_000]),
    ]
    _set_body(draft, random.choice(texts))


def _set_body(draft: Draft, body: bytes) -> None:
    draft.body = body
    draft.length = len(body)


def _length(random: Random, draft: Draft) -> None:
    draft.length = random.choice([len(draft.body) // 2 + 1, len(draft.body) + 5, 2**40, 2**63, 2**70, None])


def _chunks(random: Random, draft: Draft) -> None:
    parts = [draft.body[at : at + 7] for at in range(0, len(draft.body), 7)] or [b""]
    written = b"".join(
        b"%x%s\r\n%s\r\n" % (len(part), random.choice([b"", b"", b";a=b", b" "]), part) for part in parts
    )
    tail = random.choice(
        [b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nX: \xff\r\n\r\n", b"", b"zz\r\n", b"ffffffffffffffff1\r\n", b"-1\r\n\r\n"]
    )
    draft.headers.append(b"Transfer-Encoding: chunked")
    draft.body, draft.length = written + tail, None


def _bytes(random: Random, draft: Draft) -> None:
    """Single bytes of the head or the body are others."""
    target = bytearray(draft.body or draft.path.encode(errors="surrogateescape"))
    for _ in range(random.randint(1, 4)):
        target[random.randrange(len(target))] = random.randrange(256)
    if draft.body:
        draft.body = bytes(target)
    elif "never" not in draft.path:
        draft.path = target.decode(errors="surrogateescape")


MUTATIONS: dict[str, Callable[[Random, Draft], None]] = {
    "method": _method,
    "version": _version,
    "path": _path,
    "query": _query,
    "header": _header,
    "many headers": _many_headers,
    "separator": _separator,
    "value": _value,
    "text": _text,
    "length": _length,
    "chunks": _chunks,
    "bytes": _bytes,
}


def broken(seed: int) -> Broken:
    """The request of this seed."""
    random = Random(seed)
    draft = valid(random)
    kinds = random.choices(list(MUTATIONS), k=random.choice([0, 1, 1, 1, 2, 3]))
    for kind in kinds:
        MUTATIONS[kind](random, draft)
    content = draft.written()
    shape = random.random()
    if shape < 0.05:
        content = random.randbytes(random.randint(1, 2_000))
    elif shape < 0.15:
        content += valid(random).written() * random.choice([1, 3, 40])
    elif shape < 0.30:
        content = content[: random.randrange(len(content))]
    cuts = sorted(random.sample(range(len(content)), min(len(content), random.choice([0, 0, 1, 3]))))
    pieces = tuple(content[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(content)], strict=True))
    (ending,) = random.choices(["half", "leaves", "waits"], [79, 20, 1])
    return Broken(pieces, ending, "+".join(kinds) or "valid")


def answer_to(broken: Broken, path: Path, limit_s: float) -> str:
    """What came back: a status, or why there is none. Raises ValueError for an answer that is not whole."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(limit_s)
        while True:
            try:
                client.connect(str(path))
            except BlockingIOError:
                continue
            break
        try:
            for piece in broken.pieces:
                client.sendall(piece)
            if broken.ending == "leaves":
                return "the client left"
            if broken.ending == "half":
                client.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return _status(_received(client))


def _received(client: socket.socket) -> bytes:
    content = b""
    try:
        while part := client.recv(1 << 16):
            content += part
            if b"text/event-stream" in content:
                break
    except ConnectionResetError:
        pass
    return content


def _status(content: bytes) -> str:
    if not content:
        return "closed without an answer"
    head, _, body = content.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")
    words = head.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise ValueError(f"this is not HTTP: {content[:200]!r}")
    if b"application/json" in head and body:
        json.loads(body)
    return words[1].decode()


def send(seeds: Iterable[int], path: Path, limit_s: float, clients: int) -> dict[int, str]:
    """The answer to the request of each seed, sent by so many clients at once."""

    def one(seed: int) -> tuple[int, str]:
        try:
            return seed, answer_to(broken(seed), path, limit_s)
        except TimeoutError:
            return seed, "no answer in time"
        except ValueError as error:
            return seed, f"not whole: {error}"

    with ThreadPoolExecutor(clients) as pool:
        return dict(pool.map(one, seeds))


def main(arguments: list[str]) -> int:
    """``arguments``: the socket, the first seed, and how many. Prints the answers as JSON, each with its number and
    some of its seeds."""
    path, first, count = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    answers = send(range(first, first + count), path, 60.0, 4)
    seeds: dict[str, list[int]] = {}
    for seed, answer in answers.items():
        seeds.setdefault(answer, []).append(seed)
    counted = Counter(answers.values())
    sys.stdout.write(
        json.dumps({answer: [number, *islice(seeds[answer], 5)] for answer, number in counted.most_common()})
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
