"""Pages by key: an opaque cursor says after which row the next page begins."""

from __future__ import annotations

import base64
import json
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from accordant.kernel import InvalidInput

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=500, description="Largest number of items.")]
Cursor = Annotated[str, Query(max_length=500, description="`next` of the page before.")]


class Page(BaseModel, Generic[T]):
    """Items in a fixed order; `next` is absent on the last page."""

    items: list[T]
    next: str | None = Field(default=None, description="Hand it back as `cursor`.")


def page_of(items: list[dict[str, Any]], limit: int, *last: str) -> dict[str, Any]:
    """Return a page of at most `limit` of the items read (one more was asked for); the cursor holds `last` fields."""
    shown = items[:limit]
    following = [str(shown[-1][name]) for name in last] if len(items) > limit else None
    return {"items": shown, "next": write_cursor(*following) if following else None}


def write_cursor(*values: str) -> str:
    """Return a cursor that holds these values."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def read_cursor(cursor: str, count: int) -> list[str] | None:
    """Return the values of a cursor; None for the first page; InvalidInput `api.cursor` when it is none of ours."""
    if not cursor:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        values = None
    if not isinstance(values, list) or len(values) != count or not all(isinstance(v, str) for v in values):
        raise InvalidInput("This cursor is none of ours.", code="api.cursor", remedy="Begin with the first page.")
    return values
