"""The bare work of time-to-bill: read pages of 200 lines, send batches of 100, read job and task list; keep nothing.

Keep-alive connections and the standard library only; the yardstick of `bench/throughput.py`.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit


def transfer(psa: str, psa_token: str, erp: str, erp_token: str, workspace: str, record: dict[str, Any]) -> int:
    """Read every line of a workspace and put each as a time bill; returns how many were taken."""
    source, target = _connect(psa), _connect(erp)
    taken = 0
    for page in _pages(source, psa_token, workspace):
        for start in range(0, len(page), 100):
            taken += _put(target, erp_token, [_bill(line, record) for line in page[start : start + 100]])
    return taken


def _connect(address: str) -> http.client.HTTPConnection:
    url = urlsplit(address)
    return http.client.HTTPConnection(url.hostname or "", url.port)


def _pages(psa: http.client.HTTPConnection, token: str, workspace: str) -> Iterator[list[dict[str, Any]]]:
    number = 1
    while True:
        path = f"/api/v1/time_entries.json?workspace_id={workspace}&per_page=200&page={number}&order=updated_at:asc"
        answer, _ = _call(psa, "GET", path, token)
        yield [answer["time_entries"][row["id"]] for row in answer["results"]]
        if number >= answer["meta"]["page_count"]:
            return
        number += 1


def _bill(line: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    hours, minutes = divmod(line["time_in_minutes"], 60)
    return {
        **record,
        "externalId": f"bare-{line['id']}",
        "tranDate": line["date_performed"],
        "hours": f"{hours}:{minutes:02}",
        "rate": line["rate_in_cents"] / 100,
    }


def _put(erp: http.client.HTTPConnection, token: str, items: list[dict[str, Any]]) -> int:
    headers = {
        "Prefer": "respond-async",
        "Content-Type": "application/vnd.oracle.resource+json; type=collection",
    }
    _, job = _call(erp, "PUT", "/services/rest/record/v1/timeBill", token, {"items": items}, headers)
    while True:
        state, _ = _call(erp, "GET", job, token)
        if state["completed"]:
            break
    tasks, _ = _call(erp, "GET", f"{job}/task", token)
    return len(tasks["items"])


def _call(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    token: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> tuple[Any, str]:
    data = None if body is None else json.dumps(body)
    connection.request(method, path, data, {"Authorization": f"Bearer {token}", **(headers or {})})
    answer = connection.getresponse()
    raw = answer.read()
    if answer.status >= 400:
        raise RuntimeError(f"{method} {path} answered {answer.status}: {raw[:200]!r}")
    where = urlsplit(answer.getheader("Location") or "").path
    return (json.loads(raw) if raw else None), where
