"""Tryton's JSON-RPC on the wire: records are searched, made, changed, removed, and buttons pressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from accordant.connectors.tryton.payloads import Row, decode, encode
from accordant.kernel import ContractDrift, Rejected
from accordant.platform.http import HttpClient, Response

Domain = Sequence[Any]


class TrytonClient:
    """One database; answers decoded values, raises our errors.

    Args:
        http: the connection.
        database: the database's name.
    """

    def __init__(self, http: HttpClient, database: str) -> None:
        self._http = http
        self._path = f"/{database}/rpc/"

    async def search(
        self,
        model: str,
        domain: Domain,
        fields: Sequence[str],
        *,
        operation: str,
        company: int | None = None,
        limit: int | None = None,
        order: Sequence[Sequence[str]] | None = None,
    ) -> list[Row]:
        """Read fields of the records that a domain describes; a field of a relation is named `party.code`."""
        params = [domain, 0, limit, order, list(fields), _context(company)]
        return list(await self.ask(f"model.{model}.search_read", *params, operation=operation))

    async def ask(self, method: str, *params: Any, operation: str) -> Any:
        """Make a call that changes nothing; the last parameter is the context."""
        return _result(await self._http.read("POST", self._path, json=_call(method, params), operation=operation))

    async def tell(self, method: str, *params: Any, operation: str, key: str = "") -> Any:
        """Make a call that changes something; the last parameter is the context."""
        body = _call(method, params)
        return _result(await self._http.write("POST", self._path, json=body, operation=operation, key=key))

    async def create(
        self, model: str, records: Sequence[Mapping[str, Any]], *, operation: str, key: str = "", company: int | None
    ) -> list[int]:
        """Make records, all or none; returns their ids in the same order."""
        method = f"model.{model}.create"
        return list(await self.tell(method, list(records), _context(company), operation=operation, key=key))

    async def change(
        self, model: str, id: int, values: Mapping[str, Any], *, operation: str, key: str = "", company: int | None
    ) -> None:
        """Change fields of a record."""
        await self.tell(f"model.{model}.write", [id], values, _context(company), operation=operation, key=key)

    async def delete(self, model: str, id: int, *, operation: str, key: str, company: int | None) -> None:
        """Remove a record."""
        await self.tell(f"model.{model}.delete", [id], _context(company), operation=operation, key=key)

    async def press(
        self,
        model: str,
        button: str,
        id: int,
        *,
        operation: str,
        key: str,
        company: int | None,
        agreed: frozenset[str] = frozenset(),
    ) -> None:
        """Press a button of a record.

        Args:
            model: of the record.
            button: its name.
            id: of the record.
            operation: the capability's operation.
            key: the effect's key.
            company: on whose behalf.
            agreed: questions that are answered with yes; the button is pressed again, as a person would do.

        Raises:
            Rejected: `erp.question` for any other question; nothing was done.
        """
        open_questions, context = set(agreed), _context(company)
        while True:
            try:
                await self.tell(f"model.{model}.{button}", [id], context, operation=operation, key=key)
            except Rejected as refusal:
                warning = str(refusal.detail.get("warning", ""))
                question = warning.partition(".")[2]
                if question not in open_questions:
                    raise
                open_questions.discard(question)
                skip = "model.res.user.warning.skip"
                await self.tell(skip, warning, False, context, operation=operation, key=key)  # noqa: FBT003 - on the wire
            else:
                return

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _context(company: int | None) -> dict[str, Any]:
    """Return the context of a call: sentences in English, and the company on whose behalf."""
    context: dict[str, Any] = {"language": "en"}
    return context if company is None else context | {"company": company}


def _call(method: str, params: Sequence[Any]) -> dict[str, Any]:
    return {"id": 1, "method": method, "params": encode(params)}


def _result(answer: Response) -> Any:
    body = answer.json()
    if not isinstance(body, dict) or "result" not in body:
        raise ContractDrift(
            "The ERP answered with another shape than JSON-RPC's.",
            code="erp.shape",
            remedy="Compare the server's series with the one the connector names.",
            system=answer.system,
            operation=answer.operation,
        )
    return decode(body["result"])
