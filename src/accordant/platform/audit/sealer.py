"""The sealer: chains what was appended, in batches, and writes each seal outside the database before it counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from accordant.kernel import AccordantError, InvalidInput
from accordant.platform.audit.chain import Seal, leaves_of
from accordant.platform.audit.seal_file import append_seal, last_seal
from accordant.platform.storage import Database, execute, maybe, one, rows

log = structlog.get_logger(__name__)
_LOCK = 7_301_002

_WRITING = """
select virtualtransaction as writer from pg_locks
where locktype = 'relation' and relation = 'audit'::regclass and mode = 'RowExclusiveLock' and granted
  and database = (select oid from pg_database where datname = current_database())
"""


@dataclass(frozen=True, slots=True)
class _Horizon:
    """An id, and the transactions that may still commit a row at or below it."""

    last_id: int
    writers: frozenset[str]


class Sealer:
    """Seals the audit trail of a database; runs where the seal file lies, in the process that owns the installation.

    Ids are given before commits: a row may appear below one that is long visible, and a rolled-back insert leaves a
    gap for ever. So a batch ends at a *safe horizon*: the sealer notes the highest id given so far and then which
    transactions hold the insert lock on the table, and seals up to that id once all of these have ended. Whoever took
    an id before it was noted held that lock already and holds it until its end, so nothing can appear at or below the
    horizon any more. Batches adjoin, gaps included: a row that is slipped into a gap later breaks its batch.

    Args:
        database: opened as a worker.
        key: of the keyed hashes, `sealing_key`.
        folder: where the seal file lies.
        batch: rows per seal, at most.
        patience_s: how long one call waits for writers that were under way; the next call goes on waiting.
        publish: called with each line after it is on the disk, to carry it further away (a mail, a locked bucket).
    """

    def __init__(
        self,
        database: Database,
        key: bytes,
        folder: Path,
        *,
        batch: int = 1000,
        patience_s: float = 2.0,
        publish: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._key = key
        self._folder = folder
        self._batch = batch
        self._patience_s = patience_s
        self._publish = publish
        self._horizon: _Horizon | None = None

    def seal(self) -> int:
        """Seal every row below a safe horizon; returns how many rows were sealed.

        Raises:
            InvalidInput: database and seal file contradict each other; `verify` says where.
        """
        horizon = self._safe_horizon()
        if horizon is None:
            return 0
        sealed = 0
        while done := self._seal_batch(horizon):
            sealed += done
        return sealed

    async def run(self, *, pause_s: float = 5.0) -> None:
        """Seal until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.seal)
            except (SQLAlchemyError, AccordantError, OSError) as error:
                log.warning("audit.not_sealed", error=type(error).__name__, message=str(error))
            await asyncio.sleep(pause_s)

    def _safe_horizon(self) -> int | None:
        """Return an id below which nothing can appear any more; None when writers outlast our patience."""
        deadline = time.monotonic() + self._patience_s
        while True:
            with self._database.begin() as connection:
                horizon = self._horizon or _Horizon(_highest_id(connection), _writers(connection))
                if not horizon.writers & _writers(connection):
                    self._horizon = None
                    return horizon.last_id
            self._horizon = horizon
            if time.monotonic() > deadline:
                return None
            time.sleep(0.02)

    def _seal_batch(self, horizon: int) -> int:
        with self._database.begin() as connection:
            if not maybe(connection, "select 1 where pg_try_advisory_xact_lock(:lock)", lock=_LOCK):
                return 0
            previous = self._last_seal(connection)
            after = previous.last_id if previous else 0
            found = one(
                connection,
                """select count(*) as rows, max(id) as last_id
                   from (select id from audit where id > :after and id <= :horizon order by id limit :batch) batch""",
                after=after,
                horizon=horizon,
                batch=self._batch,
            )
            if not found.rows:
                return 0
            seal = Seal.of(
                self._key, previous, found.last_id, leaves_of(connection, self._key, after + 1, found.last_id)
            )
            _insert(connection, seal)
            append_seal(self._folder, seal)
        self._publish(seal.as_line())
        return seal.rows

    def _last_seal(self, connection: Connection) -> Seal | None:
        """Return the last seal; one that reached the file and not the database (a crash in between) is entered again.

        The file is written before the commit, so it is at most one seal ahead.
        """
        outside = last_seal(self._folder)
        written = outside.batch if outside else 0
        stored = one(connection, "select coalesce(max(batch), 0) as batch from audit_seal").batch
        if outside and written == stored + 1:
            _insert(connection, outside)
        elif written != stored:
            raise InvalidInput(
                f"The database has {stored} seals and the file {written}.",
                code="audit.seals_differ",
                remedy="Run `accordant audit verify`; nothing is sealed until both agree.",
            )
        return outside


def _highest_id(connection: Connection) -> int:
    found = one(connection, "select case when is_called then last_value else 0 end as id from audit_id_seq")
    return int(found.id)


def _writers(connection: Connection) -> frozenset[str]:
    return frozenset(row.writer for row in rows(connection, _WRITING))


def _insert(connection: Connection, seal: Seal) -> None:
    execute(
        connection,
        """insert into audit_seal (batch, first_id, last_id, rows, root, chained) overriding system value
           values (:batch, :first_id, :last_id, :rows, :root, :chained)""",
        batch=seal.batch,
        first_id=seal.first_id,
        last_id=seal.last_id,
        rows=seal.rows,
        root=seal.root,
        chained=seal.chained,
    )
