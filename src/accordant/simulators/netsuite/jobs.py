"""Asynchronous requests: a job per request, a task per record, the original answer as the task's result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from accordant.simulators.netsuite.errors import Refusal, not_found, replayed, unexpected

ASYNC_PATH = "/services/rest/async/v1/job"


@dataclass(slots=True)
class Task:
    """One record of a job: the location of what was written, or why it was refused."""

    location: str = ""
    refusal: Refusal | None = None


@dataclass(slots=True)
class Job:
    """One asynchronous request; its tasks are filled when it ran."""

    id: str
    submitted_at: str
    tasks: list[Task] = field(default_factory=list)
    completed: bool = False
    completed_at: str = ""


class Jobs:
    """The asynchronous requests of the account, and the idempotency keys they came with."""

    def __init__(self, stamp: Callable[[], str], origin: str) -> None:
        self._stamp = stamp
        self._origin = origin
        self._jobs: dict[str, Job] = {}
        self._by_key: dict[str, str] = {}

    def submit(self, idempotency_key: str | None) -> Job:
        """Open a job; a key that was seen before is refused with the first job's location."""
        if idempotency_key and (first := self._by_key.get(idempotency_key)):
            raise replayed(f"{ASYNC_PATH}/{first}")
        job = Job(str(len(self._jobs) + 1), self._stamp())
        self._jobs[job.id] = job
        if idempotency_key:
            self._by_key[idempotency_key] = job.id
        return job

    def run(self, job: Job, works: Sequence[Callable[[], str]], *, fail_every: int = 0) -> None:
        """Do each record's work; one that is refused fails alone (`fail_every` is the `partial_batch` fault)."""
        for number, work in enumerate(works, start=1):
            try:
                if fail_every and number % fail_every == 0:
                    raise unexpected()
                job.tasks.append(Task(location=work()))
            except Refusal as refusal:
                job.tasks.append(Task(refusal=refusal))
        job.completed, job.completed_at = True, self._stamp()

    def job(self, id: str) -> dict[str, Any]:
        """Return the job's state."""
        job = self._require(id)
        failed = any(t.refusal for t in job.tasks)
        progress = "processing" if not job.completed else "failed" if failed else "succeeded"
        return {
            "links": [self._link(id)],
            "completed": job.completed,
            "id": id,
            "progress": progress,
            "task": {"links": [self._link(id, "task")]},
        }

    def tasks(self, id: str) -> dict[str, Any]:
        """Return all tasks of the job, in the order of the request's items."""
        job = self._require(id)
        items = [self._task(job, number) for number in range(1, len(job.tasks) + 1)]
        return {
            "links": [self._link(id, "task")],
            "count": len(items),
            "hasMore": False,
            "items": items,
            "offset": 0,
            "totalResults": len(items),
        }

    def task(self, id: str, number: str) -> dict[str, Any]:
        """Return one task's state."""
        job = self._require(id)
        self.result(id, number)
        return self._task(job, int(number))

    def result(self, id: str, number: str) -> Task:
        """Return what became of one record."""
        tasks = self._require(id).tasks
        if not number.isdigit() or not 1 <= int(number) <= len(tasks):
            raise not_found()
        return tasks[int(number) - 1]

    def _require(self, id: str) -> Job:
        job = self._jobs.get(id)
        if job is None:
            raise not_found()
        return job

    def _task(self, job: Job, number: int) -> dict[str, Any]:
        task = job.tasks[number - 1]
        return {
            "links": [self._link(job.id, f"task/{number}/result", rel="related"), self._link(job.id, f"task/{number}")],
            "completed": True,
            "endTime": job.completed_at,
            "id": str(number),
            "progress": "failed" if task.refusal else "succeeded",
            "startTime": job.submitted_at,
        }

    def _link(self, *parts: str, rel: str = "self") -> dict[str, str]:
        return {"rel": rel, "href": "/".join((f"{self._origin}{ASYNC_PATH}", *parts))}
