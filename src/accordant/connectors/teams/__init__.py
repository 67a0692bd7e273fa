"""Microsoft Teams as the place where the people of an engagement talk. See README.md."""

from accordant.connectors.teams.connector import TeamsConnector

__all__ = ["TeamsConnector"]
