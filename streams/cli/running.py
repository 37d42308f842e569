"""What long-running commands share: signals that ask to stop, and logs on stderr."""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.settings import LoggingSettings

NOISY = ("aiokafka", "faust", "mode", "kafka", "clickhouse_connect", "httpx", "aiohttp")
"""Libraries whose progress reports are not an operator's business."""


def until_signal(serve: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    """Run `serve` with an event that SIGTERM or SIGINT sets; a second signal cancels it.

    Returns:
        The exit code of `serve`.
    """
    return asyncio.run(_watched(serve))


async def _watched(serve: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def asked() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
    return await serve(stop)


def log_to_stderr(settings: "LoggingSettings") -> None:
    """Log lines to stderr: for people, or JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if settings.format == "json" else Plain())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)


class Plain(logging.Formatter):
    """`time level room: message`, in UTC."""

    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
        self.converter = time.gmtime


class JsonLines(logging.Formatter):
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
