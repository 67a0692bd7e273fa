"""Set up the books of a firm in a fresh Tryton, over its API: companies, charts, periods, taxes, terms, people, logins.

Only for a new database: nothing is looked for before it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from accordant.canonical import Customer
from accordant.connectors.tryton.client import TrytonClient
from accordant.connectors.tryton.payloads import Row, add, create
from accordant.connectors.tryton.writer import party_of
from accordant.kernel import Period

UNASSIGNED = "UNASSIGNED"
"""Code of the employee, one per company, who takes hours of workers that Tryton does not know."""

_EPOCH = date(2020, 1, 1)
_CURRENCIES = {"GBP": ("Pound sterling", "£"), "EUR": ("Euro", "€"), "USD": ("US dollar", "$")}
_RATES = {"GBP": "0.85", "EUR": "1", "USD": "1.10"}  # how much of it one euro buys
_COUNTRIES = (
    "AT Austria,BE Belgium,BG Bulgaria,CA Canada,CH Switzerland,CY Cyprus,CZ Czechia,DE Germany,DK Denmark,EE Estonia,"
    "ES Spain,FI Finland,FR France,GB United Kingdom,GR Greece,HR Croatia,HU Hungary,IE Ireland,IT Italy,JP Japan,"
    "LT Lithuania,LU Luxembourg,LV Latvia,MT Malta,NL Netherlands,NO Norway,PL Poland,PT Portugal,RO Romania,SE Sweden,"
    "SG Singapore,SI Slovenia,SK Slovakia,US United States"
)
_ACCOUNTS = {"cash": "1.1.1", "tax": "6.3.6"}  # of Tryton's generic chart
_GROUPS = {
    "integration": (
        "account.group_account",
        "party.group_party_admin",
        "project.group_project_admin",
        "timesheet.group_timesheet_admin",
    ),
    "finance": ("account.group_account", "account.group_account_admin", "party.group_party_admin"),
}


@dataclass(frozen=True)
class Company:
    """A company of the firm; `code` is the legal entity's, `fiscal_year` its first day as `04-01`."""

    code: str
    name: str
    country: str
    currency: str
    fiscal_year: str = "01-01"


@dataclass(frozen=True)
class Person:
    """An employee, known by number."""

    number: str
    name: str
    company: str


@dataclass(frozen=True)
class Account:
    """A user of the ERP; `groups` is `integration` or `finance`."""

    login: str
    password: str = field(repr=False)
    groups: str = "integration"


@dataclass(frozen=True)
class Books:
    """What the firm's ERP shall hold on day one.

    Args:
        companies: at least one.
        taxes: code → rate; each company has all of them.
        terms_days: payment terms, in days after the invoice.
        people: employees by number.
        customers: whom finance has billed before.
        users: who may log in, besides the administrator.
        months: accounting periods to open, each from its first to its last day.
        closed_until: periods that end before this day are closed.
    """

    companies: tuple[Company, ...]
    taxes: Mapping[str, Decimal]
    terms_days: tuple[int, ...]
    people: tuple[Person, ...]
    customers: tuple[Customer, ...]
    users: tuple[Account, ...]
    months: tuple[Period, ...]
    closed_until: date


async def provision(client: TrytonClient, books: Books) -> None:
    """Set the books up; the client is logged in as an administrator."""
    await _Founder(client, books).found()


class _Founder:
    """One pass through a fresh database."""

    def __init__(self, client: TrytonClient, books: Books) -> None:
        self.client = client
        self.books = books
        self.countries: dict[str, int] = {}
        self.currencies: dict[str, int] = {}
        self.company: int | None = None

    async def found(self) -> None:
        await self._geography()
        companies = [await self._company(company) for company in self.books.companies]
        await self._terms()
        await self._people(companies)
        if self.books.customers:
            await self._make(
                "party.party", [party_of(c, self.countries.get(c.country or "")) for c in self.books.customers]
            )
        await self._users(companies)

    # -- what all companies share

    async def _geography(self) -> None:
        names = dict(entry.split(" ", 1) for entry in _COUNTRIES.split(","))
        ids = await self._make("country.country", [{"code": code, "name": name} for code, name in names.items()])
        self.countries = dict(zip(names, ids, strict=True))
        records = [
            {
                "code": code,
                "name": name,
                "symbol": symbol,
                "rates": create({"date": _EPOCH, "rate": Decimal(_RATES[code])}),
            }
            for code, (name, symbol) in _CURRENCIES.items()
        ]
        self.currencies = dict(zip(_CURRENCIES, await self._make("currency.currency", records), strict=True))

    async def _terms(self) -> None:
        def term(days: int) -> Row:
            delta = create({"days": days})
            return {"name": f"{days} days", "lines": create({"type": "remainder", "relativedeltas": delta})}

        await self._make("account.invoice.payment_term", [term(days) for days in self.books.terms_days])

    async def _people(self, companies: Sequence[int]) -> None:
        """Make employees; an employee's party bears the employee number as its code."""
        by_code = dict(zip((c.code for c in self.books.companies), companies, strict=True))
        parties = [{"name": p.name, "code": p.number} for p in self.books.people]
        ids = await self._make("party.party", [*parties, {"name": "Unassigned hours", "code": UNASSIGNED}])
        *numbered, unassigned = ids
        employees = [
            {"party": party, "company": by_code[person.company]}
            for party, person in zip(numbered, self.books.people, strict=True)
        ]
        employees += [{"party": unassigned, "company": company} for company in companies]
        await self._make("company.employee", employees)

    async def _users(self, companies: Sequence[int]) -> None:
        records = []
        for user in self.books.users:
            groups = [await self._xml(name) for name in _GROUPS[user.groups]]
            facts = {"name": user.login, "login": user.login, "password": user.password, "groups": add(groups)}
            records.append({**facts, **_in_all(companies)})
        await self._make("res.user", records)

    # -- one company

    async def _company(self, company: Company) -> int:
        party = {"name": company.name, "code": company.code}
        address = {"country": self.countries[company.country]}
        (party_id,) = await self._make("party.party", [{**party, "addresses": create(address)}])
        record = {"party": party_id, "currency": self.currencies[company.currency]}
        (id,) = await self._make("company.company", [record])
        await self._join(id)
        self.company = id
        await self._chart(id)
        accounts = {name: await self._account([["code", "=", code]]) for name, code in _ACCOUNTS.items()}
        await self._taxes(id, accounts["tax"])
        await self._bank(id, accounts["cash"])
        for start in sorted({_year_start(month.start_on, company.fiscal_year) for month in self.books.months}):
            await self._fiscal_year(company, id, start)
        return id

    async def _join(self, company: int) -> None:
        """Let the administrator work in the company."""
        (admin,) = await self.client.search("res.user", [["login", "=", "admin"]], ["id"], operation="provision")
        await self.client.change("res.user", admin["id"], _in_all([company]), operation="provision", company=None)

    async def _chart(self, company: int) -> None:
        """Copy the generic chart of accounts, and name the accounts that are used when nobody says otherwise."""
        template = await self._xml("account.account_template_root_en")
        wizard, context = "wizard.account.create_chart", {"company": company, "language": "en"}
        session, *_ = await self.client.tell(f"{wizard}.create", context, operation="provision")
        data: dict[str, Any] = {"account": {"account_template": template, "company": company}}
        await self.client.tell(f"{wizard}.execute", session, data, "create_account", context, operation="provision")
        data["properties"] = {
            "company": company,
            "account_receivable": await self._account([["type.receivable", "=", True]]),
            "account_payable": await self._account([["type.payable", "=", True]]),
            "category_account_expense": await self._account([["type.expense", "=", True]]),
            "category_account_revenue": await self._account([["type.revenue", "=", True]]),
        }
        await self.client.tell(f"{wizard}.execute", session, data, "create_properties", context, operation="provision")
        await self.client.tell(f"{wizard}.delete", session, context, operation="provision")

    async def _taxes(self, company: int, account: int) -> None:
        def tax(code: str, rate: Decimal) -> Row:
            record = {"name": code, "description": code, "type": "percentage", "rate": rate, "company": company}
            return {**record, "invoice_account": account, "credit_note_account": account}

        await self._make("account.tax", [tax(code, rate) for code, rate in self.books.taxes.items()])

    async def _bank(self, company: int, account: int) -> None:
        """Let invoices be paid into the bank account, and name the accounts that take differences of exchange."""
        journals = await self.client.search(
            "account.journal", [["type", "=", "cash"]], ["id"], operation="provision", company=company
        )
        method = {"name": "Bank transfer", "company": company, "journal": journals[0]["id"]}
        method |= {"credit_account": account, "debit_account": account}
        await self._make("account.invoice.payment.method", [method])
        differences = {
            "currency_exchange_credit_account": await self._account([["type.revenue", "=", True]]),
            "currency_exchange_debit_account": await self._account([["type.expense", "=", True]]),
        }
        await self.client.change("account.configuration", 1, differences, operation="provision", company=company)

    async def _fiscal_year(self, company: Company, id: int, start: date) -> None:
        """Open a fiscal year with those of its months that are wanted; each month numbers its own invoices."""
        end = _year_start(start + timedelta(days=370), company.fiscal_year) - timedelta(days=1)
        months = [m for m in self.books.months if start <= m.start_on <= end]
        (moves,) = await self._sequences([f"Moves {company.code} {start}"], "account.sequence_type_account_move", "")
        periods = [
            {"name": f"{m.start_on:%Y-%m}", "start_date": m.start_on, "end_date": m.end_on, "type": "standard"}
            for m in months
        ]
        record = {"name": f"{company.code} {start.year}", "start_date": start, "end_date": end, "company": id}
        (year,) = await self._make(
            "account.fiscalyear",
            [{**record, "move_sequence": moves, "periods": create(*periods)}],
        )
        found = await self.client.search(
            "account.period", [["fiscalyear", "=", year]], ["name", "end_date"], operation="provision", company=id
        )
        await self._numbering(company, id, year, {row["name"]: row["id"] for row in found})
        for row in found:
            if row["end_date"] < self.books.closed_until:
                await self.client.press("account.period", "close", row["id"], operation="provision", key="", company=id)

    async def _numbering(self, company: Company, id: int, year: int, periods: Mapping[str, int]) -> None:
        """Number customer invoices per month, so that one for last month can follow one for this month."""
        kind = "account_invoice.sequence_type_account_invoice"
        prefix = company.code.upper()
        names = {period: f"{prefix}-{period}-" for period in periods}
        sequences = dict(zip(names, await self._sequences(list(names.values()), kind, "{name}"), strict=True))
        (bills,) = await self._sequences([f"Bills {company.code} {year}"], kind, "BILL-")
        rows = [
            {
                "company": id,
                "fiscalyear": year,
                "period": periods[period],
                "out_invoice_sequence": sequence,
                "out_credit_note_sequence": sequence,
                "in_invoice_sequence": bills,
                "in_credit_note_sequence": bills,
            }
            for period, sequence in sequences.items()
        ]
        await self._make("account.fiscalyear.invoice_sequence", rows)

    async def _sequences(self, names: Sequence[str], kind: str, prefix: str) -> list[int]:
        facts = {"sequence_type": await self._xml(kind), "company": self.company, "padding": 3}
        return await self._make(
            "ir.sequence.strict", [{**facts, "name": name, "prefix": prefix.format(name=name)} for name in names]
        )

    # -- wire

    async def _make(self, model: str, records: Sequence[Mapping[str, Any]]) -> list[int]:
        return await self.client.create(model, records, operation="provision", company=self.company)

    async def _account(self, domain: list[Any]) -> int:
        wanted = [["company", "=", self.company], ["closed", "!=", True], *domain]
        (row, *_) = await self.client.search(
            "account.account", wanted, ["id"], operation="provision", company=self.company, limit=1
        )
        return int(row["id"])

    async def _xml(self, name: str) -> int:
        """Return the id of a record that a module brought along."""
        module, _, record = name.partition(".")
        return int(await self.client.ask("model.ir.model.data.get_id", module, record, {}, operation="provision"))


def _in_all(companies: Sequence[int]) -> Row:
    """Return what lets a user work in the companies and see the records of all of them at once."""
    return {"companies": add(companies), "company": companies[0], "company_filter": "all"}


def _year_start(day: date, begins: str) -> date:
    """Return the first day of the fiscal year that a day lies in."""
    month, first = (int(part) for part in begins.split("-"))
    start = date(day.year, month, first)
    return start if start <= day else date(day.year - 1, month, first)
