"""The four business states as stations with their evidence."""

from __future__ import annotations

from collections.abc import Sequence

from accordant import cases
from accordant.console import words
from accordant.console.parts import Proof, Station
from accordant.console.visit import Visit
from accordant.insight.dossier import State
from accordant.insight.standing import STOPS, standing

_LOOKS = {"reached": "reached", "in_progress": "now", "blocked": "blocked", "": "future"}
_PINS = {"reached": "check", "now": "", "blocked": "bang", "future": ""}
_FROM = {"crm": "from the CRM", "psa": "from the PSA", "erp": "from the ERP", "clm": "from the CLM"}
_MOST = 4


def journey(states: Sequence[State], live: Sequence[cases.CaseView], visit: Visit, entity: str) -> tuple[Station, ...]:
    """Return the stations; a live case stands as evidence against the state that it stops."""
    return tuple(_station(state, _stopping(state, live), visit, entity) for state in states)


def _stopping(state: State, live: Sequence[cases.CaseView]) -> list[cases.CaseView]:
    return [case for case in live if case.stage in STOPS.get(state.name, frozenset())]


def _station(state: State, stopping: Sequence[cases.CaseView], visit: Visit, entity: str) -> Station:
    look = _LOOKS[standing(state.name, state.status, [case.stage for case in stopping])]
    proofs = [_proof(name, value) for name, value in state.evidence.items() if _is_shown(name, value)]
    against = [
        Proof(words.readable(" ".join(c.code.split(".")[-2:])), words.age(c.opened_at, visit.now), "bad")
        for c in stopping
    ]
    return Station(
        name=words.readable(state.name),
        look=look,
        when=_when(state, look, visit, entity),
        proofs=tuple((against + proofs)[:_MOST]),
        pin=_PINS[look],
        word={"blocked": "blocked", "now": "in progress", "future": "not yet"}.get(look, ""),
    )


def _when(state: State, look: str, visit: Visit, entity: str) -> str:
    if look == "blocked" and state.name == "ready_to_bill" and any(e.id == entity for e in visit.deps.estate.entities):
        closes = visit.next_cut_off(entity, visit.now)
        return f"Cut-off {words.due(closes, visit.now, visit.zone_of(entity)).replace(' · ', ', ')} left"
    if state.at is None:
        return ""
    who = _FROM.get(state.source, f"by {visit.name_of(state.source)}" if state.source else "")
    return f"{words.moment(state.at, visit.zone_of(entity))}, {who}"


def _proof(name: str, value: object) -> Proof:
    said = {
        "deal": "Deal closed as won",
        "contract": "Contract approved",
        "project": "Project planned and created",
        "tax_rule": f"Tax by rule {value}",
        "tax_code": f"Tax code {value}",
        "code": f"Project code {value}",
        "terms_days": f"Payment within {value} days",
        "currency": f"Billed in {value}",
        "method": f"Method {words.readable(str(value)).lower()}",
        "version": f"Terms v{value}",
    }
    return Proof(said.get(name, f"{words.readable(name)} {value}"))


def _is_shown(name: str, value: object) -> bool:
    """Tell whether a piece of evidence says something to a person; ids in systems stand in the comparison."""
    return bool(value) and not (isinstance(value, str) and "/" in value) and name != "psa"
