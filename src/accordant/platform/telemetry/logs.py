"""Logs: JSON for machines, lines for people, every one masked, every one with the business ids of the moment."""

from __future__ import annotations

import logging
import sys
from contextlib import AbstractContextManager
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from accordant.platform.telemetry.masking import mask


def configure_logging(*, style: str = "", level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send every log line of the process, ours and the libraries', through one masked format.

    Args:
        style: `json` or `console`; empty chooses `console` on a terminal.
        level: of the lowest line that is written.
        stream: standard error, if none is given.
    """
    target = stream or sys.stderr
    is_console = style == "console" or (not style and target.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,  # text without local variables: these hold whole records
        masked,
        structlog.dev.ConsoleRenderer(colors=target.isatty()) if is_console else structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=rendering))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.getLogger("alembic").setLevel(max(level, logging.WARNING))  # it tells of each plug-in at every start


def masked(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Mask a whole line, its message and its traceback included; the last step before it is rendered."""
    return {key: mask(value, key) for key, value in event.items()}


def about(**ids: Any) -> AbstractContextManager[Any]:
    """Say what the work inside is about: run, subject, entity, …; every log line and span inside carries it."""
    return structlog.contextvars.bound_contextvars(**{name: value for name, value in ids.items() if value})
