"""Salesforce as a CRM: deals, customers, engagement status. See README.md."""

from accordant.connectors.salesforce.connector import SalesforceConnector

__all__ = ["SalesforceConnector"]
