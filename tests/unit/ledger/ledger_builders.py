"""Builders for ledger tests: lines with every field defaulted."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from accordant.kernel import Money
from accordant.ledger import ApprovedLine, By, Line, approve, line_states

BY = By(actor="wrk_approver", cause="evt_1")
MAY = date(2026, 5, 12)


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
