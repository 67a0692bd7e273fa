"""What an invoice cycle is asked for, works with and ends with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from accordant.canonical import Contract, Customer, Invoice, Project
from accordant.kernel import ExternalId, Money
from accordant.process import FlowInput, FlowOutput


class BillPeriod(FlowInput):
    """Bill everything of a contract that was worked on or before a cut-off day."""

    contract_id: str
    project_id: str
    entity: str
    until_on: date


class Invoiced(FlowOutput):
    """The posted invoice; empty when there was nothing to bill."""

    invoice_id: str = ""
    number: str = ""
    net: Money | None = None
    line_count: int = 0


@dataclass(frozen=True)
class Engagement:
    """Whose work is billed, and under which terms."""

    contract: Contract
    project: Project
    customer: Customer
    account: ExternalId
    erp_project: ExternalId


@dataclass(frozen=True)
class Drafted:
    """The invoice as we drafted it, and the ERP's draft of it."""

    invoice: Invoice
    ref: ExternalId
    tax: Money
    total: Money
