"""Tokens of this installation: for service clients by their secret; in a simulated estate for any of its people."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from accordant.api.deps import ApiDeps
from accordant.api.identity import LASTS, Issuer
from accordant.api.operation import describe
from accordant.governance import Actor
from accordant.kernel import NotFound

router = APIRouter(prefix="/oauth2", tags=["identity"])

SIMULATED_PERSON = "urn:accordant:grant-type:simulated-person"


class TokenAnswer(BaseModel):
    """A bearer token (RFC 6749, section 5.1)."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str


@router.post(
    "/token",
    operation_id="issue-token",
    **describe(
        owner="platform", latency_ms=100, scopes=(), answer=TokenAnswer, idempotent_by="a token changes nothing"
    ),
)
def token(
    request: Request,
    grant_type: Annotated[str, Form(max_length=100)],
    client_id: Annotated[str, Form(max_length=100)] = "",
    client_secret: Annotated[str, Form(max_length=500)] = "",
    person: Annotated[str, Form(max_length=100)] = "",
    scope: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Issue a token; where the firm's identity provider issues them, this answers `unsupported_grant_type`."""
    state = request.app.state
    host = request.client.host if request.client else "unknown"
    state.knocks.take(host)
    issuer: Issuer | None = state.issuer
    if issuer is None or grant_type not in ("client_credentials", SIMULATED_PERSON):
        return _refused("unsupported_grant_type")
    if grant_type == SIMULATED_PERSON:
        actor = _person(state.deps, person)
    else:
        actor = state.callers.proved(*(_basic(request) or (client_id, client_secret)))
    if actor is None:
        return _refused("invalid_client", status=401)
    granted = actor.scopes & frozenset(scope.split()) if scope else actor.scopes
    if not granted:
        return _refused("invalid_scope")
    answer = TokenAnswer(
        access_token=issuer.issue(actor.id, scopes=granted),
        token_type="Bearer",  # noqa: S106 - the kind, no secret
        expires_in=int(LASTS.total_seconds()),
        scope=" ".join(sorted(granted)),
    )
    return JSONResponse(answer.model_dump())


def _person(deps: ApiDeps, person: str) -> Actor | None:
    if not deps.is_simulated:
        return None
    try:
        return deps.estate.access.actor(person)
    except NotFound:
        return None


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return id, secret


def _refused(error: str, *, status: int = 400) -> Response:
    headers = {"WWW-Authenticate": 'Basic realm="accordant"'} if status == 401 else {}
    return JSONResponse({"error": error}, status_code=status, headers=headers)
