"""The database's reference records by the codes people use: companies, currencies, taxes, terms, people; read once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from accordant.connectors.tryton.client import TrytonClient
from accordant.connectors.tryton.payloads import Row
from accordant.connectors.tryton.settings import TrytonSettings
from accordant.kernel import Rejected


@dataclass(frozen=True)
class _Table:
    """Where records of a kind are, and by what they are called."""

    model: str
    fields: tuple[str, ...]
    codes: Callable[[Row], tuple[str, ...]]
    is_of_company: bool = False
    id: str = "id"


def _term(row: Row) -> tuple[str, ...]:
    """Call a payment term by its days, when it is one remainder after so many days."""
    plain = len(row["line.payment.lines"]) == 1 and not any(row[unit] for unit in ("weeks", "months"))
    return (str(row["days"] or 0),) if plain else ()


_DELTA = "account.invoice.payment_term.line.delta"
_TABLES: Mapping[str, _Table] = {
    "company": _Table("company.company", ("party.code", "party.name"), lambda r: (r["party.code"], r["party.name"])),
    "currency": _Table("currency.currency", ("code",), lambda r: (r["code"],)),
    "country": _Table("country.country", ("code",), lambda r: (r["code"] or "",)),
    "tax": _Table("account.tax", ("name",), lambda r: (r["name"],), is_of_company=True),
    "terms": _Table(
        _DELTA, ("days", "weeks", "months", "line.payment", "line.payment.lines"), _term, id="line.payment"
    ),
    "employee": _Table("company.employee", ("party.code",), lambda r: (r["party.code"],), is_of_company=True),
    "journal": _Table("account.journal", ("type",), lambda r: (r["type"],)),
}
_CODES = {
    "company": "erp.entity.unknown",
    "currency": "erp.currency.unknown",
    "country": "erp.country.unknown",
    "tax": "erp.tax_code.unknown",
    "terms": "erp.terms.unknown",
    "employee": "erp.time.worker_unknown",
    "journal": "erp.journal.unknown",
}


@dataclass(frozen=True)
class Ledger:
    """The accounts of a company that are used when nobody says otherwise."""

    receivable: int
    revenue: int


class Directory:
    """Codes to ids, of one database. A code that is not found is looked for once more before it is refused."""

    def __init__(self, client: TrytonClient, settings: TrytonSettings, *, system: str) -> None:
        self._client = client
        self._companies = settings.companies
        self._system = system
        self._ids: dict[tuple[str, int | None], dict[str, int]] = {}
        self._ledgers: dict[int, Ledger] = {}
        self._loading = asyncio.Lock()

    async def company(self, entity: str, *, operation: str) -> int:
        """Return the company of a legal entity."""
        return await self.id_of("company", self._companies.get(entity, entity), operation=operation)

    async def id_of(self, kind: str, code: str, *, operation: str, company: int | None = None) -> int:
        """Return the id of a code; Rejected when the database does not have it."""
        id = await self.find(kind, code, operation=operation, company=company)
        if id is None:
            raise Rejected(
                f"The ERP has no {kind} {code!r}.",
                code=_CODES[kind],
                remedy=f"Create the {kind} in the ERP, or correct the code in the contract or the estate.",
                system=self._system,
                operation=operation,
            )
        return id

    async def find(self, kind: str, code: str, *, operation: str, company: int | None = None) -> int | None:
        """Return the id of a code, or None."""
        scope = company if _TABLES[kind].is_of_company else None
        if code not in self._ids.get((kind, scope), {}):
            await self._load(kind, scope, operation)
        return self._ids[kind, scope].get(code)

    async def ledger(self, company: int, *, operation: str) -> Ledger:
        """Return a company's default accounts; Rejected when its chart is not set up."""
        if company not in self._ledgers:
            names = ["default_account_receivable", "default_category_account_revenue"]
            context = {"company": company, "language": "en"}
            (row,) = await self._client.ask(
                "model.account.configuration.read", [1], names, context, operation=operation
            )
            receivable, revenue = (row[name] for name in names)
            if receivable is None or revenue is None:
                raise Rejected(
                    "The ERP's company has no default accounts.",
                    code="erp.accounts.missing",
                    remedy="Name the accounts for receivables and revenue in Tryton's accounting configuration.",
                    system=self._system,
                    operation=operation,
                )
            self._ledgers[company] = Ledger(receivable, revenue)
        return self._ledgers[company]

    async def _load(self, kind: str, company: int | None, operation: str) -> None:
        table = _TABLES[kind]
        domain: list[Any] = [["company", "=", company]] if table.is_of_company else []
        async with self._loading:
            rows = await self._client.search(
                table.model, domain, table.fields, operation=operation, company=company, order=[["id", "DESC"]]
            )
        # Oldest last, so that it wins where two records bear one code.
        self._ids[kind, company] = {code: row[table.id] for row in rows for code in table.codes(row) if code}
