"""What a fresh account holds before any test or story: the integration's user, roles, custom fields."""

from __future__ import annotations

from accordant.simulators.kantata.state import Account

ROLES = ("Partner", "Manager", "Consultant", "Analyst")
WORKSPACE_FIELDS = (
    "Contract version",
    "Engagement state",
    "Payment status",
    "Legal entity",
    "Project code",
    "Contract",
    "Billing method",
    "Template",
    "Invoiced amount",
    "Paid amount",
    "Status as of",
)


def populate(account: Account) -> None:
    """Load the account's own set-up: user 1 is the integration, users 2 and 3 plain members."""
    account.load("roles", [{"name": name} for name in ROLES])
    account.load(
        "custom_fields",
        [{"name": name, "value_type": "string", "subject_type": "Workspace"} for name in WORKSPACE_FIELDS],
    )
    members = (("Integration User", "integration"), ("Robin Vale", "robin.vale"), ("Sam Harper", "sam.harper"))
    for number, (name, mailbox) in enumerate(members, 1):
        account.load(
            "users",
            [
                {
                    "full_name": name,
                    "email_address": f"{mailbox}@meridian.example",
                    "account_membership_id": str(number),
                    "role_id": "3",
                }
            ],
        )
        account.load(
            "account_memberships",
            [
                {
                    "user_id": str(number),
                    "is_administrator": number == 1,
                    "permission": "Account Administrator" if number == 1 else "Collaborator",
                    "bill_rate_in_cents": 20000,
                    "cost_rate_in_cents": 9000,
                    "default_role_id": "3",
                }
            ],
        )
