"""Faults → our errors. All of them travel under HTTP 500, so the fault's own words decide.

Source: fact sheet on Workday, section 10.1, checked 2026-11-20.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from accordant.connectors.workday.payloads import Fault, fault_in
from accordant.kernel import AccordantError, AuthExpired, ContractDrift, Rejected
from accordant.platform.http import Response


class _Row(NamedTuple):
    holds: Callable[[Fault], bool]
    kind: type[AccordantError]
    code: str
    message: str
    remedy: str


_TABLE = (
    _Row(
        lambda fault: "authenticationError" in fault.code,
        AuthExpired,
        "auth.expired",
        "Workday no longer accepts our token.",
        "A new one is fetched; if it is refused, see whether the integration system user is locked.",
    ),
    _Row(
        lambda fault: "not authorized" in fault.text,
        Rejected,
        "workday.not_authorized",
        "The integration system user may not call this operation.",
        "Grant its security group the domain, then activate pending security policy changes.",
    ),
    _Row(
        lambda fault: "version is invalid" in fault.text,
        ContractDrift,
        "workday.version",
        "Workday does not know this service, version or operation.",
        "Pin a version that the tenant supports.",
    ),
    _Row(
        lambda fault: "validationError" in fault.code,
        Rejected,
        "workday.validation",
        "Workday refused the request.",
        "See the place that the fault names; a filter of ours may name something that was deleted.",
    ),
    _Row(
        lambda fault: "Invalid request XML" in fault.text,
        ContractDrift,
        "workday.request_shape",
        "Workday cannot read our request.",
        "Compare the request with the service's version.",
    ),
)


def classify(response: Response) -> AccordantError | None:
    """Return our error for a fault; one that is not listed is overload, as its status says."""
    if response.status != 500 or response.media_type != "text/xml":
        return None
    fault = fault_in(response.content)
    for row in _TABLE:
        if fault is not None and row.holds(fault):
            return row.kind(row.message, code=row.code, remedy=row.remedy, detail={"at": list(fault.places)})
    return None
