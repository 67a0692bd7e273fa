"""One small firm of two entities: what the list, the dossier, the comparison, search and trace say about it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pages.firm import Trouble, Work
from pages.seed import Seeded, seed

from accordant.insight.comparison import compare, tally
from accordant.insight.dossier import chain, documents, get_engagement, lines_by_kind, states, team, versions
from accordant.insight.engagements import EngagementFilter, count_engagements, list_engagements
from accordant.insight.history import history
from accordant.insight.postings import postings, time_in_erp
from accordant.insight.search import find
from accordant.insight.trace import hops, invoice_lines, lineage
from accordant.kernel import Money, NotFound
from accordant.platform.storage import execute

# Hours are 7.5 a line; three lines are one of each role: 1,462.50 + 1,106.25 + 834.38 = 3,403.13.
THREE = Money.of("3403.13", "GBP")
EXCEEDED = Trouble("invoice.order_exceeded", "The order is exceeded.", "900.00")
FIRM = (
    Work(
        "alder",
        "Alder Water plc",
        "Network program",
        "uk01",
        100_000,
        lines=6,
        bill=3,
        paid="1000.00",
        in_erp=4,
        is_amended=True,
        troubles=(EXCEEDED,),
    ),
    Work("birch", "Birch Freight LLC", "Yard telemetry", "us01", 50_000, lines=3, bill=3),
    Work("cedar", "Cedar 100%_Health", "Intake", "uk01", 7_000, reach=1),
)
NAMES_OF_BIRCH = (
    *("con_birch", "prj_birch", "cus_birch", "dea_birch", "inv_birch", "pay_birch", "tim_birch_001", "Birch"),
    *("US01-BIRCH", "PO-77001", "INV-US01-20389", "kantata-main/91001", "88001", "salesforce-main/account/00110401"),
)
ROLES = {"crm": "salesforce-main", "psa": "kantata-main", "erp": "netsuite-main", "hris": "workday-main"}


@pytest.fixture
def firm(database) -> Seeded:
    """The firm, in the test's database."""
    return seed(database, datetime.now(UTC), FIRM)


@pytest.fixture
def uk(door, firm):
    """What a person of uk01 may see."""
    with door.scoped(("uk01", "")) as connection:
        yield connection


@pytest.fixture
def everything(door, firm):
    """What a person of all entities may see."""
    with door.scoped(("*",)) as connection:
        yield connection


class TestList:
    def test_shows_money_at_risk_first_with_states_and_unbilled(self, everything):
        found = list_engagements(everything)

        assert [row.client for row in found] == ["Alder Water plc", "Birch Freight LLC", "Cedar 100%_Health"]
        alder = found[0]
        assert (alder.exposure, alder.unbilled, alder.version) == (Money.of("900.00", "GBP"), THREE, 2)
        assert [status for _, status in alder.states] == ["reached", "reached", "reached", "blocked"]
        assert [status for _, status in found[1].states] == ["reached"] * 4
        assert [status for _, status in found[2].states] == ["reached", "", "", ""]

    def test_shows_nothing_of_another_entity(self, uk):
        assert {row.entity for row in list_engagements(uk)} == {"uk01"}

    @pytest.mark.parametrize(
        ("which", "expected"),
        [
            (EngagementFilter(text="alder"), ["alder"]),
            (EngagementFilter(text="US01-BIRCH"), ["birch"]),
            (EngagementFilter(text="100%_"), ["cedar"]),
            (EngagementFilter(text="1__%"), []),
            (EngagementFilter(entity="us01"), ["birch"]),
            (EngagementFilter(standing="blocked"), ["alder"]),
            (EngagementFilter(standing="not_activated"), ["cedar"]),
            (EngagementFilter(standing="ready"), ["alder", "birch"]),
            (EngagementFilter(method="retainer"), []),
        ],
    )
    def test_filters(self, everything, firm, which, expected):
        ids = [row.id for row in list_engagements(everything, which)]

        assert ids == [firm.contract[key] for key in expected]
        assert count_engagements(everything, which) == len(expected)


class TestDossier:
    def test_adds_up_from_sold_to_collected(self, everything, firm):
        """R-KPI-21."""
        found = get_engagement(everything, firm.contract["alder"])
        papers = documents(everything, found.contract.id, "GBP")

        sums = chain(found, lines_by_kind(everything, found.contract.id), papers)

        assert sums.sold == Money.of(100_000, "GBP")
        assert (sums.delivered, sums.billed, sums.collected) == (THREE * 2, THREE, Money.of("1000.00", "GBP"))

    def test_lists_documents_with_what_was_paid(self, everything, firm):
        [paper] = documents(everything, firm.contract["alder"], "GBP")

        assert (paper.number, paper.line_count, paper.amount, paper.paid) == (
            "INV-UK01-20388",
            3,
            THREE,
            Money.of("1000.00", "GBP"),
        )

    def test_shows_roles_with_people_rates_and_hours(self, everything, firm):
        found = get_engagement(everything, firm.contract["alder"])

        roles = {t.role: t for t in team(everything, found.contract, firm.project["alder"])}

        assert roles["PRIN"].rate == Money.of("195.00", "GBP")
        assert roles["PRIN"].worked_hours == Decimal("15.0")
        assert roles["PRIN"].people == ("Alder Quist",)

    def test_keeps_each_version_of_the_terms(self, everything, firm):
        found = versions(everything, firm.contract["alder"])

        assert [v.contract.version for v in found] == [2, 1]
        assert [v.contract.rate_of("PRIN") for v in found] == [Money.of("195.00", "GBP"), Money.of("185.00", "GBP")]

    def test_names_the_four_states_in_their_order_even_when_untouched(self, everything, firm):
        """R-ORC-04."""
        found = states(everything, firm.contract["cedar"])

        assert [(s.name, s.status) for s in found] == [
            ("sold", "reached"),
            ("activated", ""),
            ("financially_approved", ""),
            ("ready_to_bill", ""),
        ]

    def test_is_not_found_by_who_may_not_see_it(self, uk, firm):
        with pytest.raises(NotFound):
            get_engagement(uk, firm.contract["birch"])

    def test_history_is_in_order_and_tells_systems_and_people(self, everything, firm):
        found = history(everything, firm.contract["alder"])

        assert [h.at for h in found] == sorted((h.at for h in found), reverse=True)
        assert {"event", "effect", "case", "approval", "ledger", "decision", "terms"} <= {h.source for h in found}
        assert "90004" in {h.actor for h in found}

    def test_history_of_another_entity_is_empty(self, uk, firm):
        assert history(uk, firm.contract["birch"]) == ()


class TestComparison:
    def test_a_system_with_old_terms_differs_and_late_time_is_late(self, everything, firm):
        """R-DOM-02."""
        found = get_engagement(everything, firm.contract["alder"])

        facts = {c.fact: {r.role: r for r in c.readings} for c in compare(everything, found, ROLES)}

        assert (facts["Contract terms"]["crm"].look, facts["Contract terms"]["crm"].value) == ("owner", "v2")
        assert (facts["Contract terms"]["erp"].look, facts["Contract terms"]["erp"].value) == ("off", "v1")
        assert (facts["Approved time lines"]["psa"].value, facts["Approved time lines"]["erp"].value) == ("6", "4")
        assert facts["Approved time lines"]["erp"].look == "stale"
        assert facts["Posted invoices"]["crm"].look == "same"

    def test_all_is_well_where_nothing_changed(self, everything, firm):
        found = get_engagement(everything, firm.contract["birch"])

        counted = tally(compare(everything, found, ROLES))

        assert counted["differ"] == counted["late"] == 0
        assert counted["agree"] >= 6

    def test_a_role_that_nobody_serves_has_no_reading(self, everything, firm):
        found = get_engagement(everything, firm.contract["birch"])

        roles = {r.role for c in compare(everything, found, {"crm": "salesforce-main"}) for r in c.readings}

        assert roles == {"crm"}


class TestFlowOfTimeAndPostings:
    def test_says_which_lines_the_erp_has_not_confirmed(self, everything):
        now = datetime.now(UTC)

        found = time_in_erp(everything, now=now, today=now.date())

        assert (found.line_count, len(found.late)) == (9, 2)
        assert sum(late.amount.amount for late in found.late) == Decimal("1106.25") + Decimal("834.38")
        assert found.trend[-1] == 2

    def test_an_invoice_with_one_number_in_both_is_no_break(self, everything):
        found = postings(everything, now=datetime.now(UTC))

        assert (found.sent_count, found.breaks) == (2, ())

    def test_an_invoice_that_the_ledger_does_not_know_is_a_break(self, database, firm, door):
        with database.begin() as connection:
            execute(connection, """update effect set facts = '{"number": "X-1"}' where operation = 'post_invoice'""")
        with door.scoped(("uk01", "")) as connection:
            found = postings(connection, now=datetime.now(UTC))

        assert [(b.why, b.amount) for b in found.breaks] == [("two numbers", THREE)]


class TestSearch:
    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("con_alder", "engagement"),
            ("prj_alder", "engagement"),
            ("cus_alder", "engagement"),
            ("UK01-alder", "engagement"),
            ("alder water", "engagement"),
            ("PO-77000", "engagement"),
            ("salesforce-main/opportunity/00610400", "engagement"),
            ("88000", "engagement"),
            ("INV-uk01-20388", "invoice"),
            ("3,403.13", "invoice"),
            ("£3403.13", "invoice"),
            ("inv_alder", "invoice"),
            ("tim_alder_001", "line"),
            ("kantata-main/90001", "line"),
            ("90001", "line"),
            ("pay_alder", "payment"),
            ("900.00", "case"),
        ],
    )
    def test_finds_it_by_any_of_its_names(self, everything, text, kind):
        """R-RES-07."""
        found = find(everything, text)

        assert (kind, "con_alder") in {(hit.kind, hit.engagement) for hit in found}

    @pytest.mark.parametrize("text", NAMES_OF_BIRCH)
    def test_finds_nothing_of_another_entity(self, uk, text):
        assert find(uk, text) == ()

    def test_finds_nothing_for_nothing(self, everything):
        assert find(everything, "  ") == ()

    def test_takes_signs_of_patterns_as_letters(self, everything):
        assert find(everything, "%%%") == ()
        assert [hit.engagement for hit in find(everything, "100%_")] == ["con_cedar"]


class TestTrace:
    def test_goes_from_the_sale_to_the_payment_in_order(self, everything):
        """R-RES-07, R-OBS-01."""
        found = hops(everything, "con_alder")

        names = [hop.name for hop in found]
        assert names[0] == "Deal won, received"
        assert names[-1] == "Payment received"
        order = ["Sold", "Activated", "Work approved", "Invoice drafted", "Invoice posted", "Payment received"]
        assert [name for name in names if name in order] == order
        assert found[0].took is None
        assert all(hop.took is not None for hop in found[1:])

    def test_a_line_knows_its_source_and_its_invoice(self, everything):
        """R-OBS-01, R-CAN-11."""
        found = lineage(everything, "tim_alder_000")

        assert [(s.system, s.source_ref) for s in found.sources] == [("kantata-main", "kantata-main/time_entry/90000")]
        assert [(b.kind, b.number) for b in found.billed] == [("draft", "INV-UK01-20388"), ("post", "INV-UK01-20388")]
        assert found.in_erp.startswith("netsuite-main/time/")

    def test_an_invoice_knows_its_lines_the_largest_first(self, everything):
        found = invoice_lines(everything, "inv_alder")

        assert [share[2].amount for share in found.shares] == [
            Decimal("1462.50"),
            Decimal("1106.25"),
            Decimal("834.38"),
        ]
        assert (found.number, found.amount) == ("INV-UK01-20388", THREE)

    def test_neither_way_leads_into_another_entity(self, uk):
        with pytest.raises(NotFound):
            lineage(uk, "tim_birch_000")
        with pytest.raises(NotFound):
            invoice_lines(uk, "inv_birch")
        assert hops(uk, "con_birch") == ()
