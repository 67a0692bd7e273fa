"""Telemetry: logs without personal data, one trace per run, and metrics read from the tables by name.

What a number means to the business belongs to `insight`. Import `telemetry.metrics` where metrics are served.
"""

from accordant.platform.telemetry.logs import about, configure_logging
from accordant.platform.telemetry.masking import mask, mask_text
from accordant.platform.telemetry.tracing import span, start_tracing, stop_tracing

__all__ = ["about", "configure_logging", "mask", "mask_text", "span", "start_tracing", "stop_tracing"]
