"""What the system accepts: one write for every record type, and the rules of entities, projects and time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accordant.simulators._shared import Record
from accordant.simulators.netsuite import receivables, transactions
from accordant.simulators.netsuite.documents import Values, require_currency
from accordant.simulators.netsuite.errors import invalid_key, missing, not_found, user_error
from accordant.simulators.netsuite.fields import Lines
from accordant.simulators.netsuite.shapes import SCHEMAS
from accordant.simulators.netsuite.state import State

Rule = Callable[[State, Values | None, Values, str | None], None]

_APPROVED = "3"


def write(state: State, type: str, id: str | None, values: Values, replace: frozenset[str] = frozenset()) -> Record:
    """Create (id None) or update a record; nothing is kept when a rule refuses.

    Args:
        state: the account.
        type: the record type.
        id: the record to change, None for a new one.
        values: the parsed properties of the request, read-only ones already left out.
        replace: sublists that are replaced as a whole; others are matched by line key, lines without a key are added.
    """
    record = None if id is None else state.get(type, id)
    if id is not None and record is None:
        raise not_found()
    old = record.data if record else None
    new = {**old, **values} if old is not None else dict(values)
    for name in SCHEMAS[type].sublists:
        if values.get(name) is not None:
            kept = [] if old is None or name in replace else old.get(name) or []
            new[name] = _merge_lines(SCHEMAS[type].fields[name], kept, values[name])
    if "isInactive" in SCHEMAS[type].fields:
        new.setdefault("isInactive", False)
    external_id = new.get("externalId")
    if external_id and (old is None or external_id != old.get("externalId")):
        state.require_free(type, external_id, id)
    if rule := _RULES.get(type):
        rule(state, old, new, id)
    record = state.put(type, id, new)
    if after := _AFTER.get(type):
        after(state, record)
    return record


def delete(state: State, type: str, id: str) -> None:
    """Remove a record, unless something depends on it or it is posted."""
    record = state.get(type, id)
    if record is None:
        raise not_found()
    if _has_dependents(state, type, id):
        raise user_error("This record cannot be deleted because it has dependent records.")
    if type == "timeBill":
        _require_editable_time(state, record.data, id)
    elif SCHEMAS[type].family == "transaction":
        transactions.release(state, type, record)
    state.entity_names.pop(record.data.get("entityId", ""), None)
    state.remove(type, id)


def _merge_lines(kind: Any, kept: list[Values], given: list[Values]) -> list[Values]:
    """Update kept lines by their key and add the others; number the lines of numbered sublists."""
    assert isinstance(kind, Lines)  # noqa: S101 - schemas declare sublists as Lines
    rows = [dict(row) for row in kept]
    by_key = {row[kind.key]: row for row in rows if row.get(kind.key) is not None}
    for row in given:
        target = by_key.get(row.get(kind.key))
        if target is not None:
            target.update(row)
        else:
            rows.append(dict(row))
    if kind.key in ("line", "id"):
        for number, row in enumerate(rows, start=1):
            row[kind.key] = number
    return rows


def _require(new: Values, *fields: str) -> None:
    for field in fields:
        if new.get(field) in (None, ""):
            raise missing(field)


def _claim_name(state: State, new: Values, id: str | None, prefix: str) -> None:
    """Give every entity a name of its own, as the system's auto-numbering does when none is sent."""
    name = new.get("entityId")
    if not name:
        name = new["entityId"] = f"{prefix}{len(state.entity_names) + 1001}"
    holder = state.entity_names.get(name)
    if holder is not None and holder != id:
        raise user_error("This entity already exists.", "entityId")


def _keep_name(state: State, record: Record) -> None:
    state.entity_names[record.data["entityId"]] = record.id


def _check_employee(state: State, _old: Values | None, new: Values, id: str | None) -> None:
    _require(new, "lastName", "subsidiary")
    _claim_name(state, new, id, "EMP")


def _check_customer(state: State, old: Values | None, new: Values, id: str | None) -> None:
    _require(new, "lastName" if new.get("isPerson") else "companyName", "subsidiary")
    _claim_name(state, new, id, "CUST")
    if old is not None and old["subsidiary"] != new["subsidiary"]:
        raise user_error("The primary subsidiary of a customer cannot be changed.", "subsidiary")
    if not new.get("currency"):
        new["currency"] = state.require("subsidiary", new["subsidiary"]).data["currency"]
    listed = new.get("currencyList") or []
    if all(row["currency"] != new["currency"] for row in listed):
        listed = [*listed, {"currency": new["currency"]}]
    new["currencyList"] = listed
    new.setdefault("dateCreated", _stamp(state))


def _check_job(state: State, _old: Values | None, new: Values, id: str | None) -> None:
    _require(new, "companyName", "parent")
    _claim_name(state, new, id, "PRJ")
    customer = state.require("customer", new["parent"])
    if not new.get("subsidiary"):
        new["subsidiary"] = customer.data["subsidiary"]
    if new["subsidiary"] != customer.data["subsidiary"]:
        raise invalid_key("subsidiary", new["subsidiary"], "entity", customer.id)
    if not new.get("currency"):
        new["currency"] = customer.data["currency"]
    require_currency(customer, new["currency"])
    for name, value in (("allowTime", True), ("entityStatus", "2")):
        new.setdefault(name, value)
    new.setdefault("dateCreated", _stamp(state))


def _check_task(_state: State, _old: Values | None, new: Values, _id: str | None) -> None:
    _require(new, "title", "project")
    new.setdefault("status", "NOTSTART")
    new.setdefault("nonBillableTask", False)


def _check_time(state: State, old: Values | None, new: Values, id: str | None) -> None:
    if old is not None and new != old:
        only_approval = {k for k, v in new.items() if v != old.get(k)} <= {"approvalStatus", "rejectionNote"}
        if not only_approval or id in state.billed_by or old.get("posted"):
            _require_editable_time(state, old, id)
    for field in ("employee", "tranDate", "hours"):
        if new.get(field) is None:
            raise missing(field)
    if state.require("employee", new["employee"]).data.get("isInactive"):
        raise user_error(f"Invalid employee reference key {new['employee']}: the employee is inactive.", "employee")
    _check_time_project(state, new)
    if old is None:
        new.setdefault("timeType", "A")
        new.setdefault("approvalStatus", "1")
        new.setdefault("isBillable", False)
        new["posted"] = False
        new["createdDate"] = _stamp(state)


def _check_time_project(state: State, new: Values) -> None:
    project = state.get("job", new["customer"]) if new.get("customer") else None
    if project is None:
        if new.get("isBillable") and not new.get("customer"):
            raise missing("customer")
        return
    if not project.data["allowTime"] or project.data["isInactive"]:
        raise user_error(f"Time cannot be entered for project {project.data['entityId']}.", "customer")
    if task_id := new.get("caseTaskEvent"):
        task = state.require("projectTask", task_id)
        if task.data["project"] != project.id:
            raise invalid_key("caseTaskEvent", task_id, "customer", project.id)
    if new.get("isBillable") and not new.get("item"):
        raise missing("item")
    new["subsidiary"] = project.data["subsidiary"]


def _require_editable_time(state: State, old: Values, id: str | None) -> None:
    if id in state.billed_by:
        raise user_error("This time entry cannot be edited because it has been billed.", "approvalStatus")
    if old.get("posted"):
        raise user_error("This time entry cannot be edited because it has been posted.", "approvalStatus")
    if old.get("approvalStatus") == _APPROVED:
        raise user_error("This time entry cannot be edited because it has been approved.", "approvalStatus")


def _has_dependents(state: State, type: str, id: str) -> bool:
    return any(
        record.data.get(field) == id for other, field in _DEPENDENTS.get(type, ()) for record in state.types[other]
    )


def _stamp(state: State) -> str:
    return state.now().strftime("%Y-%m-%dT%H:%M:%SZ")


_DEPENDENTS: dict[str, tuple[tuple[str, str], ...]] = {
    "customer": (
        ("job", "parent"),
        ("customer", "parent"),
        ("invoice", "entity"),
        ("creditMemo", "entity"),
        ("customerPayment", "customer"),
        ("timeBill", "customer"),
    ),
    "job": (("projectTask", "project"), ("timeBill", "customer"), ("invoice", "job"), ("creditMemo", "job")),
    "projectTask": (("timeBill", "caseTaskEvent"), ("projectTask", "parent")),
    "employee": (("timeBill", "employee"),),
    "invoice": (("creditMemo", "createdFrom"),),
}

_RULES: dict[str, Rule] = {
    "employee": _check_employee,
    "customer": _check_customer,
    "job": _check_job,
    "projectTask": _check_task,
    "timeBill": _check_time,
    "invoice": transactions.check_invoice,
    "creditMemo": transactions.check_credit,
    "customerPayment": receivables.check_payment,
    "journalEntry": transactions.check_journal,
}

_AFTER: dict[str, Callable[[State, Record], None]] = {
    "employee": _keep_name,
    "customer": _keep_name,
    "job": _keep_name,
    "invoice": transactions.book_invoice,
    "creditMemo": transactions.book_credit,
    "customerPayment": receivables.book_payment,
    "journalEntry": transactions.book_journal,
}
