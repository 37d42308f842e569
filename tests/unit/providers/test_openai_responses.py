from typing import Any

import orjson
import pytest

from streams.calling.attempts import Failure
from streams.events.task import Message
from streams.providers.openai_responses import OpenAIResponses
from streams.providers.port import Failed, Prompt, Reply, Request
from tests.vendors import CALL, response, sse

WIRE = OpenAIResponses()
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}


def encoded(**wishes: Any) -> Request | Failed:
    known: dict[str, Any] = {"call_id": "c1", "model": "gpt-4o"}
    return WIRE.encode(Prompt(**{**known, "messages": (Message(content="Hello"),), **wishes}))


def body_of(**wishes: Any) -> dict[str, Any]:
    asked = encoded(**wishes)
    assert isinstance(asked, Request)
    assert asked.path == "/responses"
    found: dict[str, Any] = orjson.loads(asked.body)
    return found


def decoded(**more: Any) -> Reply | Failed:
    return WIRE.decode(200, {}, orjson.dumps(response(**more)))


def test_a_prompt_without_wishes_sends_what_it_must_and_stores_nothing() -> None:
    asked = [{"role": "user", "content": [{"type": "input_text", "text": "Hello"}]}]
    assert body_of() == {"model": "gpt-4o", "input": asked, "store": False}


def test_every_wish_has_its_field() -> None:
    body = body_of(
        temperature=0.5,
        max_output_tokens=100,
        response_schema=SCHEMA,
        tools=(TOOL,),
        logprobs=True,
        stream=True,
    )
    assert (body["temperature"], body["max_output_tokens"], body["stream"]) == (0.5, 100, True)
    assert body["include"] == ["message.output_text.logprobs"]
    assert body["tools"] == [
        {"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}
    ]
    assert body["text"]["format"] == {
        "type": "json_schema",
        "name": "answer",
        "schema": SCHEMA,
        "strict": False,
    }


def test_models_that_reason_get_neither_temperature_nor_logprobs() -> None:
    body = body_of(model="gpt-5.6", temperature=0.5, logprobs=True, max_output_tokens=1)
    assert {"temperature", "include"}.isdisjoint(body)
    assert body["max_output_tokens"] == 16  # below it OpenAI refuses


def test_json_mode_is_asked_for_in_words_too() -> None:
    body = body_of(json_output=True)
    assert body["text"] == {"format": {"type": "json_object"}}
    assert "JSON" in body["input"][0]["content"][0]["text"]


def test_a_conversation_becomes_items() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://host/a.png", "detail": "low"}}
    messages = (
        Message(role="system", content="Be short."),
        Message(content=[{"type": "text", "text": "Where?"}, image]),
        Message(role="assistant", content="I look.", tool_calls=[CALL]),
        Message(role="tool", content="rain", tool_call_id="call_1"),
    )
    assert body_of(messages=messages)["input"] == [
        {"role": "system", "content": [{"type": "input_text", "text": "Be short."}]},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Where?"},
                {"type": "input_image", "image_url": "https://host/a.png", "detail": "low"},
            ],
        },
        {"role": "assistant", "content": "I look."},
        {
            "type": "function_call",
            "call_id": "call_1",
            "name": "weather",
            "arguments": '{"city":"Zürich"}',
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
    ]


def test_what_the_format_lacks_is_refused_by_name() -> None:
    audio = (Message(content=[{"type": "input_audio", "input_audio": {}}]),)
    for asked, what in (
        (encoded(stop=("END",)), "stop sequences"),
        (encoded(messages=audio), "input_audio parts of user messages"),
    ):
        assert isinstance(asked, Failed)
        assert asked.failure is Failure.REFUSED
        assert asked.detail == f"openai_responses carries no {what}"


def test_an_answer_is_read_with_its_usage() -> None:
    reply = decoded(service_tier="flex")
    assert isinstance(reply, Reply)
    assert (reply.text, reply.finish_reason, reply.model) == (
        "Grüß Gott",
        "stop",
        "gpt-5.6-2026-09-01",
    )
    assert (reply.usage.reasoning_tokens, reply.usage.service_tier) == (64, "flex")
    assert reply.token_logprobs == (-0.5,)


def test_a_tool_call_is_an_answer() -> None:
    call = {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": "weather",
        "arguments": '{"city":"Zürich"}',
    }
    reply = decoded(output=[call])
    assert isinstance(reply, Reply)
    assert (reply.tool_calls, reply.finish_reason) == ((CALL,), "tool_calls")


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("max_output_tokens", "length"), ("content_filter", "content_filter")],
)
def test_an_incomplete_answer_says_why(reason: str, finish: str) -> None:
    reply = decoded(status="incomplete", incomplete_details={"reason": reason})
    assert isinstance(reply, Reply)
    assert reply.finish_reason == finish


def test_a_refusal_was_filtered() -> None:
    content = [{"type": "refusal", "refusal": "I can't."}]
    reply = decoded(output=[{"type": "message", "content": content}])
    assert isinstance(reply, Reply)
    assert (reply.text, reply.finish_reason) == ("I can't.", "content_filter")


@pytest.mark.parametrize(
    ("more", "failure"),
    [
        ({"output": [{"type": "reasoning"}], "status": "incomplete"}, Failure.EMPTY),
        ({"status": "failed", "error": {"code": "server_error"}}, Failure.SERVER_ERROR),
        ({"status": "failed", "error": {"code": "rate_limit_exceeded"}}, Failure.RATE_LIMITED),
        ({"status": "cancelled"}, Failure.CUT),
        ({"status": "queued"}, Failure.GARBAGE),
        ({"output": None}, Failure.GARBAGE),
    ],
)
def test_what_is_no_answer_is_a_failure(more: dict[str, Any], failure: Failure) -> None:
    failed = decoded(**more)
    assert isinstance(failed, Failed)
    assert failed.failure is failure


@pytest.mark.parametrize(
    ("events", "failure"),
    [
        ([{"type": "error", "code": "server_error", "message": "no"}], Failure.SERVER_ERROR),
        (
            [{"type": "response.output_text.delta", "delta": "Hi"}, {"type": "error"}],
            Failure.CUT,
        ),
        (
            [
                {
                    "type": "response.failed",
                    "response": response(
                        status="failed", error={"code": "rate_limit_exceeded", "message": "no"}
                    ),
                }
            ],
            Failure.RATE_LIMITED,
        ),
        ([{"type": "response.completed"}], Failure.GARBAGE),
        ([], Failure.CUT),
    ],
)
def test_a_stream_that_fails_says_how(events: list[dict[str, Any]], failure: Failure) -> None:
    reader = WIRE.reader()
    reader.feed(sse(*events, named=True))
    failed = reader.end()
    assert isinstance(failed, Failed)
    assert failed.failure is failure


def test_an_incomplete_stream_has_its_answer() -> None:
    reader = WIRE.reader()
    incomplete = response(status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    reader.feed(sse({"type": "response.incomplete", "response": incomplete}))
    reply = reader.end()
    assert isinstance(reply, Reply)
    assert reply.finish_reason == "length"
