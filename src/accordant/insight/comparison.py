"""What each connected system says of an engagement: the owner's value beside what the others hold or were told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from accordant.canonical import Contract
from accordant.insight.dossier import Engagement
from accordant.platform.storage import rows

ROLES = ("crm", "psa", "hris", "erp", "chat")
"""Columns of the comparison, in their fixed order."""


@dataclass(frozen=True)
class Reading:
    """What one system says.

    Args:
        role: crm, psa, hris, erp or chat.
        look: owner, same, off (differs) or stale (the write has not arrived).
        value: in words.
        at: when it said so, or was told.
    """

    role: str
    look: str
    value: str
    at: datetime | None


@dataclass(frozen=True)
class Comparison:
    """One fact and its readings; a role without one does not keep the fact."""

    fact: str
    readings: tuple[Reading, ...]


@dataclass(frozen=True)
class Told:
    """The newest write of one kind to one system."""

    operation: str
    base: str
    state: str
    at: datetime
    facts: dict[str, Any]


def compare(connection: Connection, found: Engagement, roles: Mapping[str, str]) -> tuple[Comparison, ...]:
    """Compare the systems on one engagement.

    Args:
        connection: what may be seen.
        found: the engagement.
        roles: system id by role, `{"crm": "salesforce-main"}`; a role that is not served is left out.
    """
    invoices = [row.id for row in _invoices(connection, found)]
    told = _told(connection, found, invoices)
    facts = (
        _terms(connection, found, roles, told),
        _purchase_order(found, told, roles),
        _records(connection, "Client record", found.contract.customer_id, "crm", roles),
        *([_records(connection, "Project record", found.project.id, "psa", roles)] if found.project else []),
        _status(found, told, roles),
        _team(connection, found, roles),
        _time(connection, found, roles),
        _billed(invoices, told, roles),
    )
    return tuple(fact for fact in facts if fact.readings)


def tally(comparisons: Sequence[Comparison]) -> dict[str, int]:
    """Count readings that agree with their owner, differ from it, or are late."""
    looks = [reading.look for comparison in comparisons for reading in comparison.readings]
    return {"agree": looks.count("same"), "differ": looks.count("off"), "late": looks.count("stale")}


def _invoices(connection: Connection, found: Engagement) -> list[Any]:
    return rows(
        connection,
        """select distinct a.invoice_id as id from ledger_act a join ledger_journal j on j.act = a.id
           join ledger_line l on l.id = j.line_id where l.contract_id = :id and a.kind = 'post'""",
        id=found.contract.id,
    )


def _told(connection: Connection, found: Engagement, invoices: Sequence[str]) -> dict[str, list[Told]]:
    """Return the writes about this engagement by system, the newest first."""
    found_rows = rows(
        connection,
        """select e.system, e.operation, e.base, e.state, coalesce(e.ended_at, e.called_at, e.intent_at) as at, e.facts
           from effect e join run r on r.id = e.run_id
           where r.subject = :subject and e.operation <> 'post_time' order by at desc""",
        subject=found.contract.id,
    )
    known = set(invoices)
    told: dict[str, list[Told]] = {}
    for row in found_rows:
        about = row.base.split("/")[0]
        if about.startswith("inv_") and known and about not in known:
            continue
        told.setdefault(row.system, []).append(Told(row.operation, row.base, row.state, row.at, row.facts or {}))
    return told


def _terms(
    connection: Connection, found: Engagement, roles: Mapping[str, str], told: Mapping[str, list[Told]]
) -> Comparison:
    """Which version of the terms each system works with: the CRM owns them, the ERP bills by them."""
    contract = found.contract
    source = rows(
        connection,
        "select system, changed_at from record_version where id = :id order by version desc limit 1",
        id=contract.id,
    )
    readings = []
    if source and "crm" in roles:
        readings.append(Reading("crm", "owner", _version(contract), source[0].changed_at))
    if found.project and "psa" in roles:
        look = "same" if found.project.contract_version == contract.version else "off"
        readings.append(Reading("psa", look, f"v{found.project.contract_version}", None))
    if rules := _of(told, roles.get("erp"), "put_billing_rules"):
        readings.append(_version_there(contract, rules))
    return Comparison("Contract terms", tuple(readings))


def _version(contract: Contract) -> str:
    return f"v{contract.version}"


def _version_there(contract: Contract, rules: Sequence[Told]) -> Reading:
    current = f"{contract.id}/v{contract.version}/billing"
    newest = rules[0]
    if newest.base == current and newest.state == "done":
        return Reading("erp", "same", _version(contract), newest.at)
    done = next((t for t in rules if t.state == "done"), None)
    value = done.base.split("/")[1] if done else "none"
    return Reading("erp", "stale" if newest.base == current and newest.state != "failed" else "off", value, newest.at)


def _purchase_order(found: Engagement, told: Mapping[str, list[Told]], roles: Mapping[str, str]) -> Comparison:
    number = found.contract.po_number
    if not number:
        return Comparison("Purchase order", ())
    readings = [Reading("crm", "owner", number, None)] if "crm" in roles else []
    if rules := _of(told, roles.get("erp"), "put_billing_rules"):
        there = _version_there(found.contract, rules)
        value = number if there.look == "same" else f"as in {there.value}"
        readings.append(Reading("erp", there.look, value, there.at))
    return Comparison("Purchase order", tuple(readings))


def _records(connection: Connection, fact: str, id: str, owner: str, roles: Mapping[str, str]) -> Comparison:
    """Where the object stands in each system: the record's id there."""
    known = rows(
        connection,
        "select system, external_id, since, until from xref where id = :id order by since",
        id=id,
    )
    readings = []
    for role in ROLES:
        here = next((row for row in known if row.system == roles.get(role)), None)
        if here is not None:
            look = "owner" if role == owner else "off" if here.until else "same"
            value = f"{here.external_id}, gone" if here.until else here.external_id
            readings.append(Reading(role, look, value, here.until or here.since))
    return Comparison(fact, tuple(readings))


def _status(found: Engagement, told: Mapping[str, list[Told]], roles: Mapping[str, str]) -> Comparison:
    """Who has been told that the engagement is active: our own state is the owner's, spoken by the ERP's project."""
    key = f"{found.contract.id}/v{found.contract.version}/active"
    readings = []
    for role in ("crm", "psa"):
        writes = [t for t in _of(told, roles.get(role), "put_engagement_status") if t.base.startswith(key)]
        if writes:
            readings.append(_arrival(role, writes[0], "active"))
    return Comparison("Told: active", tuple(readings))


def _arrival(role: str, write: Told, value: str) -> Reading:
    if write.state == "done":
        return Reading(role, "same", value, write.at)
    return Reading(
        role,
        "off" if write.state == "failed" else "stale",
        "refused" if write.state == "failed" else "on its way",
        write.at,
    )


def _team(connection: Connection, found: Engagement, roles: Mapping[str, str]) -> Comparison:
    """How many people the PSA has staffed, how many of them the HRIS knows as active."""
    if found.project is None:
        return Comparison("Team", ())
    [row] = rows(
        connection,
        """select count(distinct a.body ->> 'worker_id') as staffed, max(a.changed_at) as at,
                  count(distinct w.id) filter (where (w.body ->> 'is_active')::boolean) as active,
                  max(w.changed_at) as known_at
           from record a left join record w on w.id = a.body ->> 'worker_id' and w.kind = 'worker'
           where a.kind = 'assignment' and a.body ->> 'project_id' = :project and not a.deleted""",
        project=found.project.id,
    )
    if not row.staffed:
        return Comparison("Team", ())
    readings = [Reading("psa", "owner", f"{row.staffed} people", row.at)] if "psa" in roles else []
    if "hris" in roles:
        look = "same" if row.active == row.staffed else "off"
        readings.append(Reading("hris", look, f"{row.active} active", row.known_at))
    return Comparison("Team", tuple(readings))


def _time(connection: Connection, found: Engagement, roles: Mapping[str, str]) -> Comparison:
    """How many approved time lines the ledger took from the PSA, and how many of them the ERP confirmed."""
    [row] = rows(
        connection,
        """select count(*) as approved, count(e.base) as posted, max(a.at) as at, max(e.ended_at) as posted_at
           from ledger_line l join ledger_act a on a.id = l.act
           left join effect e on e.base = l.id and e.operation = 'post_time' and e.state = 'done'
           where l.contract_id = :id and l.kind = 'time' and l.approved_q <> 0""",
        id=found.contract.id,
    )
    if not row.approved:
        return Comparison("Approved time lines", ())
    readings = [Reading("psa", "owner", f"{row.approved:,}", row.at)] if "psa" in roles else []
    if "erp" in roles:
        look = "same" if row.posted == row.approved else "stale"
        readings.append(Reading("erp", look, f"{row.posted:,}", row.posted_at))
    return Comparison("Approved time lines", tuple(readings))


def _billed(invoices: Sequence[str], told: Mapping[str, list[Told]], roles: Mapping[str, str]) -> Comparison:
    """How many invoices the ERP posted, and who else has been told of them."""
    if not invoices or "erp" not in roles:
        return Comparison("Posted invoices", ())
    posted = [t for t in _of(told, roles["erp"], "post_invoice") if t.state == "done"]
    readings = [Reading("erp", "owner", str(len(invoices)), posted[0].at if posted else None)]
    for role in ("crm", "psa"):
        writes = [t for t in _of(told, roles.get(role), "put_engagement_status") if t.base.startswith("inv_")]
        done = {t.base.split("/")[0] for t in writes if t.state == "done"} & set(invoices)
        if writes:
            look = "same" if len(done) == len(invoices) else "stale"
            readings.append(Reading(role, look, str(len(done)), writes[0].at))
    return Comparison("Posted invoices", tuple(readings))


def _of(told: Mapping[str, list[Told]], system: str | None, operation: str) -> list[Told]:
    return [t for t in told.get(system or "", []) if t.operation == operation]
