"""The record types of the simulated account, with the vendor's property names and this account's custom fields.

Source: the vendor's REST API Browser 2026.1 for the names; custom fields (`cust…`) are this account's own.
"""

from __future__ import annotations

from accordant.simulators.netsuite.fields import (
    Choice,
    Day,
    Duration,
    FieldKind,
    Flag,
    Lines,
    Moment,
    Nested,
    Number,
    Ref,
    Schema,
    Text,
)

_TEXT, _NUMBER, _FLAG, _DAY, _MOMENT = Text(), Number(), Flag(), Day(), Moment()

_CUSTOMER = Ref(("customer",))
_PROJECT = Ref(("job",))
_CUSTOMER_OR_PROJECT = Ref(("customer", "job"))
_EMPLOYEE = Ref(("employee",))
_SUBSIDIARY = Ref(("subsidiary",))
_CURRENCY = Ref(("currency",))
_ITEM = Ref(("serviceSaleItem",))
_TAX = Ref(("salesTaxItem",))
_ACCOUNT = Ref(("account",))
_PERIOD = Ref(("accountingPeriod",))
_DEPARTMENT = Ref(("department",))
_TASK = Ref(("projectTask",))
_COUNTRY = Choice({})

APPROVAL = Choice({"1": "Pending Approval", "2": "Approved", "3": "Rejected", "11": "Open"})
TIME_APPROVAL = Choice({"1": "Open", "2": "Pending Approval", "3": "Approved", "4": "Rejected"})
INVOICE_STATUS = Choice({"A": "Open", "B": "Paid In Full", "D": "Pending Approval", "E": "Rejected", "V": "Voided"})
CREDIT_STATUS = Choice({"A": "Open", "B": "Fully Applied", "V": "Voided"})
PAYMENT_STATUS = Choice({"A": "Unapproved Payment", "B": "Not Deposited", "C": "Deposited", "R": "Rejected"})

_ALWAYS: dict[str, FieldKind] = {"externalId": _TEXT, "lastModifiedDate": _MOMENT}
_STAMPS = frozenset({"lastModifiedDate", "createdDate", "dateCreated"})
_TRANSACTION: dict[str, FieldKind] = {
    **_ALWAYS,
    "tranId": _TEXT,
    "tranDate": _DAY,
    "subsidiary": _SUBSIDIARY,
    "currency": _CURRENCY,
    "exchangeRate": _NUMBER,
    "postingPeriod": _PERIOD,
    "memo": _TEXT,
    "createdDate": _MOMENT,
    "total": _NUMBER,
    "custbody_contract": _TEXT,
    "custbody_contract_version": _NUMBER,
    "custbody_accordant_view": _TEXT,
}
_ITEM_LINE: dict[str, FieldKind] = {
    "line": _NUMBER,
    "item": _ITEM,
    "description": _TEXT,
    "quantity": _NUMBER,
    "rate": _NUMBER,
    "amount": _NUMBER,
    "taxCode": _TAX,
    "taxRate1": _NUMBER,
    "tax1Amt": _NUMBER,
    "grossAmt": _NUMBER,
    "job": _PROJECT,
    "department": _DEPARTMENT,
    "custcol_source_line": _TEXT,
}
_SALE: dict[str, FieldKind] = {
    **_TRANSACTION,
    "entity": _CUSTOMER,
    "account": _ACCOUNT,
    "job": _PROJECT,
    "department": _DEPARTMENT,
    "otherRefNum": _TEXT,
    "createdFrom": Ref(("invoice",)),
    "subtotal": _NUMBER,
    "taxTotal": _NUMBER,
    "amountRemaining": _NUMBER,
    "amountPaid": _NUMBER,
    "item": Lines(_ITEM_LINE),
}
_APPLY_LINE: dict[str, FieldKind] = {
    "line": _NUMBER,
    "doc": Ref(("invoice",)),
    "apply": _FLAG,
    "amount": _NUMBER,
    "due": _NUMBER,
    "total": _NUMBER,
    "refNum": _TEXT,
    "applyDate": _DAY,
    "type": _TEXT,
}
_SALE_READ_ONLY = _STAMPS | {"total", "subtotal", "taxTotal", "amountRemaining", "amountPaid", "status", "exchangeRate"}

SCHEMAS: dict[str, Schema] = {
    "subsidiary": Schema(
        {
            **_ALWAYS,
            "name": _TEXT,
            "legalName": _TEXT,
            "country": _COUNTRY,
            "currency": _CURRENCY,
            "parent": _SUBSIDIARY,
            "isInactive": _FLAG,
            "isElimination": _FLAG,
        },
        family="subsidiary",
        read_only=_STAMPS,
        writable=False,
    ),
    "currency": Schema(
        {**_ALWAYS, "name": _TEXT, "symbol": _TEXT, "exchangeRate": _NUMBER, "currencyPrecision": _NUMBER},
        family="currency",
        read_only=_STAMPS,
        writable=False,
        names=("symbol",),
    ),
    "account": Schema(
        {**_ALWAYS, "acctNumber": _TEXT, "acctName": _TEXT, "acctType": _TEXT},
        family="account",
        read_only=_STAMPS,
        writable=False,
        names=("acctName",),
    ),
    "accountingPeriod": Schema(
        {
            **_ALWAYS,
            "periodName": _TEXT,
            "startDate": _DAY,
            "endDate": _DAY,
            "closed": _FLAG,
            "closedOnDate": _DAY,
            "arLocked": _FLAG,
            "apLocked": _FLAG,
            "allLocked": _FLAG,
            "isYear": _FLAG,
            "isQuarter": _FLAG,
            "isAdjust": _FLAG,
            "isPosting": _FLAG,
            "isInactive": _FLAG,
        },
        family="accountingPeriod",
        read_only=_STAMPS,
        writable=False,
        names=("periodName",),
    ),
    "salesTaxItem": Schema(
        {
            **_ALWAYS,
            "itemId": _TEXT,
            "displayName": _TEXT,
            "rate": _NUMBER,
            "nexusCountry": _COUNTRY,
            "taxAccount": _ACCOUNT,
            "isInactive": _FLAG,
        },
        family="salesTaxItem",
        read_only=_STAMPS,
        writable=False,
        names=("itemId",),
    ),
    "department": Schema(
        {**_ALWAYS, "name": _TEXT, "isInactive": _FLAG}, family="department", read_only=_STAMPS, writable=False
    ),
    "serviceSaleItem": Schema(
        {
            **_ALWAYS,
            "itemId": _TEXT,
            "displayName": _TEXT,
            "rate": _NUMBER,
            "incomeAccount": _ACCOUNT,
            "isInactive": _FLAG,
        },
        family="item",
        read_only=_STAMPS,
        writable=False,
        names=("itemId",),
    ),
    "employee": Schema(
        {
            **_ALWAYS,
            "entityId": _TEXT,
            "firstName": _TEXT,
            "lastName": _TEXT,
            "email": _TEXT,
            "title": _TEXT,
            "subsidiary": _SUBSIDIARY,
            "department": _DEPARTMENT,
            "supervisor": _EMPLOYEE,
            "hireDate": _DAY,
            "releaseDate": _DAY,
            "isInactive": _FLAG,
            "isJobResource": _FLAG,
            "laborCost": _NUMBER,
        },
        family="entity",
        read_only=_STAMPS,
        names=("entityId",),
    ),
    "customer": Schema(
        {
            **_ALWAYS,
            "entityId": _TEXT,
            "companyName": _TEXT,
            "isPerson": _FLAG,
            "firstName": _TEXT,
            "lastName": _TEXT,
            "email": _TEXT,
            "phone": _TEXT,
            "subsidiary": _SUBSIDIARY,
            "currency": _CURRENCY,
            "parent": _CUSTOMER,
            "isInactive": _FLAG,
            "taxable": _FLAG,
            "creditLimit": _NUMBER,
            "balance": _NUMBER,
            "comments": _TEXT,
            "dateCreated": _MOMENT,
            "custentity_vat": _TEXT,
            "custentity_lei": _TEXT,
            "currencyList": Lines({"currency": _CURRENCY, "balance": _NUMBER}, key="currency"),
            "taxRegistration": Lines(
                {"id": _NUMBER, "nexusCountry": _COUNTRY, "taxRegistrationNumber": _TEXT}, key="id"
            ),
            "addressBook": Lines(
                {
                    "id": _NUMBER,
                    "label": _TEXT,
                    "defaultBilling": _FLAG,
                    "addressBookAddress": Nested({"addr1": _TEXT, "city": _TEXT, "zip": _TEXT, "country": _COUNTRY}),
                },
                key="id",
            ),
        },
        family="entity",
        read_only=_STAMPS | {"balance"},
        names=("companyName", "entityId"),
    ),
    "job": Schema(
        {
            **_ALWAYS,
            "entityId": _TEXT,
            "companyName": _TEXT,
            "parent": _CUSTOMER,
            "subsidiary": _SUBSIDIARY,
            "currency": _CURRENCY,
            "startDate": _DAY,
            "projectedEndDate": _DAY,
            "endDate": _DAY,
            "entityStatus": Choice(
                {"1": "Closed", "2": "In Progress", "3": "Not Awarded", "4": "Pending", "5": "Awarded"}
            ),
            "jobBillingType": Choice(
                {
                    "1": "Charge-Based",
                    "2": "Time and Materials",
                    "3": "Fixed Bid, Interval",
                    "4": "Fixed Bid, Milestone",
                    "5": "Fixed Bid",
                }
            ),
            "projectManager": _EMPLOYEE,
            "estimatedRevenue": _NUMBER,
            "estimatedCost": _NUMBER,
            "allowTime": _FLAG,
            "allowExpenses": _FLAG,
            "limitTimeToAssignees": _FLAG,
            "isInactive": _FLAG,
            "comments": _TEXT,
            "dateCreated": _MOMENT,
            "custentity_contract": _TEXT,
            "custentity_contract_version": _NUMBER,
            "custentity_billing_method": _TEXT,
            "custentity_tax_code": _TEXT,
            "custentity_terms_days": _NUMBER,
            "custentity_cap": _NUMBER,
            "custentity_po_number": _TEXT,
        },
        family="entity",
        read_only=_STAMPS,
        names=("companyName", "entityId"),
    ),
    "projectTask": Schema(
        {
            **_ALWAYS,
            "title": _TEXT,
            "project": _PROJECT,
            "parent": _TASK,
            "startDateTime": _MOMENT,
            "endDate": _MOMENT,
            "status": Choice({"NOTSTART": "Not Started", "PROGRESS": "In Progress", "COMPLETE": "Completed"}),
            "priority": Choice({"HIGH": "High", "MEDIUM": "Medium", "LOW": "Low"}),
            "constraintType": Choice({"FIXEDSTART": "Fixed Start", "ASAP": "As Soon As Possible"}),
            "estimatedWork": _NUMBER,
            "nonBillableTask": _FLAG,
            "message": _TEXT,
            "owner": _EMPLOYEE,
            "assignee": Lines(
                {
                    "resource": _EMPLOYEE,
                    "units": _NUMBER,
                    "estimatedWork": _NUMBER,
                    "unitCost": _NUMBER,
                    "unitPrice": _NUMBER,
                    "serviceItem": _ITEM,
                },
                key="resource",
            ),
        },
        family="projectTask",
        read_only=_STAMPS,
        names=("title",),
    ),
    "timeBill": Schema(
        {
            **_ALWAYS,
            "employee": _EMPLOYEE,
            "customer": _CUSTOMER_OR_PROJECT,
            "caseTaskEvent": _TASK,
            "item": _ITEM,
            "tranDate": _DAY,
            "hours": Duration(),
            "rate": _NUMBER,
            "overrideRate": _FLAG,
            "isBillable": _FLAG,
            "memo": _TEXT,
            "timeType": Choice({"P": "Planned Time", "A": "Actual Time", "B": "Allocated Time"}),
            "approvalStatus": TIME_APPROVAL,
            "posted": _FLAG,
            "subsidiary": _SUBSIDIARY,
            "department": _DEPARTMENT,
            "rejectionNote": _TEXT,
            "createdDate": _MOMENT,
            "custcol_source_line": _TEXT,
        },
        family="timeBill",
        read_only=_STAMPS | {"posted"},
        names=("id",),
    ),
    "invoice": Schema(
        {
            **_SALE,
            "dueDate": _DAY,
            "approvalStatus": APPROVAL,
            "status": INVOICE_STATUS,
            "time": Lines(
                {
                    "apply": _FLAG,
                    "doc": Ref(("timeBill",)),
                    "quantity": Duration(),
                    "rate": _NUMBER,
                    "amount": _NUMBER,
                    "item": _ITEM,
                    "employee": _EMPLOYEE,
                    "memo": _TEXT,
                    "taxCode": _TAX,
                    "taxRate1": _NUMBER,
                    "tax1Amt": _NUMBER,
                    "grossAmt": _NUMBER,
                },
                key="doc",
            ),
        },
        family="transaction",
        read_only=_SALE_READ_ONLY,
        names=("tranId",),
    ),
    "creditMemo": Schema(
        {
            **_SALE,
            "status": CREDIT_STATUS,
            "applied": _NUMBER,
            "unapplied": _NUMBER,
            "apply": Lines(_APPLY_LINE, key="doc"),
        },
        family="transaction",
        read_only=_SALE_READ_ONLY | {"applied", "unapplied"},
        names=("tranId",),
    ),
    "customerPayment": Schema(
        {
            **_TRANSACTION,
            "customer": _CUSTOMER,
            "payment": _NUMBER,
            "arAcct": _ACCOUNT,
            "account": _ACCOUNT,
            "undepFunds": _FLAG,
            "checkNumber": _TEXT,
            "autoApply": _FLAG,
            "applied": _NUMBER,
            "unapplied": _NUMBER,
            "status": PAYMENT_STATUS,
            "apply": Lines(_APPLY_LINE, key="doc"),
        },
        family="transaction",
        read_only=_STAMPS | {"total", "applied", "unapplied", "status"},
        names=("tranId",),
    ),
    "journalEntry": Schema(
        {
            **_TRANSACTION,
            "approved": _FLAG,
            "line": Lines(
                {
                    "line": _NUMBER,
                    "account": _ACCOUNT,
                    "debit": _NUMBER,
                    "credit": _NUMBER,
                    "entity": _CUSTOMER_OR_PROJECT,
                    "department": _DEPARTMENT,
                    "memo": _TEXT,
                }
            ),
        },
        family="transaction",
        read_only=_STAMPS | {"total"},
        names=("tranId",),
    ),
}
