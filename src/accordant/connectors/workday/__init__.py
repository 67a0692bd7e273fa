"""Workday as the source of workers, with both time axes. See README.md."""

from accordant.connectors.workday.connector import WorkdayConnector

__all__ = ["WorkdayConnector"]
