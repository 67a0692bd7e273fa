"""Oracle NetSuite as an ERP: customers, projects, billing rules, time, invoices, periods and payments."""

from accordant.connectors.netsuite.changes import NetSuiteChanges
from accordant.connectors.netsuite.diagnostics import probe, snapshot
from accordant.connectors.netsuite.posting import NetSuitePosting
from accordant.connectors.netsuite.settings import NetSuiteSettings


class NetSuiteConnector(NetSuitePosting, NetSuiteChanges):
    """One account, with every capability its manifest names."""


__all__ = ["NetSuiteConnector", "NetSuiteSettings", "probe", "snapshot"]
