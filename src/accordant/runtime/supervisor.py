"""Child processes of one installation: started with what they need to know, watched, stopped in good order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from accordant.runtime.place import Place
from accordant.runtime.settings import Settings

log = structlog.get_logger(__name__)

LOST_LEASE = 75  # how a worker exits when others have taken its work: it is simply started again


@dataclass
class Child:
    """One child process; `name` is for people."""

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    rests_until: float = 0.0

    def start(self) -> None:
        """Start the process."""
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "accordant.cli", *self.arguments], env=self.environment
        )

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return self.process.pid if self.process else 0

    @property
    def pid_text(self) -> str:
        """The process id as text, a key that a restart changes."""
        return str(self.pid)

    def kill(self) -> None:
        """End the process by SIGKILL, as a power cut would."""
        if self.process:
            self.process.kill()
            self.process.wait()

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None


@dataclass
class Supervisor:
    """Starts and watches the children of one installation.

    Args:
        settings: of the installation.
        place: the database, whose owner is this process.
        environment: what children get besides: secrets under the names the estate refers to.
    """

    settings: Settings
    place: Place
    environment: Mapping[str, str] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)

    def worker(self, name: str = "worker", **extra: str) -> Child:
        """Start a worker process; the first one seals the audit trail, too."""
        seals = str(not any(child.arguments == ("worker",) for child in self.children)).lower()
        known = {"ACCORDANT_WORKER_URL": self.place.worker, "ACCORDANT_SEALS": seals}
        return self._spawn(name, ("worker",), {**known, **extra})

    def doors(self) -> Child:
        """Start API and console."""
        urls = {"ACCORDANT_WORKER_URL": self.place.worker, "ACCORDANT_DOOR_URL": self.place.door}
        return self._spawn("doors", ("serve", "--attached"), urls)

    def watch(self) -> None:
        """Start children again that ended by themselves; one that ends again and again waits longer each time."""
        now = time.monotonic()
        for child in self.children:
            if not child.is_alive and now >= child.rests_until:
                child.rests_until = now + min(0.5 * 2**child.restarts, 60)
                code = child.process.returncode if child.process else None
                log.warning("child.ended", name=child.name, code=code, restarts=child.restarts)
                child.restarts += 1
                child.start()

    def stop(self) -> None:
        """Stop all children: asked first, killed after ten seconds."""
        for child in self.children:
            if child.is_alive and child.process:
                child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 10
        for child in self.children:
            if child.process:
                try:
                    child.process.wait(timeout=max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    child.process.kill()
                    child.process.wait()
        self.children.clear()

    def _spawn(self, name: str, arguments: tuple[str, ...], extra: Mapping[str, str]) -> Child:
        known = {
            "ACCORDANT_ESTATE": str(self.settings.estate),
            "ACCORDANT_DATA": str(self.settings.data),
            "ACCORDANT_LEASE_S": str(self.settings.lease_s),
            "ACCORDANT_HASTE": str(self.settings.haste),
            "ACCORDANT_HOST": self.settings.host,
            "ACCORDANT_PORT": str(self.settings.port),
        }
        child = Child(name, arguments, {**os.environ, **known, **self.environment, **extra})
        child.start()
        self.children.append(child)
        return child


@contextmanager
def supervised(settings: Settings, place: Place, environment: Mapping[str, str]) -> Iterator[Supervisor]:
    """Hold a supervisor whose children end with the context."""
    supervisor = Supervisor(settings, place, environment)
    try:
        yield supervisor
    finally:
        supervisor.stop()
