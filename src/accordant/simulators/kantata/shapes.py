"""The vendor's wire shapes: the envelope, side-loaded associations, timestamps, JSON and form bodies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from accordant.simulators.kantata.errors import system
from accordant.simulators.kantata.kinds import KINDS, Kind

if TYPE_CHECKING:
    from accordant.simulators._shared import Record
    from accordant.simulators.kantata.paging import Query
    from accordant.simulators.kantata.state import Account, Caller

_ZONE = timezone(timedelta(hours=-7))  # the account's zone: stamps are never in UTC, so nobody may cut off the offset


@lru_cache(maxsize=1024)
def stamp(at: datetime) -> str:
    """Return an instant as the vendor writes it: whole seconds, in the account's zone."""
    return at.astimezone(_ZONE).isoformat(timespec="seconds")


def page(
    account: Account, kind: Kind, caller: Caller, records: Iterable[Record], *, total: int, query: Query
) -> Response:
    """Return the envelope of one page: results in order, records by id, side-loads by collection, meta."""
    shown = list(records)
    body: dict[str, Any] = {
        "count": total,
        "results": [{"key": kind.name, "id": r.id} for r in shown],
        kind.name: _present_all(account, kind, caller, shown, query),
    }
    for name in query.include:
        if link := kind.links.get(name):
            _side_load(account, kind, caller, shown, link.to, name, body)
    return JSONResponse(body | {"meta": meta(total, query)})


def meta(total: int, query: Query) -> dict[str, int]:
    """Return the meta block, which every answer with records has."""
    return {
        "count": total,
        "page_count": -(-total // query.limit) or 1,
        "page_number": query.offset // query.limit + 1,
        "page_size": query.limit,
    }


def _present_all(
    account: Account, kind: Kind, caller: Caller, records: list[Record], query: Query
) -> dict[str, dict[str, Any]]:
    links = [kind.links[name] for name in query.include if name in kind.links]
    hidden = (kind.conditional - query.optional_fields) - {link.key for link in links}
    if not caller.financial:
        hidden |= kind.money
    computed = [link for link in links if link.via]
    shown = {r.id: {k: v for k, v in r.data.items() if k not in hidden} for r in records}
    for link in computed:
        for record in records:
            shown[record.id][link.key] = account.linked(kind, record, link)
    return shown


def _side_load(
    account: Account, kind: Kind, caller: Caller, records: list[Record], to: str, name: str, body: dict[str, Any]
) -> None:
    ids = dict.fromkeys(id for record in records for id in account.linked(kind, record, kind.links[name]))
    table, other = account[to], KINDS[to]
    target = body.setdefault(to, {})
    for id in ids:
        if id not in target and (found := table.get(id)):
            target[id] = present(other, caller, found)


def present(kind: Kind, caller: Caller, record: Record) -> dict[str, Any]:
    """Return a record as a side-load shows it: no optional fields, no associations, money only for who may see it."""
    hidden = kind.conditional if caller.financial else kind.conditional | kind.money
    return {k: v for k, v in record.data.items() if k not in hidden}


async def body_of(request: Request) -> dict[str, Any]:
    """Return the body, JSON or Rails-style form; raises 400 when it is neither."""
    raw = await request.body()
    if not raw:
        return {}
    if "form" in request.headers.get("content-type", ""):
        return _nested(parse_qsl(raw.decode(), keep_blank_values=True))
    try:
        decoded = json.loads(raw)
    except ValueError:
        raise system(400, "There was a problem in the JSON you submitted") from None
    if not isinstance(decoded, dict):
        raise system(400, "The request body must be an object")
    return decoded


def _nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Read `time_entry[workspace_id]=1` and `invoice[time_entry_ids][]=2`."""
    result: dict[str, Any] = {}
    for name, value in pairs:
        *path, last = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", name)
        target = result
        if last == "":
            *path, last = path
            for part in path:
                target = target.setdefault(part, {})
            target.setdefault(last, []).append(value)
            continue
        for part in path:
            target = target.setdefault(part, {})
        target[last] = value
    return result


def given(kind: Kind, fields: Mapping[str, Any], allowed: frozenset[str]) -> dict[str, Any]:
    """Keep what may be written, ids as text; everything else is dropped silently, as the vendor does."""
    kept: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in allowed:
            continue
        if name.endswith("_ids"):
            kept[name] = [str(v) for v in value or ()]
        elif name.endswith("_id"):
            kept[name] = None if value in (None, "") else str(value)
        else:
            kept[name] = value
    if kind.name == "expenses" and "billable" in kept:
        kept["is_billable"] = kept.pop("billable")
    return kept
