"""All that happened to an engagement, by systems and by people, in one order: the newest first."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from accordant.kernel import Money
from accordant.platform.storage import rows

_NEWS = frozenset({"deal.won", "deal.lost", "invoice.rejected", "payment.received"})
SYSTEM_ACTORS = frozenset({"", "accordant", "system"})


@dataclass(frozen=True)
class Happened:
    """One thing that happened.

    Args:
        at: when.
        source: event, effect, case, approval, ledger, decision, terms or audit.
        what: stable code: `engagement.sold`, `post_invoice`, `resolved`, `post`.
        actor: worker number; '' when a system did it.
        subject: id of what it is about.
        is_failure: it did not go well.
        count: how many of the same at once: lines of an act, writes of a run.
        money: amount, where there is one.
        detail: further facts, by name.
    """

    at: datetime
    source: str
    what: str
    actor: str = ""
    subject: str = ""
    is_failure: bool = False
    count: int = 1
    money: Money | None = None
    detail: dict[str, Any] = field(default_factory=dict)


def history(connection: Connection, engagement: str, *, limit: int = 200) -> tuple[Happened, ...]:
    """Return the last entries of an engagement's history, the newest first."""
    entries = [
        entry
        for look in (_events, _effects, _cases, _ledger, _decisions, _terms, _audit)
        for entry in look(connection, engagement, limit)
    ]
    return tuple(sorted(entries, key=lambda entry: entry.at, reverse=True)[:limit])


def _events(connection: Connection, engagement: str, limit: int) -> list[Happened]:
    found = rows(
        connection,
        "select at, type, key, data from event_log where subject = :s order by position desc limit :limit",
        s=engagement,
        limit=limit,
    )
    return [Happened(r.at, "event", r.type, subject=r.key, detail=r.data) for r in found if _is_news(r.type)]


def _is_news(type: str) -> bool:
    """Tell whether an event says more than another entry: lines, terms and documents are told by who keeps them."""
    return type in _NEWS or type.startswith("engagement.")


def _effects(connection: Connection, engagement: str, limit: int) -> list[Happened]:
    """Writes outside; the lines of one batch are one entry."""
    found = rows(
        connection,
        """select max(coalesce(e.ended_at, e.called_at, e.intent_at)) as at, e.system, e.operation, e.state,
                  count(*) as count, min(e.ref) as ref, bool_or(e.adopted) as adopted, min(e.error ->> 'message') as why
           from effect e join run r on r.id = e.run_id where r.subject = :s and e.state in ('done', 'failed', 'undone')
           group by e.run_id, e.system, e.operation, e.state,
                    case when e.operation = 'post_time' then '' else e.base end
           order by at desc limit :limit""",
        s=engagement,
        limit=limit,
    )
    return [
        Happened(
            r.at,
            "effect",
            r.operation,
            subject=r.ref or "",
            is_failure=r.state == "failed",
            count=r.count,
            detail={"system": r.system, "state": r.state, "adopted": r.adopted, "why": r.why or ""},
        )
        for r in found
    ]


def _cases(connection: Connection, engagement: str, limit: int) -> list[Happened]:
    found = rows(
        connection,
        """select e.at, e.kind, e.actor, e.subject, e.detail, c.sentence, a.kind as asked, a.amount_minor, a.currency
           from case_event e
           left join exception_case c on c.id = e.subject
           left join approval a on a.id = e.subject
           where e.subject in (select id from exception_case where contract_id = :s
                               union all
                               select p.id from approval p join run r on r.id = p.run_id where r.subject = :s)
           order by e.id desc limit :limit""",
        s=engagement,
        limit=limit,
    )
    return [
        Happened(
            r.at,
            "approval" if r.asked else "case",
            r.kind,
            actor=_person(r.actor),
            subject=r.subject,
            is_failure=r.kind in ("opened", "seen_again"),
            money=None if r.amount_minor is None else Money.from_minor(r.amount_minor, r.currency),
            detail={"sentence": r.sentence or "", "asked": r.asked or "", **r.detail},
        )
        for r in found
    ]


def _ledger(connection: Connection, engagement: str, limit: int) -> list[Happened]:
    found = rows(
        connection,
        """select a.at, a.kind, a.actor, a.cause, a.invoice_id, a.document_ref, l.currency, count(*) as count,
                  sum(j.amount)::bigint as minor
           from ledger_line l join ledger_journal j on j.line_id = l.id join ledger_act a on a.id = j.act
           where l.contract_id = :s group by a.id, l.currency order by a.id desc limit :limit""",
        s=engagement,
        limit=limit,
    )
    return [
        Happened(
            r.at,
            "ledger",
            r.kind,
            actor=_person(r.actor),
            subject=r.document_ref or r.invoice_id or "",
            count=r.count,
            money=Money.from_minor(r.minor, r.currency),
            detail={"cause": r.cause},
        )
        for r in found
    ]


def _decisions(connection: Connection, engagement: str, limit: int) -> list[Happened]:
    """Notes have no entity of their own: they are only reached through a run that may be seen."""
    found = rows(
        connection,
        """select n.at, n.kind, n.name, n.detail, n.run_id from run_note n join run r on r.id = n.run_id
           where r.subject = :s and n.kind in ('decision', 'undo') order by n.at desc limit :limit""",
        s=engagement,
        limit=limit,
    )
    return [Happened(r.at, r.kind, r.name, subject=r.run_id, detail=r.detail) for r in found]


def _terms(connection: Connection, engagement: str, limit: int) -> list[Happened]:
    found = rows(
        connection,
        """select distinct on ((body ->> 'version')::int)
                  recorded_at as at, system, (body ->> 'version')::int as version
           from record_version where id = :s order by (body ->> 'version')::int desc, version limit :limit""",
        s=engagement,
        limit=limit,
    )
    return [Happened(r.at, "terms", "recorded", detail={"version": r.version, "system": r.system}) for r in found]


def _audit(connection: Connection, engagement: str, limit: int) -> list[Happened]:
    """Acts on the engagement itself, its project or documents; those on cases are told by their own timeline."""
    found = rows(
        connection,
        """select at, actor, action, subject, detail from audit
           where subject = :s
              or subject in (select id from record where kind in ('project', 'invoice') and body ->> 'contract_id' = :s)
           order by id desc limit :limit""",
        s=engagement,
        limit=limit,
    )
    return [
        Happened(r.at, "audit", r.action, actor=_person(r.actor), subject=r.subject, detail=r.detail) for r in found
    ]


def _person(actor: str) -> str:
    return "" if actor in SYSTEM_ACTORS else actor
