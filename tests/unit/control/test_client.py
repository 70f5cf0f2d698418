"""The client against anything that may sit at the other end of a socket."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from privileges import without_privileges

from autopilot.control.client import ControlClient
from autopilot.control.errors import CommandRefused, DaemonNotRunning, DaemonUnreachable


@contextmanager
def answering(path: Path, answer: bytes, hold: threading.Event | None = None) -> Iterator[list[bytes]]:
    """A process that reads one request, sends ``answer``, and hangs up, or keeps the line until ``hold`` is set."""
    requests: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                requests.append(connection.recv(1 << 16))
                connection.sendall(answer)
                if hold:
                    hold.wait(5)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield requests
        finally:
            if hold:
                hold.set()
            thread.join()


def http(status: str, body: bytes, length: int | None = None) -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body) if length is None else length}\r\n\r\n".encode() + body


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "d.sock"


def test_a_request_and_its_answer(path: Path) -> None:
    with answering(path, http("200 OK", b'{"a": 1}')) as requests:
        assert ControlClient(path).post("/x", {"b": "é"}) == {"a": 1}
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /x HTTP/1.0\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body) == {"b": "é"}


def leave_nothing(path: Path) -> None:
    assert not path.exists()


def leave_stale_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


@pytest.mark.parametrize("leave", [leave_nothing, leave_stale_socket, Path.touch])
def test_nobody_listening_is_said_plainly(path: Path, leave: Callable[[Path], None]) -> None:
    leave(path)
    with pytest.raises(DaemonNotRunning, match="no daemon is listening on") as caught:
        ControlClient(path).get("/health")
    assert "autopilot start" in caught.value.hint


def test_a_refusal_carries_its_code_and_hint(path: Path) -> None:
    body = json.dumps({"error": {"code": "CONFLICT", "message": "no", "hint": "wait"}}).encode()
    with answering(path, http("409 Conflict", body)), pytest.raises(CommandRefused, match="no") as caught:
        ControlClient(path).get("/x")
    assert (caught.value.code, caught.value.hint, caught.value.status) == ("CONFLICT", "wait", 409)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"", "not HTTP"),
        (b"hello", "not HTTP"),
        (b"\x00" * 100, "not HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "not HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n{}", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\n", "cut off"),
        (http("200 OK", b'{"a": 1}', length=50), "cut off after 8 of 50 bytes"),
        (http("200 OK", b"{}", length=1), "cut off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}", "unusable"),
        (http("200 OK", b"<html>"), "unusable"),
        (http("200 OK", b""), "unusable"),
        (http("200 OK", b"[]"), "not a JSON object"),
        (http("200 OK", b"[" * 100_000), "nested too deeply"),
        (http("200 OK", b"\xff"), "unusable"),
        (http("500 Oops", b"{}"), "status 500 without an error"),
        (http("500 Oops", b'{"error": "x"}'), "status 500 without an error"),
    ],
)
def test_an_answer_that_is_not_ours(path: Path, answer: bytes, says: str) -> None:
    with answering(path, answer), pytest.raises(DaemonUnreachable, match=says) as caught:
        ControlClient(path).get("/health")
    assert caught.value.hint


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\n", http("200 OK", b"{", length=9)])
def test_silence_ends_at_the_deadline(path: Path, beginning: bytes) -> None:
    begin = time.monotonic()
    with answering(path, beginning, threading.Event()), pytest.raises(DaemonUnreachable, match=r"within 0\.2 s"):
        ControlClient(path, 0.2).get("/health")
    assert time.monotonic() - begin < 2


def test_a_queue_that_stays_full_ends_at_the_deadline(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as waiting:
        listening.bind(str(path))
        listening.listen(0)
        waiting.connect(str(path))
        with pytest.raises(DaemonUnreachable, match="too many clients"):
            ControlClient(path, 0.2).get("/health")


def test_no_permission_is_said(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        path.chmod(0)
        with without_privileges(), pytest.raises(DaemonUnreachable, match="Permission denied"):
            ControlClient(path).get("/health")


def test_a_path_that_no_socket_can_have(tmp_path: Path) -> None:
    with pytest.raises(DaemonUnreachable, match="could not be reached: AF_UNIX path too long"):
        ControlClient(tmp_path / ("x" * 200)).get("/health")


def test_events_are_read_past_comments_and_other_fields(path: Path) -> None:
    head = b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    stream = head + b': hi\n\nid: 4\nevent: a\ndata: {"seq": 4}\n\n: keep-alive\n\nid: 5\ndata:{"seq": 5}\n\n'
    with answering(path, stream) as requests:
        assert list(ControlClient(path).events(kinds=["a", "b"], after=3)) == [{"seq": 4}, {"seq": 5}]
    assert b"/events?kinds=a,b HTTP/1.0" in requests[0]
    assert b"Last-Event-ID: 3\r\n" in requests[0]


@pytest.mark.parametrize(
    "stream", [b"", b"nonsense\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\ndata: {\n\n", b"HTTP/1.0 200 OK\r\n\r\ndata: []\n\n"]
)
def test_an_event_stream_that_is_not_ours(path: Path, stream: bytes) -> None:
    with answering(path, stream), pytest.raises(DaemonUnreachable, match="unusable event stream"):
        list(ControlClient(path).events())
