"""The estate: which firm, which entities, which systems, who serves what; read from files, never changed in place."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from accordant.canonical import LegalEntity
from accordant.governance.access import Access
from accordant.governance.ownership import ObjectOwnership, Ownership
from accordant.kernel import CurrencyCode, NotFound

ROLES = (
    "ap",
    "bi",
    "clm",
    "collaboration",
    "crm",
    "documents",
    "erp",
    "hris",
    "payroll",
    "procurement",
    "psa",
    "tax",
    "ticketing",
)
"""What a connected system can be to the firm."""


class EstatePart(BaseModel):
    """A closed, frozen piece of the estate."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class CutOff(EstatePart):
    """When a month's billing closes: a day of the month after, at a time of the entity's own clock."""

    day: int = Field(ge=1, le=28)
    time: time

    @field_validator("time", mode="before")
    @classmethod
    def _quoted(cls, value: Any) -> Any:
        if isinstance(value, int):
            raise ValueError('YAML reads 18:00 as a number; write "18:00" in quotes')  # noqa: TRY004 - pydantic wants ValueError
        return value


class Entity(LegalEntity):
    """A legal entity of the firm, with its calendar and cut-off."""

    calendar: str = Field(description="ISO 3166 code whose public holidays are not working days: `GB`.")
    fiscal_year: str = Field(pattern=r"^\d\d-\d\d$", description="Month and day on which the fiscal year starts.")
    cut_off: CutOff

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (OSError, ValueError, LookupError):
            raise ValueError(f"{value} is no time zone; use a name like Europe/London") from None
        return value

    @field_validator("fiscal_year")
    @classmethod
    def _known_day(cls, value: str) -> str:
        date.fromisoformat(f"2001-{value}")
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The entity's time zone."""
        return ZoneInfo(self.time_zone)

    def cut_off_after(self, instant: datetime) -> datetime:
        """Return the first cut-off after the instant, in the entity's zone."""
        local = instant.astimezone(self.zone)
        this_month = datetime.combine(local.date().replace(day=self.cut_off.day), self.cut_off.time, self.zone)
        if this_month > local:
            return this_month
        year, month = divmod(local.year * 12 + local.month, 12)
        return this_month.replace(year=year, month=month + 1)


class System(EstatePart):
    """A connected instance.

    `secrets` holds references only (`env:NAME`, `file:path`); `limits` narrows what the connector's manifest allows.
    """

    connector: str
    roles: tuple[str, ...] = Field(min_length=1)
    url: str = Field(pattern=r"^https?://[^/]+(/.*)?$", description="Base address; credentials go only to its host.")
    settings: dict[str, Any] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)
    limits: dict[str, int] = Field(default_factory=dict)
    simulated: bool = False


class RouteCondition(EstatePart):
    """When a routing row holds; what is not given holds for all."""

    entity: str | None = None
    object: str | None = None
    since: date | None = Field(default=None, alias="from", description="First civil day.")
    until: date | None = Field(default=None, description="Last civil day, inclusive.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.since and self.until and self.until < self.since:
            raise ValueError(f"the row ends ({self.until}) before it begins ({self.since})")
        return self

    @property
    def scope(self) -> tuple[str | None, str | None]:
        """The entity and object it is for; None is every one."""
        return self.entity, self.object

    def holds(self, entity: str, object_: str | None, on: date) -> bool:
        """Tell whether the row is for this entity and object on this day."""
        return (
            self.entity in (None, entity)
            and self.object in (None, object_)
            and (self.since or date.min) <= on <= (self.until or date.max)
        )

    @property
    def rank(self) -> tuple[bool, bool, date]:
        """Which of several rows that hold is taken: object before entity before all, then the latest `from`."""
        return self.object is not None, self.entity is not None, self.since or date.min


class Route(EstatePart):
    """Which instance serves a role, and which one runs beside it for comparison."""

    when: RouteCondition = RouteCondition()
    use: str
    shadow: str | None = None


class EstateFile(EstatePart):
    """What `accordant.yaml` holds; the rest lies in files that it names by pattern."""

    firm: str = Field(min_length=1)
    group_currency: CurrencyCode
    entities: tuple[Entity, ...] = Field(min_length=1)
    systems: dict[str, System]
    routing: dict[str, tuple[Route, ...]]
    ownership: str = "ownership/*.yaml"
    policies: str = "policies/**/*.yaml"
    overlays: str = "overlays/**/*.yaml"
    access: str = "access/*.yaml"


class Estate(EstatePart):
    """The whole firm as its integration engineers wrote it; `hash` names this content."""

    firm: str
    group_currency: CurrencyCode
    entities: tuple[Entity, ...]
    systems: dict[str, System]
    routing: dict[str, tuple[Route, ...]]
    ownership_of: tuple[ObjectOwnership, ...] = Field(description="One per canonical object.")
    access: Access
    policies: str
    overlays: str
    hash: str
    _ownership: Ownership = PrivateAttr()

    def model_post_init(self, _: Any, /) -> None:
        """Compile the ownership rows once."""
        self._ownership = Ownership(self.ownership_of)

    @property
    def ownership(self) -> Ownership:
        """Who owns which field."""
        return self._ownership

    def entity(self, id: str) -> Entity:
        """Return an entity by its id; NotFound when the firm has no such entity."""
        found = next((entity for entity in self.entities if entity.id == id), None)
        if found is None:
            raise NotFound(f"{self.firm} has no entity {id}.", code="estate.unknown_entity")
        return found

    def system(self, id: str) -> System:
        """Return a connected system by its instance id; NotFound when there is none."""
        if id not in self.systems:
            raise NotFound(f"No system is called {id}.", code="estate.unknown_system", system=id)
        return self.systems[id]

    def serving(self, role: str, entity: str, on: date, object_: str | None = None) -> Route:
        """Return the routing row that holds; NotFound `estate.no_route` when none does.

        Args:
            role: what is asked for, `erp`.
            entity: the legal entity the work is for.
            on: the civil day, in the entity's zone, on which the work counts.
            object_: canonical object name, for rows that route one kind of object elsewhere: `Invoice`.
        """
        holding = [row for row in self.routing.get(role, ()) if row.when.holds(entity, object_, on)]
        if not holding:
            raise NotFound(
                f"No system serves as {role} for {entity} on {on}.",
                code="estate.no_route",
                remedy=f"Add a row under `routing: {role}:` that holds on that day.",
            )
        return max(holding, key=lambda row: row.when.rank)

    def route(self, role: str, entity: str, on: date, object_: str | None = None) -> str:
        """Return the id of the instance that serves a role for an entity on a day (see `serving`)."""
        return self.serving(role, entity, on, object_).use
