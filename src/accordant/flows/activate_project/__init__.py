"""From a won deal to a project that can be worked on and billed."""

from accordant.flows.activate_project.flow import activate_project
from accordant.flows.activate_project.models import ActivateProject, Activation

__all__ = ["ActivateProject", "Activation", "activate_project"]
