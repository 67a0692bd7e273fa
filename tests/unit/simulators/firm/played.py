"""A loaded estate with its people in process, and a stand-in for whoever sets projects up."""

from __future__ import annotations

from decimal import Decimal

import httpx2

from accordant.simulators.firm import SimulatedEstate
from accordant.simulators.firm.desks import KantataDesk, NetSuiteDesk, SalesforceDesk
from accordant.simulators.firm.people import Client, Seller
from accordant.simulators.firm.story import Story
from accordant.simulators.firm.time_office import TimeOffice


def reach(estate: SimulatedEstate, system: str) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=estate.simulators[system].app)
    return httpx2.AsyncClient(transport=transport, base_url="http://sim", timeout=0.2)


def a_story(estate: SimulatedEstate, **options) -> Story:
    logins, firm = estate.logins, estate.firm
    seller = Seller(SalesforceDesk(reach(estate, "salesforce-main"), logins["salesforce-main"]), firm)
    office = TimeOffice(KantataDesk(reach(estate, "kantata-main"), logins["kantata-main"]), firm)
    client = Client(NetSuiteDesk(reach(estate, "netsuite-main"), logins["netsuite-main"]), firm)
    return Story(firm, seller, office, client, **options)


def opportunities(estate: SimulatedEstate) -> dict:
    org = estate.simulators["salesforce-main"].org
    return {record.data["Name"]: record for record in org.tables["Opportunity"]}


def set_up_projects(estate: SimulatedEstate, *, unless_lacking: bool = True) -> int:
    """Give each won deal a project and show its code in CRM and PSA, as an integration would; returns how many."""
    crm, psa = estate.simulators["salesforce-main"], estate.simulators["kantata-main"]
    made = 0
    for name, record in opportunities(estate).items():
        held = record.data
        incomplete = unless_lacking and not (held["Practice__c"] and held["Delivery_Lead_Email__c"])
        if held["StageName"] != "Closed Won" or held.get("Project_Code__c") or incomplete:
            continue
        code = f"P-{record.id[-5:]}"
        fields = {"Project code": code, "Legal entity": held["Entity__c"]}
        psa.load("workspaces", [{"title": name, "currency": held["CurrencyIsoCode"], "custom_fields": fields}])
        crm.update("Opportunity", record.id, Project_Code__c=code)
        made += 1
    return made


def entries(estate: SimulatedEstate) -> list:
    return [d for d in estate.simulators["kantata-main"].books.documents() if d.kind == "time_entry"]


def an_invoice(estate: SimulatedEstate, client_name: str, amount: str) -> str:
    """Post an invoice to a client, as an integration would; returns its id."""
    sim = estate.simulators["netsuite-main"]
    client = next(c for c in estate.firm.clients if c.name == client_name)
    subsidiary = next(r.id for r in sim.state.types["subsidiary"] if r.data["externalId"] == client.entity)
    item = next(r.id for r in sim.state.types["serviceSaleItem"] if r.data["itemId"] == "SERVICES")
    known = [r.id for r in sim.state.types["customer"] if r.data["companyName"] == client_name]
    customer = (
        known[0] if known else sim.load("customer", {"companyName": client_name, "subsidiary": {"id": subsidiary}})
    )
    line = {"item": {"id": item}, "quantity": 1, "amount": Decimal(amount)}
    body = {"entity": {"id": customer}, "approvalStatus": {"id": "2"}, "tranDate": estate.firm.today.isoformat()}
    return sim.load("invoice", body | {"item": {"items": [line]}})
