"""Find anything by any of its names: our ids, theirs, project codes, invoice numbers, clients, amounts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from accordant.kernel import Money
from accordant.platform.storage import rows

_AMOUNT = re.compile(r"^(?:[A-Z]{3}|[£€$¥])?\s?(\d{1,3}(?:,\d{3})+|\d+)(\.\d{1,4})?$")


@dataclass(frozen=True)
class Hit:
    """Something that was found.

    Args:
        kind: engagement, line, invoice, payment, case, approval, run, record.
        id: its id here.
        title: what a person calls it.
        detail: why it was found: the id there, the state.
        engagement: contract id it belongs to; '' when it belongs to none.
        money: its amount.
    """

    kind: str
    id: str
    title: str
    detail: str
    engagement: str
    money: Money | None = None


def find(connection: Connection, text: str, *, limit: int = 20) -> tuple[Hit, ...]:
    """Return what the text names, exact ids first; nothing for an empty text.

    Everything is reached through a row of an entity that the connection may see: what has no entity of its own (a
    client, a time entry, a payment, a foreign id) is found only by way of its contract, line or invoice.
    """
    wanted = text.strip()
    if not wanted:
        return ()
    hits: dict[tuple[str, str], Hit] = {}
    ids = [wanted, *_behind(connection, wanted)]
    for look in (_engagements_by_id, _lines, _invoices, _payments, _cases, _approvals, _runs, _people):
        _add(hits, look(connection, ids))
    _add(hits, _by_number(connection, wanted))
    if (amount := _as_amount(wanted)) is not None:
        _add(hits, _by_amount(connection, amount))
    if len(wanted) >= 3:
        _add(hits, _by_name(connection, wanted, limit))
    return tuple(hits.values())[:limit]


def _add(hits: dict[tuple[str, str], Hit], found: Iterable[Hit]) -> None:
    for hit in found:
        hits.setdefault((hit.kind, hit.id), hit)


def _as_amount(text: str) -> Decimal | None:
    match = _AMOUNT.match(text)
    return Decimal(match[1].replace(",", "") + (match[2] or "")) if match else None


def _behind(connection: Connection, text: str) -> list[str]:
    """Return our ids behind an id of a connected system: `kantata-main/9001`, `netsuite-main/invoice/7`, or `9001`."""
    found = rows(
        connection,
        """select distinct id from xref where external_id = :last
             and (:text = external_id or :text = system || '/' || external_id
                  or :text = system || '/' || type || '/' || external_id) limit 50""",
        text=text,
        last=text.rsplit("/", 1)[-1],
    )
    return [row.id for row in found]


_ENGAGEMENT = """
select r.id, r.body ->> 'name' as name, r.body ->> 'version' as version, r.entity, customer.body ->> 'name' as client
from record r left join record customer on customer.id = r.body ->> 'customer_id' and customer.kind = 'customer'
where r.kind = 'contract' and not r.deleted
"""


def _engagement_hit(row: Any, detail: str = "") -> Hit:
    title = f"{row.client}, {row.name}" if row.client else row.name
    return Hit("engagement", row.id, title, detail or f"contract v{row.version} · {row.entity.upper()}", row.id)


def _engagements_by_id(connection: Connection, ids: list[str]) -> list[Hit]:
    """Contracts, and what leads to one: deal, project, client."""
    found = rows(
        connection,
        f"""{_ENGAGEMENT} and (r.id = any(:ids) or r.body ->> 'customer_id' = any(:ids)
              or r.id in (select o.body ->> 'contract_id' from record o
                          where o.id = any(:ids) and o.kind in ('project', 'deal')))
            order by client, r.id limit 20""",
        ids=ids,
    )
    return [_engagement_hit(row) for row in found]


def _lines(connection: Connection, ids: list[str]) -> list[Hit]:
    found = rows(
        connection,
        """select id, kind, role, worked_on, contract_id, currency, approved_m, source_ref from ledger_line
           where id = any(:ids) or source_ref = any(:ids) limit 20""",
        ids=ids,
    )
    return [
        Hit(
            "line",
            r.id,
            f"{r.kind.capitalize()} line, {r.role or 'no role'}, {r.worked_on.day} {r.worked_on:%b %Y}",
            r.source_ref,
            r.contract_id,
            Money.from_minor(r.approved_m, r.currency),
        )
        for r in found
    ]


_INVOICE = """
select a.invoice_id as id, max(a.document_ref) filter (where a.kind = 'post') as number, min(a.currency) as currency,
       (select l.contract_id from ledger_journal j join ledger_line l on l.id = j.line_id
        join ledger_act x on x.id = j.act where x.invoice_id = a.invoice_id limit 1) as contract,
       coalesce(sum(t.minor) filter (where a.kind = 'post'),
                sum(t.minor) filter (where a.kind = 'draft'))::bigint as minor
from ledger_act a
cross join lateral (select sum(j.amount)::bigint as minor from ledger_journal j where j.act = a.id) t
where a.invoice_id is not null and {where}
group by a.invoice_id order by a.invoice_id desc limit 20
"""


def _invoice_hit(row: Any) -> Hit:
    money = Money.from_minor(row.minor or 0, row.currency)
    state = "posted" if row.number else "draft"
    return Hit("invoice", row.id, f"Invoice {row.number or '(no number yet)'}", state, row.contract or "", money)


def _invoices(connection: Connection, ids: list[str]) -> list[Hit]:
    return [_invoice_hit(r) for r in rows(connection, _INVOICE.format(where="a.invoice_id = any(:ids)"), ids=ids)]


def _by_number(connection: Connection, text: str) -> list[Hit]:
    """Invoices and credits by the ERP's number, engagements by their project code, writes by the id they made."""
    where = """a.invoice_id in (select n.invoice_id from ledger_act n
                                where lower(n.document_ref) = lower(:text) and n.document_ref <> '')"""
    hits = [_invoice_hit(r) for r in rows(connection, _INVOICE.format(where=where), text=text)]
    coded = rows(
        connection,
        f"""{_ENGAGEMENT} and r.id in (select p.body ->> 'contract_id' from record p
                                       where p.kind = 'project' and lower(p.body ->> 'code') = lower(:text))""",
        text=text,
    )
    return [*hits, *(_engagement_hit(row, f"project {text.upper()}") for row in coded)]


def _payments(connection: Connection, ids: list[str]) -> list[Hit]:
    """A payment has no entity: it is reached through the invoice that it pays."""
    found = rows(
        connection,
        """select p.id, p.body, i.body ->> 'number' as number, i.body ->> 'contract_id' as contract
           from record p join record i on i.id = p.body ->> 'invoice_id' and i.kind = 'invoice' and i.entity <> ''
           where p.kind = 'payment' and p.id = any(:ids)""",
        ids=ids,
    )
    return [
        Hit(
            "payment",
            r.id,
            f"Payment of invoice {r.number or r.body['invoice_id']}",
            f"paid {r.body['paid_on']}",
            r.contract,
            Money.model_validate(r.body["amount"]),
        )
        for r in found
    ]


_CASE = """
select id, sentence, state, coalesce(contract_id, '') as contract, exposure_minor, currency from exception_case
where {where} order by opened_at desc limit 20
"""


def _case_hit(row: Any) -> Hit:
    money = None if row.exposure_minor is None else Money.from_minor(row.exposure_minor, row.currency)
    return Hit("case", row.id, row.sentence, row.state, row.contract, money)


def _cases(connection: Connection, ids: list[str]) -> list[Hit]:
    where = "id = any(:ids) or effect_key = any(:ids)"
    return [_case_hit(r) for r in rows(connection, _CASE.format(where=where), ids=ids)]


def _approvals(connection: Connection, ids: list[str]) -> list[Hit]:
    found = rows(
        connection,
        """select a.id, a.kind, a.state, a.amount_minor, a.currency, coalesce(r.subject, '') as contract
           from approval a left join run r on r.id = a.run_id where a.id = any(:ids) or a.view_hash = any(:ids)""",
        ids=ids,
    )
    return [
        Hit(
            "approval",
            r.id,
            r.kind.replace("_", " ").capitalize(),
            r.state,
            r.contract,
            None if r.amount_minor is None else Money.from_minor(r.amount_minor, r.currency),
        )
        for r in found
    ]


def _runs(connection: Connection, ids: list[str]) -> list[Hit]:
    found = rows(
        connection,
        "select id, flow, version, state, subject from run where id = any(:ids) or key = any(:ids) limit 20",
        ids=ids,
    )
    return [Hit("run", r.id, f"{r.flow} v{r.version}", r.state, r.subject) for r in found]


def _people(connection: Connection, ids: list[str]) -> list[Hit]:
    """Workers, by id or the id in a system; a person is not found by name here."""
    found = rows(
        connection,
        """select id, body ->> 'number' as number, entity from record
           where kind = 'worker' and id = any(:ids) and entity <> ''""",
        ids=ids,
    )
    return [Hit("worker", r.id, f"Worker {r.number}", r.entity.upper(), "") for r in found]


def _by_amount(connection: Connection, amount: Decimal) -> list[Hit]:
    """Invoices and live cases of exactly this amount, in any currency."""
    minors = [int(amount.scaleb(e)) for e in (0, 2, 3) if amount.scaleb(e) == amount.scaleb(e).to_integral_value()]
    where = """a.invoice_id in (select x.invoice_id from ledger_act x join ledger_journal j on j.act = x.id
                                where x.kind in ('draft', 'post') group by x.id
                                having sum(j.amount) = any(cast(:minors as bigint[])))"""
    invoices = [_invoice_hit(r) for r in rows(connection, _INVOICE.format(where=where), minors=minors)]
    cases = [
        _case_hit(r)
        for r in rows(
            connection,
            _CASE.format(where="state <> 'resolved' and exposure_minor = any(cast(:minors as bigint[]))"),
            minors=minors,
        )
    ]
    return [hit for hit in (*invoices, *cases) if hit.money is not None and _equals(hit.money, amount)]


def _equals(money: Money, amount: Decimal) -> bool:
    """Tell whether money is this amount; minor units differ by currency, so that the database could not say.

    >>> _equals(Money.of("1250", "JPY"), Decimal("12.50"))
    False
    """
    return money.amount == amount


def _by_name(connection: Connection, text: str, limit: int) -> list[Hit]:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    found = rows(
        connection,
        f"""{_ENGAGEMENT} and (r.body ->> 'name' ilike :like or customer.body ->> 'name' ilike :like
                               or r.body ->> 'po_number' = :text)
            order by client, r.id limit :limit""",
        like=f"%{escaped}%",
        text=text,
        limit=limit,
    )
    return [_engagement_hit(row) for row in found]
