"""The login that the settings ask for."""

from __future__ import annotations

from accordant.connectors._shared.salesforce import ClientSecret, SignedAssertion, bearer_auth
from accordant.connectors.salesforce.settings import SalesforceSettings
from accordant.platform.http import BearerAuth


def auth_for(settings: SalesforceSettings, *, system: str) -> BearerAuth:
    """Return client credentials or signed assertions, whichever the settings hold."""
    client_id = settings.client_id.get_secret_value()
    if settings.client_secret is not None:
        return bearer_auth(ClientSecret(client_id, settings.client_secret.get_secret_value()), system=system)
    key = settings.private_key.get_secret_value() if settings.private_key else ""
    grant = SignedAssertion(client_id, settings.username or "", settings.audience or "", key)
    return bearer_auth(grant, system=system)
