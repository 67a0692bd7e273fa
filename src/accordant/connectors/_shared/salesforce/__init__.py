"""The Salesforce platform on the wire, for every connector that lives on it: login, calls, queries, error table.

Only wire code belongs here: no object of an org, no business word.
"""

from accordant.connectors._shared.salesforce.auth import ClientSecret, SignedAssertion, bearer_auth
from accordant.connectors._shared.salesforce.client import PlatformClient, Usage, only_record, records_page
from accordant.connectors._shared.salesforce.errors import classify
from accordant.connectors._shared.salesforce.outbound import (
    ACKNOWLEDGE,
    Notification,
    OutboundMessage,
    parse_outbound,
)
from accordant.connectors._shared.salesforce.soql import (
    Condition,
    Order,
    Select,
    after,
    all_of,
    any_of,
    at_least,
    equals,
    is_set,
    like,
    one_of,
    split_children,
)

__all__ = [
    "ACKNOWLEDGE",
    "ClientSecret",
    "Condition",
    "Notification",
    "Order",
    "OutboundMessage",
    "PlatformClient",
    "Select",
    "SignedAssertion",
    "Usage",
    "after",
    "all_of",
    "any_of",
    "at_least",
    "bearer_auth",
    "classify",
    "equals",
    "is_set",
    "like",
    "one_of",
    "only_record",
    "parse_outbound",
    "records_page",
    "split_children",
]
