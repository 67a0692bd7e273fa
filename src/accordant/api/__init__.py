"""The API: authenticate, translate, answer; system, process and experience operations, events, and the doorbells.

It takes no business decision: what an operation does lies in the rooms below.
"""

from accordant.api.app import create_api
from accordant.api.clients import Callers
from accordant.api.deps import ApiDeps
from accordant.api.settings import ApiSettings

__all__ = ["ApiDeps", "ApiSettings", "Callers", "create_api"]
