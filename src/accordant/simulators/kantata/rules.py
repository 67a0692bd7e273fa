"""The vendor's rules: what a valid record is, and what may no longer be changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from accordant.simulators._shared import Record
from accordant.simulators.kantata.errors import invalid
from accordant.simulators.kantata.kinds import Kind
from accordant.simulators.kantata.state import Account

_DAY_MINUTES = 24 * 60
_STORY_TYPES = {"task", "deliverable", "milestone", "issue"}
_WORDING = {
    ("workspaces", "title"): "Please give your project a title",
    ("workspaces", "creator_role"): "Please select a role for this project",
}
_DATES = {"start_date", "due_date", "date_performed", "date", "invoice_date", "date_to_invoice", "original_date"}

Problem = tuple[str, str]
Fields = Mapping[str, Any]


def require_valid(account: Account, kind: Kind, fields: Fields, record: Record | None = None) -> None:
    """Raise the 422 with every problem of a create (no record) or an update."""
    problems = [
        *_missing(kind, fields, record),
        *_malformed_dates(fields),
        *_dangling(account, kind, fields),
        *CHECKS.get(kind.name, _no_check)(account, fields, record),
    ]
    if problems:
        raise invalid(*problems)


def require_editable(account: Account, kind: Kind, record: Record) -> None:
    """Raise the 422 for time and expenses that are approved, invoiced or submitted, and for locked subjects."""
    noun = kind.one.replace("_", " ").capitalize()
    if any(r.data["locked"] for r in account.pointing("external_references", kind.subject, record.id)):
        raise invalid(("base", f"{noun} is locked by an external system"))
    if kind.name not in {"time_entries", "expenses"}:
        return
    if record.data["is_invoiced"]:
        raise invalid(("base", f"{noun} cannot be changed because it has been invoiced"))
    if record.data["approved"]:
        raise invalid(("base", f"{noun} cannot be changed because it has been approved"))
    if record.data["active_submission_id"]:
        raise invalid(("base", f"{noun} cannot be changed because it has been submitted for approval"))


def _missing(kind: Kind, fields: Fields, record: Record | None) -> Iterator[Problem]:
    for name in kind.required:
        absent = name not in fields if record is None else False
        if absent or (name in fields and fields[name] in (None, "")):
            yield name, _WORDING.get((kind.name, name), f"{name.replace('_', ' ').capitalize()} can't be blank")


def _malformed_dates(fields: Fields) -> Iterator[Problem]:
    for name in _DATES & fields.keys():
        if fields[name] is not None:
            try:
                date.fromisoformat(fields[name])
            except (TypeError, ValueError):
                yield name, f"{name.replace('_', ' ').capitalize()} is not a valid date"


def _dangling(account: Account, kind: Kind, fields: Fields) -> Iterator[Problem]:
    for link in kind.links.values():
        if link.via or fields.get(link.key) is None:
            continue
        value = fields[link.key]
        ids = value if isinstance(value, list) else [value]
        if any(account.get(link.to, id) is None for id in ids):
            yield link.key, f"{link.key.replace('_', ' ').capitalize()} could not be found"


def _no_check(_account: Account, _fields: Fields, _record: Record | None) -> Iterator[Problem]:
    yield from ()


def _workspace(_: Account, fields: Fields, record: Record | None) -> Iterator[Problem]:
    if record is None and fields.get("creator_role") not in {"maven", "buyer", None, ""}:
        yield "creator_role", "Please select a role for this project"
    currency = fields.get("currency")
    if currency is not None and not (isinstance(currency, str) and len(currency) == len("USD") and currency.isupper()):
        yield "currency", "Currency is not supported"
    start, due = fields.get("start_date"), fields.get("due_date")
    if start and due and str(due) < str(start):
        yield "due_date", "Due date must be after the start date"


def _story(_: Account, fields: Fields, __: Record | None) -> Iterator[Problem]:
    if fields.get("story_type", "task") not in _STORY_TYPES:
        yield "story_type", "Story type is not included in the list"


def _time_entry(account: Account, fields: Fields, record: Record | None) -> Iterator[Problem]:
    if "time_in_minutes" in fields:
        minutes = fields["time_in_minutes"]
        if not isinstance(minutes, int) or not 0 < minutes <= _DAY_MINUTES:
            yield "time_in_minutes", "Time in minutes must be between 1 and 1440"
    workspace = account.get("workspaces", fields.get("workspace_id") or (record.data["workspace_id"] if record else ""))
    if workspace is None:
        return
    if workspace.data["archived"] or not workspace.data["time_trackable"]:
        yield "workspace_id", "Time cannot be tracked against this project"
    if record is None and workspace.data["require_notes_on_time_entries"] and not fields.get("notes"):
        yield "notes", "Notes can't be blank"


def _expense(_: Account, fields: Fields, __: Record | None) -> Iterator[Problem]:
    if not isinstance(fields.get("amount_in_cents", 0), int):
        yield "amount_in_cents", "Amount in cents is not a number"


def _submission(lines: str) -> Callable[[Account, Fields, Record | None], Iterator[Problem]]:
    def check(account: Account, fields: Fields, _: Record | None) -> Iterator[Problem]:
        ids = fields.get("line_item_ids")
        if ids is None:
            return
        rows = [account.get(lines, id) for id in ids]
        if not rows or None in rows:
            yield "line_item_ids", "Line items could not be found"
        elif any(r and r.data["workspace_id"] != fields.get("workspace_id") for r in rows):
            yield "line_item_ids", "Line items must all belong to the project"
        elif any(r and (r.data["active_submission_id"] or r.data["approved"]) for r in rows):
            yield "line_item_ids", "Line items have already been submitted"

    return check


def _invoice(account: Account, fields: Fields, record: Record | None) -> Iterator[Problem]:
    if record is not None:
        if record.data["status"] in {"paid", "cancelled"}:
            yield "base", f"Invoice is already {record.data['status']}"
        return
    entries, expenses = fields.get("time_entry_ids") or [], fields.get("expense_ids") or []
    if not (entries or expenses or fields.get("additional_items")):
        yield "base", "Invoice must have at least one line item"
    workspace = account.get("workspaces", fields.get("workspace_id", ""))
    if workspace is None:
        yield "workspace_id", "Workspace could not be found"
        return
    yield from _billable_lines(account, workspace, "time_entries", entries, "require_time_approvals")
    yield from _billable_lines(account, workspace, "expenses", expenses, "require_expense_approvals")


def _billable_lines(
    account: Account, workspace: Record, name: str, ids: list[str], approvals: str
) -> Iterator[Problem]:
    rows = [row for id in ids if (row := account.get(name, id))]
    field = {"time_entries": "time_entry_ids", "expenses": "expense_ids"}[name]
    if any(r.data["workspace_id"] != workspace.id for r in rows):
        yield field, "Line items must belong to the project of the invoice"
    if any(r.data["is_invoiced"] for r in rows):
        yield field, "Line items have already been invoiced"
    if workspace.data[approvals] and not all(r.data["approved"] for r in rows):
        yield field, "Line items must be approved before they are invoiced"


def _resource_request(account: Account, fields: Fields, _: Record | None) -> Iterator[Problem]:
    if not fields.get("approver_ids"):
        yield "approver_ids", "Approvers can't be blank"
    if not (fields.get("resource_id") or fields.get("resource_workspace_id")):
        yield "resource_id", "Resource can't be blank"
    workspace_id = fields.get("resource_workspace_id")
    if workspace_id and account.get("workspaces", workspace_id) is None:
        yield "resource_workspace_id", "Workspace could not be found"


def _payment(account: Account, fields: Fields, _: Record | None) -> Iterator[Problem]:
    invoice = account.get("invoices", fields.get("invoice_id") or "")
    if invoice is None:
        if not isinstance(fields.get("amount_in_cents"), int):
            yield "amount_in_cents", "Amount in cents can't be blank"
    elif invoice.data["draft"] or invoice.data["status"] != "pending":
        yield "invoice_id", "Only a pending invoice that is not a draft can be paid"


def _custom_value(account: Account, fields: Fields, record: Record | None) -> Iterator[Problem]:
    if record is None and account.get("custom_fields", fields.get("custom_field_id") or "") is None:
        yield "custom_field_id", "Custom field could not be found"


CHECKS: dict[str, Callable[[Account, Fields, Record | None], Iterator[Problem]]] = {
    "workspaces": _workspace,
    "stories": _story,
    "time_entries": _time_entry,
    "expenses": _expense,
    "timesheet_submissions": _submission("time_entries"),
    "expense_report_submissions": _submission("expenses"),
    "invoices": _invoice,
    "resource_requests": _resource_request,
    "external_payments": _payment,
    "custom_field_values": _custom_value,
}
