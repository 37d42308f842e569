import io
import logging
from collections.abc import Iterator

import orjson
import pytest
from aiokafka.errors import KafkaConnectionError

from streams.cli import running
from streams.cli.discretion import Discreet, brief

SECRET = "the prompt"  # noqa: S105 (no password)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[io.StringIO]:
    """What a log handler of ours writes; libraries log errors, as in a worker."""
    caplog.set_level(logging.ERROR, "asyncio")
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(Discreet())
    handler.setFormatter(running.JsonLines())
    root = logging.getLogger()
    root.addHandler(handler)
    yield out
    root.removeHandler(handler)


def fail() -> None:
    try:
        dict[str, int]()[SECRET]
    except KeyError as error:
        raise ValueError(f"can't: {SECRET}") from error


def fail_at_once() -> None:
    raise ExceptionGroup(SECRET, [ValueError(SECRET), OSError("no route")])


def test_an_exception_is_shown_by_types_and_frames_without_its_message(said: io.StringIO) -> None:
    try:
        fail()
    except ValueError:
        logging.getLogger("streams.agents").exception("a bug")
    line = orjson.loads(said.getvalue())
    assert SECRET not in said.getvalue()
    assert (line["message"], line["error"].splitlines()[-1]) == ("a bug", "ValueError")
    assert "KeyError\nwhich led to:" in line["error"]
    assert "in fail" in line["error"]


def test_errors_that_came_together_are_shown_one_by_one(said: io.StringIO) -> None:
    try:
        fail_at_once()
    except ExceptionGroup:
        logging.getLogger("streams.worker").exception("all at once")
    error = orjson.loads(said.getvalue())["error"]
    assert error.splitlines()[-3:] == ["ExceptionGroup", "ValueError", "OSError: no route"]


def test_an_exception_among_the_arguments_of_a_library_is_its_type(said: io.StringIO) -> None:
    logging.getLogger("mode").error("crashed: %r after %s", ValueError(SECRET), 3)
    assert orjson.loads(said.getvalue())["message"] == "crashed: 'ValueError' after 3"


def test_what_asyncio_says_of_a_lost_task_ends_with_its_first_line(said: io.StringIO) -> None:
    logging.getLogger("asyncio").error(f"Task exception was never retrieved\nfuture: {SECRET!r}")  # noqa: G004
    assert orjson.loads(said.getvalue())["message"] == "Task exception was never retrieved"


def test_a_warning_is_its_place_and_its_category(said: io.StringIO) -> None:
    logging.getLogger("py.warnings").warning("%s", f"/x.py:3: UserWarning: {SECRET}\n  warn()")
    assert orjson.loads(said.getvalue())["message"] == "/x.py:3: UserWarning"


def test_what_is_about_the_world_is_said_in_full() -> None:
    assert brief(KafkaConnectionError("no broker")).endswith("no broker")
    assert brief(ConnectionRefusedError(111, "refused")) == (
        "ConnectionRefusedError: [Errno 111] refused"
    )
