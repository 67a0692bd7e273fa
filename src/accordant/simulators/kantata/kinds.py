"""The vendor's collections, declared: fields with their defaults, what may be written, what links to what.

Names, fields and filters follow the vendor's OpenAPI files and Ruby gem; nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Link:
    """An association: the key it is shown under, the collection it leads to, and where its ids are found.

    Args:
        key: `workspace_id` or `approver_ids`.
        to: the collection.
        column: the id is a column of the record, so it is always returned; other keys appear only when included.
        via: empty when the ids are stored under `key`; `subject` when the other side points back by subject;
            otherwise the field of the other side that holds our id.
    """

    key: str
    to: str
    column: bool = False
    via: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One collection of the vendor."""

    name: str
    one: str
    subject: str
    fields: Mapping[str, Any]
    create: frozenset[str]
    update: frozenset[str]
    links: Mapping[str, Link] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    money: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    filters: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    defaults: Mapping[str, str] = field(default_factory=dict)
    orders: frozenset[str] = frozenset({"created_at", "updated_at", "id"})
    order: str = "created_at:desc"
    verbs: frozenset[str] = frozenset({"index", "show", "create", "update", "delete"})
    bulk: bool = False
    referable: bool = False
    events: bool = False

    @property
    def conditional(self) -> frozenset[str]:
        """Keys that are shown only when an association or an optional field is asked for."""
        return self.optional | {link.key for link in self.links.values() if not link.column}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STAMPS = _words("created_after created_before updated_after updated_before only")
_REFERENCES = _words(
    "external_reference_service_name external_reference_service_model external_reference_service_model_ref "
    "external_reference_service_model_refs external_reference_status external_reference_external_status "
    "external_reference_external_message has_external_references without_external_reference_service_name"
)
_READ = _words("index show")
_READ_CREATE = _words("index show create")
_USER = Link("user_id", "users", column=True)
_WORKSPACE = Link("workspace_id", "workspaces", column=True)
_STORY = Link("story_id", "stories", column=True)
_ROLE = Link("role_id", "roles", column=True)
_REFS = Link("external_reference_ids", "external_references", via="subject")
_VALUES = Link("custom_field_value_ids", "custom_field_values", via="subject")
_CURRENCY = {"currency": "USD", "currency_symbol": "$", "currency_base_unit": 100}

_WORKSPACE_WRITABLE = _words(
    "title budgeted description currency price start_date due_date consultant_role_name client_role_name access_level "
    "rate_card_id status_key workspace_group_ids primary_workspace_group_id approver_ids target_margin "
    "primary_maven_id tasks_default_non_billable stories_are_fixed_fee_by_default require_time_approvals "
    "require_expense_approvals require_notes_on_time_entries"
)
_GROUP_WRITABLE = _words("name company contact_name email phone_number address website notes")
_STORY_WRITABLE = _words(
    "title description story_type state priority parent_id start_date due_date billable fixed_fee time_trackable "
    "percentage_complete weight time_estimate_in_minutes budget_estimate_in_cents assignee_ids archived"
)
_ENTRY_WRITABLE = _words(
    "date_performed time_in_minutes billable notes rate_in_cents cost_rate_in_cents role_id story_id user_id location"
)
_ADJUSTMENT_WRITABLE = _words(
    "workspace_id user_id original_date bill_rate_in_cents billable cost_rate_in_cents currency posted_on_date time "
    "notes story_id"
)
_INVOICE_WRITABLE = _words(
    "payment_schedule user_invoice_number user_invoice_title draft message purchase_order project_code"
)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "workspace_groups", "workspace_group", "WorkspaceGroup",
            fields=dict.fromkeys(_GROUP_WRITABLE) | {"company": False},
            create=_GROUP_WRITABLE | _words("add_workspace_ids"),
            update=_GROUP_WRITABLE | _words("add_workspace_ids remove_workspace_ids"), required=("name",),
            links={
                "workspaces": Link("workspace_ids", "workspaces", via="workspace_group_ids"),
                "external_references": _REFS, "custom_field_values": _VALUES,
            },
            filters=_STAMPS | _REFERENCES | _words("companies_only matching"),
            orders=_words("created_at updated_at name"), order="name:asc", referable=True, events=True,
        ),
        Kind(
            "workspaces", "workspace", "Workspace",
            fields={
                "title": None, "account_id": 1, "archived": False, "description": None, "start_date": None,
                "due_date": None, "budgeted": True, **_CURRENCY, "price": None, "price_in_cents": None,
                "default_rate": None, "status_key": 100, "status": None, "stage": "project", "percentage_complete": 0,
                "access_level": "invitation", "rate_card_id": None, "tasks_default_non_billable": False,
                "stories_are_fixed_fee_by_default": False, "require_time_approvals": True,
                "require_expense_approvals": True, "require_notes_on_time_entries": False, "time_trackable": True,
                "target_margin": None, "total_expenses_in_cents": 0, "consultant_role_name": "Consultants",
                "client_role_name": "Clients", "creator_id": None, "primary_maven_id": None,
                "primary_counterpart_id": None, "primary_workspace_group_id": None, "workspace_group_ids": [],
                "approver_ids": [], "participant_ids": [], "on_my_account": True,
            },
            create=_WORKSPACE_WRITABLE | {"creator_role"}, update=_WORKSPACE_WRITABLE | {"archived"},
            required=("title", "creator_role"),
            links={
                "creator": Link("creator_id", "users", column=True),
                "primary_maven": Link("primary_maven_id", "users"),
                "primary_counterpart": Link("primary_counterpart_id", "users"),
                "primary_workspace_group": Link("primary_workspace_group_id", "workspace_groups"),
                "workspace_groups": Link("workspace_group_ids", "workspace_groups"),
                "approvers": Link("approver_ids", "users"),
                "participants": Link("participant_ids", "users"),
                "workspace_resources": Link("workspace_resource_ids", "workspace_resources", via="workspace_id"),
                "billing_milestones": Link("billing_milestone_ids", "billing_milestones", via="workspace_id"),
                "external_references": _REFS, "custom_field_values": _VALUES,
            },
            money=_words("price price_in_cents default_rate currency total_expenses_in_cents target_margin"),
            optional=_words("stage on_my_account"),
            filters=_STAMPS | _REFERENCES | _words("archived include_archived matching workspace_group_ids"),
            defaults={"archived": "exclude"}, orders=_words("created_at updated_at title due_date"),
            order="updated_at:desc", verbs=_words("index show create update"), referable=True, events=True,
        ),
        Kind(
            "stories", "story", "Story",
            fields=dict.fromkeys(_STORY_WRITABLE) | {
                "story_type": "task", "state": "not started", "priority": "normal", "archived": False,
                "deleted_at": None, "workspace_id": None, "parent_id": None, "billable": True, "fixed_fee": False,
                "time_trackable": True, "percentage_complete": 0, "weight": 0, "position": 0,
                "budget_used_in_cents": 0, "assignee_ids": [],
            },
            create=_STORY_WRITABLE | {"workspace_id"}, update=_STORY_WRITABLE,
            required=("title", "story_type", "workspace_id"),
            links={
                "workspace": _WORKSPACE, "parent": Link("parent_id", "stories", column=True),
                "assignees": Link("assignee_ids", "users"), "external_references": _REFS,
                "custom_field_values": _VALUES,
            },
            money=_words("budget_estimate_in_cents budget_used_in_cents"),
            filters=_STAMPS | _REFERENCES
            | _words("workspace_id show_archived show_deleted show_from_archived_workspaces story_type matching"),
            defaults={"show_archived": "false", "show_deleted": "false", "show_from_archived_workspaces": "false"},
            orders=_words("created_at updated_at due_date position"), order="updated_at:desc",
            referable=True, events=True,
        ),
        Kind(
            "users", "user", "User",
            fields={
                "full_name": None, "email_address": None, "headline": None, "photo_path": None, "disabled": False,
                "account_id": 1, "role_id": None, "account_membership_id": None,
            },
            create=frozenset(), update=_words("full_name headline email_address"),
            links={
                "role": Link("role_id", "roles"),
                "account_membership": Link("account_membership_id", "account_memberships"),
                "external_references": _REFS, "custom_field_values": _VALUES,
            },
            filters=_STAMPS | _REFERENCES | _words("on_my_account by_email_address matching"),
            orders=_words("created_at updated_at full_name"), order="full_name:asc", verbs=_READ | {"update"},
            referable=True, events=True,
        ),
        Kind(
            "account_memberships", "account_membership", "AccountMembership",
            fields={
                "user_id": None, "permission": "Collaborator", "is_administrator": False, "disabled_at": None,
                "bill_rate_in_cents": 0, "cost_rate_in_cents": 0, "billability_target": None, "manager_id": None,
                "default_role_id": None,
            },
            create=frozenset(),
            update=_words("permission bill_rate_in_cents cost_rate_in_cents billability_target default_role_id"),
            links={"user": _USER, "default_role": Link("default_role_id", "roles", column=True)},
            money=_words("bill_rate_in_cents cost_rate_in_cents"),
            filters=_STAMPS | _words("user_id"), verbs=_READ | {"update"}, events=True,
        ),
        Kind(
            "roles", "role", "Role",
            fields={"name": None, "deleted_at": None}, create=_words("name"), update=_words("name"), required=("name",),
            links={"external_references": _REFS}, filters=_STAMPS | _REFERENCES, referable=True, events=True,
        ),
        Kind(
            "rate_cards", "rate_card", "RateCard",
            fields={"title": None, "currency": "USD", "rate_card_set_id": None, "uses": 0},
            create=_words("title currency rate_card_set_id"), update=_words("title currency"), required=("currency",),
            links={
                "rate_card_versions": Link("rate_card_version_ids", "rate_card_versions", via="rate_card_id"),
                "external_references": _REFS,
            },
            filters=_STAMPS | _REFERENCES, referable=True,
        ),
        Kind(
            "rate_card_versions", "rate_card_version", "RateCardVersion",
            fields={"rate_card_id": None, "effective_date": None, "default_rate": 0},
            create=_words("rate_card_id effective_date default_rate"), update=_words("default_rate"),
            required=("rate_card_id",),
            links={
                "rate_card": Link("rate_card_id", "rate_cards", column=True),
                "rate_card_roles": Link("rate_card_role_ids", "rate_card_roles", via="rate_card_version_id"),
            },
            money=_words("default_rate"), filters=_STAMPS | _words("rate_card_id"),
        ),
        Kind(
            "rate_card_roles", "rate_card_role", "RateCardRole",
            fields={"rate_card_version_id": None, "role_id": None, "rate": 0},
            create=_words("rate_card_version_id role_id rate"), update=_words("rate"),
            required=("rate_card_version_id", "role_id", "rate"), links={"role": _ROLE},
            money=_words("rate"), filters=_STAMPS | _words("rate_card_version_id"),
        ),
        Kind(
            "workspace_resources", "workspace_resource", "WorkspaceResource",
            fields={
                "workspace_id": None, "user_id": None, "role_id": None, "label": None, "display_label": None,
                "resource_bill_rate": None, "resource_cost_rate": None, "total_allocated_minutes": 0,
                "earliest_allocation_date": None, "latest_allocation_date": None,
            },
            create=_words("workspace_id user_id role_id label"), update=_words("user_id role_id label"),
            required=("workspace_id",),
            links={
                "workspace": _WORKSPACE, "user": _USER, "role": _ROLE, "external_references": _REFS,
                "custom_field_values": _VALUES,
            },
            money=_words("resource_bill_rate resource_cost_rate"),
            optional=_words("resource_bill_rate resource_cost_rate"),
            filters=_STAMPS | _REFERENCES | _words("workspace_id user_id role_id include_unnamed only_unnamed"),
            defaults={"include_unnamed": "false"}, order="updated_at:desc", referable=True, events=True,
        ),
        Kind(
            "resource_requests", "resource_request", "ResourceRequest",
            fields={"resource_id": None, "creator_id": None, "approver_ids": [], "status": "new"},
            create=_words(
                "resource_id resource_workspace_id resource_role_id approver_ids workspace_allocation_start_date "
                "workspace_allocation_end_date workspace_allocation_percentage"
            ),
            update=frozenset(), required=("approver_ids",),
            links={
                "resource": Link("resource_id", "workspace_resources", column=True),
                "creator": Link("creator_id", "users", column=True), "approvers": Link("approver_ids", "users"),
            },
            filters=_STAMPS | _words("pending_requests_only requests_for_approver"), verbs=_READ_CREATE,
        ),
        Kind(
            "workspace_allocations", "workspace_allocation", "WorkspaceAllocation",
            fields={"workspace_resource_id": None, "start_date": None, "end_date": None, "minutes": 0,
                "percentage": None},
            create=_words("workspace_resource_id start_date end_date minutes percentage"),
            update=_words("start_date end_date minutes"),
            required=("workspace_resource_id", "start_date", "end_date"),
            links={
                "workspace_resource": Link("workspace_resource_id", "workspace_resources", column=True),
                "external_references": _REFS,
            },
            filters=_STAMPS | _REFERENCES | _words("workspace_resource_id"), referable=True, events=True,
        ),
        Kind(
            "assignments", "assignment", "Assignment",
            fields={
                "story_id": None, "assignee_id": None, "resource_id": None, "estimated_minutes": 0,
                "allocated_minutes": 0, "current": True,
            },
            create=_words("story_id assignee_id resource_id estimated_minutes"),
            update=_words("estimated_minutes current"),
            required=("story_id",),
            links={"story": _STORY, "external_references": _REFS},
            filters=_STAMPS | _REFERENCES | _words("story_id"), referable=True, events=True,
        ),
        Kind(
            "time_entries", "time_entry", "TimeEntry",
            fields={
                "workspace_id": None, "user_id": None, "story_id": None, "role_id": None, "date_performed": None,
                "time_in_minutes": 0, "billable": True, "notes": None, "rate_in_cents": 0, "cost_rate_in_cents": 0,
                **_CURRENCY, "approved": False, "is_invoiced": False, "taxable": False, "location": None,
                "invoice_id": None, "active_submission_id": None, "recent_submission_id": None, "user_can_edit": True,
                "location_id": None,
            },
            create=_ENTRY_WRITABLE | {"workspace_id"}, update=_ENTRY_WRITABLE,
            required=("workspace_id", "date_performed", "time_in_minutes"),
            links={
                "workspace": _WORKSPACE, "user": _USER, "story": _STORY, "role": _ROLE,
                "invoice": Link("invoice_id", "invoices"),
                "active_submission": Link("active_submission_id", "timesheet_submissions"),
                "recent_submission": Link("recent_submission_id", "timesheet_submissions"),
                "external_references": _REFS,
            },
            money=_words("rate_in_cents cost_rate_in_cents"), optional=_words("user_can_edit location_id"),
            filters=_STAMPS | _REFERENCES | _words(
                "approved invoiced uninvoiced billable created_by with_user_ids workspace_id workspace_ids "
                "date_performed_between from_archived_workspaces on_my_account in_active_invoice_id "
                "in_active_submission with_timesheet_id with_recent_timesheet_ids"
            ),
            defaults={"from_archived_workspaces": "false", "on_my_account": "true"},
            orders=_words("created_at updated_at date_performed"), order="date_performed:desc",
            bulk=True, referable=True, events=True,
        ),
        Kind(
            "timesheet_submissions", "timesheet_submission", "TimesheetSubmission",
            fields={
                "workspace_id": None, "user_id": None, "start_date": None, "end_date": None, "status": "pending",
                "title": None, "comment": None, "line_item_total_in_cents": 0, **_CURRENCY,
                "current_resolution_description": None, "current_resolution_creator_id": None,
                "current_resolution_created_at_date": None, "time_entry_ids": [],
            },
            create=_words("workspace_id user_id title comment line_item_ids"), update=_words("title comment"),
            required=("workspace_id", "line_item_ids"),
            links={
                "workspace": _WORKSPACE, "user": _USER, "time_entries": Link("time_entry_ids", "time_entries"),
                "external_references": _REFS,
            },
            money=_words("line_item_total_in_cents"),
            filters=_STAMPS | _REFERENCES | _words("workspace_id user_id status"),
            order="updated_at:desc", verbs=_READ_CREATE, referable=True,
        ),
        Kind(
            "time_adjustments", "time_adjustment", "TimeAdjustment",
            fields=dict.fromkeys(_ADJUSTMENT_WRITABLE) | _CURRENCY | {"billable": True, "is_invoiced": False,
                "taxable": False},
            create=_ADJUSTMENT_WRITABLE, update=_ADJUSTMENT_WRITABLE,
            required=("workspace_id", "user_id", "original_date", "posted_on_date", "time"),
            links={"workspace": _WORKSPACE, "user": _USER, "story": _STORY},
            money=_words("bill_rate_in_cents cost_rate_in_cents"), filters=_STAMPS | _words("workspace_id user_id"),
        ),
        Kind(
            "expenses", "expense", "Expense",
            fields={
                "workspace_id": None, "user_id": None, "story_id": None, "date": None, "notes": None, "category": None,
                "amount_in_cents": 0, **_CURRENCY, "is_billable": True, "taxable": False, "reimbursable": True,
                "approved": False, "is_invoiced": False, "invoice_id": None, "active_submission_id": None,
                "recent_submission_id": None,
            },
            create=_words("workspace_id user_id story_id date notes category amount_in_cents "
                "billable reimbursable taxable"),
            update=_words("story_id date notes category amount_in_cents billable reimbursable taxable"),
            required=("workspace_id", "date", "category", "amount_in_cents"),
            links={
                "workspace": _WORKSPACE, "user": _USER, "story": _STORY, "invoice": Link("invoice_id", "invoices"),
                "active_submission": Link("active_submission_id", "expense_report_submissions"),
                "recent_submission": Link("recent_submission_id", "expense_report_submissions"),
                "external_references": _REFS,
            },
            money=_words("amount_in_cents"),
            filters=_STAMPS | _REFERENCES
            | _words("approved invoiced uninvoiced workspace_id from_archived_workspaces"),
            defaults={"from_archived_workspaces": "false"}, orders=_words("created_at updated_at date"),
            order="date:desc", referable=True, events=True,
        ),
        Kind(
            "expense_report_submissions", "expense_report_submission", "ExpenseReportSubmission",
            fields={
                "workspace_id": None, "user_id": None, "status": "pending", "title": None, "comment": None,
                "line_item_total_in_cents": 0, **_CURRENCY, "current_resolution_description": None,
                "current_resolution_creator_id": None, "current_resolution_created_at_date": None, "expense_ids": [],
            },
            create=_words("workspace_id user_id title comment line_item_ids"), update=_words("title comment"),
            required=("workspace_id", "line_item_ids"),
            links={"workspace": _WORKSPACE, "user": _USER, "expenses": Link("expense_ids", "expenses")},
            money=_words("line_item_total_in_cents"), filters=_STAMPS | _words("workspace_id user_id status"),
            verbs=_READ_CREATE,
        ),
        Kind(
            "billing_milestones", "billing_milestone", "BillingMilestone",
            fields={
                "title": None, "date_to_invoice": None, "amount_in_cents": 0, "billing_type": "fixed_fee", **_CURRENCY,
                "workspace_id": None, "story_id": None, "invoice_id": None,
            },
            create=_words("title date_to_invoice amount_in_cents billing_type workspace_id story_id"),
            update=_words("title date_to_invoice amount_in_cents billing_type story_id"),
            required=("title", "workspace_id", "amount_in_cents"),
            links={
                "workspace": _WORKSPACE, "story": _STORY, "invoice": Link("invoice_id", "invoices"),
                "external_references": _REFS,
            },
            money=_words("amount_in_cents"), filters=_STAMPS | _REFERENCES | _words("workspace_id"),
            referable=True, events=True,
        ),
        Kind(
            "invoices", "invoice", "Invoice",
            fields={
                "title": None, "status": "pending", "draft": False, "invoice_date": None, "due_date": None,
                "balance_in_cents": 0, **_CURRENCY, "payment_schedule": 30, "tax_rate": None, "purchase_order": None,
                "project_code": None, "message": None, "user_invoice_number": None, "user_invoice_title": None,
                "workspace_ids": [], "user_id": None, "recipient_id": None, "time_entry_ids": [], "expense_ids": [],
                "additional_items": [], "total_in_cents": 0,
            },
            create=_INVOICE_WRITABLE | _words("workspace_id time_entry_ids expense_ids invoice_date "
                "tax_rate additional_items"),
            update=_INVOICE_WRITABLE,
            required=("workspace_id", "payment_schedule", "time_entry_ids", "expense_ids"),
            links={
                "workspaces": Link("workspace_ids", "workspaces"), "user": Link("user_id", "users"),
                "recipient": Link("recipient_id", "users"), "time_entries": Link("time_entry_ids", "time_entries"),
                "expenses": Link("expense_ids", "expenses"), "external_references": _REFS,
            },
            money=_words("balance_in_cents"), optional=_words("additional_items total_in_cents"),
            filters=_STAMPS | _REFERENCES | _words("paid pending without_drafts user_invoice_number workspace_id"),
            orders=_words("created_at updated_at id invoice_date"), referable=True, events=True,
        ),
        Kind(
            "external_payments", "external_payment", "ExternalPayment",
            fields={
                "workspace_id": None, "invoice_id": None, "user_id": None, "amount_in_cents": 0, "message": None,
                **_CURRENCY,
            },
            create=_words("workspace_id invoice_id amount_in_cents message"), update=frozenset(),
            required=("workspace_id",),
            links={"workspace": _WORKSPACE, "user": _USER, "invoice": Link("invoice_id", "invoices", column=True)},
            money=_words("amount_in_cents"), filters=_STAMPS | _words("workspace_id invoice_id user_id"),
            verbs=_READ_CREATE,
        ),
        Kind(
            "external_references", "external_reference", "ExternalReference",
            fields={
                "service_name": None, "service_model": None, "service_model_ref": None, "subject_type": None,
                "subject_id": None, "status": "successful", "external_link": None, "external_message": None,
                "external_status": None, "locked": False, "last_synced_at": None,
            },
            create=_words(
                "service_name service_model service_model_ref subject_type subject_id status external_link "
                "external_message external_status locked"
            ),
            update=frozenset(),
            required=("service_name", "service_model", "service_model_ref", "subject_type", "subject_id"),
            filters=_STAMPS | _words("subject_type subject_id service_name service_model service_model_ref status"),
            needs=_words("subject_type"),
            orders=_words("created_at last_synced_at"), order="last_synced_at:desc",
            verbs=_words("index show delete"),
        ),
        Kind(
            "custom_fields", "custom_field", "CustomField",
            fields={"name": None, "value_type": "string", "subject_type": "Workspace", "required": False},
            create=frozenset(), update=frozenset(), filters=_STAMPS | _words("subject_type"), verbs=_READ,
        ),
        Kind(
            "custom_field_values", "custom_field_value", "CustomFieldValue",
            fields={
                "subject_type": None, "subject_id": None, "custom_field_id": None, "custom_field_name": None,
                "value": None, "display_value": None, "setter_id": None,
            },
            create=_words("subject_type subject_id custom_field_id value"), update=_words("value"),
            required=("subject_type", "subject_id", "custom_field_id"),
            links={"custom_field": Link("custom_field_id", "custom_fields", column=True)},
            filters=_STAMPS | _words("subject_type with_subject_id with_custom_field_id"), needs=_words("subject_type"),
            orders=_words("created_at updated_at subject_id"), order="created_at:asc", bulk=True,
        ),
    )
}  # fmt: skip  # a table: one declaration per collection, close together

SUBJECTS: dict[str, str] = {kind.subject: kind.name for kind in KINDS.values()}
