"""Tryton as an ERP: customers, projects, billing rules, time, invoices, periods and payments."""

from accordant.connectors.tryton.connector import TrytonConnector
from accordant.connectors.tryton.settings import TrytonSettings

__all__ = ["TrytonConnector", "TrytonSettings"]
