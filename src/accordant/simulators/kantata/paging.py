"""Paging, order and the parameters of a query, as the vendor reads them from the query string."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from accordant.simulators.kantata.errors import system
from accordant.simulators.kantata.kinds import Kind

MAX_PAGE = 200


@dataclass(frozen=True, slots=True)
class Query:
    """What a caller asked of an index."""

    filters: Mapping[str, str]
    order: tuple[str, bool]
    limit: int
    offset: int
    include: tuple[str, ...]
    optional_fields: frozenset[str]


def parse(kind: Kind, params: Mapping[str, str]) -> Query:
    """Read the query string; raises 400 for a page that is not a number, or without a filter that the vendor needs."""
    for name in kind.needs - params.keys():
        raise system(400, f"{name} is required")
    limit = min(_number(params, "per_page", 20), MAX_PAGE)
    offset = (_number(params, "page", 1) - 1) * limit
    if "limit" in params or "offset" in params:
        limit, offset = min(_number(params, "limit", 20), MAX_PAGE), _number(params, "offset", 0)
    name, _, direction = params.get("order", "").partition(":")
    if name not in kind.orders:
        name, _, direction = kind.order.partition(":")
    known = {k: v for k, v in params.items() if k in kind.filters}
    if "include_archived" in known and truth(known["include_archived"]):
        known.setdefault("archived", "include")
    if "only_unnamed" in known and truth(known["only_unnamed"]):
        known["include_unnamed"] = "true"
    return Query(
        filters={**kind.defaults, **known},
        order=(name, direction == "desc"),
        limit=max(limit, 1),
        offset=max(offset, 0),
        include=tuple(filter(None, params.get("include", "").split(","))),
        optional_fields=frozenset(params.get("optional_fields", "").split(",")),
    )


def _number(params: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(params.get(name, default))
    except ValueError:
        raise system(400, f"{name} must be a number") from None


def moment(name: str, text: str) -> datetime:
    """Read an ISO 8601 instant; raises 400 for anything else."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise system(400, f"{name} must be an ISO 8601 datetime") from None
    if at.tzinfo is None:
        raise system(400, f"{name} must carry its offset")
    return at


def truth(text: str) -> bool:
    """Read a boolean filter."""
    return text.lower() not in {"false", "0", ""}
