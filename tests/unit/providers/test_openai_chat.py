from decimal import Decimal
from typing import Any

import orjson
import pytest

from streams.calling.attempts import Failure
from streams.events.outcome import Usage
from streams.events.task import Message, Task
from streams.providers.openai_chat import OpenAIChat
from streams.providers.port import Failed, Prompt, Reply, prompt_for

WIRE = OpenAIChat()


def decoded(body: object, status: int = 200) -> Reply | Failed:
    return WIRE.decode(status, {}, body if isinstance(body, bytes) else orjson.dumps(body))


def a_completion(**message: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return {"model": "m-2026", "choices": [choice], "usage": {}}


def test_a_prompt_without_wishes_sends_model_and_messages_alone() -> None:
    asked = WIRE.encode(Prompt("c1", "m", (Message(content="2 + 2?"),)))
    assert asked.path == "/chat/completions"
    assert orjson.loads(asked.body) == {
        "model": "m",
        "messages": [{"role": "user", "content": "2 + 2?"}],
    }


def test_every_wish_of_a_task_reaches_the_wire() -> None:
    schema = {"type": "object"}
    tool = {"type": "function", "function": {"name": "add"}}
    task = Task(
        task_id="t1",
        messages=[Message(role="system", content="Be short."), Message(content="2 + 2?")],
        context="Numbers are decimal.",
        temperature=0.0,
        max_output_tokens=5,
        response_schema=schema,
        tools=[tool],
    )
    asked = WIRE.encode(prompt_for(task, model="m", call_id="c1"))
    assert orjson.loads(asked.body) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Numbers are decimal."},
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "2 + 2?"},
        ],
        "temperature": 0.0,
        "max_tokens": 5,
        "tools": [tool],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema},
        },
    }


def test_an_answer_is_read_with_its_usage_and_cost() -> None:
    body = a_completion(content="4")
    body["usage"] = {
        "prompt_tokens": 7,
        "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 3},
        "cost": 3.07e-05,
    }
    usage = Usage(
        input_tokens=7,
        output_tokens=1,
        cached_input_tokens=3,
        reported_cost_usd=Decimal("0.0000307"),
    )
    assert decoded(body) == Reply("4", "m-2026", usage, "stop")


def test_an_answer_in_parts_is_joined() -> None:
    reply = decoded(a_completion(content=[{"type": "text", "text": "a"}, {"text": "b"}, 3]))
    assert isinstance(reply, Reply)
    assert reply.text == "ab"


def test_tool_calls_without_text_are_an_answer() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    reply = decoded(a_completion(content=None, tool_calls=[call]))
    assert isinstance(reply, Reply)
    assert (reply.text, reply.tool_calls) == ("", (call,))


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        {"prompt_tokens": -1, "completion_tokens": True, "cost": "much"},
        {"prompt_tokens": "7", "completion_tokens": 1.5, "cost": -1},
        {"prompt_tokens_details": 3, "cost": True},
        {"cost": 1e300},
    ],
)
def test_usage_that_is_none_is_unknown_and_spoils_no_answer(usage: object) -> None:
    reply = decoded({**a_completion(content="4"), "usage": usage})
    assert isinstance(reply, Reply)
    assert reply.usage == Usage()


@pytest.mark.parametrize("content", ["", " \n", None, [], 7])
def test_an_answer_without_text_is_empty_and_its_cost_is_known(content: object) -> None:
    failed = decoded({**a_completion(content=content), "usage": {"cost": 0.5}})
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.EMPTY
    assert failed.usage.reported_cost_usd == Decimal("0.5")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"choices": []}',
        b'{"choices": [7]}',
        b'{"choices": {"0": 1}}',
        b'{"choices": [{"message": "4"}]}',
        b"[" * 5000,
        b'{"choices": [{"message": {"content": "\\ud800"}}]}',
        b"\xff\xfe",
    ],
)
def test_what_is_not_the_wire_format_is_garbage(body: bytes) -> None:
    failed = decoded(body)
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.GARBAGE


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (301, Failure.REFUSED),
        (400, Failure.REFUSED),
        (404, Failure.WRONG_MODEL),
        (429, Failure.RATE_LIMITED),
        (500, Failure.SERVER_ERROR),
        (502, Failure.CUT),
        (503, Failure.OVERLOADED),
        (504, Failure.TIMED_OUT),
        (529, Failure.OVERLOADED),
    ],
)
def test_a_status_says_how_the_call_failed(status: int, failure: Failure) -> None:
    failed = decoded({"error": {"message": "no such luck"}}, status)
    assert isinstance(failed, Failed)
    assert failed.failure is failure
    assert failed.detail == f"HTTP {status}: no such luck"


def test_what_comes_with_401_may_repeat_the_key_and_is_left_out() -> None:
    error = {"message": "Incorrect API key provided: sk-secret", "code": "invalid_api_key"}
    failed = decoded({"error": error}, 401)
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.REFUSED
    assert failed.detail == "HTTP 401: the key is refused (invalid_api_key)"


def test_an_error_sent_with_status_200_counts_by_its_own_code() -> None:
    failed = decoded({"error": {"code": 503, "message": "busy"}})
    unknown = decoded({"error": "busy"})
    assert isinstance(failed, Failed)
    assert isinstance(unknown, Failed)
    assert (failed.failure, failed.detail) == (Failure.OVERLOADED, "busy")
    assert (unknown.failure, unknown.detail) == (Failure.GARBAGE, "busy")


def test_the_detail_of_a_long_error_is_short() -> None:
    failed = decoded(b"x" * 100_000, 500)
    assert isinstance(failed, Failed)
    assert len(failed.detail) < 400
