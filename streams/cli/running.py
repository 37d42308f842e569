"""What long-running commands share: signals that ask to stop, and logs on stderr."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from streams.cli.discretion import Discreet, DiscreetFormatter, guard

if TYPE_CHECKING:
    from streams.settings import LoggingSettings

logger = logging.getLogger(__name__)

FOR_EVER_S = 86_400.0
REPEAT_S = 10.0
NOISY = (
    "aiokafka",
    "asyncio",
    "faust",
    "mode",
    "kafka",
    "clickhouse_connect",
    "httpx",
    "aiohttp",
    "urllib3",
    "opentelemetry",
)
"""Libraries whose progress reports are not an operator's business."""


def until_signal(
    serve: Callable[[asyncio.Event], Awaitable[int]], patience_s: float = FOR_EVER_S
) -> int:
    """Run `serve` with an event that SIGTERM or SIGINT sets; a second signal cancels it.

    Args:
        serve: What runs, and ends soon after the event is set.
        patience_s: How long it may take to end; then the process exits 1 at once. A broker that
            is gone must not keep a worker alive: what it has not settled is read again.

    Returns:
        The exit code of `serve`.
    """
    return asyncio.run(_watched(serve, patience_s))


async def _watched(serve: Callable[[asyncio.Event], Awaitable[int]], patience_s: float) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def asked() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
        if not stop.is_set():
            loop.call_later(patience_s, _give_up, patience_s)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
    return await serve(stop)


def _give_up(patience_s: float) -> None:
    logger.error("not ended %.0f s after it was asked to: exiting", patience_s)
    os._exit(1)


def log_to_stderr(settings: "LoggingSettings") -> None:
    """Log lines to stderr: for people, or JSON lines; without what tasks and answers say."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Discreet())
    handler.addFilter(Sparing())
    handler.setFormatter(JsonLines() if settings.format == "json" else Plain())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.WARNING, logging.getLevelName(settings.level.upper())))
    logging.getLogger("streams").setLevel(settings.level.upper())  # what libraries debug is bytes
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)
    guard(logger)


class Sparing(logging.Filter):
    """Lets each library message through once in ten seconds: a lost broker is said, not chanted."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if record.name.startswith("streams"):
            return True
        key = (record.name, record.msg if isinstance(record.msg, str) else "")
        if record.created - self._said.get(key, 0.0) < REPEAT_S:
            return False
        self._said[key] = record.created
        return True


class Plain(DiscreetFormatter):
    """`time level room: message`, in UTC."""

    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
        self.converter = time.gmtime


class JsonLines(DiscreetFormatter):
    """One JSON object a line: `at`, `level`, `room`, `message`, and `error` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        import orjson

        line = {
            "at": Plain().formatTime(record),
            "level": record.levelname.lower(),
            "room": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return orjson.dumps(line).decode()
