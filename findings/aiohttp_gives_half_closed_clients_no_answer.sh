#!/usr/bin/env bash
# aiohttp 3.14.5: a client that sends its whole request and then closes its sending side gets no answer if the handler
# takes a moment: the server takes it for gone. Python's http.server answers it. Tools that pipe a request into a
# socket, such as `nc -N -U`, close that side after the request.
#
# Expected: the answer, as TCP allows. Seen on 2026-12-01, Python 3.11, Linux:
#   aiohttp open -> HTTP/1.1 200 OK
#   aiohttp half-closed -> nothing
#   http.server open -> HTTP/1.1 200 OK
#   http.server half-closed -> HTTP/1.1 200 OK
# The script fails when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check aiohttp==3.14.5
cat >"$folder/seen.py" <<'PROGRAM'
import asyncio
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from aiohttp import web

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"


def answer(port, half_close):
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(REQUEST)
        if half_close:
            client.shutdown(socket.SHUT_WR)
        received = b""
        while part := client.recv(4096):
            received += part
    return received.split(b"\r\n")[0].decode() or "nothing"


class Plain(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


async def soon(request):
    await asyncio.sleep(0.05)
    return web.Response(text="done")


async def main():
    app = web.Application()
    app.router.add_get("/", soon)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    plain = ThreadingHTTPServer(("127.0.0.1", 0), Plain)
    Thread(target=plain.serve_forever, daemon=True).start()
    for name, at in (("aiohttp", port), ("http.server", plain.server_port)):
        for half_close in (False, True):
            print(name, "half-closed" if half_close else "open", "->", await asyncio.to_thread(answer, at, half_close))
    plain.shutdown()
    await runner.cleanup()


asyncio.run(main())
PROGRAM
(cd "$folder" && env/bin/python seen.py) | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
aiohttp open -> HTTP/1.1 200 OK
aiohttp half-closed -> nothing
http.server open -> HTTP/1.1 200 OK
http.server half-closed -> HTTP/1.1 200 OK
SEEN
