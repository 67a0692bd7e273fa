"""What the contract tests have shown is what the runtime lets a connector do."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path

import pytest

from accordant.connectors.netsuite import NetSuiteConnector
from accordant.governance import load
from accordant.kernel import ExternalId, Rejected
from accordant.platform.http import in_process
from accordant.ports import (
    Absent,
    EffectKind,
    InvoicePosting,
    Permission,
    ProjectSetup,
    capabilities_of,
    effect_of,
    effects_of,
    needed_for,
)
from accordant.runtime.connections import CONNECTORS, Connections
from accordant.runtime.permissions import Standing as Shown
from accordant.runtime.permissions import standing_of, standings, within
from accordant.simulators.kantata import TOKEN, KantataSimulator
from accordant.testing.permissions import Standing, SuiteResult, compute, suites
from accordant.testing.plugin import connector_class
from accordant.testing.standard import ConnectorContract

ESTATE = Path(__file__).parents[3] / "estates/demo"
INVOICE = ExternalId(system="netsuite-uk", type="invoice", value="1")


def built(permission: Permission) -> NetSuiteConnector:
    """Return a connector without a connection: a call that is let through fails for want of one."""
    cls = within(NetSuiteConnector, permission)
    connector = cls.__new__(cls)
    connector.system = "netsuite-uk"
    return connector


class TestWithin:
    def test_refuses_to_move_money_below_write_money(self):
        connector = built(Permission.WRITE)

        with pytest.raises(Rejected) as refused:
            asyncio.run(connector.post_invoice(INVOICE, key="inv_1#1"))

        assert refused.value.code == "connector.not_permitted"
        assert (refused.value.system, refused.value.operation) == ("netsuite-uk", "post_invoice")
        assert "accordant connectors" in refused.value.remedy

    def test_lets_other_writes_pass_at_write(self):
        with pytest.raises(AttributeError):
            asyncio.run(built(Permission.WRITE).delete_draft(INVOICE, key="inv_1#1"))

    @pytest.mark.parametrize(
        "operation",
        [name for capability in capabilities_of(NetSuiteConnector) for name in effects_of(capability)],
    )
    def test_refuses_every_write_at_read(self, operation):
        with pytest.raises(Rejected):
            asyncio.run(getattr(built(Permission.READ), operation)())

    def test_lets_reads_pass_at_read(self):
        with pytest.raises(AttributeError):
            asyncio.run(built(Permission.READ).fetch_invoice(INVOICE))

    def test_lets_nothing_pass_before_reading_was_shown(self):
        with pytest.raises(Rejected):
            within(NetSuiteConnector, Permission.NONE)

    def test_leaves_a_connector_with_all_it_needs_as_it_is(self):
        assert within(NetSuiteConnector, Permission.WRITE_MONEY) is NetSuiteConnector

    def test_keeps_marks_and_capabilities(self):
        connector = built(Permission.READ)

        assert isinstance(connector, InvoicePosting)
        assert isinstance(connector, ProjectSetup)
        assert effect_of(connector.post_invoice).moves_money
        assert effect_of(connector.create_project).kind is EffectKind.CREATE


class TestConnections:
    """The connectors that flows are given are held to what was shown."""

    def ports(self, monkeypatch, permission):
        monkeypatch.setenv("KANTATA_MAIN_TOKEN", TOKEN)
        sim = KantataSimulator()
        connections = Connections(load(ESTATE), ESTATE, in_process(sim.app), standing=lambda _: Shown(permission))
        return sim, lambda: connections.port(ProjectSetup, "psa", "uk01", date(2027, 2, 1))

    def test_a_write_on_a_connector_that_may_only_read_is_refused_before_any_call(self, monkeypatch):
        sim, port = self.ports(monkeypatch, Permission.READ)
        ref = ExternalId(system="kantata-main", type="workspaces", value="1")

        with pytest.raises(Rejected) as refused:
            asyncio.run(port().withdraw_project(ref, key="prj_1#1"))

        assert refused.value.code == "connector.not_permitted"
        assert list(sim.calls) == []

    def test_a_connector_that_has_shown_nothing_is_not_even_built(self, monkeypatch):
        _, port = self.ports(monkeypatch, Permission.NONE)

        with pytest.raises(Rejected):
            port()

    def test_what_was_shown_is_let_through(self, monkeypatch):
        _, port = self.ports(monkeypatch, Permission.WRITE)

        assert asyncio.run(port().find_projects(("prj_1#1",))) == {"prj_1#1": Absent()}


class TestComputedFile:
    """`src/accordant/connectors/permissions.json` is what `make connectors` would write for the suites of today."""

    @pytest.mark.parametrize("name", sorted(CONNECTORS))
    def test_is_current(self, name):
        import json
        from importlib.resources import files

        row = json.loads((files("accordant.connectors") / "permissions.json").read_text(encoding="utf-8"))[name]
        kept = Standing.model_validate(row)
        connector = connector_class(name)
        needed = {ConnectorContract, *(suites()[capability] for capability in capabilities_of(connector))}

        assert kept == compute(connector, {name: SuiteResult.model_validate(r) for name, r in row["suites"].items()})
        assert set(kept.suites) == {suite.__name__ for suite in needed}
        for suite in needed:
            result = kept.suites[suite.__name__]
            tried = {*result.passed, *result.failed, *(test.partition("[")[0] for test in result.not_applicable)}
            assert tried == set(suite.checks()), f"run `make connectors`: the checks of {suite.__name__} have changed"

    def test_lets_every_connector_of_the_release_do_all_it_can(self):
        strongest = {
            name: max(
                (
                    needed_for(spec)
                    for c in capabilities_of(connector_class(name))
                    for spec in [None, *effects_of(c).values()]
                ),
                key=lambda permission: permission.rank,
            )
            for name in CONNECTORS
        }

        assert {name: standing_of(name).permission for name in CONNECTORS} == strongest
        assert set(standings()) == set(CONNECTORS)

    def test_does_not_know_a_connector_that_was_never_tested(self):
        assert standing_of("abacus").permission is Permission.NONE
