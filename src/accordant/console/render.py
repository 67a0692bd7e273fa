"""Templates into pages: the Jinja environment, its filters, and what every page of the frame is given."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from accordant.console import words
from accordant.console.nav import current_path, shown_to
from accordant.kernel import Money, total

if TYPE_CHECKING:
    from accordant.console.visit import Visit

HERE = Path(__file__).parent
STATIC = HERE / "static"
_WORDS = (
    "age",
    "amount",
    "clock_time",
    "day",
    "due",
    "initials",
    "moment",
    "number",
    "percent",
    "plural",
    "readable",
    "say_money",
    "short_amount",
    "span",
)


class Renderer:
    """Renders templates of `templates/` and `pages/`; everything is escaped unless a template says otherwise."""

    def __init__(self) -> None:
        self._env = Environment(
            loader=FileSystemLoader([HERE / "templates", HERE / "pages"]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        spoken = {name: getattr(words, name) for name in _WORDS}
        self._env.filters |= spoken
        self._env.globals |= spoken
        self._env.filters["sum_money"] = _sum_money
        self._env.globals["static"] = _addresses()

    def render(self, template: str, visit: Visit, context: dict[str, Any]) -> str:
        """Render a page inside the frame."""
        rail = shown_to(visit.actor.scopes)
        frame = {
            "visit": visit,
            "now": visit.now,
            "zone": visit.zone,
            "csrf": visit.sessions.token(visit.session),
            "rail": rail,
            "here": current_path(visit.request.url.path),
            "address": str(visit.request.url.path) + (f"?{visit.request.url.query}" if visit.request.url.query else ""),
        }
        return self._env.get_template(template).render(frame | context)

    def render_bare(self, template: str, **context: Any) -> str:
        """Render a page that stands outside the frame: sign-in, or an error before anybody is known."""
        return self._env.get_template(template).render(context)


def _sum_money(rows: Sequence[Any], name: str) -> Money:
    """Add up one column of a table; a table without rows has no sum to show."""
    amounts = [getattr(row, name) for row in rows]
    return total(amounts, amounts[0].currency)


def _addresses() -> dict[str, str]:
    """Return the address of each static file, with its hash so that a browser may keep it."""
    files = (path for path in sorted(STATIC.rglob("*")) if path.is_file())
    return {
        path.relative_to(STATIC).as_posix(): f"/static/{path.relative_to(STATIC).as_posix()}"
        f"?v={hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
        for path in files
    }
