"""Logs say what happened, never what was asked: an exception's message may quote a task.

An exception is shown by its type and its frames. Its message is shown too where it can only be
about the world: of the system, of Kafka, and of our own types.
"""

import logging
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType

OF_THE_WORLD = ("streams", "aiokafka", "kafka", "faust", "mode")
"""Packages whose own exceptions quote no task."""


class Discreet(logging.Filter):
    """Takes out of a record what a library may have quoted; lets every record through."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                brief(value) if isinstance(value, BaseException) else value for value in record.args
            )
        if record.name == "asyncio":  # below its first line it shows tasks with their exceptions
            record.msg, record.args = record.getMessage().partition("\n")[0], ()
        if record.name == "py.warnings":  # PLACE: CATEGORY: what pydantic may quote
            record.msg, record.args = ": ".join(record.getMessage().split(": ", 2)[:2]), ()
        return True


class DiscreetFormatter(logging.Formatter):
    """Formats exceptions without what they quote."""

    def formatException(self, ei: object) -> str:  # noqa: N802 (logging's name)
        """Frames and types of an exception and of all that led to it."""
        error = ei[1] if isinstance(ei, tuple) else None
        return "" if error is None else "\n".join(lines_of(error))


def brief(error: BaseException) -> str:
    """Its type, and its message where that quotes nothing.

    Example:
        >>> brief(ValueError("the prompt")), brief(TimeoutError("10 s"))
        ('ValueError', 'TimeoutError: 10 s')
    """
    kind = type(error)
    known = isinstance(error, OSError) or kind.__module__.partition(".")[0] in OF_THE_WORLD
    message = "" if isinstance(error, BaseExceptionGroup) or not known else str(error)
    return f"{kind.__name__}: {message}" if message else kind.__name__


def lines_of(error: BaseException) -> Iterator[str]:
    """An exception as lines: what caused it first, then its frames, then its type."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from lines_of(cause)
        yield "which led to:"
    yield from (line.rstrip("\n") for line in traceback.format_tb(error.__traceback__))
    yield brief(error)
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from lines_of(one)


def guard(logger: logging.Logger) -> None:
    """Send warnings, and what ends the process, through the log."""
    logging.captureWarnings(capture=True)

    def ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        logger.critical("ended by what nobody expected", exc_info=(kind, error, trace))

    sys.excepthook = ended
