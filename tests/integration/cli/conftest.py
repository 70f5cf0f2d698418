"""The command against a daemon that is real on the wire and canned behind it."""

from __future__ import annotations

import json
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from autopilot.cli.main import main

DOCUMENTS = Path(__file__).parents[2] / "golden" / "cli" / "documents"
API = "/api/autopilot"


def canned(name: str) -> dict[str, Any]:
    return json.loads((DOCUMENTS / f"{name}.json").read_text())


@dataclass
class FakeDaemon:
    """An HTTP server on a Unix socket. ``answers``: path → (status, document); ``requests`` as they came."""

    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    end: Callable[[], None] = lambda: None
    over: threading.Event = field(default_factory=threading.Event)
    stream_stays: bool = False

    def asked(self, path: str) -> dict[str, Any]:
        """Query parameters or body of the one request for ``path``."""
        (found,) = [given for _, asked, given in self.requests if asked == path]
        return found


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(asked.query).items()}
        self.server.daemon.requests.append(("GET", asked.path, given))
        if asked.path == f"{API}/events":
            self._stream()
        else:
            self._answer(asked.path)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.daemon.requests.append(("POST", self.path, body))
        self._answer(self.path)
        if self.path == f"{API}/stop" and self.server.daemon.answers[self.path][1].get("daemon") == "stopping":
            self.server.daemon.end()

    def _answer(self, path: str) -> None:
        error = {"code": "NotFound", "kind": "not_found", "message": f"nothing at {path}", "hint": "autopilot status"}
        refusal = {"error": error}
        status, document = self.server.daemon.answers.get(path, (404, refusal))
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for event in self.server.daemon.events:
            self.wfile.write(f"id: {event['seq']}\ndata: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()
        if self.server.daemon.stream_stays:
            self.server.daemon.over.wait()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    daemon: FakeDaemon


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    place = tmp_path / "data"
    (place / "run").mkdir(parents=True, mode=0o700)
    return place


@pytest.fixture
def daemon(data_dir: Path) -> Iterator[FakeDaemon]:
    """Answers every query with its golden document; tests change ``answers``."""
    socket = data_dir / "run" / "autopilot.sock"
    fake = FakeDaemon(
        answers={
            "/health": (200, {"status": "ok"}),
            **{
                f"{API}/{name}": (200, canned(name))
                for name in ("status", "decisions", "signals", "orders", "positions", "trades")
            },
            f"{API}/decisions/3f2a9c01de": (200, canned("decision_denied")),
        }
    )
    with _Server(str(socket), _Handler) as server:
        server.daemon = fake
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})

        def end() -> None:
            socket.unlink()
            threading.Thread(target=server.shutdown).start()

        fake.end = end
        thread.start()
        yield fake
        fake.over.set()
        server.shutdown()
        thread.join()


@dataclass
class Finished:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def autopilot(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Finished]:
    """Run the command on the test's data directory, in this process; keywords are environment variables."""
    for name in [name for name in os.environ if name.startswith(("AUTOPILOT_", "COLUMNS", "NO_COLOR"))]:
        monkeypatch.delenv(name)

    def run(*arguments: str, **extra: str) -> Finished:
        with monkeypatch.context() as patched:
            for name, value in extra.items():
                patched.setenv(name, value)
            capsys.readouterr()
            code = main(["--data-dir", str(data_dir), *arguments])
        return Finished(code, *capsys.readouterr())

    return run


@pytest.fixture
def installed(data_dir: Path) -> Callable[..., Finished]:
    """The same as users have it: the installed command, in a process of its own."""

    def run(*arguments: str, **extra: str) -> Finished:
        done = subprocess.run(
            [Path(sys.executable).with_name("autopilot"), "--data-dir", data_dir, *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
            env={**os.environ, **extra},
            stdin=subprocess.DEVNULL,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    return run
