"""Everything a process of the product is made of, put together from settings and the estate's files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from accordant.flows.activate_project import activate_project
from accordant.flows.invoice_cycle import invoice_cycle
from accordant.flows.open_workspace import open_workspace
from accordant.flows.payment_status import payment_status
from accordant.flows.time_to_bill import time_to_bill
from accordant.governance import Estate, load
from accordant.kernel import Money
from accordant.platform.durable import Engine, Starter
from accordant.platform.effects import Controls, Effects
from accordant.platform.storage import Database
from accordant.policies import PolicySet
from accordant.process import Answers, FlowRegistry, House, Intake, body_of
from accordant.runtime.connections import Connections

FLOWS = FlowRegistry([activate_project, open_workspace, time_to_bill, invoice_cycle, payment_status])


_ABOVE = "executive"


@dataclass(frozen=True)
class Firm:
    """The estate as this process has loaded it."""

    folder: Path
    estate: Estate
    policies: PolicySet

    @classmethod
    def load(cls, folder: Path) -> Firm:
        """Read an estate folder; InvalidInput names every mistake."""
        estate = load(folder)
        return cls(folder, estate, PolicySet.load(folder / "policies"))

    def to_group(self, amount: Money) -> Money:
        """Return an amount in the group's currency, at the rate that the group's table holds today."""
        group = self.estate.group_currency
        if amount.currency == group:
            return amount.rounded()
        today = datetime.now(UTC).date()
        decision = self.policies.decide("group-rates", {"currency": amount.currency}, today)
        return Money(amount=amount.amount * decision.result["rate"], currency=group).rounded()  # type: ignore[operator]

    def deadline_of(self, entity: str) -> datetime | None:
        """Return the entity's next billing cut-off."""
        if not entity:
            return None
        return self.estate.entity(entity).cut_off_after(datetime.now(UTC))

    def people_of(self, roles: Sequence[str], entity: str) -> tuple[str, ...]:
        """Return the mail addresses of the people in these roles who see the entity."""
        access = self.estate.access
        mail = {person.id: person.email for person in access.people if person.email}
        ids = [actor.id for role in roles for actor in access.actors_in(role, entity)]
        return tuple(dict.fromkeys(mail[id] for id in ids if id in mail))

    def approver_of(self, role: str, entity: str, amount: Money | None) -> str:
        """Return the role to ask for an approval: the one above, when nobody in the first may approve that much."""
        actors = self.estate.access.actors_in(role, entity)
        if amount is None or any(abs(amount.amount) <= a.approval_limits.get(amount.currency, -1) for a in actors):
            return role
        return _ABOVE


def build_house(firm: Firm, engine: Engine, database: Database, connections: Connections, controls: Controls) -> House:
    """Put the house of a worker together."""
    return House(
        engine=engine,
        starter=Starter(database),
        effects=Effects(database, controls),
        policies=firm.policies,
        find_port=connections.port,
        flows=FLOWS,
        snapshot=firm.estate.hash,
        zone_of=lambda entity: firm.estate.entity(entity).zone,
        country_of=lambda entity: firm.estate.entity(entity).country,
        people_of=firm.people_of,
        approver_of=firm.approver_of,
        to_group=firm.to_group,
        deadline_of=firm.deadline_of,
    )


def register_flows(engine: Engine, house: Any) -> None:
    """Register every version of every flow with the engine; old versions stay until their runs are drained."""
    for flow in FLOWS:
        engine.register(flow.workflow, body_of(flow, house))


def build_answers(database: Database) -> Answers:
    """Return what writes people's answers."""
    return Answers(Starter(database), FLOWS)


def build_intake(firm: Firm, database: Database) -> Intake:
    """Return what accepts observations."""
    return Intake(firm.estate, FLOWS, Starter(database))
