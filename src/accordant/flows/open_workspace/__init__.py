"""A place to talk for the people of an engagement; beside the activation, never before it."""

from accordant.flows.open_workspace.flow import OpenWorkspace, WorkspaceOpened, open_workspace

__all__ = ["OpenWorkspace", "WorkspaceOpened", "open_workspace"]
