"""One request of one person: who, which entities, when; the only way in which a page reaches the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from sqlalchemy import Connection
from starlette.responses import HTMLResponse

from accordant.console import words
from accordant.console.deps import ConsoleDeps
from accordant.console.render import Renderer
from accordant.console.session import COOKIE, Session, Sessions
from accordant.console.vendor import vendor_name
from accordant.governance import Actor, Entity
from accordant.kernel import Money, NotFound, Rejected
from accordant.platform.storage import ALL_ENTITIES

FIRM_WIDE = ""


class SignInNeeded(Exception):
    """Nobody is signed in; the page is shown after sign-in."""


@dataclass(frozen=True)
class Visit:
    """What a page is given: the person, what it may read, the present."""

    request: Request
    deps: ConsoleDeps
    actor: Actor
    session: Session
    now: datetime
    renderer: Renderer
    sessions: Sessions

    @property
    def own_entities(self) -> tuple[Entity, ...]:
        """The legal entities that the person may see."""
        return tuple(e for e in self.deps.estate.entities if self.actor.sees(e.id))

    @property
    def entities(self) -> tuple[Entity, ...]:
        """The legal entities that this page covers: the person's, narrowed by choice, never wider."""
        return tuple(e for e in self.own_entities if e.id == self.session.entity) or self.own_entities

    @property
    def scope(self) -> tuple[str, ...]:
        """What row-level security lets through: these entities and what is firm-wide."""
        if self.actor.entities == (ALL_ENTITIES,) and not self.is_narrowed:
            return (ALL_ENTITIES,)
        return (*(e.id for e in self.entities), FIRM_WIDE)

    @property
    def is_narrowed(self) -> bool:
        """Tell whether the person chose one entity."""
        return any(e.id == self.session.entity for e in self.own_entities)

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which instants without an entity are shown: that of the first entity."""
        return self.entities[0].zone if self.entities else ZoneInfo("UTC")

    def zone_of(self, entity: str) -> ZoneInfo:
        """Return the zone of an entity; that of the visit for what is firm-wide."""
        return next((e.zone for e in self.deps.estate.entities if e.id == entity), self.zone)

    def next_cut_off(self, entity: str, at: datetime) -> datetime:
        """Return the first billing cut-off of an entity after an instant."""
        return self.deps.estate.entity(entity).cut_off_after(at)

    def say(self, money: Money, *, whole: bool = False) -> str:
        """Write money in a sentence, its symbol clear among the firm's currencies; `whole` leaves the pence out."""
        shown = Money(amount=money.amount.quantize(Decimal(1)), currency=money.currency) if whole else money
        return words.say_money(shown, {e.currency for e in self.deps.estate.entities})

    def name_of(self, worker_number: str) -> str:
        """Return the name of a person of the estate; a number nobody has stays a number."""
        people = self.deps.estate.access.people
        return next((p.name for p in people if p.worker_number == worker_number), worker_number)

    def system_name(self, system: str) -> str:
        """Return the vendor's name of a connected system; an id that is not in the estate stays an id."""
        known = self.deps.estate.systems.get(system)
        return vendor_name(known.connector) if known else system

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a read transaction that sees only rows of this visit's entities."""
        with self.deps.door.scoped(self.scope, actor=self.actor.worker_number) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction for `deps.answers`; what the person may do is judged there, by actor and entity."""
        with self.deps.worker.begin() as connection:
            yield connection

    def may(self, scope: str) -> bool:
        """Tell whether the person has a scope; '' is everybody."""
        return scope == "" or scope in self.actor.scopes

    def page(self, template: str, /, *, status: int = 200, **context: Any) -> HTMLResponse:
        """Render a page inside the frame; `template` is `<page>/page.html`."""
        return HTMLResponse(self.renderer.render(template, self, context), status_code=status)


def visiting(scope: str = "") -> Callable[[Request], Visit]:
    """Return the dependency of a page that needs a scope; '' is for everybody who is signed in.

    A page names it once: `CasesVisit = Annotated[Visit, Depends(visiting("cases:read"))]`.
    """

    def enter(request: Request) -> Visit:
        visit = visit_of(request)
        if not visit.may(scope):
            raise Rejected(
                "This page is not part of your roles.",
                code="access.scope",
                remedy=f"A platform owner can give access; it needs {scope}.",
            )
        return visit

    return enter


def visit_of(request: Request) -> Visit:
    """Return the visit of a request.

    Raises:
        SignInNeeded: nobody is signed in, or the account is no longer in the estate.
    """
    state = request.app.state
    deps: ConsoleDeps = state.deps
    now = deps.clock.now()
    session = state.sessions.read(request.cookies.get(COOKIE), now)
    if session is None or not session.person:
        raise SignInNeeded
    try:
        actor = deps.estate.access.actor(session.person)
    except NotFound as gone:
        raise SignInNeeded from gone
    return Visit(request, deps, actor, session, now, state.renderer, state.sessions)


Visiting = Annotated[Visit, Depends(visiting())]
"""The visit of anybody who is signed in, as a parameter of a route."""
