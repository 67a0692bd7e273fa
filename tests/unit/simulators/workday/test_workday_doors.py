"""OAuth, REST, WQL, reports and the business processes of the simulated tenant."""

from datetime import date, timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from accordant.simulators._shared import Fault

STAFFING = "/ccx/api/staffing/v6/meridian"
WQL = "/ccx/api/wql/v1/meridian"
REPORT = "/ccx/service/customreport2/meridian/ISU_Accordant/INT_Workers"


class TestOAuth:
    def ask(self, tenant, auth=None, **form):
        return tenant.run("POST", "/ccx/oauth2/meridian/token", data=form, auth=auth)

    def test_refreshes_without_rotating(self, tenant):
        login = tenant.sim.login
        auth = (login.client_id, login.client_secret)

        for _ in range(2):
            body = self.ask(tenant, auth, grant_type="refresh_token", refresh_token=login.refresh_token).json()
            assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
            assert "refresh_token" not in body

    def test_takes_the_client_from_the_body_too(self, tenant):
        login = tenant.sim.login
        form = {"client_id": login.client_id, "client_secret": login.client_secret}

        answer = self.ask(tenant, grant_type="refresh_token", refresh_token=login.refresh_token, **form)

        assert answer.status_code == 200

    @pytest.mark.parametrize(
        ("secret", "refresh", "status", "error"),
        [("wrong", "simulated-refresh", 401, "invalid_client"), ("simulated-secret", "old", 400, "invalid_grant")],
    )
    def test_refuses_by_the_books(self, tenant, secret, refresh, status, error):
        auth = ("simulated-client", secret)

        answer = self.ask(tenant, auth, grant_type="refresh_token", refresh_token=refresh)

        assert (answer.status_code, answer.json()["error"]) == (status, error)

    def assertion(self, tenant, key, **claims):
        now = int(tenant.sim.now().timestamp())
        body = {"iss": "simulated-client", "sub": "ISU_Accordant", "aud": "wd", "exp": now + 300} | claims
        return jwt.encode({"alg": "RS256"}, body, key)

    def test_takes_a_signed_assertion(self, tenant):
        key = RSAKey.generate_key(2048)
        tenant.sim.login.public_key = key
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"

        good = self.ask(tenant, grant_type=grant, assertion=self.assertion(tenant, key))
        other_user = self.ask(tenant, grant_type=grant, assertion=self.assertion(tenant, key, sub="someone"))
        other_key = self.ask(tenant, grant_type=grant, assertion=self.assertion(tenant, RSAKey.generate_key(2048)))

        assert good.status_code == 200
        assert (other_user.json()["error"], other_key.json()["error"]) == ("invalid_grant", "invalid_grant")


class TestRestWorkers:
    def test_lists_only_those_who_work_here(self, tenant):
        tenant.hire("21001")
        tenant.hire("21002")
        tenant.force.terminate("21002", date(2024, 12, 31))

        body = tenant.get(f"{STAFFING}/workers").json()

        assert (body["total"], [w["workerId"] for w in body["data"]]) == (1, ["21001"])

    def test_pages_by_offset(self, tenant):
        for number in range(3):
            tenant.hire(f"2100{number}")

        body = tenant.get(f"{STAFFING}/workers", params={"limit": 2, "offset": 2}).json()

        assert (body["total"], len(body["data"])) == (3, 1)
        assert tenant.get(f"{STAFFING}/workers", params={"limit": 101}).status_code == 400

    def test_reads_one_by_either_id(self, tenant):
        tenant.hire()
        wid = tenant.force.wids["21001"]

        by_wid = tenant.get(f"{STAFFING}/workers/{wid}").json()
        by_number = tenant.get(f"{STAFFING}/workers/Employee_ID=21001").json()

        assert by_wid == by_number
        assert by_wid["businessTitle"] == "Consultant"
        assert tenant.get(f"{STAFFING}/workers/Employee_ID=9").json()["errors"][0]["code"] == "A404"

    def test_says_who_manages_somebody(self, tenant):
        tenant.hire("20001")
        tenant.hire("21001", manager="20001")

        rows = tenant.get(f"{STAFFING}/workers").json()["data"]

        assert {w["workerId"]: w["isManager"] for w in rows} == {"20001": True, "21001": False}

    def test_lists_supervisory_organizations(self, tenant):
        body = tenant.get(f"{STAFFING}/supervisoryOrganizations").json()

        assert [o["descriptor"] for o in body["data"]] == ["Meridian"]

    def test_refuses_an_expired_token_and_a_missing_area(self, tenant):
        token = tenant.token()
        tenant.sim.login.scopes.discard("Staffing")
        forbidden = tenant.get(f"{STAFFING}/workers", token=token)
        tenant.sim.clock.offset = timedelta(hours=2)
        expired = tenant.get(f"{STAFFING}/workers", token=token)

        assert (forbidden.status_code, expired.status_code) == (403, 401)

    @pytest.mark.parametrize(("fault", "status"), [("429", 429), ("500", 500), ("expired_token", 401)])
    def test_answers_faults_in_its_own_form(self, tenant, fault, status):
        token = tenant.token()
        tenant.sim.faults.arm(Fault(fault))

        answer = tenant.get(f"{STAFFING}/workers", token=token)

        assert answer.status_code == status
        assert "error" in answer.json()


class TestQuery:
    def ask(self, tenant, query):
        return tenant.get(f"{WQL}/data", params={"query": query})

    def test_selects_fields_of_workers(self, tenant):
        tenant.hire("21001")
        tenant.hire("21002")

        body = self.ask(tenant, "SELECT worker, employeeID FROM allWorkers WHERE employeeID = '21002' LIMIT 10").json()

        assert body["total"] == 1
        assert body["data"][0]["employeeID"] == "21002"
        assert body["data"][0]["worker"]["descriptor"] == "Ada O'Brien"

    @pytest.mark.parametrize(
        "query", ["SELECT secret FROM allWorkers", "SELECT worker FROM allMoney", "DROP TABLE workers", "SELECT x"]
    )
    def test_refuses_what_it_cannot_answer(self, tenant, query):
        assert self.ask(tenant, query).status_code == 400

    def test_names_its_sources(self, tenant):
        assert tenant.get(f"{WQL}/dataSources").json()["data"][0]["alias"] == "allWorkers"


class TestReport:
    def get(self, tenant, path=REPORT, password="simulated-password", **params):
        return tenant.run("GET", path, params=params, auth=("ISU_Accordant@meridian", password))

    def test_gives_everything_at_once_in_json(self, tenant):
        tenant.hire()

        rows = self.get(tenant, format="json").json()["Report_Entry"]

        assert rows[0]["Employee_ID"] == "21001"
        assert rows[0]["Active"] == "1"

    def test_is_empty_without_its_key(self, tenant):
        assert self.get(tenant, format="json").json() == {}

    def test_takes_the_effective_date_as_a_prompt(self, tenant):
        tenant.hire()
        tenant.force.change("21001", date(2025, 1, 1), location="BER")

        then = self.get(tenant, format="json", Effective_Date="2024-12-31").json()["Report_Entry"][0]

        assert then["Location"] == "LON"

    def test_is_xml_unless_asked_otherwise(self, tenant):
        tenant.hire()

        answer = self.get(tenant)

        assert answer.headers["content-type"].startswith("text/xml")
        assert "<wd:Employee_ID>21001</wd:Employee_ID>" in answer.text

    @pytest.mark.parametrize(
        ("options", "status"),
        [
            ({"password": "wrong"}, 401),
            ({"path": REPORT + "_Old"}, 404),
            ({"Effective_Date": "someday"}, 500),
        ],
    )
    def test_fails_in_xml_even_when_json_was_asked_for(self, tenant, options, status):
        answer = self.get(tenant, format="json", **options)

        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/xml")


def hire_request(id="", *, complete=True, location="LON"):
    auto = "<wd:Auto_Complete>1</wd:Auto_Complete>" if complete else ""
    given = f"<wd:Employee_ID>{id}</wd:Employee_ID>" if id else ""
    return (
        f"<wd:Hire_Employee_Request><wd:Business_Process_Parameters>{auto}</wd:Business_Process_Parameters>"
        "<wd:Hire_Employee_Data><wd:Applicant_Data><wd:Personal_Data><wd:Name_Data><wd:Legal_Name_Data>"
        "<wd:Name_Detail_Data><wd:First_Name>Ada</wd:First_Name><wd:Last_Name>Neu</wd:Last_Name>"
        "</wd:Name_Detail_Data></wd:Legal_Name_Data></wd:Name_Data></wd:Personal_Data></wd:Applicant_Data>"
        "<wd:Hire_Date>2025-05-01-08:00</wd:Hire_Date><wd:Hire_Employee_Event_Data>" + given + "<wd:Position_Details>"
        "<wd:Job_Profile_Reference><wd:ID wd:type='Job_Profile_ID'>CONS</wd:ID></wd:Job_Profile_Reference>"
        f"<wd:Location_Reference><wd:ID wd:type='Location_ID'>{location}</wd:ID></wd:Location_Reference>"
        "</wd:Position_Details></wd:Hire_Employee_Event_Data><wd:Edit_Assign_Organization>"
        "<wd:Organization_Reference><wd:ID wd:type='Organization_Reference_ID'>UK01</wd:ID></wd:Organization_Reference>"
        "<wd:Organization_Reference><wd:ID wd:type='Organization_Reference_ID'>CC-100</wd:ID>"
        "</wd:Organization_Reference>"
        "</wd:Edit_Assign_Organization></wd:Hire_Employee_Data></wd:Hire_Employee_Request>"
    )


def change_request(location="BER", *, reason=True):
    why = "<wd:Reason_Reference><wd:ID wd:type='WID'>a</wd:ID></wd:Reason_Reference>" if reason else ""
    return (
        "<wd:Change_Job_Request><wd:Business_Process_Parameters><wd:Auto_Complete>1</wd:Auto_Complete>"
        "</wd:Business_Process_Parameters><wd:Change_Job_Data><wd:Worker_Reference>"
        "<wd:ID wd:type='Employee_ID'>21001</wd:ID></wd:Worker_Reference>"
        "<wd:Effective_Date>2025-02-01</wd:Effective_Date>"
        f"<wd:Change_Job_Detail_Data>{why}<wd:Job_Details_Data><wd:Location_Reference>"
        f"<wd:ID wd:type='Location_ID'>{location}</wd:ID></wd:Location_Reference></wd:Job_Details_Data>"
        "</wd:Change_Job_Detail_Data></wd:Change_Job_Data></wd:Change_Job_Request>"
    )


class TestStaffing:
    def test_hires_at_once_when_told_to_complete(self, tenant):
        reply = tenant.soap(hire_request("21500"), service="Staffing")

        assert reply.texts("Employee_Reference/ID") == ["21500"]
        assert tenant.as_of(date(2025, 5, 1)).texts("Worker_ID") == ["21500"]
        assert [d.key for d in tenant.sim.books.documents()] == ["21500"]

    def test_leaves_a_hire_waiting_otherwise(self, tenant):
        reply = tenant.soap(hire_request("21500", complete=False), service="Staffing")

        assert reply.all("Event_Reference")
        assert not reply.all("Employee_Reference")
        assert tenant.workers().texts("Total_Results") == ["0"]
        tenant.force.approve_pending()
        assert tenant.workers().texts("Worker_ID") == ["21500"]

    def test_gives_an_id_when_none_is_sent(self, tenant):
        assert tenant.soap(hire_request(), service="Staffing").texts("Employee_Reference/ID") == ["21001"]

    def test_refuses_the_id_of_an_active_worker(self, tenant):
        tenant.hire("21001")

        reply = tenant.soap(hire_request("21001"), service="Staffing")

        assert "already in use" in reply.fault[1]

    def test_refuses_an_unknown_location_with_its_path(self, tenant):
        reply = tenant.soap(hire_request("21500", location="MOON"), service="Staffing")

        assert reply.fault[1].endswith("'MOON' is not a valid ID value for type = 'Location_ID'")
        assert reply.texts("Validation_Error/Xpath")

    def test_changes_a_job_from_a_day(self, tenant):
        tenant.hire()

        assert tenant.soap(change_request(), service="Staffing").status == 200

        day = tenant.as_of(date(2025, 2, 1)).texts("Business_Site_Summary_Data/Location_Reference/ID")
        before = tenant.as_of(date(2025, 1, 31)).texts("Business_Site_Summary_Data/Location_Reference/ID")
        assert (before, day) == (["LON"], ["BER"])

    def test_names_the_element_that_is_missing(self, tenant):
        tenant.hire()

        reply = tenant.soap(change_request(reason=False), service="Staffing")

        assert "Element Content 'Reason_Reference' is required" in reply.fault[1]

    def test_terminates(self, tenant):
        tenant.hire()

        reply = tenant.soap(
            "<wd:Terminate_Employee_Request><wd:Business_Process_Parameters><wd:Auto_Complete>1</wd:Auto_Complete>"
            "</wd:Business_Process_Parameters><wd:Terminate_Employee_Data><wd:Employee_Reference>"
            "<wd:ID wd:type='Employee_ID'>21001</wd:ID></wd:Employee_Reference>"
            "<wd:Termination_Date>2025-03-31</wd:Termination_Date><wd:Terminate_Event_Data>"
            "<wd:Primary_Reason_Reference><wd:ID wd:type='WID'>a</wd:ID></wd:Primary_Reason_Reference>"
            "</wd:Terminate_Event_Data></wd:Terminate_Employee_Data></wd:Terminate_Employee_Request>",
            service="Staffing",
        )

        assert reply.all("Event_Reference")
        assert [d.state for d in tenant.sim.books.documents()] == ["terminated"]
