"""The people who sell, approve and pay; each looks first, so that every act may be begun again at any time."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Any

from accordant.simulators.firm.desks import KantataDesk, NetSuiteDesk, Refused, SalesforceDesk
from accordant.simulators.firm.firm import Firm
from accordant.simulators.firm.model import Deal, Habit
from accordant.simulators.firm.opening import BILLING_METHODS

_WON, _OPEN = "Closed Won", "Negotiation/Review"
_ROUND_SUM = Decimal(100)
LATE_LOOKS = 3
"""How often a late client sees an invoice before it pays."""


class Seller:
    """The account team in the CRM."""

    def __init__(self, desk: SalesforceDesk, firm: Firm) -> None:
        self.desk = desk
        self.firm = firm

    async def win(self, deal: Deal) -> None:
        """Activate the contract and close the deal as won."""
        row = await self._find(deal)
        if row["StageName"] == _WON:
            return
        await self.desk.change("Contract", row["ContractId"], Status="Activated")
        await self._close(row["Id"])

    async def win_again(self, deal: Deal) -> None:
        """Open a won deal once more and close it again, as after a late word about the price."""
        row = await self._find(deal)
        if row["StageName"] == _WON:
            await self.desk.change("Opportunity", row["Id"], StageName=_OPEN)
        await self._close(row["Id"])

    async def complete(self, deal: Deal) -> None:
        """Fill in what was missing when the deal was won."""
        row = await self._find(deal)
        if "method" in deal.lacks:
            await self.desk.change("Contract", row["ContractId"], Billing_Method__c=BILLING_METHODS[deal.method])
        await self.desk.change(
            "Opportunity", row["Id"], Practice__c=deal.practice, Delivery_Lead_Email__c=deal.lead, StageName=_WON
        )

    async def project_codes(self) -> dict[str, str]:
        """Look which deals show a project code by now: code by name of the deal."""
        rows = await self.desk.query("SELECT Name, Project_Code__c FROM Opportunity WHERE Project_Code__c != null")
        return {row["Name"]: row["Project_Code__c"] for row in rows}

    async def _close(self, id: str) -> None:
        await self.desk.change("Opportunity", id, StageName=_WON, CloseDate=self.firm.today.isoformat())

    async def _find(self, deal: Deal) -> dict[str, Any]:
        name = deal.name.replace("\\", "\\\\").replace("'", "\\'")
        (row,) = await self.desk.query(f"SELECT Id, StageName, ContractId FROM Opportunity WHERE Name = '{name}'")
        return row


class Resourcer:
    """The person in the PSA who decides on requests for people."""

    def __init__(self, desk: KantataDesk) -> None:
        self.desk = desk

    async def decide(self) -> int:
        """Approve every request that waits; returns how many."""
        waiting = await self.desk.all("resource_requests", pending_requests_only="true")
        for request in waiting:
            await self.desk.act(f"resource_requests/{request['id']}/approve")
        return len(waiting)


class Client:
    """All clients, as the ERP sees them: money on the bank account against posted invoices, each by its habit."""

    def __init__(self, desk: NetSuiteDesk, firm: Firm) -> None:
        self.desk = desk
        self._habits = {client.name.casefold(): client.habit for client in firm.clients}
        self._looks: dict[str, int] = {}

    async def pay(self) -> int:
        """Look at every open invoice and pay what is due by habit; returns how many payments were made."""
        names = await self._names()
        rows = await self.desk.query(
            "SELECT id, tranid, entity, foreigntotal, foreignamountunpaid FROM transaction "
            "WHERE type = 'CustInvc' AND posting = 'T' AND foreignamountunpaid > 0 ORDER BY id"
        )
        return sum([await self._pay(row, self._habits.get(names.get(row["entity"], ""), Habit.PROMPT)) for row in rows])

    async def _names(self) -> dict[str, str]:
        rows = await self.desk.query("SELECT id, companyname FROM customer")
        return {row["id"]: row["companyname"].casefold() for row in rows}

    async def _pay(self, invoice: dict[str, Any], habit: Habit) -> bool:
        number = invoice["tranid"]
        looks = self._looks[number] = self._looks.get(number, 0) + 1
        total, due = Decimal(invoice["foreigntotal"]), Decimal(invoice["foreignamountunpaid"])
        is_first = due == total
        if looks < LATE_LOOKS and (habit is Habit.LATE or (habit is Habit.PARTIAL and not is_first)):
            return False
        applied = half(due) if habit is Habit.PARTIAL and is_first else due
        body = {
            "externalId": f"bank-{number}-{'1' if is_first else '2'}",
            "customer": {"id": invoice["entity"]},
            "payment": rounded_up(applied) if habit is Habit.OVER else applied,
            "memo": f"Invoice {number}",
            "apply": {"items": [{"doc": {"id": invoice["id"]}, "apply": True, "amount": applied}]},
        }
        try:
            await self.desk.create("customerPayment", body)
        except Refused as refused:
            if refused.status != 400:
                raise
            return False  # paid, or voided, since it was looked at
        return True


def half(amount: Decimal) -> Decimal:
    """Return the first of two payments."""
    return (amount / 2).quantize(Decimal("0.01"))


def rounded_up(amount: Decimal) -> Decimal:
    """Round up to full hundreds, as for a standing order: 1,230.50 → 1,300."""
    return (amount / _ROUND_SUM).to_integral_value(ROUND_CEILING) * _ROUND_SUM
