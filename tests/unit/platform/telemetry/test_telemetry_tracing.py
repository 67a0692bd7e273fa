"""A run is one trace, across processes and replays; spans hold business ids and nothing private."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from accordant.kernel import InvalidInput
from accordant.platform.http import trace_headers
from accordant.platform.telemetry import about, span, start_tracing, stop_tracing


@pytest.fixture
def finished():
    """End tracing and return its spans by name, in the order in which they ended."""
    exporter = InMemorySpanExporter()
    start_tracing("accordant-test", exporter=exporter)

    def finish():
        stop_tracing()
        return list(exporter.get_finished_spans())

    yield finish
    stop_tracing()


class TestSpans:
    def test_effects_lie_inside_their_run_and_carry_its_ids(self, finished):
        """R-OBS-06, R-OBS-11."""
        with (
            about(run="activate@1:con_1#1", subject="con_1"),
            span("run"),
            span("effect", system="erp", operation="create"),
        ):
            pass

        effect, run = finished()
        assert (effect.name, run.name) == ("effect", "run")
        assert effect.parent.span_id == run.context.span_id
        assert dict(effect.attributes) == {
            "accordant.run": "activate@1:con_1#1",
            "accordant.subject": "con_1",
            "accordant.system": "erp",
            "accordant.operation": "create",
        }

    def test_every_execution_of_a_run_is_in_one_trace(self, finished):
        for run in ("a", "a", "b"):
            with about(run=run), span("run"):
                pass

        first, again, other = finished()
        assert first.context.trace_id == again.context.trace_id
        assert first.context.trace_id != other.context.trace_id

    def test_a_failure_shows_its_class_and_not_its_message(self, finished):
        with pytest.raises(ValueError), span("effect"):
            raise ValueError("Ivy Archer")

        [failed] = finished()
        assert failed.status.status_code is StatusCode.ERROR
        assert failed.attributes["accordant.ended_by"] == "ValueError"
        assert "Archer" not in failed.to_json()

    def test_what_is_expected_is_no_error(self, finished):
        with pytest.raises(KeyError), span("run", expected=(KeyError,)):
            raise KeyError

        [parked] = finished()
        assert parked.status.status_code is StatusCode.UNSET
        assert parked.attributes["accordant.ended_by"] == "KeyError"

    def test_private_values_are_masked(self, finished):
        with span("effect", email="a@b.example", token="abc123"):
            pass

        [recorded] = finished()
        assert dict(recorded.attributes) == {"accordant.email": "[personal]", "accordant.token": "[secret]"}

    def test_calls_inside_carry_the_trace(self, finished):
        with about(run="a"), span("run"):
            inside = trace_headers.get()["traceparent"]

        [recorded] = finished()
        assert f"{recorded.context.trace_id:032x}-{recorded.context.span_id:016x}" in inside
        assert trace_headers.get() == {}


class TestStarting:
    def test_nothing_is_recorded_when_nobody_wants_it(self, monkeypatch):
        for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_EXPORTER"):
            monkeypatch.delenv(name, raising=False)

        assert start_tracing("accordant") is False
        with span("run"):
            assert trace_headers.get() == {}

    def test_an_endpoint_without_its_exporter_says_what_to_install(self, monkeypatch):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
        monkeypatch.setitem(__import__("sys").modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

        with pytest.raises(InvalidInput, match="no OTLP exporter is installed"):
            start_tracing("accordant")

    def test_the_console_shows_spans_when_asked(self, monkeypatch, capsys):
        monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")

        assert start_tracing("accordant") is True
        with span("run", run="a"):
            pass
        stop_tracing()

        assert '"accordant.run": "a"' in capsys.readouterr().err
