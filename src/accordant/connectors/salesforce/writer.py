"""Writes: accounts under our key, and the engagement's state on its opportunity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from accordant.canonical import Customer
from accordant.connectors._shared.salesforce import PlatformClient
from accordant.connectors.salesforce.mapping import CUSTOMER, STATUS
from accordant.connectors.salesforce.payloads import ACCOUNT, OPPORTUNITY, OUR_KEY
from accordant.connectors.salesforce.reader import CustomerReader, observed_at
from accordant.kernel import ExternalId, InvalidInput, KeyConflict, Money, Rejected, Retryable, UnknownOutcome
from accordant.ports import EngagementStatus, EngagementStatusBoard, Written


class CustomerWriter(CustomerReader):
    """Accounts, created once under our key; the org itself keeps the key unique."""

    async def create_customer(self, customer: Customer, *, entity: str, currency: str, key: str) -> Written:  # noqa: ARG002 - a CRM bills nobody
        """Create the account; when the org has one under this key already, that one is the answer.

        The parent is not written: the hierarchy of accounts belongs to the org.
        """
        fields = CUSTOMER.write(customer.model_copy(update={"parent_id": None}))
        fields |= {"CurrencyIsoCode": currency, OUR_KEY: key}
        try:
            id = await self._client.create(ACCOUNT, fields, operation="create_customer", key=key)
        except KeyConflict:
            there = await self._client.find_by_key(ACCOUNT, OUR_KEY, key, operation="create_customer")
            if there is None:
                raise  # another unique field is taken, not our key
            id = there
        return Written(ref=ExternalId(system=self.system, type=ACCOUNT, value=id))

    async def adopt_customer(self, ref: ExternalId, *, entity: str, currency: str, key: str) -> Written:  # noqa: ARG002 - a CRM bills nobody
        """Put our key on an account that has none; KeyConflict when it carries another one."""
        id = _id_of(ref, ACCOUNT, self.system)
        row = await self._client.fetch(ACCOUNT, id, (OUR_KEY, *CUSTOMER.vendor_fields), operation="adopt_customer")
        carried = row.pop(OUR_KEY)
        if carried == key:
            return Written(ref=ref)
        if carried is not None:
            raise KeyConflict(
                "The account already carries another key of ours.",
                code="salesforce.adopted_before",
                remedy="Merge the two customers, or choose another account.",
                system=self.system,
                operation="adopt_customer",
                detail={"record": id},
            )
        since = observed_at(CUSTOMER.read(row, system=self.system))
        await self._client.update(
            ACCOUNT, id, {OUR_KEY: key}, operation="adopt_customer", key=key, unmodified_since=since
        )
        return Written(ref=ref)


class StatusWriter(EngagementStatusBoard):
    """The state of an engagement on its opportunity."""

    system: str
    _client: PlatformClient

    async def put_engagement_status(self, target: ExternalId, status: EngagementStatus, *, key: str) -> Written:
        """Set the given fields, only if nobody changed the opportunity meanwhile, and prove it by reading back.

        Nothing is written when the opportunity says all of it already: facts tell by `changed`.

        Raises:
            Rejected: an amount in another currency than the deal's, or the org did not keep what it took.
            Retryable: the opportunity changed between reading and writing.
            UnknownOutcome: it was written, and the proof could not be read.
        """
        id = _id_of(target, OPPORTUNITY, self.system)
        row = await self._row(id, operation="put_engagement_status")
        before = STATUS.read(row, system=self.system)
        self._require_currency(status, row["CurrencyIsoCode"])
        given = status.model_fields_set & {name for name, value in status if value is not None}
        if not _differing(before.body, status, given):
            return Written(ref=target, facts={"changed": False})
        await self._client.update(
            OPPORTUNITY,
            id,
            STATUS.write(status, only=given),
            operation="put_engagement_status",
            key=key,
            unmodified_since=observed_at(before),
        )
        await self._prove(id, status, given, key=key)
        return Written(ref=target, facts={"changed": True})

    async def read_engagement_status(self, target: ExternalId) -> EngagementStatus:
        """Read the fields as the opportunity holds them."""
        row = await self._row(_id_of(target, OPPORTUNITY, self.system), operation="read_engagement_status")
        return STATUS.read(row, system=self.system).body

    async def _row(self, id: str, *, operation: str) -> dict[str, Any]:
        return await self._client.fetch(OPPORTUNITY, id, STATUS.vendor_fields, operation=operation)

    async def _prove(self, id: str, status: EngagementStatus, given: Iterable[str], *, key: str) -> None:
        try:
            row = await self._row(id, operation="put_engagement_status")
        except Retryable as error:
            raise UnknownOutcome(
                "The state was sent to the opportunity, and the proof could not be read.",
                code="salesforce.unproved",
                remedy="It is read again before anything is repeated.",
                lookup_key=key,
                system=self.system,
                operation="put_engagement_status",
            ) from error
        if lost := _differing(STATUS.read(row, system=self.system).body, status, given):
            raise Rejected(
                "The org took the state and kept something else.",
                code="salesforce.not_kept",
                remedy="See which flow, trigger or field precision of the org changes these fields.",
                system=self.system,
                operation="put_engagement_status",
                detail={"record": id, "fields": lost},
            )

    def _require_currency(self, status: EngagementStatus, currency: str) -> None:
        amounts = (("invoiced", status.invoiced), ("paid", status.paid))
        wrong = [name for name, money in amounts if isinstance(money, Money) and money.currency != currency]
        if wrong:
            raise Rejected(
                f"The deal is in {currency}; amounts in another currency cannot stand on it.",
                code="salesforce.currency",
                remedy="Send the amounts in the deal's currency, or correct the deal's currency.",
                system=self.system,
                operation="put_engagement_status",
                detail={"fields": wrong, "currency": currency},
            )


def _differing(one: EngagementStatus, other: EngagementStatus, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if getattr(one, name) != getattr(other, name))


def _id_of(ref: ExternalId, wanted: str, system: str) -> str:
    if ref.type != wanted or ref.system != system:
        raise InvalidInput(
            f"{ref} is not an {wanted} of this org.",
            code="salesforce.wrong_object",
            remedy=f"Give the external id of the {wanted}.",
            system=system,
        )
    return ref.value
