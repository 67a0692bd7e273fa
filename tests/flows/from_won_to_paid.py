"""The story that every cell plays: a won deal becomes a project, hours, an invoice and money; and what it calls."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from firm import CHAT, CRM, ERP, PSA, House

STEPS = Path(__file__).parent / "steps.json"
FLOWS = ("activate-project", "open-workspace", "time-to-bill", "invoice-cycle", "payment-status")
_READS = ("/oauth2/", "/token", "/suiteql", "/login")
_AN_ID = re.compile(r"^(?!v\d+(\.\d+)?$)(?!oauth2$).*\d.*$|^eid:.*$")


@dataclass(frozen=True, order=True)
class Step:
    """One write on the wire: the flow and the operation that make it, and the call, with `*` for ids."""

    flow: str
    system: str
    operation: str
    call: str

    @property
    def name(self) -> str:
        """A short name for people."""
        return f"{self.flow}/{self.system.split('-')[0]}.{self.operation}/{self.call.split('/')[-1] or self.call}"


def known_steps() -> list[Step]:
    """Return the steps as they were recorded."""
    return [Step(**row) for row in json.loads(STEPS.read_text(encoding="utf-8"))]


def keep_steps(steps: list[Step]) -> None:
    """Record the steps anew."""
    STEPS.write_text(json.dumps([asdict(step) for step in steps], indent=1) + "\n", encoding="utf-8")


def steps_of(house: House) -> list[Step]:
    """Return the writes that a finished story made, from its effects and the systems' own logs of calls.

    Of operations that were under way on one system at once, the youngest is named.
    """
    effects = house.rows(
        """select e.system, e.operation, extract(epoch from e.intent_at)::float as since,
                  extract(epoch from e.ended_at)::float as until, r.flow
           from effect e join run r on r.id = e.run_id where e.state = 'done' order by e.intent_at desc"""
    )
    found: dict[tuple[str, str, str], Step] = {}
    for system in (CRM, PSA, ERP, CHAT):
        for call, start, _, status in house.systems[system].calls:
            about = next((e for e in effects if e.system == system and e.since <= start <= e.until), None)
            if about and status < 400 and _is_write(call):
                step = Step(about.flow, system, about.operation, _pattern(call))
                found.setdefault((step.flow, step.system, step.call), step)
    return sorted(found.values())


def _is_write(call: str) -> bool:
    return not call.startswith("GET ") and not any(part in call for part in _READS)


def _pattern(call: str) -> str:
    method, path = call.split(" ", 1)
    return f"{method} " + "/".join("*" if _AN_ID.match(part) else part for part in path.split("/"))


def play(house: House, before: Callable[[str], None] = lambda _: None) -> list[str]:
    """Play the story to its end and return the codes of the cases that people had to answer.

    Args:
        house: with a won deal, and a product that has not begun.
        before: is told of each flow before it begins: the place to arm a fault.
    """
    (deal,) = house.firm.deals
    answered: list[str] = []
    before("activate-project")
    before("open-workspace")
    house.work()
    _ends(house, "activate-project", answered)
    _ends(house, "open-workspace", answered)
    sheet = house.book(deal, 8, 7.5, 4)
    before("time-to-bill")
    house.approve(sheet)
    house.until(lambda: house.count("select count(*) as n from time_claim") == 3, "three lines claimed")
    _ends(house, "time-to-bill", answered)
    before("invoice-cycle")
    house.bill()
    _ends(house, "invoice-cycle", answered)
    house.until(house.pay, "a payment")
    before("payment-status")
    _ends(house, "payment-status", answered)
    return answered


def _ends(house: House, flow: str, answered: list[str]) -> None:
    """Wait until the flow's runs are done; people approve, and answer each case: the cause is gone, again."""

    def look() -> bool:
        house.desk.approve_all()
        for case in house.rows("select code, exposure_minor, run_id from exception_case where state = 'open'"):
            assert case.exposure_minor, f"{case.code} of {case.run_id} names no money"
            answered.append(case.code)
        house.desk.retry_cases()
        states = house.runs(flow).values()
        return bool(states) and set(states) == {"done"}

    house.until(look, f"{flow} is done")


def is_whole(house: House) -> None:
    """Every record stands exactly once, in every system and in the ledger."""
    house.agrees()
    assert house.open_cases() == {}
    for system in (PSA, ERP):
        assert house.totals(system, "project").total() == 1
    assert house.totals(ERP, "time_bill").total() == 3
    assert house.totals(ERP, "invoice").total() == 1
    assert house.totals("teams-main", "workspace").total() == 1
    assert house.count("select count(*) as n from effect where state not in ('done', 'undone')") == 0
    (line,) = house.rows("select sum(approved_m) as a, sum(billed_m) as b from ledger_line")
    assert line.a == line.b > 0
