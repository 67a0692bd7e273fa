"""Oracle NetSuite as an ERP: customers, projects, billing rules, time, invoices, periods and payments."""

from accordant.connectors.netsuite.connector import NetSuiteConnector
from accordant.connectors.netsuite.settings import NetSuiteSettings

__all__ = ["NetSuiteConnector", "NetSuiteSettings"]
