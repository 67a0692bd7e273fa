"""From billable lines to a posted invoice: draft, review, approve what was seen, post."""

from accordant.flows.invoice_cycle.flow import invoice_cycle
from accordant.flows.invoice_cycle.models import BillPeriod, Invoiced

__all__ = ["BillPeriod", "Invoiced", "invoice_cycle"]
