"""What happens on a create and on the vendor's verbs: approve, reject, cancel, invoice, pay, staff, disable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from accordant.simulators._shared import Record
from accordant.simulators.kantata.errors import invalid, not_found
from accordant.simulators.kantata.shapes import stamp
from accordant.simulators.kantata.state import Account, Caller, currency_fields, worth

Fields = dict[str, Any]
_RESULT = {"approve": "approved", "reject": "rejected", "cancel": "cancelled"}
_RESOLUTION = {"approve": "approval", "reject": "rejection", "cancel": "cancellation"}
_LINES = {
    "timesheet_submissions": ("time_entries", "time_entry_ids"),
    "expense_report_submissions": ("expenses", "expense_ids"),
}


def create(account: Account, name: str, caller: Caller, fields: Fields) -> Record:
    """Store a valid new record, with everything the vendor fills in."""
    return CREATES.get(name, _plain)(account, name, caller, fields)


def update(account: Account, name: str, caller: Caller, record: Record, fields: Fields) -> Record:
    """Store the changes of a valid update."""
    if name == "workspaces":
        fields = _workspace_money(fields, record.data["currency"])
    if name == "workspace_groups":
        _move_workspaces(account, record, caller, fields)
    return account.change(name, record, caller.user_id, **fields)


def _plain(account: Account, name: str, caller: Caller, fields: Fields) -> Record:
    workspace = account.get("workspaces", fields.get("workspace_id") or "")
    inherited: Fields = {}
    if workspace is not None and "currency" in account[name].kind.fields:
        inherited = currency_fields(workspace.data["currency"])
    if "user_id" in account[name].kind.fields and name != "workspace_resources":
        inherited["user_id"] = caller.user_id
        if not (caller.financial or caller.admin):  # without proxy permission the vendor ignores the given user
            fields.pop("user_id", None)
    return account.add(name, caller.user_id, **inherited | fields)


def _workspace(account: Account, name: str, caller: Caller, fields: Fields) -> Record:
    fields.pop("creator_role", None)
    fields = currency_fields(fields.get("currency", "USD")) | _workspace_money(fields, fields.get("currency", "USD"))
    groups = fields.get("workspace_group_ids") or []
    if primary := fields.get("primary_workspace_group_id"):
        fields["workspace_group_ids"] = list(dict.fromkeys([primary, *groups]))
    fields["creator_id"] = caller.user_id
    fields.setdefault("primary_maven_id", caller.user_id)
    fields["participant_ids"] = [caller.user_id]
    return account.add(name, caller.user_id, **fields)


def _workspace_money(fields: Fields, currency: str) -> Fields:
    if fields.get("price") is None:
        return fields
    unit = currency_fields(currency)["currency_base_unit"]
    price = Decimal(str(fields["price"]))
    return fields | {"price": str(price), "price_in_cents": int((price * unit).to_integral_value(ROUND_HALF_UP))}


def _move_workspaces(account: Account, group: Record, caller: Caller, fields: Fields) -> None:
    for id in fields.pop("add_workspace_ids", ()):
        if workspace := account.get("workspaces", id):
            ids = list(dict.fromkeys([*workspace.data["workspace_group_ids"], group.id]))
            account.change("workspaces", workspace, caller.user_id, workspace_group_ids=ids)
    for id in fields.pop("remove_workspace_ids", ()):
        if workspace := account.get("workspaces", id):
            ids = [i for i in workspace.data["workspace_group_ids"] if i != group.id]
            account.change("workspaces", workspace, caller.user_id, workspace_group_ids=ids)


def _group(account: Account, name: str, caller: Caller, fields: Fields) -> Record:
    moves: Fields = {"add_workspace_ids": fields.pop("add_workspace_ids", [])}
    record = account.add(name, caller.user_id, **fields)
    _move_workspaces(account, record, caller, moves)
    return record


def _time_entry(account: Account, name: str, caller: Caller, fields: Fields) -> Record:
    story = account.get("stories", fields.get("story_id") or "")
    if "billable" not in fields:
        fields["billable"] = story.data["billable"] if story else True
    if fields.get("rate_in_cents") is None:
        fields["rate_in_cents"] = rate_for(account, fields, caller)
    return _plain(account, name, caller, fields)


def rate_for(account: Account, fields: Fields, caller: Caller) -> int:
    """Return the bill rate in subunits: the rate card's for the role, else the membership's, else the project's."""
    workspace = account.get("workspaces", fields["workspace_id"])
    card = workspace.data["rate_card_id"] if workspace else None
    for version in account["rate_card_versions"]:
        if version.data["rate_card_id"] == card and card is not None:
            for row in account["rate_card_roles"]:
                if row.data["rate_card_version_id"] == version.id and row.data["role_id"] == fields.get("role_id"):
                    return int(row.data["rate"])
            return int(version.data["default_rate"])
    user_id = fields.get("user_id") or caller.user_id
    for membership in account["account_memberships"]:
        if membership.data["user_id"] == user_id:
            return int(membership.data["bill_rate_in_cents"])
    return int((workspace and workspace.data["default_rate"]) or 0)


def _submission(account: Account, name: str, caller: Caller, fields: Fields) -> Record:
    lines, key = _LINES[name]
    ids = fields.pop("line_item_ids")
    rows = [row for id in ids if (row := account.get(lines, id))]
    days = sorted(str(r.data.get("date_performed") or r.data.get("date")) for r in rows)
    total = sum(worth(r.data) if lines == "time_entries" else r.data["amount_in_cents"] for r in rows)
    span = {"start_date": days[0], "end_date": days[-1]} if lines == "time_entries" else {}
    fields.setdefault("user_id", rows[0].data["user_id"])
    record = _plain(account, name, caller, fields | span | {key: ids, "line_item_total_in_cents": total})
    for row in rows:
        account.change(lines, row, caller.user_id, active_submission_id=record.id, recent_submission_id=record.id)
    return record


def resolve(
    account: Account, name: str, caller: Caller, ids: Sequence[str], verb: str, description: str
) -> list[Record]:
    """Approve, reject or cancel submissions, all or none; raises 404 or 422."""
    records = [account.get(name, id) for id in ids]
    found = [record for record in records if record]
    if not found or len(found) != len(records):
        raise not_found()
    lines, key = _LINES[name]
    for record in found:
        allowed = {"pending", "approved"} if verb == "cancel" else {"pending"}
        if record.data["status"] not in allowed:
            raise invalid(("status", f"Submission is already {record.data['status']}"))
        if any(account.at(lines, id).data["is_invoiced"] for id in record.data[key]):
            raise invalid(("base", "Submission contains invoiced line items"))
    for record in found:
        _resolve_one(account, name, caller, record, verb, description)
    return found


def _resolve_one(account: Account, name: str, caller: Caller, record: Record, verb: str, description: str) -> None:
    lines, key = _LINES[name]
    approved = verb == "approve"
    for id in record.data[key]:
        if row := account.get(lines, id):
            kept = {} if approved else {"active_submission_id": None}
            account.change(lines, row, caller.user_id, approved=approved, **kept)
    account.change(
        name, record, caller.user_id, status=_RESULT[verb], current_resolution_description=description,
        current_resolution_creator_id=caller.user_id, current_resolution_created_at_date=stamp(account.now()),
    )  # fmt: skip


def resolution(number: int, record: Record, subject: str, verb: str, caller: Caller) -> Fields:
    """Return the vendor's resolution object for one submission."""
    return {
        "id": str(number), "type": _RESOLUTION[verb], "description": record.data["current_resolution_description"],
        "target_type": subject, "target_id": record.id, "user_id": caller.user_id, "current": True,
    }  # fmt: skip


def _invoice(account: Account, name: str, caller: Caller, fields: Fields) -> Record:
    workspace = account.at("workspaces", fields.pop("workspace_id"))
    entries = [account.at("time_entries", id) for id in fields["time_entry_ids"]]
    expenses = [account.at("expenses", id) for id in fields["expense_ids"]]
    total = sum(worth(r.data) for r in entries) + sum(r.data["amount_in_cents"] for r in expenses)
    total += sum(int(item.get("amount_in_cents", 0)) for item in fields.get("additional_items") or ())
    invoiced_on = date.fromisoformat(fields.get("invoice_date") or account.now().date().isoformat())
    number = fields.get("user_invoice_number") or str(len(account["invoices"]) + 1001)
    derived = currency_fields(workspace.data["currency"]) | {
        "title": f"{'Draft ' if fields.get('draft') else ''}Invoice #{number}",
        "user_id": caller.user_id,
        "user_invoice_number": number,
        "workspace_ids": [workspace.id],
        "recipient_id": workspace.data["primary_counterpart_id"],
        "invoice_date": invoiced_on.isoformat(),
        "due_date": (invoiced_on + timedelta(days=int(fields["payment_schedule"]))).isoformat(),
        "balance_in_cents": total,
        "total_in_cents": total,
    }
    record = account.add(name, caller.user_id, **fields | derived)
    _mark_lines(account, caller, record, is_invoiced=True, invoice_id=record.id)
    return record


def release_invoice(account: Account, caller: Caller, record: Record) -> None:
    """Free the lines of an invoice that is cancelled or deleted; raises 422 for a paid one."""
    if record.data["status"] != "pending":
        raise invalid(("base", f"Invoice is already {record.data['status']}"))
    _mark_lines(account, caller, record, is_invoiced=False, invoice_id=None)


def cancel_invoice(account: Account, caller: Caller, record: Record) -> Record:
    """Cancel an invoice: it stays, its lines are free again."""
    release_invoice(account, caller, record)
    return account.change("invoices", record, caller.user_id, status="cancelled", balance_in_cents=0)


def _mark_lines(account: Account, caller: Caller, invoice: Record, **marks: Any) -> None:
    for lines, key in (("time_entries", "time_entry_ids"), ("expenses", "expense_ids")):
        for id in invoice.data[key]:
            account.change(lines, account.at(lines, id), caller.user_id, **marks)


def _payment(account: Account, name: str, caller: Caller, fields: Fields) -> Record:
    """Pay a whole invoice (its own amount wins over a given one), or record an amount on the project."""
    if fields.get("invoice_id"):
        invoice = account.at("invoices", fields["invoice_id"])
        fields["amount_in_cents"] = invoice.data["balance_in_cents"]
        account.change("invoices", invoice, caller.user_id, status="paid", balance_in_cents=0)
    return _plain(account, name, caller, fields)


def _resource(account: Account, name: str, caller: Caller, fields: Fields) -> Record:
    role, user = account.get("roles", fields.get("role_id") or ""), account.get("users", fields.get("user_id") or "")
    label = fields.get("label") or (user.data["full_name"] if user else role.data["name"] if role else "Unnamed")
    if user:
        workspace = account.at("workspaces", fields["workspace_id"])
        ids = list(dict.fromkeys([*workspace.data["participant_ids"], user.id]))
        account.change("workspaces", workspace, caller.user_id, participant_ids=ids)
    return account.add(name, caller.user_id, **fields | {"display_label": label})


def _resource_request(account: Account, name: str, caller: Caller, fields: Fields) -> Record:
    if not fields.get("resource_id"):
        made = {"workspace_id": fields["resource_workspace_id"], "role_id": fields.get("resource_role_id")}
        fields["resource_id"] = _resource(account, "workspace_resources", caller, made).id
    if fields.get("workspace_allocation_start_date"):
        account.add(
            "workspace_allocations", caller.user_id, workspace_resource_id=fields["resource_id"],
            start_date=fields["workspace_allocation_start_date"], end_date=fields.get("workspace_allocation_end_date"),
            percentage=fields.get("workspace_allocation_percentage"),
        )  # fmt: skip
    own = {k: fields[k] for k in ("resource_id", "approver_ids")}
    return account.add(name, caller.user_id, creator_id=caller.user_id, **own)


def decide_request(account: Account, caller: Caller, record: Record, verb: str) -> Record:
    """Approve, reject or cancel a staffing request; raises 422 when it is no longer new."""
    if record.data["status"] != "new":
        raise invalid(("status", f"Resource request is already {record.data['status']}"))
    return account.change("resource_requests", record, caller.user_id, status=_RESULT[verb])


def disable_membership(account: Account, caller: Caller, record: Record) -> Record:
    """Disable a member of the account, and the user."""
    account.change("users", account.at("users", record.data["user_id"]), caller.user_id, disabled=True)
    return account.change("account_memberships", record, caller.user_id, disabled_at=stamp(account.now()))


def _custom_value(account: Account, _name: str, caller: Caller, fields: Fields) -> Record:
    return account.put_value(
        fields["subject_type"], fields["subject_id"], fields["custom_field_id"], caller.user_id, fields.get("value")
    )


CREATES: dict[str, Callable[[Account, str, Caller, Fields], Record]] = {
    "workspace_groups": _group,
    "workspaces": _workspace,
    "time_entries": _time_entry,
    "timesheet_submissions": _submission,
    "expense_report_submissions": _submission,
    "invoices": _invoice,
    "external_payments": _payment,
    "workspace_resources": _resource,
    "resource_requests": _resource_request,
    "custom_field_values": _custom_value,
}
