"""Approved time becomes priced ledger lines and posted time in the ERP, in batches with an outcome per line."""

from accordant.flows.time_to_bill.flow import time_to_bill
from accordant.flows.time_to_bill.models import TimeBilled, TimeToBill

__all__ = ["TimeBilled", "TimeToBill", "time_to_bill"]
