"""Runs, cases and approvals of a firm at work, beside the engagements of `pages.seed`: two entities, hostile names."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from pages.seed import to_group
from sqlalchemy import Connection

from accordant import cases
from accordant.canonical import BillingMethod, Contract, Worker
from accordant.cases import Action, Stage
from accordant.kernel import Money
from accordant.platform.durable import Note, RunState, Start, Taken, end_run, open_run, write_notes
from accordant.platform.durable.runs import take_run
from accordant.platform.effects import Controls, Ending, Item, Scope
from accordant.platform.effects.ledger import conclude, intend, unsure
from accordant.platform.events import Event, publish
from accordant.platform.events.sequencer import Sequencer
from accordant.platform.storage import Database, execute
from accordant.process import records

ALL = (
    Action.RETRY,
    Action.REPROCESS,
    Action.EDIT,
    Action.ADD_MAPPING,
    Action.DONE_BY_HAND,
    Action.COMPENSATE,
    Action.DISMISS,
)
XSS = "<script>alert('x')</script> & Søns"
FORMULA = '=HYPERLINK("http://evil.example";"pay")'


@dataclass
class Told:
    """Ids of what was told, by name."""

    case: dict[str, str] = field(default_factory=dict)
    run: dict[str, str] = field(default_factory=dict)
    approval: dict[str, str] = field(default_factory=dict)


def at_work(database: Database, now: datetime) -> Told:
    """Fill a database; everything happened before `now`."""
    told = Told()
    with database.begin() as connection:
        _objects(connection, now)
        told.run["first"] = _first_try(connection, now)
        told.run["parked"], told.case["customer"] = _parked(connection, now)
        told.run["failed"], told.case["us"] = _failed(connection, now)
        told.run["invoice"], told.approval["invoice"] = _waits_for_approval(connection, now)
        told.approval["own"] = _own_request(connection, now)
        told.approval["us"] = _foreign_request(connection, now)
        for name, entity, client, hours in (
            ("xss", "uk01", XSS, 9),
            ("formula", "uk01", FORMULA, 4),
            ("de", "de01", "Vierlande", 30),
        ):
            told.case[name] = _alike(connection, now, name, entity, client, hours)
        told.case["quiet"] = _quiet(connection, now)
        _worker_process(connection)
    Sequencer(database).move()
    return told


def a_case(**changes: Any) -> cases.Case:
    """A case of uk01 that finance operations may act on in every way."""
    exposure = changes.pop("exposure", Money.of("38500", "GBP"))
    plain: dict[str, Any] = {
        "code": "erp.customer.ambiguous",
        "sentence": "Northmere Water plc cannot be billed yet: 2 records in netsuite-main may be the same client.",
        "stage": Stage.MASTER_DATA,
        "role": "finance_operations",
        "cause_key": "erp.customer.ambiguous:cus_work0001",
        "subject": "cus_work0001@con_work0001",
        "remedy": "Say which of the two records is the client, then retry.",
        "entity": "uk01",
        "client": "Northmere Water plc",
        "contract_id": "con_work0001",
        "contract_version": 1,
        "exposure": exposure,
        "group_exposure": to_group(exposure) if exposure else None,
        "actions": ALL,
        "editable": ("contract.po_number", "contract.cap", "contract.rate_lines"),
        "replay_roles": ("integration_support",),
        "tier": 1,
    }
    return cases.Case(**{**plain, **changes})


def _objects(connection: Connection, now: datetime) -> None:
    contract = Contract(
        id="con_work0001",
        version=1,
        customer_id="cus_work0001",
        name="Network resilience program",
        is_approved=True,
        entity="uk01",
        currency="GBP",
        billing_method=BillingMethod.CAPPED,
        start_on=date(2026, 1, 1),
        cap=Money.of("40000", "GBP"),
        po_number="PO-1",
        payment_terms_days=30,
    )
    worker = Worker(
        id="wrk_work0001",
        number="55501",
        name="Linnea Vance",
        entity="uk01",
        valid_from=date(2025, 1, 1),
        entered_at=now - timedelta(days=400),
    )
    for kind, body in (("contract", contract), ("worker", worker)):
        records.save(connection, [records.Entry(kind, body.id, "uk01", body, "crm", f"{kind}/1", now)])


def _taken(connection: Connection, flow: str, key: str, entity: str, subject: str, started_at: datetime) -> Taken:
    start = Start(
        flow=flow,
        version=1,
        key=key,
        input={"deal_id": key, "deal_version": 1, "contract_id": subject, "entity": entity},
        entity=entity,
        subject=subject,
        tier="revenue",
        snapshot="5b1f" * 16,
    )
    run_id = open_run(connection, start).run_id
    taken = take_run(connection, run_id, "seed")
    execute(connection, "update run set started_at = :at where id = :id", at=started_at, id=run_id)
    return taken


def _notes(connection: Connection, run: Taken, since: datetime, *told: tuple[str, str, dict[str, Any]]) -> None:
    write_notes(
        connection,
        run.run_id,
        [Note(n + 1, *what, since + timedelta(seconds=2 * n + 1)) for n, what in enumerate(told)],
    )


def _write(
    connection: Connection, run: Taken, system: str, operation: str, base: str, since: datetime, *, outcome: str
) -> None:
    scope = Scope(system, operation, "act" if operation.startswith("post") else "create", run, str(run.start["entity"]))
    [standing] = intend(connection, scope, [Item(base, f"hash of {base}")], Controls())
    if outcome == "unsure":
        unsure(connection, scope, [standing])
    else:
        error = {"class": "Rejected", "code": outcome, "message": "two records"} if "." in outcome else None
        ref = None if error else f"{system}/record/{abs(hash(base)) % 9000 + 1000}"
        conclude(connection, scope, [Ending(standing, ref=ref, error=error, adopted=outcome == "adopted")])
    execute(
        connection,
        """update effect set intent_at = :since, called_at = :since, ended_at = case when ended_at is null then null
             else cast(:since as timestamptz) + interval '4 seconds' end, calls = :calls
           where base = :base and operation = :operation""",
        since=since,
        calls=2 if outcome in ("adopted", "unsure") else 1,
        base=base,
        operation=operation,
    )


def _gate(
    connection: Connection, run: Taken, name: str, kind: str, topic: str, at: datetime, *, is_over: bool = False
) -> None:
    execute(
        connection,
        """insert into gate (run_id, name, kind, topic, opened_at, resolved_at, passed_at, resolution)
           values (:run, :name, :kind, :topic, :at, :over, :over, :resolution)""",
        run=run.run_id,
        name=name,
        kind=kind,
        topic=topic,
        at=at,
        over=at + timedelta(minutes=20) if is_over else None,
        resolution=json.dumps({"due": True}) if is_over else None,
    )
    if not is_over:
        state = "failed" if kind == "failed" else "parked"
        execute(connection, "update run set state = :s where id = :id", s=state, id=run.run_id)


def _first_try(connection: Connection, now: datetime) -> str:
    run = _taken(connection, "activate-project", "dea_work0001", "uk01", "con_work0001", now - timedelta(days=6))
    end_run(connection, run.run_id, RunState.DISMISSED, {"reprocessed": True})
    return run.run_id


_STAGES = (
    ("stage", "contract validation", {"at": "begin"}),
    ("decision", "deal-completeness", {"rows": ["complete"], "table": "9f3c71aa02"}),
    ("state", "sold", {"deal": "dea_work0001", "contract": "con_work0001", "version": 1}),
    ("stage", "contract validation", {"at": "end"}),
    ("decision", "project-template", {"rows": ["capped-emea"], "table": "11ab5500ff"}),
    ("stage", "master data", {"at": "begin"}),
)


def _parked(connection: Connection, now: datetime) -> tuple[str, str]:
    since = now - timedelta(days=3)
    run = _taken(connection, "activate-project", "dea_work0001", "uk01", "con_work0001", since)
    _notes(connection, run, since, *_STAGES)
    execute(
        connection,
        "insert into run_step (run_id, name, result, at) values (:r, 'facts:contract:1', '[]', :at)",
        r=run.run_id,
        at=since + timedelta(seconds=1),
    )
    write = since + timedelta(seconds=14)
    _write(connection, run, "kantata-main", "create_customer", "cus_work0001", write, outcome="adopted")
    _write(connection, run, "netsuite-main", "find_customer_group", "cus_work0001/group", write, outcome="unsure")
    _write(connection, run, "netsuite-main", "create_customer", "cus_work0001", write, outcome="erp.customer.ambiguous")
    _gate(connection, run, "date:kantata-main:1", "date", "", since + timedelta(seconds=20), is_over=True)
    case = a_case(
        run_id=run.run_id,
        deadline=now + timedelta(hours=31),
        details={
            "system": "netsuite-main",
            "operation": "create_customer",
            "candidates": ["netsuite-main/customer/8841", "netsuite-main/customer/8902"],
            "said": "Vance asked for a new record on the phone",
            "asked_by": "wrk_work0001",
            "email": "linnea.vance@client.example",
            "limit": "12.50",
        },
    )
    opened_at = since + timedelta(seconds=30)
    case_id = cases.open_case(connection, case, at=opened_at)
    cases.open_case(connection, case, at=now - timedelta(hours=2))
    _gate(
        connection, run, "case:erp.customer.ambiguous:cus_work0001:1", "case", case_id, opened_at + timedelta(seconds=1)
    )
    publish(connection, [Event("deal.won", "dea_work0001", "con_work0001", "uk01", {"id": "dea_work0001"})])
    return run.run_id, case_id


def _failed(connection: Connection, now: datetime) -> tuple[str, str]:
    since = now - timedelta(hours=20)
    run = _taken(connection, "activate-project", "dea_work0002", "us01", "con_work0002", since)
    _notes(connection, run, since, *_STAGES[:2])
    case = a_case(
        code="run.failed",
        sentence="activate-project for Juniper Falls Health Inc. stopped by an unexpected error; "
        "nothing more was written.",
        role="integration_support",
        entity="us01",
        client="Juniper Falls Health Inc.",
        cause_key="run.failed:us",
        subject="us",
        contract_id="con_work0002",
        exposure=Money.of("41340.67", "USD"),
        actions=(Action.RETRY, Action.REPROCESS, Action.DISMISS),
        editable=(),
        run_id=run.run_id,
        details={"error": "KeyError"},
    )
    case_id = cases.open_case(connection, case, at=since + timedelta(minutes=1))
    end_run(connection, run.run_id, RunState.FAILED, {"error": "KeyError"})
    _gate(connection, run, "failed:1", "failed", case_id, since + timedelta(minutes=1))
    return run.run_id, case_id


def an_invoice_view(**changes: Any) -> dict[str, Any]:
    """What the approver of an invoice sees."""
    return {
        "client": "Castellan Rail Ltd",
        "project": "UK01-CASTEL",
        "contract": "con_work0003 v2",
        "invoice_on": "2026-11-27",
        "lines": 3,
        "hours": "31.50",
        "net": "GBP 4,725.00",
        "tax": "GBP 945.00",
        "total": "GBP 5,670.00",
        "po_number": "PO-77001",
        "content": [["tim_a1", "GBP 1,575.00"], ["tim_a2", "GBP 1,575.00"], ["tim_a3", "GBP 1,575.00"]],
        **changes,
    }


def an_ask(run_id: str = "", **changes: Any) -> cases.Ask:
    """A question about an invoice of uk01 to finance operations."""
    plain: dict[str, Any] = {
        "kind": "post_invoice",
        "subject": "invoice:inv_work0003",
        "view": an_invoice_view(),
        "entity": "uk01",
        "money": Money.of("4725", "GBP"),
        "requester": cases.SYSTEM,
        "role": "finance_operations",
        "rule": "invoice-approval/over-2k",
        "run_id": run_id,
    }
    return cases.Ask(**{**plain, **changes})


def _waits_for_approval(connection: Connection, now: datetime) -> tuple[str, str]:
    since = now - timedelta(hours=26)
    run = _taken(connection, "invoice-cycle", "con_work0003:2026-11", "uk01", "con_work0003", since)
    _notes(connection, run, since, ("stage", "billing", {"at": "begin"}))
    before = an_ask(run.run_id, view=an_invoice_view(net="GBP 4,275.00", total="GBP 5,130.00", hours="28.50"))
    cases.ask(connection, before, at=since)
    id = cases.ask(connection, an_ask(run.run_id, deadline=now + timedelta(hours=30)), at=now - timedelta(hours=3))
    _gate(connection, run, "approval:post_invoice:2", "approval", id, now - timedelta(hours=3))
    return run.run_id, id


def _own_request(connection: Connection, now: datetime) -> str:
    view = {"client": "Tarn Valley Energy", "what": "Write down 4 hours", "net": "GBP -444.00"}
    question = an_ask(
        kind="write_down",
        subject="line:tim_own",
        view=view,
        money=Money.of("-444", "GBP"),
        requester="90001",
        rule="write-down/any",
    )
    return cases.ask(connection, question, at=now - timedelta(hours=1))


def _foreign_request(connection: Connection, now: datetime) -> str:
    view = an_invoice_view(client="Juniper Falls Health Inc.", net="USD 41,340.67")
    question = an_ask(
        subject="invoice:inv_us",
        view=view,
        entity="us01",
        money=Money.of("41340.67", "USD"),
        rule="invoice-approval/us",
    )
    return cases.ask(connection, question, at=now - timedelta(hours=5))


def _alike(connection: Connection, now: datetime, name: str, entity: str, client: str, hours: int) -> str:
    money = Money.of("3188.40", {"uk01": "GBP", "de01": "EUR"}[entity])
    case = a_case(
        code="erp.time.no_department",
        sentence=f"18 approved time lines for {client} are not in the ERP: cost center 4410 has no mapping.",
        stage=Stage.ERP_POSTING,
        entity=entity,
        client=client,
        cause_key="mapping:cost_center:4410",
        subject=f"alike:{name}",
        contract_id=None,
        exposure=money,
        editable=(),
        actions=(Action.RETRY, Action.ADD_MAPPING, Action.DISMISS),
        tier=2,
        deadline=now + timedelta(days=3),
    )
    return cases.open_case(connection, case, at=now - timedelta(hours=hours))


def _quiet(connection: Connection, now: datetime) -> str:
    case = a_case(
        code="chat.slow",
        sentence="The workspace for Oakhaven Foods is not created yet: Teams answers slowly. "
        "It will be tried again by itself.",
        stage=Stage.WORKSPACE,
        role="integration_support",
        client="Oakhaven Foods",
        cause_key="chat.slow",
        subject="chat.slow",
        exposure=None,
        contract_id=None,
        editable=(),
        actions=(Action.RETRY, Action.DISMISS),
        tier=3,
    )
    return cases.open_case(connection, case, at=now - timedelta(minutes=47))


def _worker_process(connection: Connection) -> None:
    execute(connection, "insert into executor (id, lease_s) values ('seed-worker', 86400)")
