"""SuiteQL over the account: what it reads, how values look, what it refuses."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from netsuite_account import Account, error_of


@pytest.fixture
def sold(account: Account) -> Account:
    """Two customers, an open, a draft and a paid invoice."""
    account.larch = account.customer("Larch", externalId="cus_1", custentity_vat="GB111")  # type: ignore[attr-defined]
    account.elm = account.customer("Elm")  # type: ignore[attr-defined]
    account.open = account.invoice(account.larch, 100, approve=True, externalId="inv_1", memo="O'Brien")  # type: ignore[attr-defined]
    account.draft = account.invoice(account.larch, 50, externalId="inv_2", dueDate="2027-03-31")  # type: ignore[attr-defined]
    account.paid = account.invoice(account.elm, 10, approve=True)  # type: ignore[attr-defined]
    account.sim.receive_payment(account.paid)  # type: ignore[attr-defined]
    return account


class TestQuery:
    def test_needs_the_transient_preference(self, account: Account) -> None:
        reply = account.call("POST", "/query/v1/suiteql", json={"q": "SELECT id FROM customer"})

        assert error_of(reply)[:2] == (400, "INVALID_REQUEST")

    def test_values_are_text_and_nulls_are_left_out(self, sold: Account) -> None:
        rows = sold.query("SELECT id, companyname, custentity_vat, isinactive FROM customer ORDER BY id")

        assert rows == [
            {"id": sold.larch, "companyname": "Larch", "custentity_vat": "GB111", "isinactive": "F"},
            {"id": sold.elm, "companyname": "Elm", "isinactive": "F"},
        ]

    def test_dates_are_in_the_accounts_format_unless_formatted(self, sold: Account) -> None:
        (row,) = sold.query(
            "SELECT trandate, lastmodifieddate, TO_CHAR(lastmodifieddate,'YYYY-MM-DD\"T\"HH24:MI:SS') AS lm,"
            " TO_CHAR(trandate, 'YYYY-MM-DD') day FROM transaction WHERE id = ?",
            sold.open,
        )

        assert row["trandate"] == "2/10/2027"
        assert re.fullmatch(r"\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d\d [ap]m", row["lastmodifieddate"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", row["lm"])
        assert row["day"] == "2027-02-10"

    @pytest.mark.parametrize(
        ("where", "names"),
        [
            ("type = 'CustInvc' AND status = 'A'", ["inv_1"]),
            ("externalid IN ('inv_2', 'inv_1', 'inv_9')", ["inv_1", "inv_2"]),
            ("externalid = 'inv_1' OR externalid = 'inv_2'", ["inv_1", "inv_2"]),
            ("externalid = 'inv_1' AND (status = 'D' OR status = 'A')", ["inv_1"]),
            ("externalid IS NOT NULL AND NOT status = 'A'", ["inv_2"]),
            ("externalid LIKE 'inv!_%' ESCAPE '!'", ["inv_1", "inv_2"]),
            ("externalid LIKE '%_1'", ["inv_1"]),
            ("memo = 'O''Brien'", ["inv_1"]),
            ("externalid IN ('inv_1') AND externalid NOT IN ('inv_1')", []),
            ("foreigntotal BETWEEN 100 AND 120.00 AND externalid IS NOT NULL", ["inv_1"]),
            ("foreigntotal <> 120 AND externalid IS NOT NULL", ["inv_2"]),
            ("duedate > TO_DATE('2027-02-28','YYYY-MM-DD') AND externalid IS NOT NULL", ["inv_2"]),
            ("custbody_contract IS NULL AND posting = 'T' AND externalid IS NOT NULL", ["inv_1"]),
            ("UPPER(externalid) = 'INV_1'", ["inv_1"]),
        ],
    )
    def test_conditions(self, sold: Account, where: str, names: list[str]) -> None:
        rows = sold.query(f"SELECT externalid FROM transaction WHERE {where} ORDER BY externalid")

        assert [r["externalid"] for r in rows] == names

    def test_parameters_compare_by_the_columns_type(self, sold: Account) -> None:
        rows = sold.query(
            "SELECT id FROM transaction WHERE foreigntotal >= ?"
            " AND lastmodifieddate >= TO_TIMESTAMP(?, 'YYYY-MM-DD HH24:MI:SS') ORDER BY foreigntotal DESC, id",
            "60",
            "2020-01-01 00:00:00",
        )

        assert [r["id"] for r in rows] == [sold.open, sold.draft]

    def test_one_parsed_statement_answers_different_parameters(self, sold: Account) -> None:
        q = "SELECT id FROM transaction WHERE type = 'CustInvc' AND externalid IN (?, ?)"

        assert [sold.query(q, a, b) for a, b in (("inv_1", "x"), ("inv_2", "x"), ("y", "x"))] == [
            [{"id": sold.open}],
            [{"id": sold.draft}],
            [],
        ]

    def test_joins_lines_links_and_names(self, sold: Account) -> None:
        lines = sold.query(
            "SELECT t.externalid, tl.linesequencenumber AS line, tl.foreignamount, BUILTIN.DF(t.entity) AS client"
            " FROM transaction t JOIN transactionline tl ON tl.transaction = t.id"
            " WHERE t.externalid = ? AND tl.mainline = 'F' ORDER BY line",
            "inv_1",
        )
        paid = sold.query(
            "SELECT l.foreignamount, i.id AS invoice FROM transaction p"
            " INNER JOIN nexttransactionlink l ON l.nextdoc = p.id JOIN transaction i ON i.id = l.previousdoc"
            " WHERE p.type = 'CustPymt'"
        )

        assert [(r["line"], r["foreignamount"], r["client"]) for r in lines] == [
            ("1", "-100", "Larch"),
            ("2", "-20", "Larch"),
        ]
        assert paid == [{"foreignamount": "12", "invoice": sold.paid}]

    def test_left_join_keeps_rows_without_a_partner(self, sold: Account) -> None:
        sold.project(sold.larch, "Move")

        rows = sold.query(
            "SELECT c.companyname, j.companyname AS project FROM customer c"
            " LEFT JOIN job j ON j.parent = c.id ORDER BY c.id"
        )

        assert rows == [{"companyname": "Larch", "project": "Move"}, {"companyname": "Elm"}]

    def test_pages(self, account: Account) -> None:
        for n in range(5):
            account.customer(f"Client {n}")

        reply = account.call(
            "POST",
            "/query/v1/suiteql?limit=2&offset=4",
            json={"q": "SELECT id FROM customer"},
            headers={"Prefer": "transient"},
        ).json()

        assert (reply["count"], reply["totalResults"], reply["hasMore"]) == (1, 5, False)

    def test_star_gives_every_filled_column(self, sold: Account) -> None:
        (row,) = sold.query("SELECT * FROM subsidiary WHERE externalid = 'uk01'")

        assert (row["name"], row["country"], row["currency"]) == ("Meridian UK", "GB", "1")

    def test_payment_touches_the_invoices_watermark(self, account: Account) -> None:
        customer = account.customer()
        invoice = account.invoice(customer, 100, approve=True)
        account.sim.clock.offset += timedelta(minutes=30)
        account.sim.receive_payment(invoice, Decimal(20))

        (row,) = account.query(
            "SELECT TO_CHAR(lastmodifieddate,'HH24:MI') AS lm, TO_CHAR(createddate,'HH24:MI') AS cr,"
            " foreignamountunpaid FROM transaction WHERE id = ?",
            invoice,
        )

        assert row["lm"] != row["cr"]
        assert row["foreignamountunpaid"] == "100"

    @pytest.mark.parametrize(
        "q",
        [
            "SELECT id FROM nowhere",
            "SELECT nothing FROM customer",
            "SELECT id FROM customer WHERE",
            "SELECT id FROM customer WHERE id = 'x' AND",
            "SELECT id customer",
            "DELETE FROM customer",
            "SELECT id FROM customer; DROP TABLE x",
            "SELECT id FROM customer WHERE companyname = 'O'Brien'",
            "SELECT id FROM customer WHERE MYSTERY(id) = 1",
            "SELECT id FROM customer WHERE companyname = ?",
            "SELECT id FROM customer WHERE id = 'abc' OR id < 'abc'",
        ],
    )
    def test_refuses_what_it_cannot_read(self, sold: Account, q: str) -> None:
        reply = sold.call("POST", "/query/v1/suiteql", json={"q": q}, headers={"Prefer": "transient"})

        assert error_of(reply)[:2] == (400, "INVALID_PARAMETER")

    def test_finds_external_ids_by_the_index(self, account: Account) -> None:
        state, records = account.sim.state, account.sim.state.types["timeBill"]
        for n in range(20_000):
            state.put("timeBill", None, {"externalId": f"t-{n}", "hours": 60})
        keys = [f"t-{n}" for n in range(0, 20_000, 40)]
        run = account.sim.suiteql.run
        q = f"SELECT id, externalid FROM timebill WHERE externalid IN ({','.join('?' * len(keys))})"
        run(q, tuple(keys), limit=1000, offset=0)

        started = time.process_time()
        rows, total = run(q, tuple(keys), limit=1000, offset=0)
        spent = time.process_time() - started

        assert (len(records), total, len(rows)) == (20_000, 500, 500)
        assert spent < 0.05, "500 keys of 20,000 must not scan the table"
