"""A simulated Salesforce org: REST, SOQL and outbound messages, from the vendor's documents."""

from accordant.simulators.salesforce.simulator import SalesforceSimulator

__all__ = ["SalesforceSimulator"]
