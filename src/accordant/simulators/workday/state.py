"""The workforce with both time axes: what is true of a worker on a day, as it was known at a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from random import Random
from typing import Any

Facts = dict[str, Any]

DEFAULTS: Facts = {
    "email": "",
    "cost_center": "",
    "worker_type": "Employee",
    "business_title": "",
    "weekly_hours": Decimal(40),
    "fte": Decimal(100),
    "time_type": "Full_time",
    "supervisory_org": "SUP-TOP",
    "manager": "",
    "hourly_rate": None,
    "currency": "USD",
    "on_leave": False,
    "rehire": False,
    "terminated_on": None,
}


@dataclass(slots=True)
class Transaction:
    """One entry of the transaction log.

    Args:
        kind: business process, `Hire_Employee`, `Change_Job`, `Terminate_Employee`.
        effective_on: the day from which the facts hold.
        entered_at: the instant it was entered.
        changes: id of the entry that this one corrects or rescinds; None for an ordinary one.
        is_rescind: it takes the other entry back; otherwise it takes its place.
        voided_at: when a rescind or a correction took it out of force.
        was_rescinded: it was a rescind that did.
        prior_effective_on: the day of the entry that this one corrects or rescinds.
    """

    id: str
    worker: str
    kind: str
    effective_on: date
    entered_at: datetime
    facts: Facts
    changes: str | None = None
    is_rescind: bool = False
    voided_at: datetime | None = None
    was_rescinded: bool = False
    prior_effective_on: date | None = None

    def in_force(self, known_at: datetime) -> bool:
        """Say whether the entry counts, as known at the moment."""
        voided = self.voided_at is not None and self.voided_at <= known_at
        return self.entered_at <= known_at and not voided and not self.is_rescind


@dataclass(slots=True)
class Snapshot:
    """A worker as of a day and a moment."""

    id: str
    wid: str
    facts: Facts
    job_since: date
    as_of: date
    known_at: datetime

    @property
    def active(self) -> bool:
        """Whether the worker works here on the day; the termination date is the last day of work."""
        ends = self.facts["terminated_on"]
        return ends is None or self.as_of <= ends

    @property
    def id_type(self) -> str:
        """The type of the reference id."""
        return "Employee_ID" if self.facts["worker_type"] == "Employee" else "Contingent_Worker_ID"

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.facts['first_name']} {self.facts['last_name']}"


@dataclass
class Workforce:
    """All workers, from their transactions; plus the organizations, locations and job profiles they refer to."""

    now: Callable[[], datetime]
    seed: int = 1
    transactions: list[Transaction] = field(default_factory=list)
    wids: dict[str, str] = field(default_factory=dict)
    organizations: dict[str, Facts] = field(default_factory=dict)
    locations: dict[str, Facts] = field(default_factory=dict)
    job_profiles: dict[str, Facts] = field(default_factory=dict)
    pending: list[Callable[[], Transaction]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311 - a simulated firm must repeat itself
        self._logs: dict[str, list[Transaction]] = {}
        self._ids_by_wid: dict[str, str] = {}
        self.organization("SUP-TOP", "Meridian", "SUPERVISORY")

    def organization(self, id: str, name: str, kind: str) -> None:
        """Add an organization of a type: COMPANY, COST_CENTER, SUPERVISORY."""
        self.organizations[id] = {"name": name, "kind": kind, "wid": self.wid(id), "updated_at": self.now()}

    def location(self, id: str, name: str) -> None:
        """Add a location."""
        self.locations[id] = {"name": name, "wid": self.wid(id)}

    def job_profile(self, id: str, title: str, family: str = "Consulting") -> None:
        """Add a job profile with its family."""
        self.job_profiles[id] = {"title": title, "family": family, "wid": self.wid(id)}

    def hire(self, id: str, on: date, *, at: datetime | None = None, **facts: Any) -> Transaction:
        """Enter a hire; of a known worker it is a rehire, which keeps the id and the original hire date."""
        before = self.snapshot(id, on, self.now())
        original = before.facts["original_hire_on"] if before else on
        rehire = {"rehire": before is not None, "hire_on": on, "original_hire_on": original, "terminated_on": None}
        base = before.facts if before else DEFAULTS
        return self._enter(id, "Hire_Employee", on, {**base, **facts, **rehire}, at)

    def contract(self, id: str, on: date, *, at: datetime | None = None, **facts: Any) -> Transaction:
        """Enter a contingent worker."""
        start = {"worker_type": "Contingent_Worker", "hire_on": on, "original_hire_on": on}
        return self._enter(id, "Contract_Contingent_Worker", on, {**DEFAULTS, **facts, **start}, at)

    def change(self, id: str, on: date, *, at: datetime | None = None, **facts: Any) -> Transaction:
        """Enter a change of job, organization, manager or location; the day may be past or future."""
        return self._enter(id, "Change_Job", on, facts, at)

    def terminate(self, id: str, last_day: date, *, at: datetime | None = None) -> Transaction:
        """Enter the end of employment."""
        return self._enter(id, "Terminate_Employee", last_day, {"terminated_on": last_day}, at)

    def correct(self, wrong: Transaction, on: date | None = None, **facts: Any) -> Transaction:
        """Correct an entry: the new one takes its place from now on."""
        wrong.voided_at = self.now()
        right = self._enter(wrong.worker, wrong.kind, on or wrong.effective_on, {**wrong.facts, **facts}, None)
        right.changes, right.prior_effective_on = wrong.id, wrong.effective_on
        return right

    def rescind(self, wrong: Transaction) -> Transaction:
        """Take an entry back as if it had never been."""
        wrong.voided_at, wrong.was_rescinded = self.now(), True
        entry = self._enter(wrong.worker, wrong.kind, wrong.effective_on, {}, None)
        entry.changes, entry.is_rescind, entry.prior_effective_on = wrong.id, True, wrong.effective_on
        return entry

    def approve_pending(self) -> None:
        """Let every business process that waits for approval take effect: its entry moment is now."""
        waiting, self.pending = self.pending, []
        for complete in waiting:
            complete()

    def ordinary(self, entry: Transaction) -> Transaction:
        """Return the ordinary entry at the root of corrections of corrections."""
        while entry.changes is not None:
            entry = next(t for t in self._logs[entry.worker] if t.id == entry.changes)
        return entry

    def effective_day(self, entry: Transaction, known_at: datetime) -> date:
        """Return the day an entry holds from as known at a moment: that of its last correction, if it has one."""
        for other in self._logs[entry.worker]:
            if other.changes == entry.id and not other.is_rescind and other.entered_at <= known_at:
                return self.effective_day(other, known_at)
        return entry.effective_on

    def ids(self) -> list[str]:
        """Return every worker id, in order of first entry."""
        return list(self._logs)

    def snapshot(self, id: str, as_of: date, known_at: datetime) -> Snapshot | None:
        """Return a worker on a day as known at a moment; None before the hire, or when it was rescinded."""
        entries = [t for t in self.log_of(id) if t.in_force(known_at) and t.effective_on <= as_of]
        facts: Facts = {}
        for entry in entries:
            facts |= entry.facts
        if "hire_on" not in facts:
            return None
        return Snapshot(id, self.wids[id], facts, entries[-1].effective_on, as_of, known_at)

    def log_of(self, id: str) -> list[Transaction]:
        """Return a worker's entries by effective day, then by entry."""
        return sorted(self._logs.get(id, ()), key=lambda t: (t.effective_on, t.entered_at))

    def by_wid(self, wid: str) -> str | None:
        """Return the worker id behind a WID."""
        return self._ids_by_wid.get(wid)

    def snapshots(self, as_of: date, known_at: datetime) -> Iterator[Snapshot]:
        """Yield every worker who exists on a day."""
        found = (self.snapshot(id, as_of, known_at) for id in self.ids())
        return (snapshot for snapshot in found if snapshot)

    def wid(self, _: str = "") -> str:
        """Return a fresh WID: 32 hexadecimal characters."""
        return f"{self._random.getrandbits(128):032x}"

    def _enter(self, id: str, kind: str, on: date, facts: Facts, at: datetime | None) -> Transaction:
        if id not in self.wids:
            self.wids[id] = self.wid()
            self._ids_by_wid[self.wids[id]] = id
        entry = Transaction(self.wid(), id, kind, on, at or self.now(), facts)
        self.transactions.append(entry)
        self._logs.setdefault(id, []).append(entry)
        return entry
