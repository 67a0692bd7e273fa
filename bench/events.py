"""What order without loss costs: events per second of 8 writer processes, one event per transaction; prints JSON.

Each writer locks the row of its key and inserts one event. Bare, nothing else happens; ordered, the sequencer moves the
events to the log meanwhile, and the clock runs until the last one is there. Run: `python bench/events.py [seconds]`.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import statistics
import sys
import tempfile
from itertools import count
from pathlib import Path
from time import perf_counter

from sqlalchemy import URL

from accordant.platform.events import Event, Sequencer, publish
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
_FORK = multiprocessing.get_context("fork")
_WRITERS = 8
_KEYS = 64
_RUNS = 3
_TARGETS = {"ratio": 0.8, "lost": 0, "violations": 0}
_NUMBERS = count()


def main(seconds: float) -> None:
    """Run both ways in turn on one fresh server and print the medians."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        owner = server.start()
        try:
            runs = [
                (_run(owner, seconds, is_ordered=False), _run(owner, seconds, is_ordered=True)) for _ in range(_RUNS)
            ]
        finally:
            server.stop()
    bare, ordered = ([pair[way] for pair in runs] for way in (0, 1))
    figures = {
        "writers": _WRITERS,
        "runs": _RUNS,
        "bare_per_s": round(statistics.median(run["per_s"] for run in bare)),
        "ordered_per_s": round(statistics.median(run["per_s"] for run in ordered)),
        "ratio": round(statistics.median(o["per_s"] / b["per_s"] for b, o in runs), 2),
        "lag_s": round(statistics.median(run["lag_s"] for run in ordered), 3),
        "lost": sum(run["lost"] for run in ordered),
        "violations": sum(run["violations"] for run in ordered),
        "targets": _TARGETS,
    }
    print(json.dumps(figures, indent=2))


def _run(owner: URL, seconds: float, *, is_ordered: bool) -> dict[str, float]:
    url = as_role(_fresh(owner), WORKER)
    start = _FORK.Barrier(_WRITERS + 1)
    writers = [_FORK.Process(target=_write, args=(url, writer, seconds, start)) for writer in range(_WRITERS)]
    sequencer = _FORK.Process(target=_sequence, args=(url,), daemon=True)
    for process in [*writers, *([sequencer] if is_ordered else [])]:
        process.start()
    start.wait()
    began = perf_counter()
    for process in writers:
        process.join()
    written_s = perf_counter() - began
    database = Database(url)
    table = "event_log" if is_ordered else "event_fresh"
    while is_ordered and _count(database, "event_fresh"):
        pass
    took = perf_counter() - began
    figures = {
        "per_s": _count(database, table) / took,
        "lag_s": took - written_s,
        "lost": _published(database) - _count(database, table),
        "violations": _violations(database) if is_ordered else 0,
    }
    database.dispose()
    if is_ordered:
        sequencer.kill()
        sequencer.join()
    return figures


def _fresh(owner: URL) -> URL:
    url = create_database(owner, f"bench_{next(_NUMBERS)}")
    migrate(url, _MIGRATIONS)
    database = Database(url)
    with database.begin() as connection:
        execute(connection, "create table accordant.counter (key int primary key, n bigint not null)")
        execute(connection, "insert into counter select k, 0 from generate_series(0, :last) k", last=_KEYS - 1)
        execute(connection, f"grant all on accordant.counter to {WORKER}")
    database.dispose()
    return url


def _write(url: URL, writer: int, seconds: float, start: multiprocessing.synchronize.Barrier) -> None:
    database = Database(url, pool_size=1)
    with database.begin() as connection:
        execute(connection, "select 1")
    start.wait()
    until = perf_counter() + seconds
    for turn in count():
        if perf_counter() > until:
            break
        key = (turn * 7 + writer * 11) % _KEYS
        with database.begin() as connection:
            n = one(connection, "update counter set n = n + 1 where key = :key returning n", key=key).n
            publish(connection, [Event("bench.counted", str(key), data={"n": n})])


def _sequence(url: URL) -> None:
    asyncio.run(Sequencer(Database(url)).run())


def _count(database: Database, table: str) -> int:
    with database.begin() as connection:
        return int(one(connection, f"select count(*) as n from {table}").n)


def _published(database: Database) -> int:
    with database.begin() as connection:
        return int(one(connection, "select sum(n) as n from counter").n)


def _violations(database: Database) -> int:
    """Count log rows whose number does not follow the one before it under the same key."""
    with database.begin() as connection:
        found = one(
            connection,
            """select count(*) as n from (
                 select (data->>'n')::bigint as n, row_number() over (partition by key order by position) as place
                 from event_log) l where n <> place""",
        )
    return int(found.n)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 4.0)
