"""The clients' money where a real Tryton stands in the ERP's place: the bank desk books it as Tryton's wizard does."""

from __future__ import annotations

import base64
from collections import Counter
from decimal import Decimal
from typing import Any

from accordant.simulators.firm.desks import Desk, Refused
from accordant.simulators.firm.firm import Firm
from accordant.simulators.firm.model import Habit
from accordant.simulators.firm.people import LATE_LOOKS, half, rounded_up

_WIZARD = "wizard.account.invoice.pay"
_FIELDS = ["number", "company", "party.name", "total_amount", "amount_to_pay"]


class TrytonDesk(Desk):
    """The ERP, as the desk that books what the bank reports; its login names the database, too."""

    SCHEME = "Session"

    async def _log_in(self) -> str:
        user, password = self.login["user"], self.login["password"]
        call = {"id": 0, "method": "common.db.login", "params": [user, {"password": password}]}
        answer = await self.http.post(self._path, json=call)
        if answer.status_code != 200:
            raise Refused(answer.status_code, answer.text)
        id, secret, *_ = answer.json()["result"]
        return base64.b64encode(f"{user}:{id}:{secret}".encode()).decode()

    async def call(self, method: str, *params: Any) -> Any:
        """Call a method of the ERP; Refused when it says no."""
        body = await self.send("POST", self._path, {"id": 1, "method": method, "params": params})
        if "error" in body:
            raise Refused(400, str(body["error"]))
        return body["result"]

    async def search(self, model: str, domain: list[Any], fields: list[str]) -> list[dict[str, Any]]:
        """Return fields of the records that a domain describes, the oldest first."""
        return list(await self.call(f"model.{model}.search_read", domain, 0, None, [["id", "ASC"]], fields, {}))

    @property
    def _path(self) -> str:
        return f"/{self.login['database']}/rpc/"


class TrytonClients:
    """All clients, as the ERP sees them: money on the bank account against posted invoices, each by its habit."""

    def __init__(self, desk: TrytonDesk, firm: Firm) -> None:
        self.desk = desk
        self.firm = firm
        self._habits = {client.name.casefold(): client.habit for client in firm.clients}
        self._looks: Counter[str] = Counter()

    async def pay(self) -> int:
        """Look at every open invoice and pay what is due by habit; returns how many payments were made."""
        invoices = await self.desk.search("account.invoice", [["type", "=", "out"], ["state", "=", "posted"]], _FIELDS)
        return sum([await self._pay(invoice) for invoice in invoices if _amount(invoice["amount_to_pay"]) > 0])

    async def _pay(self, invoice: dict[str, Any]) -> bool:
        number, habit = invoice["number"], self._habits.get(invoice["party."]["name"].casefold(), Habit.PROMPT)
        self._looks[number] += 1
        total, due = _amount(invoice["total_amount"]), _amount(invoice["amount_to_pay"])
        is_first = due == total
        if self._looks[number] < LATE_LOOKS and (habit is Habit.LATE or (habit is Habit.PARTIAL and not is_first)):
            return False
        amount = half(due) if habit is Habit.PARTIAL and is_first else due
        try:
            await self.book(invoice, rounded_up(amount) if habit is Habit.OVER else amount)
        except Refused as refused:
            if refused.status != 400:
                raise
            return False  # paid, or cancelled, since it was looked at
        return True

    async def book(self, invoice: dict[str, Any], amount: Decimal) -> None:
        """Book money against an invoice; less than is due leaves it open, more stays on the client's account."""
        id, company = invoice["id"], invoice["company"]
        context = {"company": company, "active_model": "account.invoice", "active_id": id, "active_ids": [id]}
        (method, *_) = await self.desk.search("account.invoice.payment.method", [["company", "=", company]], ["id"])
        session, *_ = await self.desk.call(f"{_WIZARD}.create", context)
        start = await self.desk.call(f"{_WIZARD}.execute", session, {}, "start", context)
        today = self.firm.today
        data = {
            "start": _filled(start)
            | {
                "amount": {"__class__": "Decimal", "decimal": str(amount)},
                "payment_method": method["id"],
                "date": {"__class__": "date", "year": today.year, "month": today.month, "day": today.day},
                "description": f"Invoice {invoice['number']}",
            }
        }
        step = await self.desk.call(f"{_WIZARD}.execute", session, data, "choice", context)
        if "view" in step:  # it is not the sum that is due: less stays open, more stays on account
            ask = _filled(step)
            ask["type"] = "overpayment" if amount > _amount(invoice["amount_to_pay"]) else "partial"
            await self.desk.call(f"{_WIZARD}.execute", session, {**data, "ask": ask}, "pay", context)
        await self.desk.call(f"{_WIZARD}.delete", session, context)


def _filled(step: dict[str, Any]) -> dict[str, Any]:
    """Return the form of a wizard's step as the wizard filled it; names of related records (`payee.`) are not sent."""
    return {name: value for name, value in step["view"]["defaults"].items() if not name.endswith(".")}


def _amount(value: Any) -> Decimal:
    return Decimal(value["decimal"]) if value else Decimal(0)
