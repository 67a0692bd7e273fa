"""The Workday simulator: one tenant with its workforce, its grants, its faults and its books."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from accordant.simulators._shared import Document, Simulator
from accordant.simulators.workday import errors, rest, shapes
from accordant.simulators.workday.login import Login
from accordant.simulators.workday.routes import workday_routes
from accordant.simulators.workday.state import Workforce


class WorkdaySimulator(Simulator):
    """Workday: `force` holds the workforce on both time axes, `login` who may come in.

    `granted` are the domains the integration user may read: a part of a missing one is silently left out.
    `denied` are operations refused altogether. `maintenance` closes the tenant as the weekly window does.
    """

    name = "workday"

    def __init__(self, *, seed: int = 1, latency_s: float = 0.0) -> None:
        super().__init__(seed=seed, latency_s=latency_s)
        self.force = Workforce(self.now, seed)
        self.login = Login(self)
        self.granted = set(shapes.DOMAINS)
        self.denied: set[str] = set()
        self.maintenance = False
        self.reports: dict[tuple[str, str], dict[str, str]] = {
            ("ISU_Accordant", "INT_Workers"): {column: column for column in rest.REPORT_COLUMNS}
        }
        self.books.chapter(self._workers)

    def routes(self) -> Sequence[BaseRoute]:
        """Return the vendor's routes."""
        return workday_routes(self)

    def next_employee_id(self) -> str:
        """Return the id a hire without one is given."""
        return str(21_001 + len(self.force.ids()))

    def refuse(self, fault: str, request: Request) -> Response:
        """Return Workday's own answer for the faults that every vendor has; SOAP knows HTTP 500 only."""
        if "/ccx/service/" in request.url.path and "customreport2" not in request.url.path:
            login = fault == "expired_token"
            return (errors.bad_login() if login else errors.overloaded()).response()
        refusal = {
            "429": errors.RestError(429, "too many requests"),
            "500": errors.RestError(500, "internal error"),
            "expired_token": errors.RestError(401, "invalid_token"),
        }
        return refusal[fault].response()

    def _workers(self) -> Iterator[Document]:
        for worker in self.force.snapshots(self.now().date(), self.now()):
            yield Document(
                kind="worker",
                id=worker.wid,
                key=worker.id,
                entity=worker.facts["company"],
                state="active" if worker.active else "terminated",
                facts={"cost_center": worker.facts["cost_center"], "since": worker.job_since.isoformat()},
            )
