"""Names, mail addresses, prices per person and secrets stay where they belong: in records, envelopes and raw pages.

A canary is a text that only one field holds. The firm is played with canaries; then every other table, and everything
that was logged, is searched for them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from firm import House, a_firm, open_house
from sqlalchemy import URL, text
from structlog.testing import capture_logs

KEEPERS = {"record", "record_version", "blob", "envelope"}
"""Tables that hold personal fields, so that erasure is one place (design, private data)."""

PERSON = "Quillfeather-Zobel"
MAIL = "canary.lead@meridian.example"
NOTE = "canary note about a client's health"


def a_firm_with_canaries():
    """A firm where one person has an unmistakable name, and the lead of the deal an unmistakable address."""
    firm = a_firm()
    (deal,) = firm.deals
    workers = tuple(
        replace(w, last_name=PERSON, email=MAIL if w.email == deal.lead else w.email) if w.number in deal.team else w
        for w in firm.workers
    )
    return replace(firm, workers=workers, deals=(replace(deal, lead=MAIL),))


@contextmanager
def played(url: URL, folder: Path) -> Iterator[House]:
    """Play from won deal to posted invoice."""
    with open_house(url, folder, a_firm_with_canaries()) as house:
        (deal,) = house.firm.deals
        house.win()
        house.run_ends("activate-project")
        house.run_ends("open-workspace")
        house.approve(house.book(deal, 8, days_ago=9, note=NOTE))
        house.run_ends("time-to-bill")
        house.approve(house.book(deal, 13, 12, worker=deal.team[0], note=NOTE))
        house.case("time.more_than_a_day")
        house.bill()
        house.approval()
        house.desk.approve_all()
        house.run_ends("invoice-cycle")
        yield house


def holders(house: House, canary: str) -> list[str]:
    """Return the tables whose text holds a canary, in every schema that is ours or the engine's."""
    found = []
    with house.database.engine.connect() as connection:
        tables = connection.execute(
            text(
                """select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n
                   on n.oid = c.relnamespace where c.relkind in ('r', 'p') and n.nspname in ('accordant', 'dbos')
                   and has_table_privilege(c.oid, 'select')"""
            )
        ).all()
        for schema, name in tables:
            if name in KEEPERS:
                continue
            sql = f'select count(*) from "{schema}"."{name}" t where t::text ilike :canary'
            if connection.execute(text(sql), {"canary": f"%{canary}%"}).scalar():
                found.append(f"{schema}.{name}")
    return found


class TestCanaries:
    def test_no_personal_field_and_no_secret_is_kept_or_logged_elsewhere(self, owner_url, tmp_path, caplog):
        caplog.set_level(logging.INFO)

        with capture_logs() as said, played(owner_url, tmp_path) as house:
            secrets = {s for named in house.systems.estate.secrets.values() for s in named.values() if len(s) > 8}
            canaries = {PERSON, MAIL, NOTE, *(secret.splitlines()[0][:40] for secret in secrets)}
            canaries -= {c for c in canaries if c.startswith("-----BEGIN")}
            kept = {canary: where for canary in canaries if (where := holders(house, canary))}
            assert holders(house, "Ledger review"), "the search finds nothing at all: it would find no canary either"

        assert said
        logged = caplog.text + repr(said)
        assert kept == {}
        assert [canary for canary in canaries if canary in logged] == []
