"""Events as server-sent events (HTML standard, section 9.2): numbered and resumable. No reader delays the daemon."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import aclosing

from aiohttp import web

from autopilot.control.errors import RequestInvalid
from autopilot.domain.documents import document
from autopilot.engine.events import Event


def last_event_id(request: web.BaseRequest) -> int | None:
    """The number of the last event that a returning client has. Raises RequestInvalid."""
    text = request.headers.get("Last-Event-ID", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise RequestInvalid("Last-Event-ID is not a number", hint="send the id of the last event that you have")
    return int(text)


async def send_events(
    request: web.BaseRequest,
    events: AsyncIterator[Event],
    kinds: Collection[str],
    ends: Sequence[asyncio.Event],
    *,
    answer_s: float,
    keep_alive_s: float,
) -> web.StreamResponse:
    """Send events until the client disconnects, or is ``answer_s`` behind, or one of ``ends`` is set."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    response.force_close()
    async with aclosing(_frames(events, kinds, ends, keep_alive_s)) as frames:
        try:
            async with asyncio.timeout(answer_s):
                await response.prepare(request)
            async for frame in frames:
                async with asyncio.timeout(answer_s):
                    await response.write(frame)
        except TimeoutError:
            if request.transport:
                request.transport.abort()
        except ConnectionError:
            pass
    return response


async def _frames(
    events: AsyncIterator[Event], kinds: Collection[str], ends: Sequence[asyncio.Event], keep_alive_s: float
) -> AsyncGenerator[bytes, None]:
    source = aiter(events)
    stops = [asyncio.ensure_future(end.wait()) for end in ends]
    following = asyncio.ensure_future(anext(source, None))
    loop = asyncio.get_running_loop()
    try:
        yield b": connected\n\n"
        spoken_s = loop.time()
        while not any(stop.done() for stop in stops):
            # Events that this client does not want are no sign of life to it.
            silence_s = max(spoken_s + keep_alive_s - loop.time(), 0)
            done, _ = await asyncio.wait({*stops, following}, timeout=silence_s, return_when=asyncio.FIRST_COMPLETED)
            if following in done:
                event = following.result()
                if event is None:
                    return
                if not kinds or event.kind in kinds:
                    yield _frame(event)
                    spoken_s = loop.time()
                following = asyncio.ensure_future(anext(source, None))
            if loop.time() >= spoken_s + keep_alive_s:
                yield b": keep-alive\n\n"
                spoken_s = loop.time()
    finally:
        for waiting in (*stops, following):
            waiting.cancel()
        await asyncio.gather(*stops, following, return_exceptions=True)


def _frame(event: Event) -> bytes:
    text = json.dumps(document(event), ensure_ascii=False)
    return f"id: {event.seq}\nevent: {event.kind}\ndata: {text}\n\n".encode(errors="replace")
