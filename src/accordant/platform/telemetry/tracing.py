"""Traces: one per run, whoever executes it and how often; a span costs nothing until tracing is started.

Spans stand around effects, runs and events, never around single rows.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from accordant.kernel import InvalidInput
from accordant.platform.telemetry.masking import mask

_provider: Any = None


def start_tracing(service: str, *, exporter: Any = None) -> bool:
    """Begin to record spans, if somebody wants them; False when nobody does.

    They go to `OTEL_EXPORTER_OTLP_ENDPOINT` when it is set, to the screen when `OTEL_TRACES_EXPORTER` is `console`, or
    to an exporter of the caller's own.

    Raises:
        InvalidInput: an endpoint is set and the exporter's package is not installed.
    """
    global _provider  # noqa: PLW0603 - tracing belongs to the process
    if exporter is None:
        exporter = _wanted_exporter()
    if exporter is None:
        return False
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - 0.2 s that only a traced process needs
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    _provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
    _provider.add_span_processor(BatchSpanProcessor(exporter))
    return True


def stop_tracing() -> None:
    """Hand over what was recorded and stop."""
    global _provider  # noqa: PLW0603
    if _provider is not None:
        _provider.shutdown()
        _provider = None


@contextmanager
def span(name: str, *, expected: tuple[type[BaseException], ...] = (), **ids: Any) -> Iterator[None]:
    """Record the work inside as a span, with the ids given and those of `about`.

    All spans of a run share one trace, across processes and replays: its trace id follows from the run's id.

    Args:
        name: `run`, `effect`, `event`.
        expected: errors that are daily business: a run that parks has not failed.
        ids: business ids, codes and counts; masked like a log line.
    """
    if _provider is None:
        yield
        return
    known = {**structlog.contextvars.get_contextvars(), **{k: v for k, v in ids.items() if v}}
    attributes = {f"accordant.{key}": str(mask(value, key)) for key, value in known.items()}
    with _recording(name, known.get("run"), attributes) as recorded, _carried():
        try:
            yield
        except BaseException as error:
            _end_badly(recorded, error, is_expected=isinstance(error, expected))
            raise


def _recording(name: str, run: str | None, attributes: dict[str, str]) -> Any:
    from opentelemetry import trace  # noqa: PLC0415 - loaded by now

    is_root = not trace.get_current_span().get_span_context().is_valid
    context = _context_of(run) if run and is_root else None
    return _provider.get_tracer("accordant").start_as_current_span(
        name, context=context, attributes=attributes, record_exception=False, set_status_on_exception=False
    )


def _context_of(run: str) -> Any:
    """Return the context of a parent that every execution of the run shares."""
    from opentelemetry import trace  # noqa: PLC0415

    digest = hashlib.sha256(run.encode()).digest()
    parent = trace.SpanContext(
        int.from_bytes(digest[:16]), int.from_bytes(digest[16:24]), is_remote=True, trace_flags=trace.TraceFlags(1)
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(parent))


@contextmanager
def _carried() -> Iterator[None]:
    """Let HTTP calls inside carry the trace."""
    from opentelemetry.propagate import inject  # noqa: PLC0415

    from accordant.platform.http import trace_headers  # noqa: PLC0415 - only a traced process needs it here

    headers: dict[str, str] = {}
    inject(headers)
    before = trace_headers.get()
    trace_headers.set(headers)
    try:
        yield
    finally:
        trace_headers.set(before)


def _end_badly(recorded: Any, error: BaseException, *, is_expected: bool) -> None:
    from opentelemetry.trace import StatusCode  # noqa: PLC0415

    recorded.set_attribute("accordant.ended_by", type(error).__name__)
    if not is_expected:
        recorded.set_status(StatusCode.ERROR, type(error).__name__)  # the message may hold more than ids


def _wanted_exporter() -> Any:
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        try:
            return importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter").OTLPSpanExporter()
        except ImportError as error:
            raise InvalidInput(
                "OTEL_EXPORTER_OTLP_ENDPOINT is set, and no OTLP exporter is installed.",
                code="telemetry.exporter",
                remedy="Install opentelemetry-exporter-otlp-proto-http, or unset the variable.",
            ) from error
    if os.environ.get("OTEL_TRACES_EXPORTER") == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter  # noqa: PLC0415

        return ConsoleSpanExporter(out=sys.stderr)
    return None
