"""The account's REST API on the wire: records by id and key, SuiteQL with its pages, batches with their jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from accordant.connectors.netsuite.errors import AWAIT_JOB, TASK_RESULT
from accordant.connectors.netsuite.payloads import Page, Task, chunks
from accordant.connectors.netsuite.suiteql import Select
from accordant.kernel import AccordantError, AuthExpired, ContractDrift, Retryable, UnknownOutcome
from accordant.platform.http import HttpClient, Response

BATCH_LIMIT = 100

_RECORDS = "/services/rest/record/v1"
_QUERY = "/services/rest/query/v1/suiteql"
_GOVERNANCE = "/services/rest/system/v1/governanceLimits"
_STRICT = {"X-NetSuite-PropertyNameValidation": "Error"}  # otherwise unknown names are dropped with a mere warning
_BATCH = {
    **_STRICT,
    "Prefer": "respond-async",
    "content-type": "application/vnd.oracle.resource+json; type=collection",
}
_PAGE = 1000


class NetSuiteClient:
    """One account; answers payloads, raises our errors."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    # -- reading

    async def fetch(self, type: str, id: str, fields: Collection[str], *, operation: str) -> dict[str, Any]:
        """Read fields of one record with their sublists; NotFound when there is none."""
        params = {"expandSubResources": "true", "fields": ",".join(fields)}
        return _object(await self._http.read("GET", f"{_RECORDS}/{type}/{id}", params=params, operation=operation))

    async def query(self, select: Select, *, operation: str) -> list[dict[str, str]]:
        """Run a query and return the rows of all its pages; null columns are absent."""
        rows: list[dict[str, str]] = []
        while True:
            page, _ = await self.page(select, operation=operation, limit=_PAGE, offset=len(rows))
            rows += page["items"]
            if not page["hasMore"]:
                return rows

    async def page(self, select: Select, *, operation: str, limit: int, offset: int = 0) -> tuple[Page, bytes]:
        """Run a query and return one page of it, with its bytes; the offset is a multiple of the limit."""
        answer = await self._http.read(
            "POST",
            _QUERY,
            params={"limit": limit, "offset": offset},
            json={"q": select.text, "params": list(select.params)},
            headers={"Prefer": "transient"},
            operation=operation,
        )
        return _page(answer), answer.content

    async def governance(self) -> dict[str, Any]:
        """Read how many calls at a time the account allows; only administrators may."""
        return _object(await self._http.read("GET", _GOVERNANCE, operation="probe"))

    # -- writing

    async def put(
        self, type: str, external_id: str, body: Mapping[str, Any], *, operation: str, key: str, replace: str = ""
    ) -> str:
        """Create or update the record with this external id; returns its internal id.

        Args:
            type: record type.
            external_id: the record's key in the account.
            body: its properties.
            operation: the capability's operation.
            key: the effect's key.
            replace: the sublist that is replaced as a whole; without it, lines are added on a second call.
        """
        answer = await self._http.write(
            "PUT",
            f"{_RECORDS}/{type}/eid:{external_id}",
            params={"replace": replace} if replace else None,
            json=body,
            headers=_STRICT,
            operation=operation,
            key=key,
        )
        return _id_of(answer, key)

    async def patch(self, type: str, id: str, body: Mapping[str, Any], *, operation: str, key: str) -> None:
        """Change properties of a record."""
        await self._http.write(
            "PATCH", f"{_RECORDS}/{type}/{id}", json=body, headers=_STRICT, operation=operation, key=key
        )

    async def delete(self, type: str, id: str, *, operation: str, key: str) -> None:
        """Remove a record."""
        await self._http.write("DELETE", f"{_RECORDS}/{type}/{id}", operation=operation, key=key)

    async def put_batch(
        self, type: str, items: Sequence[Mapping[str, Any]], *, operation: str
    ) -> dict[str, AccordantError | None]:
        """Upsert records that carry an `externalId`, in batches of 100 at the same time.

        Returns:
            Per external id None, or why the record was refused.

        Raises:
            UnknownOutcome: a batch may have happened and its outcome is not known yet; look all of them up.
            Retryable: surely nothing happened.
        """
        batches = chunks(items, BATCH_LIMIT)
        works = (self._batch(type, batch, operation) for batch in batches)
        answers = await asyncio.gather(*works, return_exceptions=True)
        outcomes: dict[str, AccordantError | None] = {}
        failures: list[BaseException] = []
        for answer in answers:
            if isinstance(answer, BaseException):
                failures.append(answer)
            else:
                outcomes |= answer
        if failures:
            raise _worst(failures, some_done=bool(outcomes), operation=operation)
        return outcomes

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _batch(
        self, type: str, items: Sequence[Mapping[str, Any]], operation: str
    ) -> dict[str, AccordantError | None]:
        answer = await self._http.write(
            "PUT", f"{_RECORDS}/{type}", json={"items": items}, headers=_BATCH, operation=operation
        )
        job = answer.headers.get("location", "")
        try:
            if not job:
                raise _drift(answer, "The ERP took a batch and named no job.")
            return await self._outcomes(job, [str(item["externalId"]) for item in items])
        except AccordantError as error:
            raise UnknownOutcome(
                "The ERP took the batch, and its outcome is not known yet.",
                remedy="The records are looked up by their keys.",
                system=answer.system,
                operation=operation,
                detail={"job": job, "reason": error.code},
            ) from error

    async def _outcomes(self, job: str, external_ids: Sequence[str]) -> dict[str, AccordantError | None]:
        await self._http.read("GET", job, operation=AWAIT_JOB)
        answer = await self._http.read("GET", f"{job}/task", operation="list_tasks")
        tasks: list[Task] = _page(answer)["items"]  # type: ignore[assignment]  # the page holds tasks
        if len(tasks) != len(external_ids):
            raise ContractDrift(
                f"The ERP tells of {len(tasks)} records in a batch of {len(external_ids)}.",
                code="erp.batch.tasks",
                system=answer.system,
                operation=answer.operation,
            )
        # Tasks are numbered from 1 in the order of the request's items.
        by_number = {int(task["id"]): task for task in tasks}
        outcomes: dict[str, AccordantError | None] = {}
        for number, external_id in enumerate(external_ids, start=1):
            failed = by_number[number]["progress"] != "succeeded"
            outcomes[external_id] = await self._refusal(job, number) if failed else None
        return outcomes

    async def _refusal(self, job: str, number: int) -> AccordantError | None:
        """Return why one record of a batch was refused, or None when its result says that it was not."""
        try:
            await self._http.read("GET", f"{job}/task/{number}/result", operation=TASK_RESULT)
        except (Retryable, AuthExpired):
            raise
        except AccordantError as error:
            return error
        return None


def _worst(failures: Sequence[BaseException], *, some_done: bool, operation: str) -> BaseException:
    """Return the failure that decides: nothing is known for sure as soon as one batch may have happened."""
    for failure in failures:
        if not isinstance(failure, AccordantError) or isinstance(failure, UnknownOutcome):
            return failure
    first = failures[0]
    if not some_done:
        return first
    unknown = UnknownOutcome(
        "A part of the batches was taken.", remedy="The records are looked up by their keys.", operation=operation
    )
    unknown.__cause__ = first
    return unknown


def _id_of(answer: Response, key: str) -> str:
    """Return the internal id, which a write tells in the Location header only."""
    id = answer.headers.get("location", "").rstrip("/").rpartition("/")[2]
    if not id.isdigit():
        raise UnknownOutcome(
            "The ERP took the record and did not say under which id.",
            code="erp.no_id",
            remedy="It is looked up by its key.",
            lookup_key=key,
            system=answer.system,
            operation=answer.operation,
        )
    return id


def _object(answer: Response) -> dict[str, Any]:
    body = answer.json()
    if not isinstance(body, dict):
        raise _drift(answer, "The ERP answered with another shape than a record.")
    return body


def _page(answer: Response) -> Page:
    body = answer.json()
    if not isinstance(body, dict) or not isinstance(body.get("items"), list) or "hasMore" not in body:
        raise _drift(answer, "The ERP answered a list with another shape than a page.")
    page: Page = body  # type: ignore[assignment]  # checked above
    return page


def _drift(answer: Response, message: str) -> ContractDrift:
    return ContractDrift(
        message,
        code="erp.shape",
        remedy="Compare the vendor's release with the one the connector names.",
        system=answer.system,
        operation=answer.operation,
    )
