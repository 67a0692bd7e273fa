"""Every metric by name: gauges read from the tables when somebody scrapes, one aggregate query each.

Nothing is counted in a process, so that restarts and the number of workers change no figure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from accordant.platform.storage import rows

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily


@dataclass(frozen=True, slots=True)
class Gauge:
    """One metric: its query returns the labels in this order, and then the value."""

    name: str
    help: str
    labels: tuple[str, ...]
    sql: str


GAUGES = (
    Gauge("accordant_runs", "Runs.", ("flow", "state"), "select flow, state, count(*) from run group by 1, 2"),
    Gauge(
        "accordant_queue_age_seconds",
        "Age of the oldest run that no process has taken yet.",
        ("flow",),
        """select flow, extract(epoch from clock_timestamp() - min(started_at))
           from run where state = 'running' and attempt = 0 group by 1""",
    ),
    Gauge(
        "accordant_parked_gates",
        "Gates at which runs wait.",
        ("kind",),
        "select kind, count(*) from gate where resolved_at is null group by 1",
    ),
    Gauge(
        "accordant_resume_age_seconds",
        "Age of the oldest answer that no run has taken up yet.",
        (),
        """select coalesce(max(extract(epoch from clock_timestamp() - g.resolved_at)), 0)
           from gate g join run r on r.id = g.run_id
           where g.resolved_at is not null and g.passed_at is null and r.state = 'parked'""",
    ),
    Gauge(
        "accordant_effects",
        "Writes outside, by what came of them.",
        ("system", "operation", "outcome"),
        """select system, operation, case when state = 'done' and adopted then 'adopted' else state end, count(*)
           from effect group by 1, 2, 3""",
    ),
    Gauge(
        "accordant_effect_open_age_seconds",
        "Age of the oldest write whose outcome nobody knows yet.",
        ("system",),
        """select system, extract(epoch from clock_timestamp() - min(coalesce(called_at, intent_at)))
           from effect where state in ('intent', 'unsure') group by 1""",
    ),
    Gauge(
        "accordant_sync_lag_seconds",
        "Time since a feed was last read.",
        ("system", "feed"),
        "select system, feed, extract(epoch from clock_timestamp() - updated_at) from watermark",
    ),
    Gauge(
        "accordant_open_cases",
        "Exceptions that are not resolved.",
        ("stage",),
        "select stage, count(*) from exception_case where state <> 'resolved' group by 1",
    ),
    Gauge(
        "accordant_breaker",
        "1 for the state in which the breaker is.",
        ("system", "operation", "state"),
        "select system, operation, state, 1 from breaker",
    ),
    Gauge(
        "accordant_events_backlog",
        "Events committed and not yet in the log.",
        (),
        "select count(*) from event_fresh",
    ),
    Gauge(
        "accordant_deliveries_behind",
        "Positions of the log that a subscription has not taken up.",
        ("subscription",),
        "select s.id, coalesce((select max(position) from event_log), 0) - s.position from subscription s",
    ),
    Gauge(
        "accordant_deliveries",
        "Events taken up and not simply delivered.",
        ("subscription", "state"),
        "select subscription, state, count(*) from delivery group by 1, 2",
    ),
    Gauge(
        "accordant_executors",
        "Processes that run flows and hold their lease.",
        (),
        """select count(*) from executor
           where reaped_at is null and beat_at > clock_timestamp() - make_interval(secs => lease_s)""",
    ),
    Gauge(
        "accordant_audit_unsealed_rows",
        "Audit rows after the last seal.",
        (),
        "select count(*) from audit where id > coalesce((select max(last_id) from audit_seal), 0)",
    ),
)


def collect(connection: Connection) -> Iterator[GaugeMetricFamily]:
    """Read every gauge; one query each, no row more than there are label values."""
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - only who serves metrics needs it

    for gauge in GAUGES:
        family = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.labels)
        for *labels, value in rows(connection, gauge.sql):
            family.add_metric([str(label) for label in labels], float(value))
        yield family


def exposition(connection: Connection) -> bytes:
    """Return all metrics in the text format of Prometheus (content type `text/plain; version=0.0.4`)."""
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415

    families = list(collect(connection))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Read(families))
    return generate_latest(registry)


class _Read:
    """Families that were read already, as the registry wants them."""

    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> list[GaugeMetricFamily]:
        return self._families
