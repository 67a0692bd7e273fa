"""The systems of the firm before day one, and how they are reached."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
import yaml

from accordant.simulators.firm import SimulatedEstate
from accordant.simulators.firm.estate import choose, read_addresses

DEMO = Path(__file__).parents[4] / "estates" / "demo"


def documents(estate, system, kind):
    return [d for d in estate.simulators[system].books.documents() if d.kind == kind]


class TestSimulatedEstate:
    def test_opens_the_crm_with_draft_contracts_and_nothing_won(self, estate, firm):
        assert {d.state for d in documents(estate, "salesforce-main", "opportunity")} == {"Negotiation/Review"}
        assert {d.state for d in documents(estate, "salesforce-main", "contract")} == {"Draft"}
        assert len(documents(estate, "salesforce-main", "account")) == len(firm.clients)

    def test_opens_the_psa_with_people_and_no_project(self, estate, firm):
        account = estate.simulators["kantata-main"].account
        users = {r.data["email_address"]: r for r in account["users"]}

        worker = firm.workers[0]
        assert account.at("roles", users[worker.email].data["role_id"]).data["name"] == worker.role
        assert documents(estate, "kantata-main", "project") == []

    def test_opens_the_ledger_with_the_clients_that_finance_knows_and_no_key(self, estate, firm):
        known = documents(estate, "netsuite-main", "customer")

        assert {d.facts["vat"] for d in known} == {c.vat_number for c in firm.clients if c.is_in_ledger}
        assert {d.key for d in known} == {""}

    def test_closes_the_old_periods_and_keeps_those_of_the_time_open(self, estate, firm):
        periods = [p.data for p in estate.simulators["netsuite-main"].state.types["accountingPeriod"]]
        worked = {f"{line.worked_on:%b %Y}" for line in firm.lines}

        is_closed = {p["periodName"]: p["closed"] for p in periods}
        assert any(is_closed.values())
        assert not any(is_closed[name] for name in worked)

    def test_employs_everybody_under_the_same_number_everywhere(self, estate, firm):
        workday = {d.key for d in documents(estate, "workday-main", "worker")}
        employees = {e.data["externalId"] for e in estate.simulators["netsuite-main"].state.types["employee"]}
        directory = {u.data["employeeId"] for u in estate.simulators["teams-main"].tenant.users}

        assert workday == employees == directory
        assert workday == {w.number for w in (*firm.workers, *firm.office)}

    def test_has_no_system_that_was_not_asked_for(self, firm):
        estate = SimulatedEstate(firm, choose(["salesforce", "kantata"], [8401, 8402]))

        assert set(estate.simulators) == {"salesforce-main", "kantata-main"}
        assert not any(name.startswith("NETSUITE") for name in estate.environment)

    def test_refuses_a_system_nobody_plays(self, firm):
        with pytest.raises(ValueError, match="sap-main"):
            SimulatedEstate(firm, choose(["sap"], [8400]))

    def test_refuses_to_serve_elsewhere(self, firm):
        estate = SimulatedEstate(firm, {"workday-main": "https://workday.example"})

        with pytest.raises(ValueError, match="a port of this machine"):
            asyncio.run(estate.serve())

    def test_has_secrets_of_its_own_each_time(self, firm, estate):
        fresh = SimulatedEstate(firm)

        assert fresh.environment["KANTATA_MAIN_TOKEN"] != estate.environment["KANTATA_MAIN_TOKEN"]
        assert fresh.environment["NETSUITE_MAIN_PRIVATE_KEY"] != estate.environment["NETSUITE_MAIN_PRIVATE_KEY"]

    def test_lets_people_in_by_other_logins_than_the_integration(self, estate):
        assert estate.logins["kantata-main"]["token"] != estate.environment["KANTATA_MAIN_TOKEN"]
        assert estate.logins["netsuite-main"]["client_id"] != estate.environment["NETSUITE_MAIN_CLIENT_ID"]


class TestDemoEstateFile:
    def test_names_only_secrets_that_the_simulated_estate_gives(self, estate):
        systems = yaml.safe_load((DEMO / "accordant.yaml").read_text())["systems"]
        named = {ref.removeprefix("env:") for row in systems.values() for ref in row["secrets"].values()}

        assert named <= set(estate.environment)

    def test_says_where_each_system_is_served(self, estate):
        assert read_addresses(DEMO / "accordant.yaml") == estate.addresses

    def test_has_people_whom_every_directory_knows(self, firm):
        people = yaml.safe_load((DEMO / "access" / "people.yaml").read_text())["people"]
        office = {w.number: (w.name, w.email) for w in firm.office}

        assert {p["worker_number"]: (p["name"], p["email"]) for p in people} == office


class TestProcess:
    def test_says_how_to_reach_it_and_serves(self):
        """R-SYS-25."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "accordant.simulators.firm", "--engagements", "2", "--lines", "40"]
        with subprocess.Popen(
            [*command, "--systems", "kantata", "--ports", str(port)], stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                said = json.loads(process.stdout.readline())
                url = said["addresses"]["kantata-main"]
                bearer = {"Authorization": f"Bearer {said['environment']['KANTATA_MAIN_TOKEN']}"}
                with httpx2.Client(base_url=url, transport=httpx2.HTTPTransport(retries=8)) as client:
                    answer = client.get("/api/v1/roles.json", headers=bearer)
            finally:
                process.terminate()

        assert answer.status_code == 200
        assert "CONS-SR" in answer.text
