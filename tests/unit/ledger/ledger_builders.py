"""Builders for ledger tests: lines with every field defaulted."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

from accordant.kernel import Money
from accordant.ledger import (
    AllOpen,
    ApprovedLine,
    By,
    Credited,
    Line,
    Part,
    Posted,
    approve,
    credit,
    draft,
    line_states,
    post,
)

BY = By(actor="wrk_approver", cause="evt_1")
MAY = date(2026, 5, 12)
END_OF_MAY = date(2026, 5, 31)
EVERYTHING = AllOpen("con_1", END_OF_MAY)


def a_line(
    id: str = "tim_1", hours: str = "8", rate: str | None = "150", currency: str = "GBP", **facts
) -> ApprovedLine:
    return ApprovedLine(
        **{
            "id": id,
            "entity": "uk01",
            "currency": currency,
            "contract_id": "con_1",
            "project_id": "prj_1",
            "worker_id": "wrk_1",
            "role": "CONS",
            "worked_on": MAY,
            "source_ref": f"psa/{id}",
            "quantity": Decimal(hours),
            "unit_price": None if rate is None else Money.of(rate, currency),
        }
        | facts
    )


def gbp(amount: str) -> Money:
    return Money.of(amount, "GBP")


def line(connection, id: str = "tim_1") -> Line:
    [found] = line_states(connection, [id])
    return found


def approved(connection, *lines: ApprovedLine) -> None:
    done = approve(connection, lines, BY)
    assert len(done.new) == len(lines)


def bill(connection, invoice_id: str = "inv_1", what: AllOpen | list[Part] = EVERYTHING) -> Posted:
    draft(connection, invoice_id, what, BY)
    return post(connection, invoice_id, accounting_on=END_OF_MAY, document_ref=f"N-{invoice_id}", by=BY)


def take_back(connection, what: Fraction | list[Part] | None = None, invoice_id="inv_1", note="crn_1") -> Credited:
    return credit(connection, invoice_id, what, accounting_on=END_OF_MAY, document_ref=note, by=BY)
