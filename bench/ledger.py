"""What the truth per line costs, as a ratio to bare COPY + UPDATE in the same PostgreSQL; prints one JSON object.

A row operation is one line approved, drafted or posted; bare, one row copied or updated. `database` are three single
statements against the guarded table; `api` and `per_invoice` are the calls of the ledger room with their models.
Run: `python bench/ledger.py [lines] [lines for the invariants]`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from sqlalchemy import URL, Connection

from accordant.kernel import Money
from accordant.ledger import AllOpen, ApprovedLine, By, approve, credit, draft, invariants, post
from accordant.platform.storage import (
    WORKER,
    Database,
    EmbeddedPostgres,
    as_role,
    create_database,
    execute,
    migrate,
    one,
)

_MIGRATIONS = Path(__file__).parent.parent / "src/accordant/runtime/migrations"
_TARGETS = {"database": 0.25, "per_invoice": 0.15, "credit_of_5000_s": 0.3, "invariants_s": 5.0}
_PER_INVOICE = 500
_DAY = date(2026, 5, 12)
_BY = By("bench", "bench")
_NUMBERS = count()
T = TypeVar("T")


def main(lines: int, invariant_lines: int) -> None:
    """Run every part on one fresh server and print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        owner = server.start()
        try:
            bare = _bare(owner, lines)
            figures = {
                "lines": lines,
                "bare_ops_per_s": round(3 * lines / bare),
                "database": round(bare / _statements(owner, lines), 3),
                "api": round(bare / _api(owner, lines, lines), 3),
                "per_invoice": round(bare / _api(owner, lines, _PER_INVOICE), 3),
                "credit_of_5000_s": round(_credit(owner, 5_000), 3),
                "invariant_lines": invariant_lines,
                "invariants_s": round(_invariants(owner, invariant_lines), 2),
                "targets": _TARGETS,
            }
        finally:
            server.stop()
    print(json.dumps(figures, indent=2))


@contextmanager
def _fresh(owner: URL) -> Iterator[Database]:
    url = create_database(owner, f"bench_{next(_NUMBERS)}")
    migrate(url, _MIGRATIONS)
    database = Database(as_role(url, WORKER))
    yield database
    database.dispose()


def _bare(owner: URL, lines: int) -> float:
    database = Database(owner)
    with database.begin() as connection:
        execute(
            connection,
            """create table bare (id text primary key, contract text, hours numeric, money bigint,
                                  drafted bigint default 0, billed bigint default 0) with (fillfactor = 60)""",
        )
    began = perf_counter()
    with (
        database.begin() as connection,
        connection.connection.cursor() as cursor,
        cursor.copy("copy bare (id, contract, hours, money) from stdin") as copy,
    ):
        for number in range(lines):
            copy.write_row((f"tim_{number:026}", "con_1", Decimal(8), 120_000))
    for change in ("drafted = money", "billed = drafted, drafted = 0"):
        with database.begin() as connection:
            execute(connection, f"update bare set {change}")
    took = perf_counter() - began
    database.dispose()
    return took


def _statements(owner: URL, lines: int) -> float:
    with _fresh(owner) as database:
        began = perf_counter()
        _fill(database, lines)
        return perf_counter() - began


def _fill(database: Database, lines: int) -> None:
    """Approve, draft and post lines in three statements; the guards and the journal are the database's."""
    with database.begin() as connection:
        execute(
            connection,
            """insert into ledger_line (id, kind, entity, currency, contract_id, contract_version, project_id,
                                        worker_id, role, worked_on, source_ref, unit_price, approved_q, approved_m, act)
               select 'tim_' || lpad(n::text, 26, '0'), 'time', 'uk01', 'GBP', 'con_1', 1, 'prj_1', 'wrk_1',
                      'CONS', '2026-05-12', 'psa/' || n, 15000, 8, 120000, :act from generate_series(1, :lines) n""",
            act=_act(connection, "approve"),
            lines=lines,
        )
    with database.begin() as connection:
        execute(
            connection,
            "update ledger_line set drafted_q = approved_q, drafted_m = approved_m, open_invoice = 'inv_1', act = :act",
            act=_act(connection, "draft"),
        )
    with database.begin() as connection:
        execute(
            connection,
            """update ledger_line set billed_q = drafted_q, billed_m = drafted_m, drafted_q = 0, drafted_m = 0,
                                      open_invoice = null, act = :act""",
            act=_act(connection, "post"),
        )


def _act(connection: Connection, kind: str) -> int:
    found = one(
        connection,
        """insert into ledger_act (kind, entity, invoice_id, currency, accounting_on, cause, actor)
           select kind, 'uk01', case when has_invoice then 'inv_1' end, case when has_invoice then 'GBP' end,
                  case when has_accounting then date '2026-05-31' end, 'bench', 'bench'
           from ledger_act_kind where kind = :kind returning id""",
        kind=kind,
    )
    return int(found.id)


def _api(owner: URL, lines: int, per_invoice: int) -> float:
    wanted = [
        ApprovedLine(
            id=f"tim_{number:026}",
            entity="uk01",
            currency="GBP",
            contract_id=f"con_{number // per_invoice}",
            project_id="prj_1",
            worker_id="wrk_1",
            role="CONS",
            worked_on=_DAY,
            source_ref=f"psa/{number}",
            quantity=Decimal(8),
            unit_price=Money.of(150, "GBP"),
        )
        for number in range(lines)
    ]
    with _fresh(owner) as database:
        began = perf_counter()
        for first in range(0, lines, 5_000):
            _in(database, lambda c, first=first: approve(c, wanted[first : first + 5_000], _BY))
        for number in range(lines // per_invoice):
            _bill(database, number)
        return perf_counter() - began


def _bill(database: Database, number: int) -> None:
    invoice = f"inv_{number}"
    _in(database, lambda c: draft(c, invoice, AllOpen(f"con_{number}", _DAY), _BY))
    _in(database, lambda c: post(c, invoice, accounting_on=_DAY, document_ref=invoice, by=_BY))


def _credit(owner: URL, lines: int) -> float:
    with _fresh(owner) as database:
        _fill(database, lines)
        began = perf_counter()
        _in(database, lambda c: credit(c, "inv_1", accounting_on=_DAY, document_ref="crn_1", by=_BY))
        return perf_counter() - began


def _invariants(owner: URL, lines: int) -> float:
    with _fresh(owner) as database:
        _fill(database, lines)
        began = perf_counter()
        found = _in(database, invariants)
        if found:
            raise SystemExit(f"The ledger does not hold: {found[:3]}")
        return perf_counter() - began


def _in(database: Database, work: Callable[[Connection], T]) -> T:
    with database.begin() as connection:
        return work(connection)


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*numbers, *(200_000, 1_000_000)[len(numbers) :])
