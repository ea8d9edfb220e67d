"""Log lines belong to servers; a command says in its own words what its user has to know."""

import logging
import sys

import structlog

__all__ = ["quiet"]


def quiet() -> None:
    """Keeps what libraries and our own rooms log off the output of a command."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
