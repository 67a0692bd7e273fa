from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from small_vendor import Vendor
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from accordant.kernel import (
    AuthExpired,
    ContractDrift,
    KeyConflict,
    NotFound,
    RateLimited,
    Rejected,
    Unavailable,
    UnknownOutcome,
)
from accordant.platform.http import LANE_FULL, Limits, LocalLane, trace_headers


def read(client, path="/projects", **options):
    return asyncio.run(client.read("GET", path, operation="list_projects", **options))


def write(client, path="/projects", **options):
    return asyncio.run(client.write("POST", path, operation="create_project", key="prj_1#1", **options))


async def hangs(_):
    await asyncio.sleep(30)


class TestRead:
    def test_returns_the_answer_with_exact_numbers(self):
        vendor = Vendor(Response(b'{"amount": 0.10}', media_type="application/json"))

        response = read(vendor.client(), params={"limit": 2})

        assert response.status == 200
        assert response.json() == {"amount": Decimal("0.10")}
        assert str(vendor.requests[0].url) == "http://vendor.example/projects?limit=2"

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
    def test_is_repeated_until_the_system_recovers(self, status):
        """R-RES-01."""
        vendor = Vendor(Response(status_code=status), Response(status_code=status), JSONResponse([1]))

        assert read(vendor.client()).json() == [1]
        assert vendor.calls == 3

    def test_gives_up_after_a_few_attempts(self):
        vendor = Vendor(Response(status_code=503))

        with pytest.raises(Unavailable) as caught:
            read(vendor.client())

        assert vendor.calls == 3
        assert (caught.value.system, caught.value.operation) == ("vendor-main", "list_projects")
        assert caught.value.detail["status"] == 503

    def test_is_unavailable_when_no_answer_comes_in_time(self):
        """R-FMC-46."""
        vendor = Vendor(hangs)

        with pytest.raises(Unavailable, match="did not answer completely"):
            read(vendor.client(timeout_s=0.02))

        assert vendor.calls == 3

    @pytest.mark.parametrize(
        ("status", "error"), [(400, Rejected), (403, Rejected), (404, NotFound), (410, NotFound), (422, Rejected)]
    )
    def test_a_refusal_is_not_repeated(self, status, error):
        """R-RES-01."""
        vendor = Vendor(JSONResponse({"message": "no"}, status))

        with pytest.raises(error):
            read(vendor.client())

        assert vendor.calls == 1

    def test_not_modified_is_an_answer(self):
        assert read(Vendor(Response(status_code=304)).client()).status == 304

    def test_a_page_for_people_may_be_what_was_asked_for(self):
        assert read(Vendor(HTMLResponse("<html>a document</html>")).client()).content == b"<html>a document</html>"

    def test_a_broken_body_that_claims_to_be_json_is_drift(self):
        with pytest.raises(ContractDrift):
            read(Vendor(Response(b'{"a":', media_type="application/json")).client())

    def test_an_answer_over_the_limit_is_refused(self):
        with pytest.raises(ContractDrift, match="larger than 1,000 bytes") as caught:
            read(Vendor(Response(b"x" * 1001)).client(max_bytes=1000))

        assert caught.value.code == "call.answer_too_large"

    def test_an_answer_at_the_limit_is_read(self):
        assert len(read(Vendor(Response(b"x" * 1000)).client(max_bytes=1000)).content) == 1000


class TestWrite:
    def test_sends_exact_numbers(self):
        vendor = Vendor()

        write(vendor.client(), json={"amount": Decimal("10.50")})

        assert vendor.bodies == [b'{"amount":10.50}']
        assert vendor.requests[0].headers["content-type"] == "application/json"

    @pytest.mark.parametrize("status", [500, 502, 504, 408, 303])
    def test_a_failure_further_in_leaves_the_outcome_unknown(self, status):
        vendor = Vendor(Response(status_code=status))

        with pytest.raises(UnknownOutcome) as caught:
            write(vendor.client())

        assert caught.value.lookup_key == "prj_1#1"
        assert vendor.calls == 1

    def test_a_timeout_leaves_the_outcome_unknown(self):
        """R-RES-06."""
        vendor = Vendor(hangs)

        with pytest.raises(UnknownOutcome):
            write(vendor.client(timeout_s=0.02))

        assert vendor.calls == 1

    @pytest.mark.parametrize("status", [200, 502, 503])
    def test_a_web_page_leaves_the_outcome_unknown(self, status):
        with pytest.raises(UnknownOutcome):
            write(Vendor(HTMLResponse("<html>Bad gateway</html>", status)).client())

    def test_a_good_status_with_a_broken_body_leaves_the_outcome_unknown(self):
        with pytest.raises(UnknownOutcome):
            write(Vendor(Response(b'{"id":', media_type="application/json")).client())

    def test_an_answer_over_the_limit_leaves_the_outcome_unknown(self):
        with pytest.raises(UnknownOutcome):
            write(Vendor(Response(b"x" * 20)).client(max_bytes=10))

    def test_an_answer_that_breaks_off_leaves_the_outcome_unknown(self):
        async def breaks_off(_):
            raise ConnectionResetError

        with pytest.raises(UnknownOutcome):
            write(Vendor(breaks_off).client())

    @pytest.mark.parametrize(
        ("status", "error"), [(503, Unavailable), (429, RateLimited), (400, Rejected), (404, NotFound)]
    )
    def test_a_refusal_at_the_door_is_said_as_such_and_not_repeated(self, status, error):
        vendor = Vendor(JSONResponse({}, status))

        with pytest.raises(error):
            write(vendor.client())

        assert vendor.calls == 1

    def test_an_empty_answer_is_good(self):
        assert write(Vendor(Response(status_code=204)).client()).status == 204


class TestClassify:
    def test_the_table_of_the_connector_comes_first_and_learns_where_it_happened(self):
        client = Vendor(JSONResponse({"code": "DUP"}, 400)).client(classify=lambda _: KeyConflict("taken"))

        with pytest.raises(KeyConflict) as caught:
            write(client)

        assert (caught.value.system, caught.value.operation) == ("vendor-main", "create_project")

    def test_it_sees_errors_behind_a_good_status(self):
        def classify(response):
            return Rejected("closed period") if response.json()["status"] == "error" else None

        with pytest.raises(Rejected, match="closed period"):
            write(Vendor(JSONResponse({"status": "error"})).client(classify=classify))

    def test_a_vague_verdict_on_a_write_that_failed_inside_is_unknown(self):
        with pytest.raises(UnknownOutcome):
            write(Vendor(JSONResponse({}, 500)).client(classify=lambda _: Unavailable("busy")))

    def test_a_clear_verdict_on_a_write_that_failed_inside_is_believed(self):
        with pytest.raises(Rejected):
            write(Vendor(JSONResponse({}, 500)).client(classify=lambda _: Rejected("no such customer")))

    def test_throttling_is_believed_at_any_status(self):
        with pytest.raises(RateLimited):
            write(Vendor(JSONResponse({}, 500)).client(classify=lambda _: RateLimited("slow", retry_after_s=0)))

    def test_a_table_that_cannot_read_the_refusal_leaves_it_to_the_status(self):
        client = Vendor(HTMLResponse("<html>forbidden</html>", 403)).client(classify=lambda r: r.json()["error"])

        with pytest.raises(Rejected, match="403"):
            write(client)

    def test_a_table_that_cannot_read_a_good_answer_to_a_write_makes_it_unknown(self):
        client = Vendor(PlainTextResponse("OK")).client(classify=lambda r: r.json()["error"])

        with pytest.raises(UnknownOutcome) as caught:
            write(client)

        assert caught.value.lookup_key == "prj_1#1"

    def test_an_unknown_outcome_of_the_table_gets_the_key(self):
        with pytest.raises(UnknownOutcome) as caught:
            write(Vendor(JSONResponse({}, 202)).client(classify=lambda _: UnknownOutcome("still working")))

        assert caught.value.lookup_key == "prj_1#1"


class TestThrottling:
    def test_a_read_waits_in_the_lane_and_goes_on(self):
        vendor = Vendor(Response(status_code=429, headers={"retry-after": "3"}), JSONResponse([]))

        assert read(vendor.client()).json() == []
        assert vendor.calls == 2

    def test_a_wait_over_the_patience_of_the_lane_parks(self):
        vendor = Vendor(Response(status_code=429, headers={"retry-after": "3"}))
        lane = LocalLane(system="vendor-main", max_wait_s=1)

        with pytest.raises(RateLimited) as caught:
            read(vendor.client(lane=lane))

        assert caught.value.code == LANE_FULL
        assert 2 < caught.value.retry_after_s <= 3
        assert vendor.calls == 1

    def test_a_long_wait_is_told_as_the_system_said_it(self):
        at = (datetime.now(UTC) + timedelta(minutes=10)).strftime("%a, %d %b %Y %H:%M:%S GMT")
        vendor = Vendor(Response(status_code=429, headers={"retry-after": at}))

        with pytest.raises(RateLimited) as caught:
            read(vendor.client())

        assert 595 < caught.value.retry_after_s <= 600
        assert vendor.calls == 1

    def test_a_throttled_write_pauses_the_lane_for_everybody(self):
        vendor = Vendor(Response(status_code=429, headers={"retry-after": "60"}), JSONResponse([]))
        client = vendor.client(lane=LocalLane(system="vendor-main"))

        async def story():
            with pytest.raises(RateLimited, match="asks us to slow down"):
                await client.write("POST", "/projects", operation="create_project")
            with pytest.raises(RateLimited) as caught:
                await client.read("GET", "/projects", operation="list_projects")
            return caught.value

        assert asyncio.run(story()).code == LANE_FULL
        assert vendor.calls == 1

    def test_calls_go_through_the_lane(self):
        together, most = 0, 0

        async def counts(_):
            nonlocal together, most
            together += 1
            most = max(most, together)
            await asyncio.sleep(0.005)
            together -= 1
            return JSONResponse({})

        client = Vendor(counts).client(lane=LocalLane(Limits(concurrency=2)))

        async def story():
            await asyncio.gather(*(client.read("GET", "/", operation="x") for _ in range(8)))

        asyncio.run(story())
        assert most == 2


class TestHosts:
    @pytest.mark.parametrize(
        "url",
        [
            "http://evil.example/projects",
            "https://vendor.example/projects",
            "http://vendor.example:8080/projects",
            "http://vendor.example@evil.example/projects",
            "http://user:password@vendor.example/projects",
            "//evil.example/projects",
            "http:evil.example",
            "file:///etc/passwd",
        ],
    )
    def test_a_call_never_leaves_for_another_host(self, url):
        vendor = Vendor()

        with pytest.raises(ContractDrift) as caught:
            read(vendor.client(allowed_hosts=frozenset({"files.example"})), url)

        assert caught.value.code == "call.foreign_host"
        assert vendor.calls == 0

    @pytest.mark.parametrize("url", ["http://vendor.example/next?page=2", "http://VENDOR.example:80/next?page=2"])
    def test_a_next_page_on_the_host_is_followed(self, url):
        vendor = Vendor()

        read(vendor.client(base_url="http://vendor.example/v1"), url)

        assert str(vendor.requests[0].url) == "http://vendor.example/next?page=2"

    def test_a_named_host_is_allowed(self):
        vendor = Vendor()

        read(vendor.client(allowed_hosts=frozenset({"Files.example:8443"})), "http://files.example:8443/a")

        assert vendor.requests[0].url.netloc == "files.example:8443"

    def test_a_relative_path_is_appended_to_the_base(self):
        vendor = Vendor()

        read(vendor.client(base_url="http://vendor.example/v1"), "/projects")

        assert vendor.requests[0].url.path == "/v1/projects"

    def test_what_is_no_url_is_drift(self):
        with pytest.raises(ContractDrift) as caught:
            read(Vendor().client(), "http://vendor.example/\x00")

        assert caught.value.code == "call.bad_address"

    @pytest.mark.parametrize("call", [read, write])
    def test_redirects_are_not_followed(self, call):
        vendor = Vendor(RedirectResponse("http://evil.example/", 307))

        with pytest.raises(ContractDrift) as caught:
            call(vendor.client())

        assert caught.value.code == "call.redirected"
        assert vendor.calls == 1


class TestHeaders:
    def test_the_trace_of_the_caller_travels_along(self):
        vendor = Vendor()

        async def story():
            trace_headers.set({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
            await vendor.client().read("GET", "/", operation="x", headers={"prefer": "odata.maxpagesize=5"})

        asyncio.run(story())
        assert vendor.requests[0].headers["traceparent"].startswith("00-0af7")
        assert vendor.requests[0].headers["prefer"] == "odata.maxpagesize=5"

    def test_nothing_of_a_call_is_logged(self, caplog):
        """R-SEC-03, R-SEC-04."""

        class Secret:
            async def headers(self, _):
                return {"Authorization": "Bearer top-secret"}

            def expire(self):
                raise AssertionError("not called")

        caplog.set_level(logging.INFO)
        with pytest.raises(Unavailable) as caught:
            read(Vendor(Response(b"top-secret", 503)).client(auth=Secret()), "/people?name=top-secret")

        assert "top-secret" not in caplog.text
        assert "top-secret" not in str(caught.value.as_dict())


class TestUnauthenticated:
    def test_an_open_system_that_asks_for_a_token_is_reported_at_once(self):
        vendor = Vendor(Response(status_code=401))

        with pytest.raises(AuthExpired):
            read(vendor.client())

        assert vendor.calls == 1
