"""Reads: a deal with all that hangs on it, and customers by likeness or by our keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from accordant.canonical import CanonicalModel, Customer
from accordant.connectors._shared.salesforce import (
    Condition,
    Order,
    PlatformClient,
    Select,
    all_of,
    any_of,
    equals,
    like,
    one_of,
    only_record,
    split_children,
)
from accordant.connectors.salesforce.mapping import CONTRACT as CONTRACT_MAPPING
from accordant.connectors.salesforce.mapping import CUSTOMER, DEAL
from accordant.connectors.salesforce.payloads import (
    ACCOUNT,
    CONTRACT,
    LINES,
    MILESTONE,
    MILESTONES,
    OPPORTUNITY,
    OUR_KEY,
    contract_part,
    deal_part,
)
from accordant.kernel import ContractDrift, ExternalId
from accordant.platform.mapping import ReadResult
from accordant.ports import (
    Absent,
    CustomerRegistry,
    DealBundle,
    DealFeed,
    Found,
    LookUp,
    Observation,
    Unsure,
    Written,
)

M = TypeVar("M", bound=CanonicalModel)

_MOST_CANDIDATES = 20
_KEYS_PER_QUERY = 100  # a query travels in the URL, which holds 16,384 characters
_PREFIX = 12  # how much of a name must agree for a candidate; the matcher above decides


class DealReader(DealFeed):
    """Deals, read in two calls: the opportunity with account, contract and lines; then the milestones."""

    system: str
    _client: PlatformClient

    async def fetch_deal(self, deal_id: str) -> DealBundle:
        """Read one deal by the org's id; NotFound if it is gone."""
        records = await self._client.query(_deal_query(deal_id), operation="fetch_deal")
        row = only_record(records, what="opportunity", system=self.system, operation="fetch_deal")
        deal = observed(DEAL.read(deal_part(row), system=self.system))
        account = row.get(ACCOUNT)
        customer = None if account is None else observed(CUSTOMER.read(account, system=self.system))
        if row.get(CONTRACT) is None:
            return DealBundle(deal, customer, None)
        milestones = await self._milestones(row[CONTRACT]["Id"])
        contract = CONTRACT_MAPPING.read(contract_part(row, milestones), system=self.system)
        return DealBundle(deal, customer, observed(contract))

    async def _milestones(self, contract_id: str) -> list[dict[str, Any]]:
        _, children = split_children(CONTRACT_MAPPING.vendor_fields)
        order = (Order("Sequence__c"), Order("Id"))
        select = Select(MILESTONE, children[MILESTONES], equals("Contract__c", contract_id), order)
        return await self._client.query(select, operation="fetch_deal")


class CustomerReader(CustomerRegistry):
    """Accounts by likeness and by our keys."""

    system: str
    _client: PlatformClient

    async def match_customers(self, customer: Customer) -> tuple[Observation[Customer], ...]:
        """Return accounts with the same VAT number or LEI, or a name that begins alike in the same country."""
        select = Select(ACCOUNT, CUSTOMER.vendor_fields, _alike(customer), (Order("Id"),), _MOST_CANDIDATES)
        records = await self._client.query(select, operation="match_customers")
        return tuple(observed(CUSTOMER.read(record, system=self.system)) for record in records)

    async def find_customers(self, keys: tuple[str, ...]) -> LookUp:
        """Look accounts up by our keys, 100 per call."""
        found: dict[str, list[str]] = {key: [] for key in keys}
        for start in range(0, len(keys), _KEYS_PER_QUERY):
            chunk = keys[start : start + _KEYS_PER_QUERY]
            select = Select(ACCOUNT, ("Id", OUR_KEY), one_of(OUR_KEY, chunk))
            for record in await self._client.query(select, operation="find_customers"):
                # Quirk(salesforce): a query compares text without case; only the exact key is ours.
                if record[OUR_KEY] in found:
                    found[record[OUR_KEY]].append(record["Id"])
        return {key: self._answer(ids) for key, ids in found.items()}

    def _answer(self, ids: list[str]) -> Found | Absent | Unsure:
        if not ids:
            return Absent()
        if len(ids) > 1:
            return Unsure(f"{len(ids)} accounts carry the key")
        return Found(Written(ref=ExternalId(system=self.system, type=ACCOUNT, value=ids[0])))


def observed(result: ReadResult[M]) -> Observation[M]:
    """Return what was read as an observation."""
    return Observation(result.ref, result.body, observed_at(result), result.unknown)


def observed_at(result: ReadResult[Any]) -> datetime:
    """Return the instant of the last change; the vendor stamps every record."""
    if result.changed_at is None:
        raise ContractDrift(f"{result.ref} came without its change instant.", code="salesforce.no_stamp")
    return result.changed_at


def _deal_query(deal_id: str) -> Select:
    """Ask for what the three mappings read, so that an overlay's field is asked for, too."""
    contract, children = split_children(CONTRACT_MAPPING.vendor_fields)
    account = (f"{ACCOUNT}.{field}" for field in CUSTOMER.vendor_fields)
    fields = dict.fromkeys([*DEAL.vendor_fields, *contract, *account])
    lines = Select(LINES, children[LINES], order=(Order("Id"),))
    return Select(OPPORTUNITY, tuple(fields), equals("Id", deal_id), children=(lines,))


def _alike(customer: Customer) -> Condition:
    name = like("Name", starts_with=customer.name[:_PREFIX])
    if customer.country is not None:
        name = all_of(name, any_of(equals("BillingCountryCode", customer.country), equals("BillingCountryCode", None)))
    keys = (("VAT_Number__c", customer.vat_number), ("LEI__c", customer.lei))
    return any_of(*(equals(field, value) for field, value in keys if value), name)
