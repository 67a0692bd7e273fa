"""What the Workday connector says when the tenant misbehaves, hides things, or changes shape."""

from datetime import date
from xml.etree.ElementTree import ParseError

import pytest

from accordant.connectors.workday.errors import classify
from accordant.connectors.workday.mapping import WORKER
from accordant.connectors.workday.payloads import as_record, changes_in, fault_in, parse
from accordant.kernel import AuthExpired, ContractDrift, Rejected, Unavailable
from accordant.platform.http import Response
from accordant.simulators.workday import errors as vendor

SERVICE = "POST /ccx/service/meridian/Human_Resources/*"


class TestFaults:
    @pytest.mark.parametrize("fault", ["429", "500", "half_body", "html_error", "timeout_before_commit"])
    def test_reads_again_what_failed_once(self, house, fault):
        house.hire()
        house.arm(fault, on=SERVICE)

        seen, _ = house.read()

        assert len(seen) == 1

    def test_gives_up_on_a_tenant_that_stays_away(self, house):
        house.arm("500", on=SERVICE, times=None)

        with pytest.raises(Unavailable):
            house.page()

    def test_waits_through_maintenance(self, house):
        house.sim.maintenance = True

        with pytest.raises(Unavailable):
            house.page()

    def test_renews_an_expired_token(self, house):
        house.hire()
        house.arm("expired_token", on=SERVICE)

        seen, _ = house.read()

        assert len(seen) == 1
        assert sum(call[0].endswith("/token") for call in house.sim.calls) == 2

    def test_says_so_when_the_new_token_is_refused_too(self, house):
        house.arm("expired_token", on=SERVICE, times=None)

        with pytest.raises(AuthExpired):
            house.page()

    def test_says_so_when_the_login_is_refused(self, house):
        house.sim.login.refresh_token = "another"

        with pytest.raises(Rejected) as refusal:
            house.page()

        assert refusal.value.code == "workday.login_refused"
        assert house.settings.refresh_token.get_secret_value() not in str(refusal.value.as_dict())

    def test_an_operation_without_grant_names_the_remedy(self, house):
        house.sim.denied.add("Get_Workers")

        with pytest.raises(Rejected) as refusal:
            house.page()

        assert refusal.value.code == "workday.not_authorized"
        assert "activate pending security policy changes" in refusal.value.remedy

    def test_a_version_the_tenant_does_not_know_is_drift(self):
        answer = vendor.bad_version().response()

        error = classify(Response(500, {"content-type": "text/xml"}, bytes(answer.body)))

        assert isinstance(error, ContractDrift)
        assert error.code == "workday.version"

    def test_a_refusal_says_where(self):
        fault = vendor.invalid_id("Employee_ID", "9", "/ns0:Get_Workers_Request[1]")

        error = classify(Response(500, {"content-type": "text/xml"}, bytes(fault.response().body)))

        assert isinstance(error, Rejected)
        assert error.detail == {"at": ["/ns0:Get_Workers_Request[1]"]}

    @pytest.mark.parametrize("content", [b"", b"<html>", b"not xml", b"<x/>"])
    def test_leaves_what_is_no_fault_to_the_status(self, content):
        assert fault_in(content) is None
        assert classify(Response(500, {"content-type": "text/xml"}, content)) is None


class TestHiddenParts:
    @pytest.mark.parametrize(
        ("domain", "field"),
        [
            ("Personal", "Worker_Data"),
            ("Employment", "Worker_Data.Employment_Data.Worker_Status_Data.Active"),
            ("Organizations", "Worker_Data"),
        ],
    )
    def test_a_part_that_is_not_shown_is_drift_and_never_a_blank_worker(self, house, domain, field):
        house.hire()
        house.sim.granted.discard(domain)

        with pytest.raises(ContractDrift) as drift:
            house.page()

        assert any(name.startswith(field) or field == "Worker_Data" for name in drift.value.detail["fields"])
        assert "Ada" not in str(drift.value.as_dict())

    def test_a_log_that_is_not_shown_names_the_remedy(self, house):
        house.hire()
        house.sim.granted.discard("Transaction_Log")

        with pytest.raises(ContractDrift) as drift:
            house.page()

        assert drift.value.code == "workday.no_log"
        assert "Grant" in drift.value.remedy

    def test_managers_that_are_not_shown_are_no_managers(self, house):
        house.hire("20001")
        house.hire("21001", manager="20001")
        house.sim.granted.discard("Management_Chain")

        seen, _ = house.read()

        assert {o.body.manager_id for o in seen} == {None}

    def test_the_probe_lists_what_is_missing(self, house):
        house.hire()
        house.sim.granted.discard("Organizations")

        found = house.run(lambda workday: workday.probe())

        assert (found.missing_parts, found.is_ready, found.tenant) == (("Organization_Data",), False, "meridian")

    def test_the_probe_is_content_with_an_empty_tenant(self, house):
        assert house.run(lambda workday: workday.probe()).is_ready


class TestPayloads:
    def test_takes_no_document_type(self):
        with pytest.raises(ParseError):
            parse(b'<!DOCTYPE x [<!ENTITY e "boom">]><x>&e;</x>')

    def test_strange_xml_is_drift(self, house):
        house.sim.routes = lambda: _answering(b"<Envelope/>")

        with pytest.raises(ContractDrift) as drift:
            house.page()

        assert drift.value.code == "workday.shape"

    def test_notices_a_part_it_does_not_know(self, house):
        house.hire()
        content = house.page().raw.split(b"\n", 4)
        record = _state(content)
        record["New_In_This_Release"] = "1"

        result = WORKER.read(record, system="workday-main")

        assert result.unknown == {"New_In_This_Release"}

    def test_an_entry_without_offset_is_refused(self):
        log = {
            "Transaction_Log_Entry": [
                {
                    "Transaction_Log_Data": {
                        "Transaction_Effective_Moment": "2024-03-01",
                        "Transaction_Entry_Moment": "2024-03-01T10:00:00",
                    }
                }
            ]
        }

        with pytest.raises(ValueError, match="offset"):
            changes_in({"Worker_Data": {"Transaction_Log_Entry_Data": log}})

    def test_prefers_the_preferred_name(self, house):
        house.hire()
        record = _state(house.page().raw.split(b"\n", 4))
        preferred = {"Name_Detail_Data": {"Formatted_Name": "Ada Lovelace"}}
        record["Worker_Data"]["Personal_Data"]["Name_Data"]["Preferred_Name_Data"] = preferred

        assert WORKER.read(record, system="workday-main").body.name == "Ada Lovelace"


def _state(documents):
    """The worker as the last of several answers shows them, stamped as the reader does."""
    root = parse(documents[-1].split(b"?>\n")[-1])
    worker = next(root.iter("{urn:com.workday/bsvc}Worker"))
    stamps = {"Effective_Date": str(date(2024, 3, 1)), "Entry_Moment": "2024-02-01T00:00:00+00:00"}
    return as_record(worker) | stamps


def _answering(content):
    from starlette.responses import JSONResponse
    from starlette.responses import Response as Answer
    from starlette.routing import Route

    async def token(_):
        return JSONResponse({"access_token": "t", "expires_in": 3600})

    async def anything(_):
        return Answer(content, media_type="text/xml")

    return [
        Route("/ccx/oauth2/{tenant}/token", token, methods=["POST"]),
        Route("/{path:path}", anything, methods=["POST"]),
    ]
