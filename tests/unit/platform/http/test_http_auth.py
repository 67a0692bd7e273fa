from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from small_vendor import Vendor
from starlette.responses import JSONResponse, Response

from accordant.kernel import AuthExpired, FixedClock, Unavailable
from accordant.platform.http import BearerAuth, Token


class Tokens:
    """Hands out t1, t2, … and counts."""

    def __init__(self, *, valid_for: timedelta | None = None, clock: FixedClock | None = None) -> None:
        self.fetched = 0
        self.valid_for = valid_for
        self.clock = clock

    async def fetch(self, _: httpx2.AsyncClient) -> Token:
        self.fetched += 1
        number = self.fetched
        await asyncio.sleep(0.01)
        ends = self.clock.now() + self.valid_for if self.clock and self.valid_for else None
        return Token(f"t{number}", ends)


def accepts(*tokens: str):
    async def answer(request):
        good = request.headers["authorization"].removeprefix("Bearer ") in tokens
        return JSONResponse({}, 200 if good else 401)

    return answer


class TestRefusedToken:
    @pytest.mark.parametrize("verb", ["read", "write"])
    def test_is_renewed_and_the_call_made_once_more(self, verb):
        tokens = Tokens()
        vendor = Vendor(accepts("t2"))
        client = vendor.client(auth=BearerAuth(tokens.fetch))

        asyncio.run(getattr(client, verb)("POST", "/", operation="x", content=b"body"))

        assert vendor.bodies == [b"body", b"body"]
        assert tokens.fetched == 2

    @pytest.mark.parametrize("verb", ["read", "write"])
    def test_is_reported_when_a_fresh_one_is_refused_too(self, verb):
        tokens = Tokens()
        vendor = Vendor(accepts())
        client = vendor.client(auth=BearerAuth(tokens.fetch))

        with pytest.raises(AuthExpired) as caught:
            asyncio.run(getattr(client, verb)("POST", "/", operation="x"))

        assert vendor.calls == 2
        assert caught.value.system == "vendor-main"

    def test_many_refused_calls_renew_it_once(self):
        tokens = Tokens()
        client = Vendor(accepts("t2")).client(auth=BearerAuth(tokens.fetch))

        async def story():
            await asyncio.gather(*(client.read("GET", "/", operation="x") for _ in range(20)))

        asyncio.run(story())
        assert tokens.fetched == 2

    def test_a_late_refusal_of_the_old_token_does_not_throw_the_new_one_away(self):
        tokens = Tokens()
        late = asyncio.Event()

        async def slow_refusal(_):
            await late.wait()
            return Response(status_code=401)

        client = Vendor(slow_refusal, Response(status_code=401), JSONResponse({})).client(auth=BearerAuth(tokens.fetch))

        async def story():
            slow = asyncio.create_task(client.read("GET", "/slow", operation="x"))
            await asyncio.sleep(0.02)
            await client.read("GET", "/", operation="x")
            late.set()
            await slow

        asyncio.run(story())
        assert tokens.fetched == 2

    def test_the_table_of_the_connector_may_call_it_expired(self):
        tokens = Tokens()
        vendor = Vendor(JSONResponse({"code": "INVALID_SESSION"}, 403), JSONResponse({}))
        client = vendor.client(
            auth=BearerAuth(tokens.fetch),
            classify=lambda r: AuthExpired("session over") if r.status == 403 else None,
        )

        asyncio.run(client.write("POST", "/", operation="x"))
        assert vendor.calls == 2


class TestTokenFetch:
    @pytest.mark.parametrize("verb", ["read", "write"])
    def test_a_token_service_out_of_reach_is_unavailable_and_nothing_was_sent(self, verb):
        async def fetch(_):
            raise httpx2.ReadTimeout("no answer")

        vendor = Vendor()
        client = vendor.client(auth=BearerAuth(fetch))

        with pytest.raises(Unavailable) as caught:
            asyncio.run(getattr(client, verb)("POST", "/", operation="x"))

        assert caught.value.code == "call.not_sent"
        assert vendor.calls == 0

    def test_a_refused_renewal_is_asked_for_once(self):
        asked = 0

        async def fetch(_):
            nonlocal asked
            asked += 1
            raise AuthExpired("the refresh token is no longer valid")

        with pytest.raises(AuthExpired, match="refresh token"):
            asyncio.run(Vendor().client(auth=BearerAuth(fetch)).read("GET", "/", operation="x"))

        assert asked == 1


class TestBearerAuth:
    def test_renews_before_the_end(self):
        clock = FixedClock(datetime(2026, 11, 20, tzinfo=UTC))
        tokens = Tokens(valid_for=timedelta(minutes=10), clock=clock)
        auth = BearerAuth(tokens.fetch, clock=clock)

        async def header():
            return (await auth.headers(httpx2.AsyncClient()))["Authorization"]

        async def story():
            first = await header()
            clock.advance(timedelta(minutes=8))
            same = await header()
            clock.advance(timedelta(minutes=1))
            return first, same, await header()

        assert asyncio.run(story()) == ("Bearer t1", "Bearer t1", "Bearer t2")

    def test_a_token_does_not_show_its_value(self):
        assert "secret" not in repr(Token("secret"))
