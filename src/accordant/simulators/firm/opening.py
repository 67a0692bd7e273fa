"""What exists in each system before day one: organizations, people, prices, clients and deals not yet won."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from accordant.simulators.firm.firm import Firm
from accordant.simulators.firm.model import Client, Deal, Method
from accordant.simulators.firm.staff import COST_CENTERS, ROLES
from accordant.simulators.kantata import KantataSimulator
from accordant.simulators.netsuite import NetSuiteSimulator
from accordant.simulators.salesforce import SalesforceSimulator
from accordant.simulators.teams import TeamsSimulator
from accordant.simulators.workday import WorkdaySimulator

TIME_SHEET_OFFICE = "timesheets@meridian.example"
SERVICE_ITEM = "SERVICES"
BILLING_METHODS = {
    Method.TIME_AND_MATERIALS: "Time and materials",
    Method.CAPPED: "Time and materials with cap",
    Method.FIXED_FEE: "Fixed fee",
    Method.MILESTONE: "Milestone",
    Method.RETAINER: "Retainer",
    Method.MANAGED_SERVICE: "Managed service",
}

_FEE_FIELDS = {
    Method.CAPPED: "Cap_Amount__c",
    Method.FIXED_FEE: "Fixed_Fee__c",
    Method.RETAINER: "Retainer_Amount__c",
    Method.MANAGED_SERVICE: "Retainer_Amount__c",
}
_TAX_ITEMS = (
    ("GB-STD-20", 20, "GB"),
    ("DE-STD-19", 19, "DE"),
    ("EU-REVERSE", 0, "GB"),
    ("US-NONE", 0, "US"),
    ("EXPORT-ZERO", 0, "GB"),
)
_LOCATIONS = {"uk01": ("LON", "London"), "us01": ("NYC", "New York"), "de01": ("BER", "Berlin")}
_OPEN_MONTHS, _MONTHS = 5, 16
_COST_SHARE = Decimal("0.45")  # of the price per hour


def open_salesforce(sim: SalesforceSimulator, firm: Firm) -> None:
    """Load sellers, products, accounts with contacts, and open opportunities with draft contracts."""
    sellers = {
        w.email: sim.create("User", Name=w.name, Email=w.email, Username=w.email)
        for w in firm.office
        if w.email in {deal.seller for deal in firm.deals}
    }
    products = {code: sim.create("Product2", Name=name, ProductCode=code) for code, name in ROLES.items()}
    accounts = {client.code: _account(sim, client) for client in firm.clients}
    for client in firm.clients:
        if client.parent:
            sim.update("Account", accounts[client.code], ParentId=accounts[client.parent])
    for deal in firm.deals:
        contract = _contract(sim, deal, accounts[deal.client])
        opportunity = sim.create(
            "Opportunity",
            Name=deal.name,
            AccountId=accounts[deal.client],
            ContractId=contract,
            StageName="Negotiation/Review",
            CloseDate=firm.today.isoformat(),
            OwnerId=sellers[deal.seller],
            CurrencyIsoCode=deal.currency,
            Entity__c=deal.entity,
            Practice__c=None if "practice" in deal.lacks else deal.practice,
            Delivery_Lead_Email__c=None if "lead" in deal.lacks else deal.lead,
        )
        for line in deal.rate_lines:
            sim.create(
                "OpportunityLineItem",
                OpportunityId=opportunity,
                Product2Id=products[line.role],
                Quantity=line.hours,
                UnitPrice=line.rate,
            )


def _account(sim: SalesforceSimulator, client: Client) -> str:
    id = sim.create(
        "Account",
        Name=client.name,
        BillingStreet=client.street,
        BillingCity=client.city,
        BillingPostalCode=client.postal_code,
        BillingCountryCode=client.country,
        CurrencyIsoCode=client.currency,
        VAT_Number__c=client.vat_number,
        LEI__c=client.lei,
    )
    sim.create(
        "Contact",
        AccountId=id,
        FirstName=client.contact_first_name,
        LastName=client.contact_last_name,
        Email=client.contact_email,
    )
    return id


def _contract(sim: SalesforceSimulator, deal: Deal, account: str) -> str:
    terms: dict[str, Any] = {
        "AccountId": account,
        "StartDate": deal.start_on.isoformat(),
        "ContractTerm": deal.term_months,
        "CurrencyIsoCode": deal.currency,
        "Entity__c": deal.entity,
        "Version__c": 1,
        "Effective_Date__c": deal.start_on.isoformat(),
        "PO_Number__c": deal.po_number,
        "Payment_Terms_Days__c": deal.payment_terms_days,
    }
    if "method" not in deal.lacks:
        terms["Billing_Method__c"] = BILLING_METHODS[deal.method]
    if field := _FEE_FIELDS.get(deal.method):
        terms[field] = deal.fee
    id = sim.create("Contract", **terms)
    for number, milestone in enumerate(deal.milestones, 1):
        sim.create(
            "Milestone__c",
            Name=milestone.name,
            Contract__c=id,
            Amount__c=milestone.amount,
            Due_Date__c=milestone.due_on.isoformat(),
            Evidence_Required__c=milestone.needs_evidence,
            Sequence__c=number,
        )
    return id


def open_kantata(sim: KantataSimulator, firm: Firm) -> str:
    """Load role codes, consultants and the office that keeps the time sheets; returns the office's user id."""
    roles = {code: r.id for code, r in zip(ROLES, sim.load("roles", [{"name": code} for code in ROLES]), strict=True)}
    for worker in firm.workers:
        rate = max((deal.rates.get(worker.role, Decimal(0)) for deal in firm.deals), default=Decimal(0))
        member = {
            "default_role_id": roles[worker.role],
            "bill_rate_in_cents": int(rate * 100),
            "cost_rate_in_cents": int(rate * _COST_SHARE * 100),
        }
        _member(sim, worker.name, worker.email, roles[worker.role], member)
    office = {"is_administrator": True, "permission": "Account Administrator"}
    return _member(sim, "Time Sheet Office", TIME_SHEET_OFFICE, None, office)


def _member(sim: KantataSimulator, name: str, mail: str, role: str | None, facts: Mapping[str, Any]) -> str:
    (user,) = sim.load("users", [{"full_name": name, "email_address": mail, "role_id": role}])
    (membership,) = sim.load("account_memberships", [{"user_id": user.id, **facts}])
    sim.account["users"].change(user.id, account_membership_id=membership.id)
    return user.id


def open_netsuite(sim: NetSuiteSimulator, firm: Firm) -> None:
    """Load subsidiaries, periods, tax codes, items, employees by number, and the clients that finance billed before."""
    subsidiaries = {
        e.code: sim.load_subsidiary(e.name, currency=e.currency, country=e.country, external_id=e.code)
        for e in firm.entities
    }
    _open_periods(sim, firm.today)
    for code, rate, country in _TAX_ITEMS:
        sim.load_tax_item(code, rate, country=country)
    for code in (SERVICE_ITEM, *ROLES):
        sim.load_item(code)
    sim.load_item("FIXED-FEE", income_account="4100")
    for worker in (*firm.workers, *firm.office):
        sim.load_employee(worker.number, worker.first_name, worker.last_name, subsidiary=subsidiaries[worker.entity])
    for client in firm.clients:
        if client.is_in_ledger:
            sim.load("customer", _known_customer(client, subsidiaries[client.entity]))


def _open_periods(sim: NetSuiteSimulator, today: date) -> None:
    """Load a year back and a few months ahead; the older ones are closed."""
    first = (today.replace(day=1) - timedelta(days=31 * (_MONTHS - 4))).replace(day=1)
    closed_until = (today.replace(day=1) - timedelta(days=30 * _OPEN_MONTHS)).isoformat()
    for id in sim.load_months(first, _MONTHS):
        if sim.state.require("accountingPeriod", id).data["endDate"] < closed_until:
            sim.set_period(id, closed=True)


def _known_customer(client: Client, subsidiary: str) -> dict[str, Any]:
    address = {
        "addr1": client.street,
        "city": client.city,
        "zip": client.postal_code,
        "country": {"id": client.country},
    }
    return {
        "companyName": client.name.upper(),  # as finance typed it years ago
        "subsidiary": {"id": subsidiary},
        "custentity_vat": client.vat_number,
        "addressBook": {"items": [{"label": "Billing", "defaultBilling": True, "addressBookAddress": address}]},
    }


def open_workday(sim: WorkdaySimulator, firm: Firm) -> None:
    """Load companies, cost centers, locations, job profiles and everybody's hire."""
    force = sim.force
    for entity in firm.entities:
        force.organization(entity.code, entity.name, "COMPANY")
        force.location(*_LOCATIONS[entity.code])
    for code, name in COST_CENTERS.items():
        force.organization(code, name, "COST_CENTER")
    for code, title in {**ROLES, "OFFICE": "Office"}.items():
        force.job_profile(code, title)
    currencies = {entity.code: entity.currency for entity in firm.entities}
    for worker in (*firm.workers, *firm.office):
        force.hire(
            worker.number,
            worker.hired_on,
            at=datetime.combine(worker.hired_on, time(9), UTC),
            first_name=worker.first_name,
            last_name=worker.last_name,
            email=worker.email,
            company=worker.entity,
            cost_center=worker.cost_center,
            job_profile=worker.role,
            location=_LOCATIONS[worker.entity][0],
            manager=worker.manager,
            currency=currencies[worker.entity],
        )


def open_teams(sim: TeamsSimulator, firm: Firm) -> None:
    """Load everybody into the directory."""
    for worker in (*firm.workers, *firm.office):
        sim.add_user(worker.email, worker.name, employeeId=worker.number, jobTitle=ROLES.get(worker.role, "Office"))
