"""The pages of the console: one line registers a page, its place in the rail and what it takes to see it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A page folder under `console/pages`, whose `routes.router` is mounted.

    Args:
        page: name of the folder.
        path: where it begins.
        label: as shown in the rail; '' keeps the page out of the rail.
        icon: symbol in `templates/icons.html`, without `i-`.
        scope: what a role needs; '' is everybody.
        group: heading in the rail it stands under; '' is the first group, without a heading.
        badge: name of the live number beside it: `cases`, `approvals`.
        is_key: stands in the bottom bar of a small screen (four places at most).
        under: path of the place that is marked as current when this page is open.
    """

    page: str
    path: str
    label: str = ""
    icon: str = ""
    scope: str = ""
    group: str = ""
    badge: str = ""
    is_key: bool = False
    under: str = ""


PLACES = (
    Place("home", "/", "Home", "home", is_key=True),
    Place("engagements", "/engagements", "Engagements", "eng", "engagements:read", is_key=True),
    Place("engagement", "/engagements/", scope="engagements:read", under="/engagements"),
    Place("cases", "/cases", "Exceptions", "exc", "cases:read", badge="cases", is_key=True),
    Place("case", "/cases/", scope="cases:read", under="/cases"),
    Place("approvals", "/approvals", "Approvals", "appr", "approvals:read", badge="approvals", is_key=True),
    Place("search", "/search", "Search and trace", "search"),
    Place("runs", "/runs", "Runs", "run", "runs:read", "Work"),
    Place("run", "/runs/", scope="runs:read", under="/runs"),
    Place("more", "/more"),
)
"""In the order of the rail. A new page is one line here and one folder."""


def shown_to(scopes: Collection[str]) -> dict[str, tuple[Place, ...]]:
    """Return the rail of a person: places by heading, in order; a heading without places is left out."""
    rail: dict[str, tuple[Place, ...]] = {}
    for place in PLACES:
        if place.label and (not place.scope or place.scope in scopes):
            rail[place.group] = (*rail.get(place.group, ()), place)
    return rail


def current_path(path: str) -> str:
    """Return the path of the rail's place that a request belongs to."""
    holding = [p for p in PLACES if path == p.path or (p.path != "/" and path.startswith(f"{p.path.rstrip('/')}/"))]
    best = max(holding, key=lambda p: len(p.path), default=None)
    return (best.under or best.path) if best else path
