"""The firm's business objects under our names, free of any vendor.

Only shapes belong here: no I/O, no rule of one client, no vendor's name.
"""

from accordant.canonical.contract import BillingMethod, Contract, Deal, DealStage, Milestone, RateLine
from accordant.canonical.customer import CountryCode, Customer
from accordant.canonical.entity import AccountingPeriod, LegalEntity
from accordant.canonical.invoice import Invoice, InvoiceLine, InvoiceState, Payment
from accordant.canonical.model import CanonicalModel
from accordant.canonical.project import Assignment, Project, Task
from accordant.canonical.time_entry import ApprovalState, Expense, TimeEntry
from accordant.canonical.worker import Worker

__all__ = [
    "AccountingPeriod",
    "ApprovalState",
    "Assignment",
    "BillingMethod",
    "CanonicalModel",
    "Contract",
    "CountryCode",
    "Customer",
    "Deal",
    "DealStage",
    "Expense",
    "Invoice",
    "InvoiceLine",
    "InvoiceState",
    "LegalEntity",
    "Milestone",
    "Payment",
    "Project",
    "RateLine",
    "Task",
    "TimeEntry",
    "Worker",
]
