"""What breaks below HTTP, and how little of ccxt is imported."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from autopilot.adapters.exchange.ccxt_source import CcxtCandles
from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.timeframe import Timeframe

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def saying(raw: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        writer.close()

    return answer


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()


async def stop_within(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HEAD + b'Content-Length: 1000\r\n\r\n{"products": [')
    await reader.read()
    writer.close()


@asynccontextmanager
async def listening(answer: Answer) -> AsyncIterator[str]:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("name", ["coinbase", "kraken"])
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(saying(HEAD + b'Content-Length: 1000\r\n\r\n{"a": ['), "no usable answer.*Not enough", id="cut"),
        pytest.param(saying(b"\x00\xff SSH-2.0\r\n\r\n"), "no usable answer", id="another protocol"),
        pytest.param(
            saying(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"),
            "no usable answer",
            id="bad gzip",
        ),
        pytest.param(saying(HEAD + b"Content-Length: 5\r\n\r\n\xff\xfe\xfd\xfc{"), "gave no", id="bad text"),
        pytest.param(
            saying(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
            "no usable answer",
            id="redirects",
        ),
        pytest.param(reset, "cannot be reached", id="reset"),
        pytest.param(stop_within, r"did not answer within 0\.3 s", id="stops within"),
    ],
)
async def test_a_broken_wire_is_an_unavailable_market(name: str, answer: Answer, words: str) -> None:
    async with listening(answer) as url:
        source = CcxtCandles(name, base_url=url, timeout_s=0.3 if answer is stop_within else 10.0)
        try:
            with pytest.raises(MarketUnavailable, match=words) as caught:
                await source.fetch("BTC/USD", Timeframe.H1, None, 10)
        finally:
            await source.close()
    assert str(caught.value).startswith(f"{name} ")
    assert "GET" not in str(caught.value)


async def test_a_refused_connection_is_said_in_a_few_words() -> None:
    source = CcxtCandles("kraken", base_url="http://127.0.0.1:1")
    with pytest.raises(MarketUnavailable) as caught:
        await source.fetch("BTC/USD", Timeframe.H1, None, 10)
    await source.close()
    assert str(caught.value) == "kraken cannot be reached (its markets): connection refused"


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_one_exchange_is_imported_without_the_others() -> None:
    loaded = run_python(
        "import sys\n"
        "from autopilot.adapters.exchange.ccxt_import import exchange_class\n"
        "assert exchange_class('kraken')().id == 'kraken'\n"
        "print(sum(name.startswith('ccxt.async_support.') and name.count('.') == 2 for name in sys.modules))\n"
    )
    assert int(loaded) < 10


def test_whoever_imports_ccxt_afterwards_gets_all_of_it() -> None:
    run_python(
        "from autopilot.adapters.exchange.ccxt_import import exchange_class, known_exchanges\n"
        "coinbase = exchange_class('coinbase')\n"
        "import ccxt, ccxt.async_support as wide\n"
        "assert ccxt.__version__ == wide.__version__\n"
        "assert wide.coinbase is coinbase is exchange_class('coinbase')\n"
        "assert issubclass(wide.NetworkError, ccxt.BaseError)\n"
        "assert set(wide.exchanges) <= known_exchanges()\n"
        "assert ccxt.kraken is not wide.kraken and ccxt.kraken().id == wide.kraken().id == 'kraken'\n"
    )
