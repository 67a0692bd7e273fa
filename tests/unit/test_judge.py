"""The judge against books written by hand: each rule is content with sound books, and each can find its fault."""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
import threading
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from accordant.simulators._shared import Document

PATH = Path(__file__).parents[2] / "tools" / "judge.py"
spec = importlib.util.spec_from_file_location("judge", PATH)
judge = importlib.util.module_from_spec(spec)
sys.modules["judge"] = judge
spec.loader.exec_module(judge)

ENTRY = judge.Doc(
    "kantata", "time_entry", "9001", parent="1", entity="uk01", currency="GBP", amount=Decimal("300.00"),
    quantity=Decimal("1.5"), state="approved", facts={"billable": True},
)  # fmt: skip
BILL = judge.Doc(
    "netsuite", "time_bill", "77", key="line-1", source="kantata-main/9001", entity="uk01", currency="GBP",
    amount=Decimal("300.00"), quantity=Decimal("1.5000"), state="approved",
)  # fmt: skip
INVOICE = judge.Doc(
    "netsuite", "invoice", "500", key="inv-1", entity="uk01", currency="GBP", amount=Decimal("300.00"), state="posted",
    facts={"number": "INV7", "tax": "60.00", "total": "360.00"},
)  # fmt: skip
LINE = judge.Doc(
    "netsuite", "invoice_line", "500.1", source="kantata-main/9001 kantata-main/9002", parent="500", entity="uk01",
    currency="GBP", amount=Decimal("300.00"), state="posted",
)  # fmt: skip
PAYMENT = judge.Doc(
    "netsuite", "payment", "600", entity="uk01", currency="GBP", amount=Decimal("400.00"), state="posted",
    facts={"applied": {"500": "360.00"}},
)  # fmt: skip
CONTRACT = judge.Doc("salesforce", "contract", "800A", state="Activated", facts={"billing_method": "Fixed fee"})
DEAL = judge.Doc(
    "salesforce", "opportunity", "006A", parent="001A", entity="uk01", currency="GBP", amount=Decimal(5000),
    state="Closed Won",
    facts={
        "Name": "Tax engine 1", "ContractId": "800A", "Practice__c": "advisory", "Project_Code__c": "UK01-1",
        "Delivery_Lead_Email__c": "lead@meridian.example",
    },
)  # fmt: skip
PSA_PROJECT = judge.Doc(
    "kantata", "project", "1", key="prj-1", state="active", facts={"title": "Tax engine 1", "code": "UK01-1"}
)
ERP_PROJECT = judge.Doc(
    "netsuite", "project", "40", key="prj-1", state="active", facts={"name": "Tax engine 1", "code": "UK01-1"}
)
JOURNAL = judge.Doc("netsuite", "journal", "gl-500", amount=Decimal("360.00"), facts={"balance": "0.00"})
SYSTEMS = frozenset({"salesforce", "kantata", "netsuite", "microsoft-teams"})
SOUND = (ENTRY, BILL, INVOICE, LINE, PAYMENT, CONTRACT, DEAL, PSA_PROJECT, ERP_PROJECT, JOURNAL)


def books(*docs):
    return judge.Books(docs, SYSTEMS)


def found(rule, *docs):
    return [(f.verdict, f.may_settle) for f in rule(books(*docs))]


class TestSoundBooks:
    def test_satisfy_every_rule(self):
        assert judge.judge(books(*SOUND)) == []

    def test_are_not_touched_by_any_rule_when_empty(self):
        assert judge.judge(books()) == []


class TestApprovedTimeIsInTheLedgerOnce:
    rule = staticmethod(judge.approved_time_is_in_the_ledger_once)

    def test_finds_a_lost_line_that_may_still_come(self):
        """R-RES-02."""
        assert found(self.rule, ENTRY) == [("lost", True)]

    def test_finds_a_doubled_line(self):
        assert found(self.rule, ENTRY, BILL, replace(BILL, id="78", key="line-1b")) == [("doubled", False)]

    def test_does_not_count_a_rejected_bill(self):
        assert found(self.rule, ENTRY, BILL, replace(BILL, id="78", state="rejected")) == []

    def test_finds_another_amount_for_the_same_hours(self):
        assert found(self.rule, ENTRY, replace(BILL, amount=Decimal("300.01"))) == [("wrong", False)]

    def test_finds_another_currency(self):
        assert found(self.rule, ENTRY, replace(BILL, currency="EUR")) == [("wrong", False)]

    def test_takes_other_hours_for_a_correction_on_its_way(self):
        corrected = replace(BILL, quantity=Decimal(2), amount=Decimal("400.00"))

        assert found(self.rule, ENTRY, corrected) == [("wrong", True)]

    def test_forgives_how_systems_round_a_minute(self):
        entry, bill = replace(ENTRY, quantity=Decimal(1) / 60), replace(BILL, quantity=Decimal("0.0167"))

        assert found(self.rule, entry, bill) == []

    def test_finds_a_line_that_was_taken_back_after_its_transfer(self):
        assert found(self.rule, replace(ENTRY, state="pending"), BILL) == [("wrong", True)]

    def test_finds_a_bill_without_its_line(self):
        assert found(self.rule, BILL) == [("wrong", True)]

    @pytest.mark.parametrize("entry", [replace(ENTRY, state="pending"), replace(ENTRY, facts={"billable": False})])
    def test_wants_nothing_that_is_not_approved_and_billable(self, entry):
        assert found(self.rule, entry) == []

    def test_says_nothing_when_the_ledger_was_not_read(self):
        assert list(self.rule(judge.Books((ENTRY,), frozenset({"kantata"})))) == []


class TestKeysAreUsedOnce:
    rule = staticmethod(judge.keys_are_used_once)

    @pytest.mark.parametrize(
        ("system", "kind"),
        [
            ("microsoft-teams", "workspace"),
            ("netsuite", "customer"),
            ("kantata", "project"),
            ("kantata", "resource_request"),
            ("netsuite", "invoice"),
        ],
    )
    def test_finds_two_records_under_one_key(self, system, kind):
        one = judge.Doc(system, kind, "1", key="k")

        assert found(self.rule, one, replace(one, id="2")) == [("doubled", False)]

    def test_allows_the_same_key_in_two_systems(self):
        assert found(self.rule, PSA_PROJECT, ERP_PROJECT) == []

    def test_does_not_count_what_was_taken_back(self):
        assert found(self.rule, PSA_PROJECT, replace(PSA_PROJECT, id="2", state="archived")) == []

    def test_does_not_compare_records_without_a_key(self):
        nameless = replace(PSA_PROJECT, key="")

        assert found(self.rule, nameless, replace(nameless, id="2")) == []


class TestSourcesAreBilledOnce:
    rule = staticmethod(judge.sources_are_billed_once)
    again = replace(LINE, id="501.1", parent="501", source="kantata-main/9002")

    def test_finds_a_source_on_two_invoices(self):
        assert found(self.rule, LINE, self.again) == [("doubled", False)]

    def test_counts_a_draft_too(self):
        assert found(self.rule, LINE, replace(self.again, state="draft")) == [("doubled", False)]

    def test_allows_it_again_after_a_credit(self):
        credit = replace(self.again, kind="credit_line", id="700.1", parent="700")

        assert found(self.rule, LINE, credit, self.again) == []

    def test_does_not_count_a_voided_invoice(self):
        assert found(self.rule, LINE, replace(self.again, state="void")) == []

    def test_finds_a_credit_of_what_was_not_billed(self):
        assert found(self.rule, replace(self.again, kind="credit_line")) == [("wrong", False)]


class TestDocumentsAddUp:
    rule = staticmethod(judge.documents_add_up)

    def test_finds_lines_that_do_not_make_the_net_amount(self):
        assert found(self.rule, INVOICE, replace(LINE, amount=Decimal("299.99"))) == [("wrong", False)]

    def test_finds_a_total_that_is_not_net_and_tax(self):
        off = replace(INVOICE, facts={**INVOICE.facts, "total": "360.01"})

        assert found(self.rule, off, LINE) == [("wrong", False)]

    def test_holds_for_credits_too(self):
        credit = replace(INVOICE, kind="credit_memo")

        assert found(self.rule, credit, replace(LINE, kind="credit_line")) == []
        assert found(self.rule, credit) == [("wrong", False)]


class TestWonDealsHaveOneProject:
    rule = staticmethod(judge.won_deals_have_one_project)
    without_code = replace(DEAL, facts={**DEAL.facts, "Project_Code__c": None})

    def test_finds_a_deal_without_projects_on_their_way(self):
        assert found(self.rule, CONTRACT, self.without_code) == [("lost", True), ("lost", True)]

    def test_finds_a_project_missing_although_the_crm_shows_its_code(self):
        assert found(self.rule, CONTRACT, DEAL, PSA_PROJECT) == [("lost", False)]

    def test_finds_a_second_project_under_another_code(self):
        second = replace(ERP_PROJECT, id="41", key="prj-2", facts={"name": "Tax engine 1", "code": "UK01-2"})

        assert found(self.rule, CONTRACT, DEAL, PSA_PROJECT, ERP_PROJECT, second) == [("doubled", False)]

    def test_does_not_count_a_project_that_was_taken_back(self):
        second = replace(PSA_PROJECT, id="2", state="archived")

        assert found(self.rule, CONTRACT, DEAL, PSA_PROJECT, second, ERP_PROJECT) == []

    @pytest.mark.parametrize("lacking", ["Practice__c", "Delivery_Lead_Email__c"])
    def test_wants_nothing_of_an_incomplete_deal(self, lacking):
        incomplete = replace(DEAL, facts={**DEAL.facts, lacking: None})

        assert found(self.rule, CONTRACT, incomplete) == []

    @pytest.mark.parametrize("contract", [replace(CONTRACT, state="Draft"), replace(CONTRACT, facts={})])
    def test_wants_nothing_of_a_deal_with_unfinished_terms(self, contract):
        assert found(self.rule, contract, DEAL) == []

    def test_wants_nothing_of_an_open_deal(self):
        assert found(self.rule, CONTRACT, replace(DEAL, state="Negotiation/Review")) == []


class TestPaymentsStayWithinInvoices:
    rule = staticmethod(judge.payments_stay_within_invoices)

    def test_finds_an_invoice_paid_twice(self):
        assert found(self.rule, INVOICE, PAYMENT, replace(PAYMENT, id="601")) == [("doubled", False)]

    def test_finds_a_payment_that_applies_more_than_it_has(self):
        assert found(self.rule, INVOICE, replace(PAYMENT, amount=Decimal(359))) == [("wrong", False)]

    def test_allows_money_left_on_account(self):
        assert found(self.rule, INVOICE, replace(PAYMENT, amount=Decimal(1000))) == []


class TestLedgersBalance:
    def test_finds_a_posting_that_is_off(self):
        off = replace(JOURNAL, facts={"balance": "0.01"})

        assert found(judge.ledgers_balance, off) == [("wrong", False)]


class TestMoneyTable:
    def test_adds_per_entity_and_currency(self):
        draft = replace(INVOICE, id="502", state="draft", amount=Decimal(50))
        abroad = replace(ENTRY, id="9003", entity="de01", currency="EUR", amount=Decimal("10.50"))

        table = judge.money_table(books(*SOUND, draft, abroad))

        assert list(table) == [("de01", "EUR"), ("uk01", "GBP")]
        assert table["uk01", "GBP"] == {
            "approved": Decimal(300),
            "transferred": Decimal(300),
            "drafted": Decimal(50),
            "invoiced": Decimal(300),
            "credited": Decimal(0),
            "received": Decimal(400),
        }


class TestCommand:
    @pytest.fixture
    def serve(self):
        servers = []

        def start(*docs):
            system = docs[0].system
            body = json.dumps({"system": system, "documents": [as_row(d) for d in docs]}).encode()
            server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(body))
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            servers.append(server)
            return server.server_address[1]

        yield start
        for server in servers:
            server.shutdown()
            server.server_close()

    def test_agrees_with_sound_books(self, serve, capsys):
        ports = [serve(*(d for d in SOUND if d.system == system)) for system in ("salesforce", "kantata", "netsuite")]

        code = judge.main(["--estate-ports", ",".join(map(str, ports))])

        assert code == 0
        assert capsys.readouterr().out.startswith("AGREED: 0 lost, 0 doubled, 0 wrong, 0 in flight")

    def test_fails_on_a_lost_line_unless_it_may_be_in_flight(self, serve, capsys):
        urls = [f"http://127.0.0.1:{serve(ENTRY)}", f"http://127.0.0.1:{serve(ERP_PROJECT)}"]

        strict = judge.main([*urls, "--json"])
        said = json.loads(capsys.readouterr().out)
        patient = judge.main([*urls, "--pending-ok"])

        assert (strict, patient) == (1, 0)
        assert (said["lost"], said["in_flight"]) == (1, 0)
        assert said["findings"][0] == {
            "rule": "approved_time_is_in_the_ledger_once",
            "verdict": "lost",
            "sentence": "kantata-main/9001 is approved and not in the ledger",
            "entity": "uk01",
            "currency": "GBP",
            "amount": "300.00",
        }
        assert "1 in flight" in capsys.readouterr().out

    def test_fails_on_a_doubled_line_however_patient(self, serve):
        urls = [f"http://127.0.0.1:{serve(ENTRY)}", f"http://127.0.0.1:{serve(BILL, replace(BILL, id='78'))}"]

        assert judge.main([*urls, "--pending-ok"]) == 1

    def test_says_when_a_book_cannot_be_read(self, serve, capsys):
        assert judge.main(["http://127.0.0.1:1"]) == 2
        assert "could not be read" in capsys.readouterr().err


class TestReading:
    def test_takes_a_book_as_the_simulated_systems_write_it(self):
        written = Document("time_entry", "9001", entity="uk01", amount=Decimal("300.00"), quantity=Decimal("1.5"))

        read = judge._doc("kantata", written.as_json())

        assert (read.system, read.id, read.amount, read.quantity) == (
            "kantata", "9001", Decimal("300.00"), Decimal("1.5"),
        )  # fmt: skip


class TestIndependence:
    @pytest.mark.parametrize("name", ["judge.py", "judge_tryton.py"])
    def test_imports_the_standard_library_and_its_own_part_only(self, name):
        tree = ast.parse((PATH.parent / name).read_text(encoding="utf-8"))
        plain = {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
        named = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}

        assert {name.partition(".")[0] for name in plain | named} <= sys.stdlib_module_names | {"judge_tryton"}


def as_row(doc):
    row = {name: getattr(doc, name) for name in doc.__dataclass_fields__ if name != "system"}
    return row | {name: None if row[name] is None else str(row[name]) for name in ("amount", "quantity")}


def handler_of(body):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler
