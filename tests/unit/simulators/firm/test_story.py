"""The people of the firm: what they do in the systems, and how they go on after trouble."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal

import pytest
from played import a_story, an_invoice, entries, opportunities, set_up_projects

from accordant.simulators._shared import Fault
from accordant.simulators.firm.model import Approval, Mistake


def play(estate, **options):
    """Play the story with projects set up while it runs, and return it."""
    story = a_story(estate, on_progress=lambda _: set_up_projects(estate))

    async def go():
        await story.play(0, **options)
        await story.close()

    asyncio.run(go())
    return story


@pytest.fixture
def played(estate):
    return play(estate, patience_s=20)


class TestSeller:
    def test_activates_the_contract_and_closes_the_deal(self, estate, firm):
        story = a_story(estate)

        asyncio.run(story.seller.win(firm.deals[0]))

        record = opportunities(estate)[firm.deals[0].name]
        contract = estate.simulators["salesforce-main"].org.tables["Contract"].get(record.data["ContractId"])
        assert (record.data["StageName"], contract.data["Status"]) == ("Closed Won", "Activated")

    def test_finds_deals_with_quotes_in_their_name(self, estate, firm):
        deal = next(d for d in firm.deals if "'" in d.name)

        asyncio.run(a_story(estate).seller.win(deal))

        assert opportunities(estate)[deal.name].data["StageName"] == "Closed Won"

    def test_changes_nothing_when_the_deal_is_won_already(self, estate, firm):
        seller = a_story(estate).seller

        async def twice():
            await seller.win(firm.deals[0])
            before = opportunities(estate)[firm.deals[0].name].updated_at
            await seller.win(firm.deals[0])
            return before

        before = asyncio.run(twice())
        assert opportunities(estate)[firm.deals[0].name].updated_at == before

    def test_completes_what_was_missing(self, estate, firm):
        deal = next(d for d in firm.deals if d.lacks)
        seller = a_story(estate).seller
        assert opportunities(estate)[deal.name].data["Practice__c"] is None

        asyncio.run(seller.complete(deal))

        assert opportunities(estate)[deal.name].data["Practice__c"] == deal.practice

    def test_logs_in_again_when_the_session_ended(self, estate, firm):
        story = a_story(estate)
        asyncio.run(story.seller.project_codes())
        estate.simulators["salesforce-main"].faults.arm(Fault("expired_token", on="GET */query"))

        asyncio.run(story.seller.win(firm.deals[0]))

        assert opportunities(estate)[firm.deals[0].name].data["StageName"] == "Closed Won"


class TestClient:
    @pytest.mark.parametrize(
        ("name", "first_look", "after_three"),
        [
            ("Larchfield & Moss Ltd", [("1000.52", "1000.52")], [("1000.52", "1000.52")]),
            ("Ostwind Maschinenbau GmbH", [], [("1000.52", "1000.52")]),
            ("O'Hanrahan Foods plc", [("500.26", "500.26")], [("500.26", "500.26"), ("500.26", "500.26")]),
            ('Three "Rivers" Health LLC', [("1100", "1000.52")], [("1100", "1000.52")]),
        ],
    )
    def test_pays_by_its_habit(self, estate, name, first_look, after_three):
        invoice = an_invoice(estate, name, "1000.52")
        story = a_story(estate)

        asyncio.run(story.client.pay())
        seen = payments(estate, invoice)
        asyncio.run(again(story, 2))

        assert seen == first_look
        assert payments(estate, invoice) == after_three

    def test_pays_an_invoice_once_when_its_answer_was_lost(self, estate):
        invoice = an_invoice(estate, "Larchfield & Moss Ltd", "1000.52")
        fault = Fault("timeout_after_commit", on="POST */customerPayment", options={"hang_s": 0.25})
        estate.simulators["netsuite-main"].faults.arm(fault)
        story = a_story(estate)

        asyncio.run(story.pay(0, looks=3))

        assert fault.struck == 1
        assert payments(estate, invoice) == [("1000.52", "1000.52")]


async def again(story, looks):
    for _ in range(looks):
        await story.client.pay()


def payments(estate, invoice):
    books = estate.simulators["netsuite-main"].books.documents()
    found = [d for d in books if d.kind == "payment" and invoice in d.facts["applied"]]
    return [(format(d.amount, "f"), d.facts["applied"][invoice]) for d in found]


class TestStory:
    def test_logs_every_line_once(self, played, estate, firm):
        assert played.progress.is_over
        assert len(entries(estate)) == len(firm.lines)
        assert played.progress.logged == len(firm.lines)
        assert played.progress.troubles == 0

    def test_approves_what_is_to_be_approved(self, played, estate, firm):
        states = Counter(d.state for d in entries(estate))

        never = sum(line.approval is Approval.NEVER for line in firm.lines)
        assert states["approved"] == len(firm.lines) - never
        assert states["pending"] == never

    def test_values_the_hours_at_the_price_of_the_contract(self, played, estate, firm):
        rates = {deal.code: deal.rates for deal in firm.deals}
        minutes = [line.corrected_minutes or line.minutes for line in firm.lines]
        worth = sum(
            (rates[line.deal][line.role] * spent / 60).quantize(Decimal("0.01"), "ROUND_HALF_UP")
            for line, spent in zip(firm.lines, minutes, strict=True)
        )

        assert sum(d.amount for d in entries(estate)) == worth

    def test_corrects_what_was_approved_wrongly(self, played, firm):
        wrong = [line for line in firm.lines if line.mistake is Mistake.CORRECTED]

        assert played.progress.corrected == len(wrong) > 0

    def test_wins_incomplete_deals_and_completes_them_later(self, played, estate, firm):
        deal = next(d for d in firm.deals if d.lacks)

        assert opportunities(estate)[deal.name].data["Project_Code__c"]

    def test_books_nothing_without_a_project(self, estate, firm):
        story = a_story(estate)

        asyncio.run(story.play(0, patience_s=0.01))

        assert entries(estate) == []
        assert not story.progress.is_over
        assert story.progress.won == len(firm.deals)

    def test_goes_on_where_another_one_stopped(self, estate, firm):
        first = a_story(estate, on_progress=stop_in_week(4, estate))
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(first.play(0))
        before = len(entries(estate))

        second = play(estate, patience_s=20)

        assert 0 < before < len(firm.lines)
        assert second.progress.is_over
        assert len(entries(estate)) == len(firm.lines)

    @pytest.mark.parametrize("name", ["500", "429", "html_error", "timeout_after_commit"])
    def test_logs_every_line_once_whatever_goes_wrong(self, estate, firm, name):
        options = {"hang_s": 0.25}
        fault = Fault(name, on="POST /api/v1/*", times=5, after=6, options=options)
        estate.simulators["kantata-main"].faults.arm(fault)

        story = play(estate, patience_s=20)

        assert fault.struck == 5
        assert story.progress.is_over
        assert len(entries(estate)) == len(firm.lines)

    def test_tells_its_progress_week_by_week(self, estate):
        told = []
        story = a_story(estate, on_progress=told.append)

        asyncio.run(story.play(0, patience_s=0))

        assert [p.week for p in told] == [*range(1, story.weeks + 1), story.weeks]

    def test_approves_the_requests_for_people(self, estate):
        psa = estate.simulators["kantata-main"]
        story = a_story(estate)
        (project,) = psa.load("workspaces", [{"title": "Larch", "currency": "GBP"}])
        (resource,) = psa.load("workspace_resources", [{"workspace_id": project.id, "role_id": "1"}])
        psa.load("resource_requests", [{"resource_id": resource.id, "approver_ids": ["1"]}])

        asyncio.run(story.play(0, patience_s=0))

        assert [d.state for d in psa.books.documents() if d.kind == "resource_request"] == ["approved"]

    def test_leaves_the_ledger_alone_when_it_is_not_a_simulated_one(self, estate):
        story = a_story(estate)
        story.client = None
        set_up_projects(estate)

        asyncio.run(story.play(0, patience_s=0.01))

        assert list(estate.simulators["netsuite-main"].calls) == []


def stop_in_week(week, estate):
    def stop(progress):
        set_up_projects(estate)
        if progress.week == week:
            raise KeyboardInterrupt

    return stop
