"""Commands in the test's own process, which has imported all that they need: a tenth of a second each."""

import asyncio
import contextlib
import io
import logging
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from streams.cli.main import main

LIBRARIES = ("aiokafka", "clickhouse_connect", "opentelemetry")
"""Whose loggers commands make quiet."""


class Said(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


async def typed(env: Mapping[str, str], *words: str) -> Said:
    """Run a command with these variables; nobody else may print meanwhile."""
    levels = {name: logging.getLogger(name).level for name in LIBRARIES}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = await asyncio.to_thread(_run, words)
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
    return Said(code, *(_text(stream) for stream in (out, err)))


def _run(words: tuple[str, ...]) -> int:
    try:
        return main(words)
    except SystemExit as ended:  # argparse
        return int(ended.code or 0)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
