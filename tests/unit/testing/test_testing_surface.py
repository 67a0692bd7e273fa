"""What accordant.testing offers to connector authors: its public list, its builders, its faults, what it computes."""

from __future__ import annotations

import asyncio
import inspect
import json

import httpx2
import pytest
from starlette.testclient import TestClient

from accordant import testing
from accordant.canonical import BillingMethod
from accordant.connectors.netsuite import NetSuiteConnector
from accordant.connectors.workday import WorkdayConnector
from accordant.kernel import InvalidInput, Money
from accordant.ports import Permission, capabilities_of
from accordant.simulators._shared import Fault, FaultPlan
from accordant.simulators.kantata import TOKEN, KantataSimulator
from accordant.testing import ConnectorContract, DisturbedTransport, Faults, builders
from accordant.testing.permissions import SuiteResult, compute, suites

BUILDERS = [f for name, f in vars(builders).items() if inspect.isfunction(f) and f.__module__ == builders.__name__]


class TestPublicSurface:
    def test_is_sorted_and_complete(self):
        public = {
            name
            for name, thing in vars(testing).items()
            if not name.startswith("_") and getattr(thing, "__module__", "").startswith("accordant.testing")
        }

        assert list(testing.__all__) == sorted(testing.__all__, key=lambda name: (not name.isupper(), name))
        assert set(testing.__all__) == public | {"STRIKES"}

    @pytest.mark.parametrize("name", [name for name in testing.__all__ if name != "STRIKES"])
    def test_says_what_each_thing_is(self, name):
        assert getattr(testing, name).__doc__

    @pytest.mark.parametrize("suite", suites().values(), ids=lambda suite: suite.__name__)
    def test_every_check_says_what_it_is_about(self, suite):
        assert suite.checks()
        assert [name for name in suite.checks() if not getattr(suite, name).__doc__] == []


class TestBuilders:
    @pytest.mark.parametrize("builder", BUILDERS, ids=lambda builder: builder.__name__)
    def test_need_nothing_but_what_they_belong_to(self, builder):
        from accordant.kernel import ExternalId

        ref = ExternalId(system="erp", type="job", value="1")
        needed = [p for p in inspect.signature(builder).parameters.values() if p.default is p.empty and p.kind == 1]

        first = builder(*[ref] * len(needed))

        assert builder(*[ref] * len(needed)) == first

    @pytest.mark.parametrize("method", BillingMethod)
    def test_a_contract_has_what_its_billing_method_needs(self, method):
        contract = builders.a_contract(billing=method, currency="EUR")

        given = {
            BillingMethod.CAPPED: contract.cap,
            BillingMethod.FIXED_FEE: contract.fixed_fee,
            BillingMethod.RETAINER: contract.retainer,
            BillingMethod.MILESTONE: contract.milestones,
        }
        assert [m for m, value in given.items() if value] == ([method] if method in given else [])

    def test_an_invoice_has_so_many_lines_in_its_currency(self):
        assert builders.an_invoice(lines=3, currency="JPY").net == Money.of(300, "JPY")
        assert builders.an_invoice("1.10", "-0.05").net == Money.of("1.05", "GBP")


class TestFaults:
    def served(self):
        sim = KantataSimulator()
        inner = TestClient(sim.app, raise_server_exceptions=False)
        return sim, inner, Faults("http://testserver", transport=inner._transport)

    def test_strike_a_served_simulator_and_are_gone_at_the_end(self):
        sim, client, faults = self.served()
        headers = {"authorization": f"Bearer {TOKEN}"}

        with faults:
            faults.arm("429", on="GET /api/v1/users", times=2, after=1)
            seen = [client.get("/api/v1/users", headers=headers).status_code for _ in range(4)]
            (armed,) = faults.armed()

        assert seen == [200, 429, 429, 200]
        assert armed.struck == 2
        assert sim.faults.as_json() == []

    def test_with_a_name_that_nobody_knows_are_refused(self):
        _, _, faults = self.served()

        with faults, pytest.raises(InvalidInput) as refused:
            faults.arm("earthquake")

        assert "late_commit" in refused.value.remedy


class TestDisturbedTransport:
    def call(self, *faults, door=False, late=False):
        """Send one POST; returns how it went and how often the system was reached."""
        reached = []

        def answer(request):
            reached.append(request.content)
            return httpx2.Response(201, json={"ok": True})

        async def story():
            plan = FaultPlan()
            for name in faults:
                plan.arm(Fault(name))
            wire = DisturbedTransport(httpx2.MockTransport(answer), plan, door=door)
            async with httpx2.AsyncClient(transport=wire, base_url="http://erp.example") as client:
                try:
                    said = (await client.post("/x", json={"n": 1})).status_code
                except httpx2.TransportError as error:
                    said = type(error).__name__
                before = len(reached)
                if late:
                    assert await wire.commit_late() == 1
                return said, before, len(reached)

        return asyncio.run(story())

    def test_lets_pass_what_no_fault_strikes(self):
        assert self.call() == (201, 1, 1)

    @pytest.mark.parametrize(
        ("fault", "expected"),
        [
            ("timeout_before_commit", ("ReadTimeout", 0, 0)),
            ("timeout_after_commit", ("ReadTimeout", 1, 1)),
            ("half_body", ("ReadError", 1, 1)),
            ("html_error", (502, 0, 0)),
        ],
    )
    def test_does_to_a_call_what_the_fault_says(self, fault, expected):
        assert self.call(fault) == expected

    def test_commits_late_when_it_is_told_to(self):
        assert self.call("late_commit", late=True) == ("ReadTimeout", 0, 1)

    @pytest.mark.parametrize(("fault", "status"), [("429", 429), ("500", 500), ("expired_token", 401)])
    def test_speaks_for_the_door_only_of_a_system_that_cannot(self, fault, status):
        assert self.call(fault, door=True) == (status, 0, 0)
        assert self.call(fault) == (201, 1, 1)


def passed(connector):
    """Return results in which every needed suite passed."""
    needed = [ConnectorContract, *(suites()[capability] for capability in capabilities_of(connector))]
    return {suite.__name__: SuiteResult(passed=suite.checks()) for suite in needed}


class TestCompute:
    def test_gives_what_the_strongest_capability_needs_and_no_more(self):
        erp, hris = (compute(cls, passed(cls)) for cls in (NetSuiteConnector, WorkdayConnector))

        assert (erp.permission, erp.missing) == (Permission.WRITE_MONEY, ())
        assert (hris.permission, hris.missing) == (Permission.READ, ())

    @pytest.mark.parametrize(
        ("suite", "permission"),
        [
            ("InvoicePostingContract", Permission.WRITE),
            ("TimePostingContract", Permission.READ),
            ("PaymentFeedContract", Permission.NONE),
            ("ConnectorContract", Permission.NONE),
        ],
    )
    def test_stops_below_the_level_of_a_suite_that_failed(self, suite, permission):
        results = passed(NetSuiteConnector)
        results[suite] = results[suite].model_copy(update={"failed": ("test_x",)})

        standing = compute(NetSuiteConnector, results)

        assert (standing.permission, standing.missing) == (permission, (f"{suite}: test_x failed",))

    def test_does_not_count_a_suite_that_was_not_run_whole(self):
        results = passed(NetSuiteConnector)
        results["InvoicePostingContract"] = SuiteResult(passed=results["InvoicePostingContract"].passed[1:])

        standing = compute(NetSuiteConnector, results)

        assert standing.missing == ("InvoicePostingContract was not run whole",)

    def test_counts_what_is_not_applicable_for_a_reason(self):
        results = passed(NetSuiteConnector)
        first, *others = results["PaymentFeedContract"].passed
        results["PaymentFeedContract"] = SuiteResult(
            passed=tuple(others), not_applicable={f"{first}[x]": "cannot be done"}
        )

        assert compute(NetSuiteConnector, results).permission is Permission.WRITE_MONEY


class TestPlugin:
    def test_writes_what_a_run_of_suites_has_shown(self, tmp_path):
        """A run in a process of its own: one suite passes, one check does not apply, one suite fails."""
        import subprocess
        import sys

        test = tmp_path / "test_hris.py"
        test.write_text(
            "from contextlib import asynccontextmanager\n"
            "from accordant.testing import ConnectorContract, PeriodCalendarContract\n"
            "class NoBench:\n"
            "    connector = 'netsuite'\n"
            "    @asynccontextmanager\n"
            "    async def bench(self):\n"
            "        import pytest\n"
            "        pytest.skip('not applicable: no system here')\n"
            "        yield\n"
            "class TestCalendar(NoBench, PeriodCalendarContract): ...\n"
            "class TestConnector(NoBench, ConnectorContract):\n"
            "    def test_the_manifest_says_who_owns_it_and_what_it_was_checked_against(self):\n"
            "        raise AssertionError\n"
        )
        file = tmp_path / "permissions.json"

        command = [sys.executable, "-m", "pytest", "-q", "-p", "accordant.testing.plugin", "--permissions", str(file)]
        subprocess.run([*command, "-c", "/dev/null", str(test)], capture_output=True, check=False, timeout=60)

        (row,) = json.loads(file.read_text()).values()
        assert row["permission"] == "none"
        assert len(row["suites"]["PeriodCalendarContract"]["not_applicable"]) == 3
        assert set(row["suites"]["PeriodCalendarContract"]["not_applicable"].values()) == {"no system here"}
        (failed,) = row["suites"]["ConnectorContract"]["failed"]
        assert f"ConnectorContract: {failed} failed" in row["missing"]
