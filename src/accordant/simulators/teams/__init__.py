"""Microsoft Teams as seen through Graph, its token endpoint, the bot service and the Workflows webhook, on one host."""

from accordant.simulators.teams.simulator import TeamsSimulator

__all__ = ["TeamsSimulator"]
