"""The consultants' time sheets in the PSA: log, submit, approve, withdraw; found again after any interruption."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from accordant.simulators.firm.desks import KantataDesk
from accordant.simulators.firm.firm import Firm
from accordant.simulators.firm.model import Deal, Mistake, TimeLine

_BULK = 100
_CODE_FIELD = "Project code"


@dataclass(slots=True)
class Entry:
    """A line as the PSA holds it."""

    id: str
    minutes: int
    submission: str | None = None
    is_approved: bool = False


@dataclass(slots=True)
class Sheet:
    """What is known of one project's time: its entries by our lines; `is_current` is False once a call went wrong."""

    workspace: str
    deal: Deal
    lines: tuple[TimeLine, ...]
    entries: dict[str, Entry] = field(default_factory=dict)
    is_current: bool = False


class TimeOffice:
    """What consultants and approvers share: who is who, and which project has which sheet."""

    def __init__(self, desk: KantataDesk, firm: Firm) -> None:
        self.desk = desk
        self.firm = firm
        self.users: dict[str, str] = {}
        self.roles: dict[str, str] = {}
        self._lines: defaultdict[str, list[TimeLine]] = defaultdict(list)
        for line in firm.lines:
            self._lines[line.deal].append(line)

    async def open(self, deal: Deal, code: str) -> Sheet | None:
        """Return the sheet of the project with this code, None while the PSA does not show it."""
        if not self.users:
            await self._read_directory()
        (code_field,) = [f for f in await self.desk.all("custom_fields") if f["name"] == _CODE_FIELD]
        values = await self.desk.all(
            "custom_field_values", subject_type="Workspace", with_custom_field_id=code_field["id"]
        )
        found = [str(value["subject_id"]) for value in values if value["value"] == code]
        return Sheet(found[0], deal, tuple(self._lines[deal.code])) if len(found) == 1 else None

    async def refresh(self, sheet: Sheet) -> None:
        """Read what the PSA holds of a sheet, after the first opening and after every trouble."""
        if sheet.is_current:
            return
        rows = await self.desk.all(
            "time_entries", workspace_id=sheet.workspace, order="created_at:asc", include="active_submission"
        )
        held: defaultdict[tuple[str, ...], list[Entry]] = defaultdict(list)
        for row in rows:
            key = (str(row["user_id"]), row["date_performed"], row["notes"] or "")
            submission = row.get("active_submission_id")
            held[key].append(Entry(str(row["id"]), row["time_in_minutes"], submission, row["approved"]))
        sheet.entries = {line.id: entry for line in sheet.lines if (entry := _take(held[self._key(line)], line))}
        sheet.is_current = True

    def fields(self, sheet: Sheet, line: TimeLine) -> dict[str, Any]:
        """Return a line as the PSA takes it."""
        return {
            "workspace_id": sheet.workspace,
            "user_id": self.users[line.worker],
            "role_id": self.roles[line.role],
            "date_performed": line.worked_on.isoformat(),
            "time_in_minutes": line.minutes,
            "rate_in_cents": int(sheet.deal.rates[line.role] * 100),
            "billable": sheet.deal.method.bills_hours,
            "notes": line.note,
        }

    async def _read_directory(self) -> None:
        self.roles = {role["name"]: str(role["id"]) for role in await self.desk.all("roles")}
        by_mail = {user["email_address"]: str(user["id"]) for user in await self.desk.all("users")}
        self.users = {worker.number: by_mail[worker.email] for worker in self.firm.workers}

    def _key(self, line: TimeLine) -> tuple[str, ...]:
        return self.users[line.worker], line.worked_on.isoformat(), line.note


class Consultant:
    """Everybody who books time."""

    def __init__(self, office: TimeOffice) -> None:
        self.office = office

    async def log(self, sheet: Sheet, lines: Sequence[TimeLine]) -> int:
        """Enter the lines that are not there yet, in bulk; returns how many."""
        await self.office.refresh(sheet)
        new = [line for line in lines if line.id not in sheet.entries]
        for part in _chunks(new, _BULK):
            with _Interruptible(sheet):
                rows = [self.office.fields(sheet, line) for line in part]
                made = await self.office.desk.create("time_entries", {"time_entries": rows})
                for line, row in zip(part, made, strict=True):
                    sheet.entries[line.id] = Entry(str(row["id"]), row["time_in_minutes"])
        return len(new)

    async def submit(self, sheet: Sheet, lines: Sequence[TimeLine]) -> None:
        """Hand in what is logged: one sheet per person and week, apart from what is approved later or corrected."""
        await self.office.refresh(sheet)
        ready: defaultdict[tuple[str, ...], list[Entry]] = defaultdict(list)
        for line in lines:
            entry = sheet.entries.get(line.id)
            if entry and not entry.submission and not entry.is_approved:
                apart = line.id if line.mistake is Mistake.CORRECTED else ""
                ready[line.worker, f"{line.worked_on:%G-%V}", line.approval, apart].append(entry)
        for entries in ready.values():
            await self._hand_in(sheet, entries)

    async def correct(self, sheet: Sheet, line: TimeLine) -> None:
        """Change an entry that is open again to what it should have been."""
        entry = sheet.entries[line.id]
        with _Interruptible(sheet):
            fields = {"time_in_minutes": line.corrected_minutes}
            await self.office.desk.act(f"time_entries/{entry.id}", {"time_entry": fields})
            entry.minutes = line.corrected_minutes or entry.minutes

    async def _hand_in(self, sheet: Sheet, entries: Sequence[Entry]) -> None:
        with _Interruptible(sheet):
            body = {"workspace_id": sheet.workspace, "line_item_ids": [entry.id for entry in entries]}
            (made,) = await self.office.desk.create("timesheet_submissions", {"timesheet_submission": body})
            for entry in entries:
                entry.submission = str(made["id"])


class Approver:
    """The delivery leads, who approve time and take an approval back."""

    def __init__(self, office: TimeOffice) -> None:
        self.office = office

    async def approve(self, sheet: Sheet, lines: Iterable[TimeLine]) -> int:
        """Approve the time sheets that hold these lines; returns how many lines were approved."""
        await self.office.refresh(sheet)
        entries = [sheet.entries[line.id] for line in lines if line.id in sheet.entries]
        waiting = [entry for entry in entries if entry.submission and not entry.is_approved]
        if not waiting:
            return 0
        with _Interruptible(sheet):
            ids = list(dict.fromkeys(entry.submission for entry in waiting))
            await self.office.desk.create("timesheet_approvals", {"resolution": {"submission_ids": ids}})
            for entry in waiting:
                entry.is_approved = True
        return len(waiting)

    async def withdraw(self, sheet: Sheet, line: TimeLine) -> None:
        """Take the approval of a line back; it is open again."""
        entry = sheet.entries[line.id]
        with _Interruptible(sheet):
            await self.office.desk.act(f"timesheet_submissions/{entry.submission}/cancel")
            entry.submission, entry.is_approved = None, False


class _Interruptible:
    """Marks a sheet as not current when the work inside breaks off, so that it is read again first."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._sheet.is_current = False


def _take(held: list[Entry], line: TimeLine) -> Entry | None:
    """Take the entry of a line out of those of the same person, day and note."""
    for entry in held:
        if entry.minutes in (line.minutes, line.corrected_minutes):
            held.remove(entry)
            return entry
    return None


def _chunks(lines: Sequence[TimeLine], size: int) -> Iterable[Sequence[TimeLine]]:
    return (lines[start : start + size] for start in range(0, len(lines), size))
