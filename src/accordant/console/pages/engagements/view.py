"""The list of engagements as a model."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from sqlalchemy import Connection

from accordant.canonical import BillingMethod
from accordant.console import words
from accordant.console.visit import Visit
from accordant.insight.engagements import EngagementFilter, EngagementRow, count_engagements, list_engagements
from accordant.kernel import Money

PAGE = 50
_EXPORTED = 10_000


@dataclass(frozen=True)
class Row:
    """One engagement with what depends on the reader: group money and the next billing date in its own zone."""

    of: EngagementRow
    unbilled_group: Money
    next_billing: str
    left: str
    is_soon: bool


@dataclass(frozen=True)
class Shown:
    """One page of the list with its filters; `address` is the shareable one, without the page."""

    rows: tuple[Row, ...]
    count: int
    page: int
    first: int
    entities: tuple[tuple[str, str], ...]
    methods: tuple[tuple[str, str], ...]
    filter_count: int
    address: str

    @property
    def last(self) -> int:
        """Number of the last row shown."""
        return self.first + len(self.rows) - 1

    @property
    def has_next(self) -> bool:
        """Tell whether there is another page."""
        return self.last < self.count


def engagements(connection: Connection, visit: Visit, which: EngagementFilter, page: int) -> Shown:
    """Read one page of the list."""
    found = list_engagements(connection, which, limit=PAGE, offset=(page - 1) * PAGE)
    return Shown(
        rows=tuple(_row(visit, row) for row in found),
        count=count_engagements(connection, which),
        page=page,
        first=(page - 1) * PAGE + 1,
        entities=(("", "all"), *((e.id, e.id.upper()) for e in visit.entities)),
        methods=(("", "all"), *((m.value, words.readable(m)) for m in BillingMethod)),
        filter_count=sum(bool(value) for value in which.model_dump().values()),
        address=_address(which),
    )


def table(
    connection: Connection, visit: Visit, which: EngagementFilter
) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return heads and rows of the export; amounts without separators, money only for who reads billing."""
    has_money = visit.may("billing:read")
    heads: tuple[str, ...] = ("Engagement", "Client", "Name", "Project", "Entity", "Contract version")
    heads += ("Billing method", "Sold", "Activated", "Financially approved", "Ready to bill", "Open cases")
    money_heads = ("Currency", "Unbilled", "At risk, group", "Next billing")
    rows: list[tuple[object, ...]] = []
    for row in list_engagements(connection, which, limit=_EXPORTED):
        plain: tuple[object, ...] = (
            row.id,
            row.client,
            row.name,
            row.project_code,
            row.entity,
            row.version,
            row.method,
        )
        plain += (*(status or "not reached" for _, status in row.states), row.case_count)
        risk = row.exposure.amount if row.exposure else 0
        money = (row.currency, row.unbilled.amount, risk, _row(visit, row).next_billing)
        rows.append((*plain, *money) if has_money else plain)
    return (*heads, *money_heads) if has_money else heads, rows


def _row(visit: Visit, row: EngagementRow) -> Row:
    entity = next((e for e in visit.deps.estate.entities if e.id == row.entity), None)
    closes = entity.cut_off_after(visit.now) if entity else None
    return Row(
        of=row,
        unbilled_group=visit.deps.to_group(row.unbilled),
        next_billing=words.day(closes) if closes else "",
        left=words.span(closes - visit.now) if closes else "",
        is_soon=closes is not None and (closes - visit.now).days < 2,
    )


def _address(which: EngagementFilter) -> str:
    named = {"q": which.text, "entity": which.entity, "method": which.method, "standing": which.standing}
    return urlencode({name: value for name, value in named.items() if value})
