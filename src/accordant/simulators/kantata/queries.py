"""Queries: paging, order and the documented filters; a filter the vendor does not know is ignored."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from accordant.simulators._shared import Record
from accordant.simulators.kantata.errors import system
from accordant.simulators.kantata.kinds import Kind
from accordant.simulators.kantata.paging import Query, moment, truth
from accordant.simulators.kantata.state import Account, Caller

_MAX_REFS = 200
_REFERENCE = "external_reference_"
_TIMELINE = {"updated_after", "updated_before", "approved"}

Test = Callable[[Record], bool]


class Finder:
    """Answers index queries; an unchanged account answers the next page of the same query from memory."""

    def __init__(self, account: Account, *, remembered: int = 8) -> None:
        self._account = account
        self._remembered = remembered
        self._memory: OrderedDict[tuple[Any, ...], tuple[int, list[Record]]] = OrderedDict()

    def find(self, kind: Kind, caller: Caller, query: Query) -> tuple[int, list[Record]]:
        """Return the count of all matches and the records of the page."""
        if kind.name == "invoices" and not caller.financial:
            return 0, []
        table = self._account[kind.name]
        low, high = query.offset, query.offset + query.limit
        filters = dict(query.filters)
        if query.order != ("updated_at", False) or _names_records(filters):
            rows = self._remember(kind, query, lambda: self._scan(kind, filters, query.order))
            return len(rows), rows[low:high]
        timeline = table.approved if "approved" in filters and "approved" in kind.fields else table.timeline
        start, end = timeline.between(_instant(filters, "updated_after"), _instant(filters, "updated_before"))
        tests = self._tests(kind, {k: v for k, v in filters.items() if k not in _TIMELINE})
        if not tests and not table.is_lagging():
            return end - start, timeline.cut(start + low, min(start + high, end))
        rows = self._remember(kind, query, lambda: self._visible(timeline.cut(start, end), tests))
        return len(rows), rows[low:high]

    def is_shown(self, kind: Kind, record: Record, query: Query) -> bool:
        """Say whether the default filters, as the caller set them, show this record."""
        return all(test(record) for test in self._tests(kind, query.filters))

    def _scan(self, kind: Kind, filters: Mapping[str, str], order: tuple[str, bool]) -> list[Record]:
        table = self._account[kind.name]
        ids = self._candidates(kind, filters)
        rows = list(table) if ids is None else [r for r in map(table.get, ids) if r]
        rows = self._visible(rows, self._tests(kind, filters))
        rows.sort(key=lambda r: int(r.id))
        name, descending = order
        rows.sort(key=_sort_key(name), reverse=descending)  # stable, so ties stay by ascending id in both directions
        return rows

    def _visible(self, rows: list[Record], tests: list[Test]) -> list[Record]:
        now = self._account.now()
        return [r for r in rows if r.searchable_at <= now and all(test(r) for test in tests)]

    def _remember(self, kind: Kind, query: Query, work: Callable[[], list[Record]]) -> list[Record]:
        if self._account[kind.name].is_lagging() or self._account["external_references"].is_lagging():
            return work()
        key = (kind.name, query.order, *sorted(query.filters.items()))
        version, rows = self._memory.pop(key, (-1, []))
        if version != self._account.version:
            rows = work()
        self._memory[key] = (self._account.version, rows)
        if len(self._memory) > self._remembered:
            self._memory.popitem(last=False)
        return rows

    def _tests(self, kind: Kind, filters: Mapping[str, str]) -> list[Test]:
        tests = (FILTERS[name](self._account, value) for name, value in filters.items() if name in FILTERS)
        found = [test for test in tests if test]
        if "has_external_references" in filters or "without_external_reference_service_name" in filters:
            found.append(_by_references(self._account, kind, filters))
        return found

    def _candidates(self, kind: Kind, filters: Mapping[str, str]) -> dict[str, None] | None:
        """Return the ids that the caller names, directly or by external id; None when it names none."""
        only = dict.fromkeys(filters["only"].split(",")) if "only" in filters else None
        asked = {k.removeprefix(_REFERENCE): v for k, v in filters.items() if k.startswith(_REFERENCE)}
        if not asked:
            return only
        refs = asked.pop("service_model_refs", asked.get("service_model_ref", ""))
        names = [ref.strip() for ref in refs.split(",") if ref.strip()]
        if len(names) > _MAX_REFS:
            raise system(400, f"external_reference_service_model_refs accepts up to {_MAX_REFS} ids")
        asked.pop("service_model_ref", None)
        pool = self._account.references(kind.subject, names) if names else list(self._account["external_references"])
        now = self._account.now()
        found = dict.fromkeys(
            r.data["subject_id"]
            for r in pool
            if r.searchable_at <= now
            and r.data["subject_type"] == kind.subject
            and all(str(r.data.get(k)) == v for k, v in asked.items())
        )
        return found if only is None else {id: None for id in only if id in found}


def _names_records(filters: Mapping[str, str]) -> bool:
    return "only" in filters or any(name.startswith(_REFERENCE) for name in filters)


def _instant(filters: Mapping[str, str], name: str) -> datetime | None:
    return moment(name, filters[name]) if name in filters else None


def _sort_key(name: str) -> Callable[[Record], Any]:
    if name in {"created_at", "updated_at"}:
        return lambda r: getattr(r, name)
    if name in {"id", "subject_id"}:
        return lambda r: int(r.data[name])
    return lambda r: str(r.data.get(name) or "").casefold()


# -- filters -----------------------------------------------------------------------------------------------------------
# Each takes the account and the caller's text and returns a test, or None when it lets everything pass.

Filter = Callable[[Account, str], Test | None]


def _after(name: str, attribute: str) -> Filter:
    def build(_: Account, text: str) -> Test:
        at = moment(name, text)
        return lambda r: bool(getattr(r, attribute) > at)

    return build


def _before(name: str, attribute: str) -> Filter:
    def build(_: Account, text: str) -> Test:
        at = moment(name, text)
        return lambda r: bool(getattr(r, attribute) < at)

    return build


def _one_of(field: str) -> Filter:
    def build(_: Account, text: str) -> Test:
        values = set(text.split(","))
        return lambda r: str(r.data.get(field)) in values

    return build


def _any_of(field: str) -> Filter:
    def build(_: Account, text: str) -> Test:
        values = set(text.split(","))
        return lambda r: not values.isdisjoint(r.data.get(field) or ())

    return build


def _in_workspace(_: Account, text: str) -> Test:
    values = set(text.split(","))
    return lambda r: r.data.get("workspace_id") in values or not values.isdisjoint(r.data.get("workspace_ids") or ())


def _presence(test: Test) -> Filter:
    """Sent means true, whatever the value: the vendor ignores it."""
    return lambda _account, _text: test


def _flag(field: str) -> Filter:
    def build(_: Account, text: str) -> Test:
        wanted = truth(text)
        return lambda r: bool(r.data.get(field)) is wanted

    return build


def _only_if(test: Test) -> Filter:
    """Send true to filter, false for no filter."""
    return lambda _, text: test if truth(text) else None


def _hide_unless(hidden: Test) -> Filter:
    """Send true to see what is hidden by default."""
    return lambda _, text: None if truth(text) else (lambda r: not hidden(r))


def _performed_between(_: Account, text: str) -> Test:
    first, _sep, last = text.partition(":")
    try:
        low, high = date.fromisoformat(first).isoformat(), date.fromisoformat(last).isoformat()
    except ValueError:
        raise system(400, "date_performed_between must be YYYY-MM-DD:YYYY-MM-DD") from None
    return lambda r: low <= r.data["date_performed"] <= high


def _from_archived(account: Account, text: str) -> Test | None:
    if truth(text) or not account.archived:
        return None
    archived = account.archived
    return lambda r: r.data["workspace_id"] not in archived


def _on_my_account(account: Account, text: str) -> Test | None:
    if not truth(text) or not account.foreign:
        return None
    foreign = account.foreign
    return lambda r: r.data.get("workspace_id") not in foreign


def _archived(_: Account, text: str) -> Test | None:
    if text == "include":
        return None
    wanted = text == "only"
    return lambda r: bool(r.data["archived"]) is wanted


def _matching(_: Account, text: str) -> Test:
    wanted = text.casefold()
    fields = ("title", "name", "full_name", "description")
    return lambda r: any(wanted in str(r.data.get(f) or "").casefold() for f in fields)


def _by_references(account: Account, kind: Kind, filters: Mapping[str, str]) -> Test:
    has = filters.get("has_external_references")
    without = filters.get("without_external_reference_service_name")

    def test(record: Record) -> bool:
        references = account.pointing("external_references", kind.subject, record.id)
        if has is not None and bool(references) is not truth(has):
            return False
        return without is None or all(r.data["service_name"] != without for r in references)

    return test


FILTERS: dict[str, Filter] = {
    "created_after": _after("created_after", "created_at"),
    "created_before": _before("created_before", "created_at"),
    "updated_after": _after("updated_after", "updated_at"),
    "updated_before": _before("updated_before", "updated_at"),
    "workspace_id": _in_workspace,
    "workspace_ids": _one_of("workspace_id"),
    "workspace_group_ids": _any_of("workspace_group_ids"),
    "story_id": _one_of("story_id"),
    "user_id": _one_of("user_id"),
    "role_id": _one_of("role_id"),
    "with_user_ids": _one_of("user_id"),
    "created_by": _one_of("user_id"),
    "invoice_id": _one_of("invoice_id"),
    "status": _one_of("status"),
    "story_type": _one_of("story_type"),
    "rate_card_id": _one_of("rate_card_id"),
    "rate_card_version_id": _one_of("rate_card_version_id"),
    "workspace_resource_id": _one_of("workspace_resource_id"),
    "by_email_address": _one_of("email_address"),
    "subject_type": _one_of("subject_type"),
    "subject_id": _one_of("subject_id"),
    "with_subject_id": _one_of("subject_id"),
    "with_custom_field_id": _one_of("custom_field_id"),
    "service_name": _one_of("service_name"),
    "service_model": _one_of("service_model"),
    "service_model_ref": _one_of("service_model_ref"),
    "requests_for_approver": _any_of("approver_ids"),
    "pending_requests_only": _only_if(lambda r: r.data["status"] == "new"),
    "companies_only": _only_if(lambda r: bool(r.data["company"])),
    "matching": _matching,
    "archived": _archived,
    "show_archived": _hide_unless(lambda r: bool(r.data["archived"])),
    "show_deleted": _hide_unless(lambda r: r.data["deleted_at"] is not None),
    "show_from_archived_workspaces": _from_archived,
    "from_archived_workspaces": _from_archived,
    "on_my_account": _on_my_account,
    "include_unnamed": _hide_unless(lambda r: r.data["user_id"] is None),
    "only_unnamed": _only_if(lambda r: r.data["user_id"] is None),
    "approved": _presence(lambda r: bool(r.data["approved"])),
    "invoiced": _presence(lambda r: bool(r.data["is_invoiced"])),
    "uninvoiced": _presence(lambda r: not r.data["is_invoiced"]),
    "billable": _flag("billable"),
    "date_performed_between": _performed_between,
    "in_active_invoice_id": _one_of("invoice_id"),
    "in_active_submission": lambda _, text: lambda r: (r.data["active_submission_id"] is not None) is truth(text),
    "with_timesheet_id": _one_of("active_submission_id"),
    "with_recent_timesheet_ids": _one_of("recent_submission_id"),
    "paid": _only_if(lambda r: r.data["status"] == "paid"),
    "pending": _only_if(lambda r: r.data["status"] == "pending" and not r.data["draft"]),
    "without_drafts": _only_if(lambda r: not r.data["draft"]),
    "user_invoice_number": _one_of("user_invoice_number"),
}
