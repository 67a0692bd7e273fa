"""The one builder of `$filter`: names are checked, values are quoted and escaped.

No filter text is put together anywhere else.
Source: "Use the $filter query parameter", the vendor's page on OData, read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from accordant.kernel import Bug

MOST_VALUES = 15
"""Values of one `in`, and clauses joined by `or`; the directory takes no more."""

_NAME = re.compile(r"[A-Za-z]\w*(?:/[A-Za-z]\w*)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter that is safe to send; made by the functions of this module only."""

    text: str


def one_of(field: str, values: Iterable[str]) -> Filter:
    """Match any of the values, one to fifteen; text without regard to case, as the directory compares it."""
    listed = [_quoted(value) for value in values]
    if not 1 <= len(listed) <= MOST_VALUES:
        raise Bug(f"a filter on {field} holds 1 to {MOST_VALUES} values, not {len(listed)}", code="graph.filter")
    return Filter(f"{_name(field)} in ({','.join(listed)})")


def starts_with(field: str, start: str) -> Filter:
    """Match text by its beginning."""
    return Filter(f"startswith({_name(field)},{_quoted(start)})")


def any_of(*filters: Filter) -> Filter:
    """Match when one filter does."""
    if not filters:
        raise Bug("no filter to join", code="graph.filter")
    return Filter(" or ".join(each.text for each in filters))


def _name(field: str) -> str:
    if not _NAME.fullmatch(field):
        raise Bug(f"{field!r} is not the name of a property", code="graph.filter")
    return field


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
