"""The two logins of one app: to Graph and to the bot service."""

from __future__ import annotations

from accordant.connectors._shared.graph import BOT_SCOPE, GRAPH_SCOPE, AppCredentials, bearer_auth
from accordant.connectors.teams.settings import TeamsSettings
from accordant.platform.http import BearerAuth


def graph_auth(settings: TeamsSettings, *, system: str) -> BearerAuth:
    """Return the login to Graph."""
    return bearer_auth(_app(settings), GRAPH_SCOPE, system=system)


def bot_auth(settings: TeamsSettings, *, system: str) -> BearerAuth:
    """Return the login to the bot service, in the tenant's own authority."""
    return bearer_auth(_app(settings), BOT_SCOPE, system=system)


def _app(settings: TeamsSettings) -> AppCredentials:
    secret = settings.client_secret.get_secret_value()
    return AppCredentials(settings.login_url, settings.tenant_id, settings.client_id, secret)
