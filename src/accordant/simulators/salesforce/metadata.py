"""The objects and fields of the simulated org: what `describe` shows and every write and query is checked against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_CURRENCIES = ("AUD", "CHF", "EUR", "GBP", "JPY", "KWD", "SGD", "USD")
OPEN_STAGES = ("Prospecting", "Qualification", "Proposal/Price Quote", "Negotiation/Review")
_BILLING_METHODS = (
    "Time and materials",
    "Time and materials with cap",
    "Fixed fee",
    "Milestone",
    "Retainer",
    "Managed service",
)
WON, LOST = "Closed Won", "Closed Lost"


@dataclass(frozen=True, slots=True)
class Field:
    """One field; `relationship` is the name under which the record it points to is reached.

    `children` is the name under which the record pointed to reaches back; `is_parent` means that writing the child
    locks that record and deleting it deletes the child.
    """

    name: str
    type: str = "string"
    length: int = 0
    scale: int = 0
    required: bool = False
    writable: bool = True
    external_id: bool = False
    unique: bool = False
    picklist: tuple[str, ...] = ()
    restricted: bool = False
    default: Any = None
    refers_to: str = ""
    relationship: str = ""
    children: str = ""
    is_parent: bool = False

    @property
    def is_custom(self) -> bool:
        """Whether the org's administrator added it."""
        return self.name.endswith("__c")


@dataclass(frozen=True)
class SObject:
    """One object: its key prefix and its fields by name."""

    name: str
    prefix: str
    fields: dict[str, Field]

    def reference(self, relationship: str) -> Field | None:
        """Return the reference field behind a relationship name (`Account` → `AccountId`)."""
        wanted = relationship.lower()
        return next((f for f in self.fields.values() if f.relationship and f.relationship.lower() == wanted), None)

    def field(self, name: str) -> Field | None:
        """Return a field by name, in any case, as the vendor does."""
        return self.fields.get(name) or next((f for f in self.fields.values() if f.name.lower() == name.lower()), None)


def _text(name: str, length: int = 255, *, required: bool = False) -> Field:
    return Field(name, length=length, required=required)


def _number(name: str, scale: int = 2, *, required: bool = False, type_: str = "double") -> Field:
    return Field(name, type_, scale=scale, required=required)


def _money(name: str, *, required: bool = False) -> Field:
    return _number(name, type_="currency", required=required)


def _choice(name: str, values: Sequence[str], *, default: str | None = None, restricted: bool = True) -> Field:
    return Field(name, "picklist", 255, picklist=tuple(values), restricted=restricted, default=default)


def _link(name: str, to: str, children: str = "", *, required: bool = False, is_parent: bool = False) -> Field:
    relationship = f"{name[:-3]}__r" if name.endswith("__c") else name.removesuffix("Id")
    return Field(
        name,
        "reference",
        18,
        refers_to=to,
        relationship=relationship,
        children=children,
        required=required,
        is_parent=is_parent,
    )


def _flag(name: str, *, default: bool = False, writable: bool = True) -> Field:
    return Field(name, "boolean", default=default, writable=writable)


_SYSTEM = (
    Field("Id", "id", 18, writable=False),
    Field("IsDeleted", "boolean", writable=False),
    Field("CreatedDate", "datetime", writable=False),
    Field("CreatedById", "reference", 18, writable=False, refers_to="User", relationship="CreatedBy"),
    Field("LastModifiedDate", "datetime", writable=False),
    Field("LastModifiedById", "reference", 18, writable=False, refers_to="User", relationship="LastModifiedBy"),
    Field("SystemModstamp", "datetime", writable=False),
)
_OUR_ID = Field("Accordant_Id__c", length=64, external_id=True, unique=True)
_CURRENCY = _choice("CurrencyIsoCode", _CURRENCIES, default="GBP")


def _sobject(name: str, prefix: str, *fields: Field) -> SObject:
    return SObject(name, prefix, {field.name: field for field in (*_SYSTEM, *fields)})


_ALL = (
    _sobject(
        "Account",
        "001",
        _text("Name", required=True),
        _text("AccountNumber", 40),
        _link("ParentId", "Account", "ChildAccounts"),
        _choice("Industry", ("Banking", "Energy", "Healthcare", "Retail", "Technology"), restricted=False),
        Field("BillingStreet", "textarea", 255),
        _text("BillingCity", 40),
        _text("BillingPostalCode", 20),
        _text("BillingCountryCode", 10),
        Field("Phone", "phone", 40),
        Field("Website", "url", 255),
        _CURRENCY,
        Field("VAT_Number__c", length=40, external_id=True),
        _text("LEI__c", 20),
        _OUR_ID,
    ),
    _sobject(
        "Contact",
        "003",
        _text("FirstName", 40),
        _text("LastName", 80, required=True),
        Field("Email", "email", 80),
        _link("AccountId", "Account", "Contacts", is_parent=True),
    ),
    _sobject(
        "User",
        "005",
        _text("Name", 121, required=True),
        Field("Email", "email", 128, required=True),
        _text("Username", 80, required=True),
        _flag("IsActive", default=True),
    ),
    _sobject("Product2", "01t", _text("Name", required=True), _text("ProductCode"), _text("Family", 40)),
    _sobject(
        "Milestone__c",
        "a00",
        _text("Name", 80, required=True),
        _link("Contract__c", "Contract", "Milestones__r", required=True, is_parent=True),
        _money("Amount__c"),
        Field("Due_Date__c", "date"),
        _flag("Evidence_Required__c"),
        _number("Sequence__c", 0),
    ),
    _sobject(
        "Opportunity",
        "006",
        _text("Name", 120, required=True),
        _link("AccountId", "Account", "Opportunities", is_parent=True),
        Field("StageName", "picklist", 255, required=True, picklist=(*OPEN_STAGES, WON, LOST)),
        Field("CloseDate", "date", required=True),
        _money("Amount"),
        _number("Probability", 0, type_="percent"),
        _flag("IsClosed", writable=False),
        _flag("IsWon", writable=False),
        _choice("Type", ("New Business", "Existing Business", "Renewal"), restricted=False),
        _link("OwnerId", "User"),
        _link("ContractId", "Contract", "Opportunities"),
        _CURRENCY,
        _text("Entity__c", 40),
        _text("Practice__c", 80),
        Field("Delivery_Lead_Email__c", "email", 80),
        _OUR_ID,
        _choice("Engagement_State__c", ("Sold", "Activated", "Financially approved", "Ready to bill")),
        _text("Project_Code__c", 40),
        _choice("Payment_Status__c", ("Not invoiced", "Invoiced", "Partly paid", "Paid", "Overdue")),
        _money("Amount_Invoiced__c"),
        _money("Amount_Paid__c"),
        Field("Engagement_As_Of__c", "date"),
    ),
    _sobject(
        "OpportunityLineItem",
        "00k",
        _link("OpportunityId", "Opportunity", "OpportunityLineItems", required=True, is_parent=True),
        _link("Product2Id", "Product2"),
        _number("Quantity", required=True),
        _money("UnitPrice"),
        _money("TotalPrice"),
        _text("Description"),
    ),
    _sobject(
        "Contract",
        "800",
        _link("AccountId", "Account", "Contracts", required=True, is_parent=True),
        Field(
            "Status",
            "picklist",
            255,
            picklist=("Draft", "In Approval Process", "Activated"),
            restricted=True,
            default="Draft",
        ),
        Field("StartDate", "date"),
        Field("ContractTerm", "int"),
        Field("EndDate", "date", writable=False),
        Field("ContractNumber", "string", 30, writable=False),
        _CURRENCY,
        _choice("Billing_Method__c", _BILLING_METHODS),
        _money("Cap_Amount__c"),
        _money("Fixed_Fee__c"),
        _money("Retainer_Amount__c"),
        _text("PO_Number__c", 40),
        _number("Payment_Terms_Days__c", 0),
        _number("Version__c", 0),
        Field("Effective_Date__c", "date"),
        _text("Entity__c", 40),
        _OUR_ID,
    ),
)
OBJECTS: dict[str, SObject] = {sobject.name: sobject for sobject in _ALL}


def find_object(name: str) -> SObject | None:
    """Return an object by name, in any case, as the vendor does."""
    return OBJECTS.get(name) or next((o for o in _ALL if o.name.lower() == name.lower()), None)


def children_of(sobject: str) -> dict[str, tuple[SObject, Field]]:
    """Return the child relationships of an object: name → the child object and its reference field."""
    return {
        field.children: (child, field)
        for child in _ALL
        for field in child.fields.values()
        if field.refers_to == sobject and field.children
    }
