"""Prove who we are: a bearer token that lives until somebody revokes it."""

from __future__ import annotations

import httpx2
from pydantic import SecretStr

from accordant.platform.http import BearerAuth, Token


def token_auth(access_token: SecretStr) -> BearerAuth:
    """Return the proof for this token; a refusal of it is final, as the vendor has no refresh token."""

    async def fetch(_: httpx2.AsyncClient) -> Token:
        return Token(access_token.get_secret_value())

    return BearerAuth(fetch)
