"""Logs on stderr: JSON lines, or a form for people on a terminal.

An exception is named and never quoted: its text could hold what a request held.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from accredit.settings import LogSettings

__all__ = ["configure", "is_console"]


def is_console(settings: LogSettings) -> bool:
    """Whether the log is for a person."""
    if settings.format == "auto":
        return sys.stderr.isatty()
    return settings.format == "console"


def configure(settings: LogSettings) -> None:
    """Sends what our own code and the libraries log to stderr, in one form."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_exception,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if is_console(settings)
        else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("accredit").setLevel(settings.level.upper())


def _name_exception(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    raised = event.pop("exc_info", None)
    if raised is True:
        raised = sys.exc_info()
    error = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
    event.pop("exc_text", None)
    event.pop("stack_info", None)
    return event
