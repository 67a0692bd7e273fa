"""Deliver anything once or many times, in any order: the record, and the work it causes, end the same."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from firm import DEMO
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accordant.canonical import ApprovalState, BillingMethod, Contract, Customer, Deal, DealStage, TimeEntry
from accordant.governance import load
from accordant.kernel import ExternalId, Money
from accordant.platform.durable import Starter
from accordant.platform.storage import rows
from accordant.ports import Observation
from accordant.process import Intake, Page
from accordant.runtime.house import FLOWS

ESTATE = load(DEMO)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CRM, PSA = "salesforce-main", "kantata-main"


def ref(system: str, type_: str, value: str) -> ExternalId:
    return ExternalId(system=system, type=type_, value=value)


def page(system: str, kind: str, at: ExternalId, body: object, minute: int) -> Page:
    role = "crm" if system == CRM else "psa"
    return Page(system, role, kind, [Observation(at, body, NOON + timedelta(minutes=minute))])


def a_deal(minute: int, stage: DealStage, **facts: object) -> Page:
    at = ref(CRM, "Opportunity", "006A")
    body = Deal(
        id=str(at),
        name="Ledger review",
        stage=stage,
        customer_id=str(ref(CRM, "Account", "001A")),
        contract_id=str(ref(CRM, "Contract", "800A")),
        entity="uk01",
        **facts,
    )
    return page(CRM, "deal", at, body, minute)


def a_contract(minute: int, *, is_approved: bool) -> Page:
    at = ref(CRM, "Contract", "800A")
    body = Contract(
        id=str(at),
        customer_id=str(ref(CRM, "Account", "001A")),
        name="Terms",
        currency="GBP",
        entity="uk01",
        is_approved=is_approved,
        billing_method=BillingMethod.TIME_AND_MATERIALS,
    )
    return page(CRM, "contract", at, body, minute)


def a_customer(minute: int, name: str) -> Page:
    at = ref(CRM, "Account", "001A")
    return page(CRM, "customer", at, Customer(id=str(at), name=name, country="GB"), minute)


def a_line(minute: int, number: str, hours: str, approval: ApprovalState) -> Page:
    at = ref(PSA, "time_entries", number)
    body = TimeEntry(
        id=str(at),
        project_id=str(ref(PSA, "workspaces", "1")),
        worker_id=str(ref(PSA, "users", "7")),
        worked_on=date(2026, 11, 18),
        hours=Decimal(hours),
        approval=approval,
        rate=Money.of("120", "GBP"),
        changed_at=NOON + timedelta(minutes=minute),
    )
    return page(PSA, "time_entry", at, body, minute)


PENDING, APPROVED, REJECTED = ApprovalState.PENDING, ApprovalState.APPROVED, ApprovalState.REJECTED
HISTORY = (
    a_customer(1, "Larchfield"),
    a_customer(2, "Larchfield & Moss Ltd"),
    a_contract(3, is_approved=False),
    a_contract(4, is_approved=True),
    a_deal(5, DealStage.OPEN),
    a_deal(6, DealStage.WON),
    a_deal(7, DealStage.WON, practice="advisory"),
    a_line(8, "1", "8", PENDING),
    a_line(9, "1", "8", APPROVED),
    a_line(10, "1", "6", APPROVED),
    a_line(11, "2", "4", APPROVED),
    a_line(12, "2", "4", REJECTED),
)

_STATE = """
select x.external_id as ref, r.body ->> 'name' as name, r.body ->> 'stage' as stage, r.body ->> 'practice' as practice,
       r.body ->> 'hours' as hours, r.body ->> 'approval' as approval, r.body ->> 'is_approved' as is_approved,
       r.deleted
from record r join xref x on x.id = r.id order by x.external_id
"""
_WORK = """
select distinct r.flow, x.external_id as about from run r join xref x on x.id = r.key where r.flow = 'activate-project'
"""
_CLAIMED = """
select x.external_id as line, count(*) as n
from time_claim c join record r on r.id = c.line_id and r.version = c.version
join xref x on x.id = c.line_id where r.body ->> 'approval' = 'approved' group by 1
"""


def end_of(database, deliveries):
    """Accept the deliveries and return what stands then; nothing of it is kept."""
    starter = Starter(database)
    with database.begin() as connection:
        intake = Intake(ESTATE, FLOWS, starter)
        for delivery in deliveries:
            intake.accept(connection, [delivery])
        ends = [sorted(map(tuple, rows(connection, sql))) for sql in (_STATE, _WORK, _CLAIMED)]
        connection.rollback()
    return ends


@st.composite
def deliveries(draw):
    """Every observation once to three times, in any order."""
    times = [draw(st.integers(1, 3)) for _ in HISTORY]
    return draw(st.permutations([page for page, n in zip(HISTORY, times, strict=True) for _ in range(n)]))


class TestAnyOrder:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(deliveries())
    def test_the_record_and_the_work_it_causes_end_the_same(self, database, delivered):
        state, work, claimed = end_of(database, delivered)

        expected, expected_work, expected_claims = end_of(database, HISTORY)
        assert state == expected
        assert work == expected_work == [("activate-project", "006A")]
        assert claimed == expected_claims == [("1", 1)]
