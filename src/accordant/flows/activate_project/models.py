"""What an activation is asked for, what it works with, what it ends with."""

from __future__ import annotations

from dataclasses import dataclass

from accordant.canonical import Contract, Customer, Deal
from accordant.kernel import ExternalId
from accordant.process import FlowInput, FlowOutput


class ActivateProject(FlowInput):
    """A won deal; the contract is None while the CRM does not name one.

    The versions are those of our records; whichever rises, the request is newer.
    """

    deal_id: str
    deal_version: int
    contract_id: str | None
    entity: str
    contract_version: int = 0
    customer_version: int = 0

    @property
    def engagement(self) -> str:
        """The id under which all systems' facts about this work are gathered."""
        return self.contract_id or self.deal_id


class Activation(FlowOutput):
    """A project that stands in PSA and ERP with the same code, under confirmed billing rules."""

    project_id: str
    project_code: str
    contract_id: str
    contract_version: int
    tax_code: str
    psa_ref: str
    erp_ref: str
    erp_customer_ref: str
    workspace_run: str


@dataclass(frozen=True)
class Sold:
    """What was sold, complete enough to begin."""

    deal: Deal
    contract: Contract
    customer: Customer


@dataclass(frozen=True)
class Accounts:
    """The client in the PSA and the billing entity in the ERP."""

    psa: ExternalId
    erp: ExternalId


@dataclass(frozen=True)
class Places:
    """The project in the PSA and in the ERP."""

    psa: ExternalId
    erp: ExternalId
