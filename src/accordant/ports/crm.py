"""Capabilities of a CRM: deals in, engagement state back."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from datetime import date

from pydantic import BaseModel, ConfigDict

from accordant.canonical import Contract, Customer, Deal
from accordant.kernel import ExternalId, Money
from accordant.ports.effect import EffectKind, LookUp, Written, effect
from accordant.ports.feed import Doorbell, FeedPage, Observation
from accordant.ports.port import Port


@dataclass(frozen=True, slots=True)
class DealBundle:
    """A deal with what hangs on it, read in as few calls as the vendor allows."""

    deal: Observation[Deal]
    customer: Observation[Customer] | None
    contract: Observation[Contract] | None


class EngagementStatus(BaseModel):
    """What the firm's other systems know about an engagement, for those who sold it and those who deliver it.

    A field that is None is left as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: str | None = None  # sold | activated | financially_approved | ready_to_bill
    project_code: str | None = None
    payment_status: str | None = None  # unbilled | invoiced | part_paid | paid | overdue
    invoiced: Money | None = None
    paid: Money | None = None
    as_of: date | None = None


class DealFeed(Port):
    """Read deals, their customer and their contract."""

    @abstractmethod
    async def fetch_deal(self, deal_id: str) -> DealBundle:
        """Read one deal by the CRM's id, with its account, contract, rate lines and milestones; NotFound if gone."""

    @abstractmethod
    async def deals_since(self, watermark: str | None) -> FeedPage[Deal]:
        """Read deals changed since the watermark (polling beside the doorbell); None starts at the beginning."""


class DealDoorbell(Port):
    """Notifications that a deal or its contract changed; they only ring, the deal is then read by us."""

    @abstractmethod
    def doorbells(self, body: bytes) -> tuple[Doorbell, ...]:
        """Verify and read a notification: InvalidInput when it is none, Rejected when it is not from our org."""

    @abstractmethod
    def acknowledgement(self) -> tuple[bytes, str]:
        """Return what the vendor wants to hear once the notification is stored: body and media type."""

    @abstractmethod
    async def deals_behind(self, ref: ExternalId) -> tuple[str, ...]:
        """Return the ids of the deals to fetch for a rung record."""


class EngagementStatusBoard(Port):
    """Write the engagement's state back where people look: CRM for the account team, PSA for delivery."""

    @effect(EffectKind.PUT, look_up="read_engagement_status")
    @abstractmethod
    async def put_engagement_status(self, target: ExternalId, status: EngagementStatus, *, key: str) -> Written:
        """Set the fields that are given; the record is the deal (CRM) or the project (PSA)."""

    @abstractmethod
    async def read_engagement_status(self, target: ExternalId) -> EngagementStatus:
        """Read the fields back, to prove a write."""


class CustomerRegistry(Port):
    """Customers in a system that keeps its own list of them."""

    @abstractmethod
    async def match_customers(self, customer: Customer) -> tuple[Observation[Customer], ...]:
        """Return records that may be the same client, by VAT number, LEI or name and country; at most 20."""

    @effect(EffectKind.CREATE, look_up="find_customers")
    @abstractmethod
    async def create_customer(self, customer: Customer, *, entity: str, currency: str, key: str) -> Written:
        """Create the customer under our key, billable in the entity and currency."""

    @effect(EffectKind.PUT, look_up="find_customers")
    @abstractmethod
    async def adopt_customer(self, ref: ExternalId, *, entity: str, currency: str, key: str) -> Written:
        """Put our key on a record that exists already and make it billable in the currency."""

    @abstractmethod
    async def find_customers(self, keys: tuple[str, ...]) -> LookUp:
        """Look customers up by our keys."""


__all__ = [
    "CustomerRegistry",
    "DealBundle",
    "DealDoorbell",
    "DealFeed",
    "EngagementStatus",
    "EngagementStatusBoard",
]
