"""The vendor's shapes under the vendor's names: the envelope, and the records this connector touches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypedDict

from accordant.kernel import ContractDrift
from accordant.platform.http import Response

Record = dict[str, Any]

WRAPPER = {
    "workspace_groups": "workspace_group",
    "workspaces": "workspace",
    "stories": "story",
    "workspace_resources": "workspace_resource",
    "workspace_allocations": "workspace_allocation",
    "resource_requests": "resource_request",
}
"""The key that wraps a record in a request body."""


class ExternalReference(TypedDict, total=False):
    """Whose record it is elsewhere; a subject has one per service."""

    service_name: str
    service_model: str
    service_model_ref: str
    status: str
    external_message: str
    subject_type: str
    subject_id: str


class CustomFieldValue(TypedDict, total=False):
    """A value of a custom field; setting it again overwrites it."""

    subject_type: str
    subject_id: str
    custom_field_id: str
    custom_field_name: str
    value: str


class SubscribedEvent(TypedDict):
    """A change, possibly told twice, late, and out of order."""

    id: str
    event_type: str
    subject_type: str
    subject_id: str
    subject_changed_at: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """One answer: records in the vendor's order, what came along with them, and how many match in all."""

    collection: str
    records: tuple[Record, ...]
    total: int
    page_count: int
    body: Record
    raw: bytes

    @classmethod
    def of(cls, response: Response, collection: str) -> Envelope:
        """Read an answer; raises ContractDrift when it is no envelope."""
        body = response.json()
        try:
            records = tuple(body[r["key"]][r["id"]] for r in body["results"])
            total, meta = int(body["count"]), body.get("meta") or {}
        except (KeyError, TypeError, ValueError) as error:
            raise ContractDrift(
                f"Kantata's answer for {collection} is not in its usual envelope.",
                code="kantata.envelope",
                remedy="Compare the API's version with the one in the connector's manifest.",
                system=response.system,
                operation=response.operation,
            ) from error
        return cls(collection, records, total, int(meta.get("page_count", 1)), body, response.content)

    @property
    def one(self) -> Record:
        """The only record of an answer to a write or a show."""
        if len(self.records) != 1:
            raise ContractDrift(f"Kantata answered with {len(self.records)} {self.collection} instead of one.")
        return self.records[0]

    def included(self, collection: str, record: Record, key: str) -> Iterator[Record]:
        """Yield what was side-loaded for a record under an association's key, `external_reference_ids`."""
        found = self.body.get(collection) or {}
        return (found[id] for id in record.get(key) or () if id in found)
