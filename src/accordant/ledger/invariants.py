"""The ledger checks itself: what must hold for every line, act and invoice, as set-based questions.

The database refuses what would break these rules; this is the second, independent look at what is stored.
"""

from __future__ import annotations

from sqlalchemy import Connection

from accordant.ledger.lines import query
from accordant.ledger.models import Violation

# The journal added up per line, with the sign that each kind gives to each balance.
_SUMMED = """
select j.line_id, max(j.act) as act,
       {sums}
from ledger_journal j join ledger_act a on a.id = j.act group by j.line_id"""
_SIGNED = {
    "approved": "a.kind in ('approve', 'adjust', 'price')",
    "drafted": "a.kind in ('draft', 'undraft')",
    "billed": "a.kind = 'post'",
    "credited": "a.kind = 'credit'",
    "relieved": "a.kind = 'relieve'",
    "written_down": "a.kind = 'write_down'",
    "written_off": "a.kind = 'write_off'",
}
_SUMS = ", ".join(
    f"coalesce(sum(j.{column}) filter (where {condition}), 0) as {balance}_{unit}"
    for balance, condition in _SIGNED.items()
    for unit, column in (("q", "quantity"), ("m", "amount"))
)
_EQUAL = " and ".join(
    f"l.{balance}_{unit} = s.{balance}_{unit}" + (f" - s.billed_{unit}" if balance == "drafted" else "")
    for balance in _SIGNED
    for unit in ("q", "m")
)

_RULES = {
    "balances_are_the_journal": f"""
        select coalesce(l.id, s.line_id) as subject,
               'The balances of the line are not the sum of its journal.' as message
        from ledger_line l full join ({_SUMMED.format(sums=_SUMS)}) s on s.line_id = l.id
        where not coalesce(l.act = s.act and {_EQUAL}, false)""",
    "used_within_approved": """
        select id as subject, 'More is used than approved, and no later act of the world explains it.' as message
        from ledger_state s
        where (over_q <> 0 or over_m <> 0)
          and not exists (select from ledger_journal j join ledger_act a on a.id = j.act
                          where j.line_id = s.id and a.kind = 'adjust')""",
    "credited_within_billed": """
        select id as subject, 'More is credited than billed, or the balances stand on both sides of zero.' as message
        from ledger_line
        where abs(credited_q) > abs(billed_q) or abs(credited_m) > abs(billed_m)
           or not (least(drafted_q, billed_q, credited_q, relieved_q, written_down_q, written_off_q) >= 0
                   or greatest(drafted_q, billed_q, credited_q, relieved_q, written_down_q, written_off_q) <= 0)
           or not (least(drafted_m, billed_m, credited_m, relieved_m, written_down_m, written_off_m) >= 0
                   or greatest(drafted_m, billed_m, credited_m, relieved_m, written_down_m, written_off_m) <= 0)""",
    "held_is_open": """
        select id as subject, 'A held line stands on a draft.' as message
        from ledger_line where hold_reason <> '' and (drafted_q <> 0 or drafted_m <> 0)""",
    "drafts_are_of_one_invoice": """
        select l.id as subject, 'What is drafted of the line is not what its acts put on the open invoice.' as message
        from ledger_line l cross join lateral (
          select sum(j.quantity) as q, sum(j.amount) as m from ledger_journal j join ledger_act a on a.id = j.act
          where j.line_id = l.id and a.invoice_id = l.open_invoice and a.kind in ('draft', 'undraft')) d
        where l.open_invoice is not null and (l.drafted_q, l.drafted_m) is distinct from (d.q, d.m)""",
    "credits_stay_within_their_invoice": """
        select invoice_id || ' ' || line_id as subject,
               'More is credited of the line than this invoice billed.' as message
        from (select a.invoice_id, j.line_id,
                     sum(j.quantity) filter (where a.kind = 'post') as billed_q,
                     sum(j.quantity) filter (where a.kind = 'credit') as credited_q,
                     sum(j.amount) filter (where a.kind = 'post') as billed_m,
                     sum(j.amount) filter (where a.kind = 'credit') as credited_m
              from ledger_act a join ledger_journal j on j.act = a.id
              where a.invoice_id in (select invoice_id from ledger_act where kind = 'credit')
                and a.kind in ('post', 'credit')
              group by a.invoice_id, j.line_id) i
        where abs(credited_q) > abs(coalesce(billed_q, 0)) or abs(credited_m) > abs(coalesce(billed_m, 0))""",
    "signed_off_periods_stay": """
        select a.id::text as subject, 'An act was dated in a period after it was signed off.' as message
        from ledger_period p
        join ledger_act a on a.entity = p.entity and a.accounting_on between p.start_on and p.end_on
        where a.at > p.signed_off_at""",
}


def invariants(connection: Connection) -> list[Violation]:
    """Check the whole ledger and return what breaks a rule; the empty list is the only good answer."""
    return [Violation(rule, row.subject, row.message) for rule, sql in _RULES.items() for row in query(connection, sql)]
