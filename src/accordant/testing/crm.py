"""Contracts of a CRM's capabilities; other systems that keep customers or show an engagement's state owe them, too."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

import pytest

from accordant.kernel import AccordantError, ExternalId, InvalidInput, KeyConflict, Money, NotFound, Rejected
from accordant.ports import (
    Absent,
    CustomerRegistry,
    DealDoorbell,
    DealFeed,
    EngagementStatus,
    EngagementStatusBoard,
    Found,
    Unsure,
)
from accordant.testing.bench import Bench
from accordant.testing.builders import HOSTILE, HOSTILE_NAMES, a_customer, an_engagement_status
from accordant.testing.feed import FeedContract
from accordant.testing.suite import ContractSuite, EffectContract, Write, check, is_found, require_plural

LOOK_UP_SIZES = (1, 2, 101, 500)


class CustomerBench(Bench):
    """A bench of a system that keeps customers.

    Attributes:
        entity: legal entity that bills; its `currency` is known to the system.
    """

    entity: str = "uk01"
    currency: str = "GBP"

    @abstractmethod
    async def stranger(self, name: str) -> ExternalId:
        """Let a customer exist that nobody has put a key on."""


async def _create(bench: CustomerBench, _: Any) -> None:
    customer = a_customer(name=HOSTILE)
    await bench.connector.create_customer(
        customer, entity=bench.entity, currency=bench.currency, key=bench.key("cus_1")
    )


async def _adopt(bench: CustomerBench, ref: ExternalId) -> None:
    await bench.connector.adopt_customer(ref, entity=bench.entity, currency=bench.currency, key=bench.key("cus_1"))


async def _is_there(bench: CustomerBench, _: Any) -> bool:
    key = bench.key("cus_1")
    return is_found(await bench.connector.find_customers((key,)), key)


class CustomerRegistryContract(EffectContract):
    """What `CustomerRegistry` promises. The books show customers as `customer` with `facts["name"]`."""

    capability = CustomerRegistry
    writes: ClassVar = {
        "create_customer": Write(_create, _is_there),
        "adopt_customer": Write(_adopt, _is_there, lambda bench: bench.stranger("Alder Rail")),
    }

    @abstractmethod
    def bench(self) -> AbstractAsyncContextManager[CustomerBench]:
        """Return the bench."""

    @check()
    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    async def test_a_hostile_name_is_kept_and_matched_as_it_was_written(self, bench: CustomerBench, name: str) -> None:
        """The name stands in the system's books letter by letter, and the same client is matched by it."""
        customer, key = a_customer(name=f"{HOSTILE_NAMES[name]} {bench.key('n')[:-2]}"), bench.key("cus_1")

        written = await _create_as(bench, customer.name, key)
        matched = await bench.connector.match_customers(customer)

        assert (await bench.document("customer", key)).facts["name"] == customer.name
        assert [o.body.name for o in matched if o.ref == written.ref] == [customer.name]

    @check()
    @pytest.mark.parametrize("count", LOOK_UP_SIZES)
    async def test_a_look_up_answers_every_key_it_was_asked_for(self, bench: CustomerBench, count: int) -> None:
        """One known key among strangers, some of which only look like it."""
        key = bench.key("cus_1")
        written = await _create_as(bench, "Larch Foods", key)

        await require_plural(bench.connector.find_customers, key, count, ref=written.ref)

    @check()
    async def test_one_key_twice_is_one_customer_or_the_look_up_is_unsure(self, bench: CustomerBench) -> None:
        """A look-up never guesses between two records."""
        key = bench.key("cus_1")
        await _create_as(bench, "Larch Foods", key)
        try:
            await _create_as(bench, "Larch Foods", key)
        except AccordantError as error:
            assert isinstance(error, Rejected), error

        records = [d for d in await bench.books() if (d.kind, d.key) == ("customer", key)]
        answer = (await bench.connector.find_customers((key,)))[key]
        assert isinstance(answer, Found if len(records) == 1 else Unsure)

    @check()
    async def test_a_matched_customer_is_adopted_and_stays_adopted(self, bench: CustomerBench) -> None:
        """Adopting again changes nothing, and no second customer appears."""
        ref = await bench.stranger("Alder Rail")
        before = len([d for d in await bench.books() if d.kind == "customer"])
        (seen,) = [
            o for o in await bench.connector.match_customers(a_customer(name="Alder Rail")) if o.ref.value == ref.value
        ]

        await _adopt(bench, seen.ref)
        await _adopt(bench, seen.ref)

        key = bench.key("cus_1")
        answer = (await bench.connector.find_customers((key,)))[key]
        assert answer.written.ref == seen.ref
        assert (await bench.document("customer", key)).id == seen.ref.value
        assert len([d for d in await bench.books() if d.kind == "customer"]) == before

    @check()
    async def test_a_customer_of_ours_is_not_adopted_for_another(self, bench: CustomerBench) -> None:
        """The second key is refused and the first stays."""
        first, second = bench.key("cus_1"), bench.key("cus_2")
        written = await _create_as(bench, "Larch Foods", first)

        with pytest.raises(KeyConflict) as refused:
            await bench.connector.adopt_customer(written.ref, entity=bench.entity, currency=bench.currency, key=second)

        assert refused.value.remedy
        answers = await bench.connector.find_customers((first, second))
        assert (answers[first].written.ref, answers[second]) == (written.ref, Absent())


async def _create_as(bench: CustomerBench, name: str, key: str) -> Any:
    customer = a_customer(name=name)
    return await bench.connector.create_customer(customer, entity=bench.entity, currency=bench.currency, key=key)


class StatusBench(Bench):
    """A bench of a system that shows the state of engagements."""

    @abstractmethod
    async def target(self) -> ExternalId:
        """Return a record that shows an engagement: a deal or a project."""


STATUS = an_engagement_status()


async def _put(bench: StatusBench, target: ExternalId) -> None:
    await bench.connector.put_engagement_status(target, STATUS, key=bench.key("con_1"))


async def _shows(bench: StatusBench, target: ExternalId) -> bool:
    return bool(await bench.connector.read_engagement_status(target) == STATUS)


class EngagementStatusContract(EffectContract):
    """What `EngagementStatusBoard` promises."""

    capability = EngagementStatusBoard
    writes: ClassVar = {"put_engagement_status": Write(_put, _shows, lambda bench: bench.target())}

    @abstractmethod
    def bench(self) -> AbstractAsyncContextManager[StatusBench]:
        """Return the bench."""

    @check()
    async def test_a_field_that_is_not_given_is_left_as_it_is(self, bench: StatusBench) -> None:
        """Only what is given changes, and everything reads back as it was written."""
        target = await bench.target()
        await _put(bench, target)
        change = EngagementStatus(payment_status="paid", paid=Money.of("1000.10", "GBP"))

        await bench.connector.put_engagement_status(target, change, key=bench.key("con_2"))

        expected = STATUS.model_copy(update={"payment_status": "paid", "paid": Money.of("1000.10", "GBP")})
        assert await bench.connector.read_engagement_status(target) == expected

    @check()
    @pytest.mark.parametrize("state", ["sold", "activated", "financially_approved", "ready_to_bill"])
    async def test_every_business_state_reads_back(self, bench: StatusBench, state: str) -> None:
        """The vendor's words for our states are complete."""
        target = await bench.target()

        await bench.connector.put_engagement_status(target, EngagementStatus(state=state), key=bench.key("con_1"))

        assert (await bench.connector.read_engagement_status(target)).state == state

    @check()
    @pytest.mark.parametrize("status", ["unbilled", "invoiced", "part_paid", "paid", "overdue"])
    async def test_every_payment_status_reads_back(self, bench: StatusBench, status: str) -> None:
        """The vendor's words for payment are complete."""
        target = await bench.target()

        await bench.connector.put_engagement_status(
            target, EngagementStatus(payment_status=status), key=bench.key("con_1")
        )

        assert (await bench.connector.read_engagement_status(target)).payment_status == status


class DealFeedContract(FeedContract):
    """What `DealFeed` promises."""

    capability = DealFeed

    @check()
    async def test_a_deal_is_fetched_by_its_id_with_what_hangs_on_it(self, bench: Any) -> None:
        """The feed and the single read agree on the deal, and references name the records beside it."""
        id = await bench.add(HOSTILE)

        bundle = await bench.connector.fetch_deal(id)

        assert (bundle.deal.ref.value, bundle.deal.body.name) == (id, HOSTILE)
        for name in ("customer", "contract"):
            beside = getattr(bundle, name)
            assert getattr(bundle.deal.body, f"{name}_id") == (None if beside is None else str(beside.ref))

    @check()
    async def test_a_deal_that_is_gone_is_not_found(self, bench: Any) -> None:
        """NotFound, not a drift and not an empty deal."""
        id = await bench.add("Gone")
        await bench.remove(id)

        with pytest.raises(NotFound):
            await bench.connector.fetch_deal(id)


class DoorbellBench(Bench):
    """A bench of a system that rings; the notifications are the vendor's own bytes."""

    @abstractmethod
    async def ring(self) -> tuple[bytes, str]:
        """Return a notification that a deal changed, and the deal's id."""

    @abstractmethod
    async def foreign_ring(self) -> bytes:
        """Return a notification that is well formed and comes from somebody else's system."""


class DealDoorbellContract(ContractSuite):
    """What `DealDoorbell` promises."""

    capability = DealDoorbell

    @abstractmethod
    def bench(self) -> AbstractAsyncContextManager[DoorbellBench]:
        """Return the bench."""

    @check()
    async def test_a_notification_leads_to_the_deals_to_read(self, bench: DoorbellBench) -> None:
        """It rings once per record and says the same when it is delivered again."""
        body, deal = await bench.ring()

        (bell,) = bench.connector.doorbells(body)

        assert bench.connector.doorbells(body) == (bell,)
        assert await bench.connector.deals_behind(bell.ref) == (deal,)
        assert bench.connector.acknowledgement()[0]

    @check()
    @pytest.mark.parametrize(
        "body", [b"", b"{}", b"<a/>", b"<a", b"\xff\xfe", b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>']
    )
    async def test_what_is_no_notification_is_refused(self, bench: DoorbellBench, body: bytes) -> None:
        """Garbage is InvalidInput."""
        with pytest.raises(InvalidInput):
            bench.connector.doorbells(body)

    @check()
    async def test_a_notification_of_a_foreign_system_is_rejected(self, bench: DoorbellBench) -> None:
        """It is well formed and not ours."""
        body = await bench.foreign_ring()

        with pytest.raises(Rejected) as refused:
            bench.connector.doorbells(body)

        assert refused.value.remedy
