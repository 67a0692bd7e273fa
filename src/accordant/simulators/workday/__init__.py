"""Workday as an integration sees it: the SOAP services with both time axes, REST, reports as a service, WQL."""

from accordant.simulators.workday.simulator import WorkdaySimulator

__all__ = ["WorkdaySimulator"]
