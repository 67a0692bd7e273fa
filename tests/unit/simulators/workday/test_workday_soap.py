"""Reading workers over SOAP: both time axes, the transaction log, paging, grants, faults."""

from datetime import UTC, date, datetime, timedelta

import pytest

from accordant.simulators._shared import Fault


def primary(reply, path):
    return reply.texts(f"Position_Data/{path}")


class TestLogin:
    @pytest.mark.parametrize("wrong", [{"password": "guess"}, {"user": "ISU_Accordant"}, {"user": "nobody@meridian"}])
    def test_refuses_wrong_credentials_without_detail(self, tenant, wrong):
        reply = tenant.soap("<wd:Get_Workers_Request/>", **wrong)

        assert reply.status == 500
        assert reply.fault == ("SOAP-ENV:Client.authenticationError", "invalid username or password")
        assert reply.root.find(".//detail") is None

    def test_lets_a_bearer_token_in(self, tenant):
        headers = {"authorization": f"Bearer {tenant.token()}"}

        assert tenant.soap("<wd:Get_Workers_Request/>", user="", headers=headers).status == 200

    def test_refuses_a_bearer_token_after_its_hour(self, tenant):
        headers = {"authorization": f"Bearer {tenant.token()}"}
        tenant.sim.clock.offset = timedelta(hours=1, seconds=1)

        assert tenant.soap("<wd:Get_Workers_Request/>", user="", headers=headers).status == 500


class TestDispatch:
    @pytest.mark.parametrize("wrong", [{"service": "Recruiting"}, {"service": "Staffing"}, {"version": "latest"}])
    def test_refuses_a_service_version_or_operation_that_is_not(self, tenant, wrong):
        reply = tenant.soap("<wd:Get_Workers_Request/>", **wrong)

        assert reply.status == 500
        assert reply.fault[1] == "The web service or version is invalid for the requested operation"

    def test_refuses_an_operation_without_grant(self, tenant):
        tenant.sim.denied.add("Get_Workers")

        reply = tenant.workers()

        assert reply.fault[1] == "Processing error occurred. The task submitted is not authorized."
        assert reply.texts("Processing_Fault/Detail_Message") == ["The task submitted is not authorized."]

    def test_refuses_xml_it_cannot_read(self, tenant):
        assert tenant.soap("<wd:Get_Workers_Request>").fault[0] == "SOAP-ENV:Client"

    def test_refuses_a_document_type(self, tenant):
        path = "/ccx/service/meridian/Human_Resources/v44.2"

        answer = tenant.run("POST", path, content='<!DOCTYPE x [<!ENTITY e "boom">]><x>&e;</x>')

        assert answer.status_code == 500
        assert "document type x is not allowed" in answer.text

    def test_tells_its_own_clock(self, tenant):
        tenant.sim.faults.arm(Fault("clock_skew", times=None, options={"skew_s": 3600}))

        told = datetime.fromisoformat(tenant.soap("<wd:Server_Timestamp_Get/>").texts("Server_Timestamp_Data")[0])

        assert told.utcoffset() == timedelta(hours=-8)
        assert timedelta(minutes=59) < told - datetime.now(UTC) < timedelta(minutes=61)


class TestWorkerPayload:
    def test_carries_what_a_worker_feed_needs(self, tenant):
        tenant.hire("20001", last_name="Boss", email="boss@meridian.example")
        tenant.hire("21001", manager="20001")

        reply = tenant.workers(
            "<wd:Request_References><wd:Worker_Reference><wd:ID wd:type='Employee_ID'>21001</wd:ID>"
            "</wd:Worker_Reference></wd:Request_References><wd:Response_Group>"
            "<wd:Include_Personal_Information>1</wd:Include_Personal_Information>"
            "<wd:Include_Employment_Information>1</wd:Include_Employment_Information>"
            "<wd:Include_Organizations>1</wd:Include_Organizations>"
            "<wd:Include_Management_Chain_Data>1</wd:Include_Management_Chain_Data></wd:Response_Group>"
        )

        assert reply.texts("Name_Detail_Data/Last_Name") == ["O'Brien"]
        assert reply.texts("Email_Address_Data/Email_Address") == ["ada@meridian.example"]
        assert primary(reply, "Job_Profile_Summary_Data/Job_Profile_Reference/ID") == ["CONS"]
        assert primary(reply, "Business_Site_Summary_Data/Location_Reference/ID") == ["LON"]
        assert reply.texts("Organization_Data/Organization_Reference_ID") == ["UK01", "CC-100", "SUP-TOP"]
        assert reply.texts("Management_Chain_Data/Manager_Reference/ID")[-1] == "20001"
        assert reply.texts("Worker_Status_Data/Hire_Date") == ["2024-03-01-08:00"]
        assert reply.texts("Worker_Status_Data/Active") == ["1"]
        assert reply.all("Compensation_Data") == []

    def test_sends_the_default_parts_without_a_response_group(self, tenant):
        tenant.hire()

        reply = tenant.workers()

        assert reply.all("Personal_Data")
        assert reply.all("Organization_Data")
        assert not reply.all("Management_Chain_Data")
        assert not reply.all("Transaction_Log_Entry_Data")

    def test_drops_what_the_user_is_not_granted_without_a_word(self, tenant):
        tenant.hire()
        tenant.sim.granted.discard("Organizations")

        reply = tenant.workers()

        assert reply.status == 200
        assert not reply.all("Organization_Data")

    def test_stores_a_title_equal_to_the_profile_blank(self, tenant):
        tenant.hire("21001", business_title="Consultant")
        tenant.hire("21002", business_title="Lead of delivery")

        assert primary(tenant.workers(), "Business_Title") == ["Lead of delivery"]

    def test_shows_pay_by_the_hour(self, tenant):
        tenant.hire(hourly_rate="61.50")

        assert tenant.workers().texts("Summary_Data_in_Hourly_Frequency/Total_Base_Pay") == ["61.50"]

    def test_knows_contingent_workers_by_another_type_of_id(self, tenant):
        facts = {"first_name": "Max", "last_name": "Muster", "company": "UK01", "cost_center": "CC-100"}
        tenant.force.contract("C-1", date(2024, 1, 1), job_profile="CONS", location="LON", **facts)

        kinds = [e.get("{urn:com.workday/bsvc}type") for e in tenant.workers().all("Worker_Reference/ID")]

        assert "Contingent_Worker_ID" in kinds

    @pytest.mark.parametrize("name", ["=HYPERLINK(1)", "A|B", "\u202eשלום", "🦊", "<&>"])
    def test_keeps_hostile_names_whole(self, tenant, name):
        tenant.hire(last_name=name)

        assert tenant.workers().texts("Name_Detail_Data/Last_Name") == [name]


class TestEffectiveDating:
    def test_hides_a_future_hire_until_asked_ahead(self, tenant):
        ahead = tenant.today + timedelta(days=30)
        tenant.hire(on=ahead)

        assert tenant.workers().texts("Total_Results") == ["0"]
        assert tenant.as_of(ahead).texts("Worker_ID") == ["21001"]

    def test_answers_as_of_a_day(self, tenant):
        tenant.hire()
        tenant.force.change("21001", date(2025, 1, 1), cost_center="CC-200")

        before, after = tenant.as_of(date(2024, 12, 31)), tenant.as_of(date(2025, 1, 1))

        assert "CC-100" in before.texts("Organization_Data/Organization_Reference_ID")
        assert "CC-200" in after.texts("Organization_Data/Organization_Reference_ID")
        assert before.all("Position_Data")[0].get("{urn:com.workday/bsvc}Effective_Date") == "2024-03-01-08:00"
        assert after.all("Position_Data")[0].get("{urn:com.workday/bsvc}Effective_Date") == "2025-01-01-08:00"

    def test_answers_as_it_was_known_at_a_moment(self, tenant):
        tenant.hire()
        known = tenant.sim.now()
        tenant.force.change("21001", date(2024, 6, 1), location="BER")

        written = f"<wd:As_Of_Entry_DateTime>{known.isoformat()}</wd:As_Of_Entry_DateTime>"
        then, now = tenant.as_of(tenant.today, written), tenant.as_of(tenant.today)

        assert primary(then, "Business_Site_Summary_Data/Location_Reference/ID") == ["LON"]
        assert primary(now, "Business_Site_Summary_Data/Location_Reference/ID") == ["BER"]

    def test_retroactive_change_does_not_undo_a_later_one(self, tenant):
        tenant.hire()
        tenant.force.change("21001", date(2025, 1, 1), location="BER")
        tenant.force.change("21001", date(2024, 6, 1), cost_center="CC-200")

        reply = tenant.as_of(date(2025, 1, 1))

        assert primary(reply, "Business_Site_Summary_Data/Location_Reference/ID") == ["BER"]
        assert "CC-200" in reply.texts("Organization_Data/Organization_Reference_ID")

    def test_works_through_the_termination_date(self, tenant):
        tenant.hire()
        tenant.force.terminate("21001", date(2025, 3, 31))

        last_day, day_after = tenant.as_of(date(2025, 3, 31)), tenant.as_of(date(2025, 4, 1))

        assert last_day.texts("Worker_Status_Data/Active") == ["1"]
        assert day_after.texts("Worker_Status_Data/Active") == ["0"]
        assert day_after.texts("Worker_Status_Data/Termination_Date") == ["2025-03-31-08:00"]

    def test_rehire_keeps_id_and_original_hire_date(self, tenant):
        tenant.hire()
        tenant.force.terminate("21001", date(2024, 12, 31))
        tenant.hire(on=date(2025, 6, 1))

        reply = tenant.as_of(date(2025, 6, 1))

        assert reply.texts("Worker_Status_Data/Hire_Date") == ["2025-06-01-08:00"]
        assert reply.texts("Worker_Status_Data/Original_Hire_Date") == ["2024-03-01-08:00"]
        assert reply.texts("Worker_Status_Data/Rehire") == ["1"]

    def test_rescinded_hire_never_was(self, tenant):
        entry = tenant.hire()
        tenant.force.rescind(entry)

        assert tenant.workers().texts("Total_Results") == ["0"]


class TestTransactionLog:
    def test_selects_by_entry_and_shows_both_moments(self, tenant):
        tenant.hire()
        since = tenant.sim.now()
        tenant.force.change("21001", date(2024, 6, 1), location="BER")
        tenant.hire("21002")

        reply = tenant.changed(since, tenant.sim.now())

        assert reply.texts("Worker_ID") == ["21001"]
        assert reply.texts("Transaction_Effective_Moment") == ["2024-06-01T00:00:00.000-08:00"]
        assert len(reply.texts("Transaction_Entry_Moment")) == 1

    def test_finds_a_future_change_only_when_asked_ahead(self, tenant):
        since = tenant.sim.now()
        tenant.hire(on=tenant.today + timedelta(days=30), at=None)

        assert tenant.changed(since, tenant.sim.now()).texts("Worker_ID") == []
        assert tenant.changed(since, tenant.sim.now(), ahead_days=60).texts("Worker_ID") == ["21001"]

    def test_finds_what_became_effective_by_the_other_axis(self, tenant):
        tenant.hire(on=tenant.today - timedelta(days=1))

        entered = tenant.changed(tenant.sim.now() - timedelta(days=2), tenant.sim.now())
        effective = tenant.changed(tenant.sim.now() - timedelta(days=2), tenant.sim.now(), axis="Effective")

        assert entered.texts("Worker_ID") == []
        assert effective.texts("Worker_ID") == ["21001"]

    def test_shows_a_correction_as_a_subevent(self, tenant):
        wrong = tenant.hire()
        since = tenant.sim.now()
        tenant.force.correct(wrong, on=date(2024, 4, 1))

        reply = tenant.changed(since, tenant.sim.now())

        assert reply.texts("Transaction_Log_Entry") == []
        assert reply.texts("Correction_Or_Rescind_Data/Is_Correction") == ["1"]
        assert reply.texts("Correction_Or_Rescind_Data/Prior_Effective_Moment") == ["2024-03-01-08:00"]
        assert reply.texts("Main_Transaction_Data/Transaction_Log_Data/Transaction_Effective_Moment") == [
            "2024-04-01T00:00:00.000-08:00"
        ]
        assert reply.texts("Main_Transaction_Data/Transaction_Log_Data/Is_Correction_Or_Corrected") == ["1"]
        assert reply.texts("Worker_Status_Data/Active") == []

    def test_shows_a_rescind_as_a_subevent(self, tenant):
        tenant.hire()
        change = tenant.force.change("21001", date(2024, 6, 1), location="BER")
        since = tenant.sim.now()
        tenant.force.rescind(change)

        reply = tenant.changed(since, tenant.sim.now())

        assert reply.texts("Correction_Or_Rescind_Data/Is_Rescind") == ["1"]
        assert reply.texts("Correction_Or_Rescind_Data/Prior_Effective_Moment") == ["2024-06-01-08:00"]

    @pytest.mark.parametrize(
        "inner",
        [
            "<wd:Updated_From>2024-01-01T00:00:00Z</wd:Updated_From>",
            (
                "<wd:Updated_From>2024-01-01T00:00:00Z</wd:Updated_From>"
                "<wd:Updated_Through>2099-01-01T00:00:00Z</wd:Updated_Through>"
            ),
            "<wd:Updated_From>soon</wd:Updated_From><wd:Updated_Through>later</wd:Updated_Through>",
        ],
        ids=["half a pair", "in the future", "no date"],
    )
    def test_refuses_a_range_that_is_none(self, tenant, inner):
        reply = tenant.workers(
            "<wd:Request_Criteria><wd:Transaction_Log_Criteria_Data><wd:Transaction_Date_Range_Data>"
            f"{inner}</wd:Transaction_Date_Range_Data></wd:Transaction_Log_Criteria_Data></wd:Request_Criteria>"
        )

        assert reply.fault[0] == "SOAP-ENV:Client.validationError"


class TestPaging:
    def page(self, tenant, page, count):
        inner = f"<wd:Page>{page}</wd:Page><wd:Count>{count}</wd:Count>"
        return tenant.workers(f"<wd:Response_Filter>{inner}</wd:Response_Filter>")

    def test_counts_from_one(self, tenant):
        for number in range(5):
            tenant.hire(f"2100{number}")

        last = self.page(tenant, 3, 2)

        assert last.texts("Worker_ID") == ["21004"]
        assert (last.texts("Total_Results"), last.texts("Total_Pages"), last.texts("Page_Results")) == (
            ["5"],
            ["3"],
            ["1"],
        )

    @pytest.mark.parametrize(("page", "count"), [(0, 10), (1, 1000), (1, 0)])
    def test_refuses_page_zero_and_more_than_999(self, tenant, page, count):
        assert self.page(tenant, page, count).fault[0] == "SOAP-ENV:Client.validationError"

    def test_leaves_the_data_out_when_there_is_none(self, tenant):
        reply = tenant.workers()

        assert reply.texts("Total_Results") == ["0"]
        assert reply.all("Response_Data") == []

    def test_holds_still_while_data_changes_when_the_entry_moment_is_fixed(self, tenant):
        tenant.hire("21001")
        known = tenant.sim.now()
        tenant.hire("21002", at=None)

        inner = f"<wd:As_Of_Entry_DateTime>{known.isoformat()}</wd:As_Of_Entry_DateTime>"

        assert tenant.as_of(tenant.today, inner).texts("Total_Results") == ["1"]


class TestReferences:
    def ask(self, tenant, id, attributes=""):
        return tenant.workers(
            f"<wd:Request_References {attributes}><wd:Worker_Reference><wd:ID wd:type='Employee_ID'>{id}</wd:ID>"
            "</wd:Worker_Reference></wd:Request_References>"
        )

    def test_names_the_id_and_where_it_stood(self, tenant):
        reply = self.ask(tenant, "99999")

        assert reply.fault[1].endswith("'99999' is not a valid ID value for type = 'Employee_ID'")
        assert reply.texts("Validation_Error/Xpath")[0].endswith("ns0:Worker_Reference[1]/ns0:ID[1]")

    def test_skips_nobody_when_told_to(self, tenant):
        assert self.ask(tenant, "99999", "wd:Skip_Non_Existing_Instances='1'").texts("Total_Results") == ["0"]

    def test_takes_either_references_or_criteria(self, tenant):
        both = "<wd:Request_References/><wd:Request_Criteria/>"

        assert tenant.workers(both).fault[0] == "SOAP-ENV:Client.validationError"

    @pytest.mark.parametrize(
        ("criterion", "expected"),
        [
            ("<wd:Exclude_Inactive_Workers>1</wd:Exclude_Inactive_Workers>", ["21001", "C-1"]),
            ("<wd:Exclude_Employees>1</wd:Exclude_Employees>", ["C-1"]),
            ("<wd:Exclude_Contingent_Workers>1</wd:Exclude_Contingent_Workers>", ["21001", "21002"]),
            (
                (
                    "<wd:Organization_Reference><wd:ID wd:type='Organization_Reference_ID'>DE01</wd:ID>"
                    "</wd:Organization_Reference>"
                ),
                ["C-1"],
            ),
        ],
    )
    def test_selects_by_criteria(self, tenant, criterion, expected):
        tenant.hire("21001")
        tenant.hire("21002")
        tenant.force.terminate("21002", date(2024, 12, 31))
        facts = {"first_name": "Max", "last_name": "Muster", "company": "DE01", "cost_center": "CC-100"}
        tenant.force.contract("C-1", date(2024, 1, 1), job_profile="CONS", location="BER", **facts)

        assert tenant.workers(f"<wd:Request_Criteria>{criterion}</wd:Request_Criteria>").texts("Worker_ID") == expected


class TestReferenceData:
    def test_lists_organizations_of_a_type_with_the_vendors_spelling(self, tenant):
        reply = tenant.soap(
            "<wd:Get_Organizations_Request><wd:Request_Criteria><wd:Organization_Type_Reference>"
            "<wd:ID wd:type='Organization_Type_ID'>COMPANY</wd:ID></wd:Organization_Type_Reference>"
            "</wd:Request_Criteria></wd:Get_Organizations_Request>"
        )

        assert reply.texts("Organization_Data/Reference_ID") == ["UK01", "DE01"]
        assert len(reply.all("Availibility_Date")) == 2

    def test_lists_cost_centers_locations_and_job_profiles(self, tenant):
        centers = tenant.soap("<wd:Get_Cost_Centers_Request/>", service="Financial_Management")
        locations = tenant.soap("<wd:Get_Locations_Request/>")
        profiles = tenant.soap("<wd:Get_Job_Profiles_Request/>")

        assert centers.texts("Cost_Center_Data/Organization_Data/ID") == ["CC-100", "CC-200"]
        assert locations.texts("Location_Name") == ["London", "Berlin"]
        assert profiles.texts("Job_Title") == ["Consultant", "Senior Consultant"]


class TestFaults:
    def test_overload_is_a_500_without_a_validation_error(self, tenant):
        tenant.sim.faults.arm(Fault("429"))

        reply = tenant.workers()

        assert reply.status == 500
        assert reply.all("Validation_Fault") == []

    def test_maintenance_is_a_page(self, tenant):
        tenant.sim.maintenance = True

        answer = tenant.run("POST", "/ccx/service/meridian/Human_Resources/v44.2", content="<x/>")

        assert answer.status_code == 503
        assert answer.headers["content-type"].startswith("text/html")
