"""What only real sockets show: when bytes left, when an answer breaks off, when nobody listens."""

from __future__ import annotations

import asyncio
import gzip
import socket

import httpx2
import pytest
from small_vendor import RawServer, quick

from accordant.kernel import AccordantError, ContractDrift, Unavailable, UnknownOutcome
from accordant.platform.http import HttpClient

BROKEN = {
    "a body shorter than promised": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
    "a chunked body without its end": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{",
    "no answer and a closed connection": b"",
    "half a status line": b"HTTP/1.1 2",
    "no HTTP at all": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a body that cannot be unpacked": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd",
    "silence": None,
}
GOOD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


def client(url: str, **options) -> HttpClient:
    return HttpClient(
        system="vendor-main",
        base_url=url,
        auth=None,
        classify=lambda _: None,
        **({"timeout_s": 0.15, "transport": httpx2.AsyncHTTPTransport(), "retrying": quick()} | options),
    )


def call(verb: str, answers: list[bytes | None], **options) -> tuple[int, int | Exception]:
    """Return how often the server was asked, and the status or the error."""

    async def story():
        async with RawServer(*answers) as server:
            caller = client(server.url, **options)
            key = {"key": "k1"} if verb == "write" else {}
            try:
                outcome = (await getattr(caller, verb)("POST", "/", operation="x", content=b"{}", **key)).status
            except AccordantError as error:
                outcome = error
            await caller.aclose()
            return len(server.requests), outcome

    return asyncio.run(story())


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TestBrokenAnswers:
    @pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
    def test_leave_the_outcome_of_a_write_unknown(self, answer):
        asked, outcome = call("write", [answer])

        assert isinstance(outcome, UnknownOutcome)
        assert outcome.lookup_key == "k1"
        assert asked == 1

    @pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
    def test_make_a_read_try_again(self, answer):
        assert call("read", [answer, GOOD]) == (2, 200)

    def test_a_server_that_trickles_is_cut_off_by_the_whole_timeout(self):
        async def story():
            async def trickle(reader, writer):
                await reader.read(65536)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
                try:
                    for _ in range(40):
                        writer.write(b"x")
                        await writer.drain()
                        await asyncio.sleep(0.02)
                finally:
                    writer.close()

            server = await asyncio.start_server(trickle, "127.0.0.1", 0)
            caller = client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            started = asyncio.get_running_loop().time()
            with pytest.raises(UnknownOutcome):
                await caller.write("POST", "/", operation="x")
            took = asyncio.get_running_loop().time() - started
            await caller.aclose()
            server.close()
            return took

        assert asyncio.run(story()) < 0.5

    def test_a_small_packet_that_unpacks_to_a_flood_is_stopped(self):
        packed = gzip.compress(b" " * 5_000_000)
        head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(packed)}\r\n\r\n".encode()

        _, outcome = call("read", [head + packed], max_bytes=100_000, timeout_s=2)

        assert isinstance(outcome, ContractDrift)
        assert outcome.code == "call.answer_too_large"


class TestNobodyListens:
    @pytest.mark.parametrize("verb", ["read", "write"])
    def test_nothing_was_sent_so_even_a_write_says_unavailable(self, verb):
        async def story():
            caller = client(f"http://127.0.0.1:{unused_port()}")
            try:
                await getattr(caller, verb)("POST", "/", operation="x")
            finally:
                await caller.aclose()

        with pytest.raises(Unavailable) as caught:
            asyncio.run(story())

        assert caught.value.code == "call.not_sent"

    def test_a_write_is_repeated_until_somebody_listens(self):
        class Late(httpx2.AsyncHTTPTransport):
            refused = 0

            async def handle_async_request(self, request):
                if self.refused < 2:
                    self.refused += 1
                    raise httpx2.ConnectError("refused")
                return await super().handle_async_request(request)

        assert call("write", [GOOD], transport=Late()) == (1, 200)

    def test_a_write_that_found_no_free_connection_was_not_sent(self):
        async def story():
            async with RawServer(None) as server:
                pool = httpx2.AsyncHTTPTransport(limits=httpx2.Limits(max_connections=1))
                caller = client(server.url, transport=pool, timeout_s=0.3)
                caller._client.timeout = httpx2.Timeout(0.3, pool=0.02)
                first = asyncio.create_task(caller.write("POST", "/", operation="x", key="k1"))
                await asyncio.sleep(0.05)
                second = caller.write("POST", "/", operation="x", key="k2")
                outcomes = await asyncio.gather(first, second, return_exceptions=True)
                await caller.aclose()
                return outcomes

        first, second = asyncio.run(story())
        assert isinstance(first, UnknownOutcome)
        assert isinstance(second, Unavailable)
