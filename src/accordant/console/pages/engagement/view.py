"""One engagement as a model: what the template shows, and what this person may not read left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection

from accordant import cases, ledger
from accordant.canonical import Contract
from accordant.console import words
from accordant.console.pages.engagement.journey import journey
from accordant.console.pages.engagement.telling import entries
from accordant.console.parts import ApprovalCard, CaseRow, Cell, Entry, Fact, Station, approval_card, case_row
from accordant.console.visit import Visit
from accordant.insight import dossier as facts
from accordant.insight.comparison import ROLES, Comparison, Reading, compare, tally
from accordant.insight.history import history
from accordant.kernel import Money, NotFound, total

LIVE = (cases.CaseState.OPEN, cases.CaseState.WAITING, cases.CaseState.REPLAYING)
_SERVES = {"crm": "crm", "psa": "psa", "hris": "hris", "erp": "erp", "chat": "collaboration"}
_NAMED = {
    "rate_lines": "Rates",
    "milestones": "Milestones",
    "payment_terms_days": "Payment, days",
    "po_number": "Order",
}
_SILENT = frozenset({"id", "version", "customer_id", "extensions", "is_approved", "entity"})


@dataclass(frozen=True)
class LineRow:
    """Lines in one billing state; kind is the look of the state."""

    kind: str
    name: str
    quantity: Decimal
    amount: Money


@dataclass(frozen=True)
class Bar:
    """A stage of the chain from sold to collected, as a share of the largest."""

    name: str
    share: float
    color: str
    amount: Money
    gap: str


@dataclass(frozen=True)
class Terms:
    """Two versions of the terms side by side: only what changed."""

    before: str
    after: str
    signed: str
    changed: tuple[tuple[str, str, str], ...]
    same: str


@dataclass(frozen=True)
class Shown:
    """The page; what the role may not read is empty."""

    of: facts.Engagement
    title: str
    sub: str
    stations: tuple[Station, ...]
    cases: tuple[CaseRow, ...]
    stopped: Money | None
    approvals: tuple[ApprovalCard, ...]
    columns: tuple[tuple[str, str], ...]
    comparison: tuple[Fact, ...]
    has_every_value: bool
    tally: dict[str, int]
    bars: tuple[Bar, ...]
    lines: tuple[LineRow, ...]
    line_total: LineRow | None
    line_count: int
    team: tuple[facts.Staffed, ...]
    documents: tuple[facts.Document, ...]
    terms: Terms | None
    version_count: int
    history: tuple[Entry, ...]
    history_of: str
    today: date
    zone: str


def dossier(connection: Connection, visit: Visit, id: str, history_of: str, *, has_every_value: bool = False) -> Shown:
    """Read the page of one engagement."""
    found = facts.get_engagement(connection, id)
    contract, has_money = found.contract, visit.may("billing:read")
    zone = visit.zone_of(found.entity)
    balances = facts.lines_by_kind(connection, id)
    papers = facts.documents(connection, id, contract.currency) if has_money else ()
    live = _cases(connection, id, visit) if visit.may("cases:read") else ()
    comparisons = compare(connection, found, _systems(visit, found))
    versions = facts.versions(connection, id)
    told = entries(history(connection, id), visit, zone, history_of)
    return Shown(
        of=found,
        title=f"{found.client}, {contract.name}" if found.client else contract.name,
        sub=_sub(found, versions, visit),
        stations=journey(facts.states(connection, id), live, visit, found.entity),
        cases=tuple(case_row(c, visit.now, zone, owner=visit.name_of(c.owner)) for c in live),
        stopped=_sum((c.exposure for c in live), contract.currency),
        approvals=_approvals(connection, id, visit),
        columns=tuple((role, _system_name(visit, found, role)) for role in _kept_by(comparisons)),
        comparison=tuple(_fact(c, _kept_by(comparisons), visit) for c in comparisons),
        has_every_value=has_every_value,
        tally=tally(comparisons),
        bars=_bars(facts.chain(found, balances, papers)) if has_money else (),
        lines=_lines(balances, contract.currency) if has_money else (),
        line_total=_line_total(balances, contract.currency) if has_money and balances else None,
        line_count=sum(b.line_count for b in balances),
        team=_team(connection, found, has_rates=has_money),
        documents=papers,
        terms=_terms(versions, has_money=has_money) if len(versions) > 1 else None,
        version_count=len(versions),
        history=told,
        history_of=history_of,
        today=visit.now.astimezone(zone).date(),
        zone=f"{visit.now.astimezone(zone):%Z}",
    )


def _sub(found: facts.Engagement, versions: Sequence[facts.Version], visit: Visit) -> str:
    contract = found.contract
    parts = [words.readable(contract.billing_method) if contract.billing_method else "Billing method not agreed"]
    since = f" in force since {words.day(contract.effective_on)}" if contract.effective_on else ""
    parts.append(f"contract v{contract.version}{since}")
    parts.append(found.entity.upper() or "no entity yet")
    if found.project:
        parts.append(f"project {found.project.code}")
    if versions:
        parts.append(f"terms from {visit.system_name(versions[0].system)}")
    return " · ".join(parts)


def _cases(connection: Connection, id: str, visit: Visit) -> tuple[cases.CaseView, ...]:
    return cases.list_cases(connection, cases.CaseFilter(states=LIVE, contract_id=id), at=visit.now, limit=20)


def _sum(amounts: Iterable[Money | None], currency: str) -> Money | None:
    known = [money for money in amounts if money is not None and money.currency == currency]
    return total(known, currency) if known else None


def _approvals(connection: Connection, id: str, visit: Visit) -> tuple[ApprovalCard, ...]:
    """Return what this person may decide here; a card of somebody else's decision is not shown."""
    if not visit.may("approvals:decide"):
        return ()
    runs = facts.run_ids(connection, id)
    mine = [a for a in cases.list_approvals(connection, visit.actor) if a.run_id in runs]
    return tuple(
        approval_card(
            a,
            visit.now,
            visit.zone_of(a.entity),
            asked_by=visit.name_of(a.requester),
            why_not=_over_limit(a, visit),
        )
        for a in mine
    )


def _over_limit(approval: cases.Approval, visit: Visit) -> str:
    """Say why the person may not give this approval; '' when the amount is within the limit."""
    if approval.money is None:
        return ""
    limit = visit.actor.approval_limits.get(approval.money.currency)
    if limit is not None and abs(approval.money.amount) <= limit:
        return ""
    return "This is over what you may approve; open it in approvals to reject it or to hand it on."


# ------------------------------------------------------------------ what each system says


def _systems(visit: Visit, found: facts.Engagement) -> dict[str, str]:
    """Return the system that serves each role for this engagement's entity today."""
    today = visit.now.astimezone(visit.zone_of(found.entity)).date()
    serving = {}
    for role, name in _SERVES.items():
        try:
            serving[role] = visit.deps.estate.route(name, found.entity, today)
        except NotFound:
            continue
    return serving


def _system_name(visit: Visit, found: facts.Engagement, role: str) -> str:
    system = _systems(visit, found).get(role)
    return visit.system_name(system) if system else ""


def _kept_by(comparisons: Sequence[Comparison]) -> tuple[str, ...]:
    """Return the roles that keep at least one of the facts."""
    roles = {reading.role for comparison in comparisons for reading in comparison.readings}
    return tuple(role for role in ROLES if role in roles)


def _fact(comparison: Comparison, roles: Sequence[str], visit: Visit) -> Fact:
    by_role = {reading.role: reading for reading in comparison.readings}
    return Fact(comparison.fact, tuple(_cell(by_role.get(role), visit) for role in roles))


def _cell(reading: Reading | None, visit: Visit) -> Cell | None:
    if reading is None:
        return None
    return Cell(reading.look, reading.value, words.age(reading.at, visit.now) if reading.at else "")


# ------------------------------------------------------------------ money


def _bars(chain: facts.Chain) -> tuple[Bar, ...]:
    """Return sold, delivered, billed and collected as shares of the largest, each with its gap to the one before."""
    largest = max(m.amount for m in (chain.sold, chain.delivered, chain.billed, chain.collected) if m is not None)

    def share(money: Money) -> float:
        return round(float(money.amount / largest * 100), 1) if largest else 0.0

    unbilled, uncollected = chain.delivered - chain.billed, chain.billed - chain.collected
    bars = []
    if chain.sold is not None:
        bars.append(Bar("Sold", share(chain.sold), "c4", chain.sold, ""))
        part = words.percent(chain.delivered.amount, chain.sold.amount, 1)
        gap = f"{part} of what was sold" if chain.delivered else ""
        bars.append(Bar("Delivered", share(chain.delivered), "c1", chain.delivered, gap))
    else:
        bars.append(Bar("Delivered", share(chain.delivered), "c1", chain.delivered, ""))
    gap = f"{words.amount(unbilled)} delivered, not billed" if unbilled else ""
    bars.append(Bar("Billed, net", share(chain.billed), "c3", chain.billed, gap))
    gap = f"{words.amount(uncollected)} not paid yet" if uncollected else "all of it paid"
    bars.append(Bar("Collected", share(chain.collected), "c1", chain.collected, gap if chain.billed else ""))
    return tuple(bars)


def _lines(balances: Sequence[ledger.Balance], currency: str) -> tuple[LineRow, ...]:
    """Return approved work by billing state; the rows add up to what is approved."""

    def row(kind: str, name: str, *parts: tuple[str, int]) -> LineRow:
        quantity = sum((getattr(b.quantity, p) * sign for b in balances for p, sign in parts), Decimal(0))
        amount = total((getattr(b.amount, p) * sign for b in balances for p, sign in parts), currency)
        return LineRow(kind, name, quantity, amount)

    rows = (
        row("on", "Ready to draft", ("open", 1), ("over", 1), ("held", -1)),
        row("bad", "On hold", ("held", 1)),
        row("warn", "On a draft", ("drafted", 1)),
        row("good", "Billed, net of credit", ("billed", 1), ("credited", -1)),
        row("", "Given up", ("relieved", 1), ("written_down", 1), ("written_off", 1)),
        row("bad", "Over-billed, credit due", ("over", -1)),
    )
    return tuple(r for r in rows if r.quantity or r.amount or r.name != "Over-billed, credit due")


def _line_total(balances: Sequence[ledger.Balance], currency: str) -> LineRow:
    quantity = sum((b.quantity.approved for b in balances), Decimal(0))
    return LineRow("", "Approved in all", quantity, total((b.amount.approved for b in balances), currency))


def _team(connection: Connection, found: facts.Engagement, *, has_rates: bool) -> tuple[facts.Staffed, ...]:
    """Return the roles; rates only for who reads billing."""
    team = facts.team(connection, found.contract, found.project.id if found.project else "")
    if has_rates:
        return team
    return tuple(facts.Staffed(t.role, t.people, None, t.planned_hours, t.worked_hours) for t in team)


# ------------------------------------------------------------------ terms


def _terms(versions: Sequence[facts.Version], *, has_money: bool) -> Terms:
    """Return what changed between the two newest versions; amounts only for who reads billing."""
    new, old = versions[0], versions[1]
    before, after = _flat(old.contract, has_money=has_money), _flat(new.contract, has_money=has_money)
    names = list(dict.fromkeys([*after, *before]))
    changed = [(n, before.get(n, ""), after.get(n, "")) for n in names if before.get(n, "") != after.get(n, "")]
    same = [n for n in names if before.get(n) == after.get(n) and before.get(n)]
    return Terms(
        before=f"v{old.contract.version}",
        after=f"v{new.contract.version}",
        signed=words.day(new.changed_at),
        changed=tuple(changed),
        same=words.plural(len(same), "term") + (f", among them {', '.join(same[:2]).lower()}" if same else ""),
    )


def _flat(contract: Contract, *, has_money: bool) -> dict[str, str]:
    """Return the terms as names and values, one per rate and milestone."""
    flat: dict[str, str] = {}
    for name in Contract.model_fields:
        value = getattr(contract, name)
        if name not in _SILENT | {"rate_lines", "milestones"} and value is not None:
            flat[_NAMED.get(name, words.readable(name).removesuffix(" on"))] = _text(value)
    for line in contract.rate_lines:
        flat[f"{line.role}, hour"] = words.amount(line.rate)
    for milestone in contract.milestones:
        flat[f"{milestone.code}, {milestone.name}"] = words.amount(milestone.amount)
    return flat if has_money else {name: text for name, text in flat.items() if not _is_money(contract, name)}


def _is_money(contract: Contract, name: str) -> bool:
    priced = {f"{line.role}, hour" for line in contract.rate_lines} | {
        f"{m.code}, {m.name}" for m in contract.milestones
    }
    return name in priced | {"Cap", "Fixed fee", "Retainer"}


def _text(value: object) -> str:
    if isinstance(value, Money):
        return words.amount(value)
    return (
        words.day(value) if isinstance(value, date) else words.readable(str(value)) if "_" in str(value) else str(value)
    )
