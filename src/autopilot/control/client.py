"""Talks to the daemon. Standard library only, and little of that: `autopilot status` must answer at once.

Requests are HTTP/1.0: the answer then ends with the connection and is never chunked, so that a socket is all it
takes. Importing http.client would take longer than the rest of a query together; socket and json, half of it. So this
uses the C libraries below them.
"""

from __future__ import annotations

import _socket
import time

from autopilot.control.errors import CommandRefused, DaemonNotRunning, DaemonUnreachable, SocketForbidden
from autopilot.control.json_parser import parsed
from autopilot.control.protocol import API, KEEP_ALIVE_S
from autopilot.domain.errors import Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path
    from typing import Any

QUERY_TIMEOUT_S = 10.0
"""Of what is answered at once."""
ANSWER_MAX_BYTES = 64 * 1024 * 1024
_RETRY_S = 0.01


class ControlClient:
    """A client of one daemon's socket; each call is one connection. ``timeout_s`` bounds a call, except `events`."""

    def __init__(self, socket_path: Path | str, timeout_s: float = 30.0) -> None:
        self._path = socket_path
        self._timeout_s = timeout_s

    def get(self, path: str) -> dict[str, Any]:
        """Raises DaemonNotRunning, DaemonUnreachable, CommandRefused. ``path`` is sent as it is: quoted."""
        return self._call("GET", path, None)

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Raises as `get` does."""
        return self._call("POST", path, body or {})

    def events(self, kinds: Collection[str] = (), after: int | None = None) -> Iterator[dict[str, Any]]:
        """Events as {seq, at_ms, kind, body}: the kept ones after number ``after`` (None: no earlier events), then each
        as it happens, until the daemon ends the stream. Raises as `get` does, at the first step or later."""
        query = f"?kinds={','.join(kinds)}" if kinds else ""
        resume = f"Last-Event-ID: {after}\r\n" if after is not None else ""
        from socket import socket

        with socket(fileno=self._connect(time.monotonic() + self._timeout_s).detach()) as connection:
            connection.settimeout(3 * KEEP_ALIVE_S)
            try:
                connection.sendall(_head("GET", f"{API}/events{query}", resume))
                with connection.makefile("rb") as stream:
                    yield from _read_events(stream, self._path)
            except TimeoutError:
                raise self._unreachable(f"was silent for {3 * KEEP_ALIVE_S:.0f} s") from None
            except OSError as error:
                raise self._unreachable(f"closed the connection: {error.strerror or error}") from error

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        deadline = time.monotonic() + self._timeout_s
        content = b"" if body is None else _json_bytes(body)
        head = _head(method, path, f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n")
        connection = self._connect(deadline)
        try:
            return _parse_answer(self._exchange(connection, head + content, deadline))
        except TimeoutError:
            raise self._unreachable(f"gave no answer within {self._timeout_s:g} s") from None
        except (OSError, ValueError) as error:
            raise self._unreachable(f"gave an unusable answer: {error}") from error
        finally:
            connection.close()

    def _connect(self, deadline: float) -> _socket.socket:
        while True:
            connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
            try:
                connection.settimeout(_remaining(deadline))
                connection.connect(str(self._path))
            except BlockingIOError:
                # The queue of waiting connections is full for the moment.
                connection.close()
                time.sleep(_RETRY_S)
            except TimeoutError:
                connection.close()
                raise self._unreachable("has too many clients waiting") from None
            except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
                connection.close()
                raise DaemonNotRunning(
                    f"the daemon is not running: no daemon is listening on {self._path}", hint="autopilot start"
                ) from None
            except PermissionError as error:
                connection.close()
                raise SocketForbidden(
                    f"the daemon on {self._path} could not be reached: {error.strerror}",
                    hint="run this as the user who owns that directory",
                ) from error
            except OSError as error:
                connection.close()
                why = error.strerror or str(error) or "no answer in time"
                raise self._unreachable(f"could not be reached: {why}") from error
            else:
                return connection

    @staticmethod
    def _exchange(connection: _socket.socket, request: bytes, deadline: float) -> bytes:
        connection.settimeout(_remaining(deadline))
        try:  # noqa: SIM105 - importing contextlib would take too long
            connection.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass  # a refusal can come before the request was read to its end; it is still there to be read
        answer = bytearray()
        while True:
            connection.settimeout(_remaining(deadline))
            try:
                part = connection.recv(1 << 16)
            except ConnectionResetError:
                part = b""
            if not part:
                return bytes(answer)
            answer += part
            if len(answer) > ANSWER_MAX_BYTES:
                raise ValueError(f"more than {ANSWER_MAX_BYTES} bytes")

    def _unreachable(self, what: str) -> DaemonUnreachable:
        return DaemonUnreachable(
            f"the daemon on {self._path} {what}", hint="look at its log; autopilot config path shows where it is"
        )


def _remaining(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return remaining


def _head(method: str, path: str, headers: str) -> bytes:
    return f"{method} {path} HTTP/1.0\r\nHost: autopilot\r\n{headers}\r\n".encode()


def _json_bytes(body: dict[str, Any]) -> bytes:
    import json

    return json.dumps(body).encode()


def _status(line: bytes) -> int:
    words = line.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise ValueError("this is not HTTP")
    return int(words[1])


def _parse_answer(answer: bytes) -> dict[str, Any]:
    head, separator, content = answer.partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    status = _status(line)
    for header in headers:
        name, _, value = header.partition(b":")
        if name.strip().lower() == b"content-length" and int(value) != len(content):
            raise ValueError(f"it was cut off after {len(content)} of {int(value)} bytes")
    if not separator:
        raise ValueError("it was cut off")
    return _document(status, content)


def _document(status: int, content: bytes) -> dict[str, Any]:
    try:
        document = parsed(content)
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - what was received, not how we were called
    if status >= 400:
        error = document.get("error")
        if not isinstance(error, dict):
            raise ValueError(f"status {status} without an error")
        raise CommandRefused(
            str(error.get("message", "")),
            hint=str(error.get("hint", "")),
            code=str(error.get("code", "")),
            kind=_kind(error.get("kind")),
            status=status,
        )
    return document


def _kind(value: Any) -> Kind:
    """The kind of an error. A daemon of another version may send no kind, or an unknown one."""
    known: Kind | None = getattr(Kind, str(value).upper(), None)
    return known or Kind.FAILED


def _read_events(stream: Any, path: Path | str) -> Iterator[dict[str, Any]]:
    try:
        status = _status(stream.readline())
        while stream.readline().strip():
            continue
        if status != 200:
            _document(status, stream.read())
        for line in stream:
            if line.startswith(b"data:"):
                yield _document(200, line[5:])
    except ValueError as error:
        raise DaemonUnreachable(f"the daemon on {path} sent an unusable event stream: {error}") from error
