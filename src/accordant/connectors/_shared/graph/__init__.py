"""Microsoft Graph on the wire, for every connector that lives on it: login, calls, pages, filters, error table.

Only wire code belongs here: no team, no person, no business word.
"""

from accordant.connectors._shared.graph.auth import BOT_SCOPE, GRAPH_SCOPE, AppCredentials, bearer_auth
from accordant.connectors._shared.graph.client import GraphClient, Row
from accordant.connectors._shared.graph.errors import BOT_ABSENT, TAKEN, classify
from accordant.connectors._shared.graph.filters import Filter, any_of, one_of, starts_with

__all__ = [
    "BOT_ABSENT",
    "BOT_SCOPE",
    "GRAPH_SCOPE",
    "TAKEN",
    "AppCredentials",
    "Filter",
    "GraphClient",
    "Row",
    "any_of",
    "bearer_auth",
    "classify",
    "one_of",
    "starts_with",
]
