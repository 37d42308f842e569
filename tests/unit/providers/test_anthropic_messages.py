from typing import Any

import orjson
import pytest

from streams.calling.attempts import Failure
from streams.events.outcome import Usage
from streams.events.task import Message
from streams.providers.anthropic_messages import AnthropicMessages
from streams.providers.port import Failed, Prompt, Reply, Request
from tests.vendors import ANTHROPIC, CALL, block, message_end, message_start, sse

WIRE = AnthropicMessages()
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "Of a city.", "parameters": SCHEMA},
}


def encoded(**wishes: Any) -> Request | Failed:
    known: dict[str, Any] = {"call_id": "c1", "model": "claude-3-opus-20240229"}
    return WIRE.encode(Prompt(**{**known, "messages": (Message(content="Hello"),), **wishes}))


def body_of(**wishes: Any) -> dict[str, Any]:
    asked = encoded(**wishes)
    assert isinstance(asked, Request)
    assert (asked.path, asked.headers) == ("/messages", {"anthropic-version": "2023-06-01"})
    found: dict[str, Any] = orjson.loads(asked.body)
    return found


def a_message(*content: object, **more: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-3-opus-20240229",
        "content": list(content),
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
        **more,
    }


def decoded(body: object, status: int = 200) -> Reply | Failed:
    return WIRE.decode(status, {}, orjson.dumps(body))


def read(*events: dict[str, Any]) -> Reply | Failed:
    reader = WIRE.reader()
    reader.feed(sse(*events, named=True))
    return reader.end()


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def test_the_key_has_a_header_of_its_own() -> None:
    assert WIRE.authorize("sk-1") == {"x-api-key": "sk-1"}


def test_a_prompt_without_wishes_has_a_limit_all_the_same() -> None:
    assert body_of() == {
        "model": "claude-3-opus-20240229",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": [text("Hello")]}],
    }


def test_system_messages_go_apart_and_every_wish_has_its_field() -> None:
    messages = (
        Message(role="system", content="Be short."),
        Message(content="Hello"),
        Message(role="system", content="Be kind."),
    )
    body = body_of(
        messages=messages,
        temperature=1.5,
        max_output_tokens=7,
        stop=("END",),
        tools=(TOOL,),
        stream=True,
    )
    assert body["system"] == "Be short.\n\nBe kind."
    assert len(body["messages"]) == 1
    assert body["temperature"] == 1.0  # its scale ends there
    assert (body["max_tokens"], body["stop_sequences"], body["stream"]) == (7, ["END"], True)
    assert body["tools"] == [
        {"name": "weather", "description": "Of a city.", "input_schema": SCHEMA}
    ]


def test_system_messages_alone_are_the_users() -> None:
    body = body_of(messages=(Message(role="system", content="Hello"),))
    assert body["messages"] == [{"role": "user", "content": [text("Hello")]}]
    assert "system" not in body


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        ("claude-3-opus-20240229", True),
        ("claude-3-5-haiku-latest", True),
        ("claude-sonnet-4-20250514", True),
        ("claude-opus-4-6", True),
        ("claude-opus-4-7", False),
        ("claude-sonnet-5", False),
        ("MiniMax-M2", True),
    ],
)
def test_models_that_take_no_temperature_get_none(model: str, takes: bool) -> None:
    assert ("temperature" in body_of(model=model, temperature=0.0)) == takes


def test_a_schema_is_a_tool_that_must_be_called_and_its_input_is_the_text() -> None:
    body = body_of(response_schema=SCHEMA)
    name = body["tools"][0]["name"]
    assert body["tools"][0]["input_schema"] == SCHEMA
    assert body["tool_choice"] == {"type": "tool", "name": name}
    use = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {"n": 4}}
    whole = decoded(a_message(use, stop_reason="tool_use"))
    delta = {"type": "input_json_delta", "partial_json": '{"n": 4}'}
    streamed = read(
        message_start({"input_tokens": 10, "output_tokens": 1}),
        *block(0, {**use, "input": {}}, delta),
        *message_end("tool_use", 5),
    )
    assert whole == streamed
    assert whole == Reply(
        '{"n":4}',
        "claude-3-opus-20240229",
        Usage(input_tokens=10, output_tokens=5),
        "stop",
    )


@pytest.mark.parametrize("wishes", [{"response_schema": {"type": "array"}}, {"json_output": True}])
def test_where_no_tool_can_stand_for_it_json_is_asked_for_in_words(
    wishes: dict[str, Any],
) -> None:
    body = body_of(**wishes)
    assert "JSON" in body["system"]
    assert "tools" not in body


def test_a_schema_beside_tools_is_asked_for_in_words() -> None:
    body = body_of(response_schema=SCHEMA, tools=(TOOL,))
    assert '"required":["n"]' in body["system"]
    assert [tool["name"] for tool in body["tools"]] == ["weather"]
    assert "tool_choice" not in body


def test_a_conversation_with_tools_becomes_blocks() -> None:
    second = {**CALL, "id": "call_2"}
    messages = (
        Message(content="Where?"),
        Message(role="assistant", content="I look.", tool_calls=[CALL, second]),
        Message(role="tool", content="rain", tool_call_id="call_1"),
        Message(role="tool", content="", tool_call_id="call_2"),
        Message(content="Well?"),
    )
    use = {"type": "tool_use", "name": "weather", "input": {"city": "Zürich"}}
    assert body_of(messages=messages)["messages"] == [
        {"role": "user", "content": [text("Where?")]},
        {
            "role": "assistant",
            "content": [text("I look."), {**use, "id": "call_1"}, {**use, "id": "call_2"}],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": [text("rain")]},
                {"type": "tool_result", "tool_use_id": "call_2", "content": []},
                text("Well?"),
            ],
        },
    ]


def test_images_pass_by_url_and_inline() -> None:
    urls = ("https://host/a.png", "data:image/png;base64,iVBO")
    content = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    blocks = body_of(messages=(Message(content=content),))["messages"][0]["content"]
    assert [found["source"] for found in blocks] == [
        {"type": "url", "url": "https://host/a.png"},
        {"type": "base64", "media_type": "image/png", "data": "iVBO"},
    ]


def test_parts_of_other_kinds_are_refused_by_name() -> None:
    asked = encoded(messages=(Message(content=[{"type": "input_audio"}]),))
    assert isinstance(asked, Failed)
    assert asked.detail == "anthropic_messages carries no input_audio parts"


@pytest.mark.parametrize(
    ("said", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("pause_turn", "pause_turn"),
    ],
)
def test_a_stop_reason_is_said_as_others_say_it(said: str, finish: str) -> None:
    reply = decoded(a_message(text("Hi"), stop_reason=said))
    assert isinstance(reply, Reply)
    assert reply.finish_reason == finish


def test_tool_calls_stand_beside_the_text() -> None:
    use = {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Zürich"}}
    reply = decoded(a_message(text("I look."), use, stop_reason="tool_use"))
    assert isinstance(reply, Reply)
    assert (reply.text, reply.tool_calls, reply.finish_reason) == ("I look.", (CALL,), "tool_calls")


def test_a_refusal_without_words_is_empty_and_says_so() -> None:
    failed = decoded(a_message(stop_reason="refusal"))
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.EMPTY
    assert "content_filter" in failed.detail
    assert failed.usage == Usage(input_tokens=10, output_tokens=5)


@pytest.mark.parametrize(
    ("status", "kind", "failure"),
    [
        (400, "invalid_request_error", Failure.REFUSED),
        (401, "authentication_error", Failure.REFUSED),
        (402, "billing_error", Failure.REFUSED),
        (403, "permission_error", Failure.REFUSED),
        (404, "not_found_error", Failure.WRONG_MODEL),
        (413, "request_too_large", Failure.REFUSED),
        (429, "rate_limit_error", Failure.RATE_LIMITED),
        (500, "api_error", Failure.SERVER_ERROR),
        (504, "timeout_error", Failure.TIMED_OUT),
        (529, "overloaded_error", Failure.OVERLOADED),
    ],
)
def test_an_error_is_the_same_by_status_and_within_a_stream(
    status: int, kind: str, failure: Failure
) -> None:
    error = {"type": "error", "error": {"type": kind, "message": "no such luck"}}
    for failed in (decoded(error, status), read(message_start(), error)):
        assert isinstance(failed, Failed)
        assert failed.failure is failure
        assert ("no such luck" in failed.detail) == (status != 401 or "HTTP" not in failed.detail)


def test_an_error_within_the_answer_is_a_cut_one_and_only_its_input_is_known() -> None:
    hello = block(0, text(""), {"type": "text_delta", "text": "Hi"})
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    failed = read(message_start(), *hello, error)
    assert isinstance(failed, Failed)
    assert (failed.failure, failed.detail) == (Failure.CUT, "Overloaded")
    assert (failed.usage.input_tokens, failed.usage.output_tokens) == (125, None)


def test_the_last_counts_of_a_stream_stand() -> None:
    counted, stop = message_end("end_turn", 9)
    counted["usage"] |= {"input_tokens": 30, "cache_read_input_tokens": None}
    reply = read(message_start(), *block(0, text("Hi")), counted, stop)
    assert isinstance(reply, Reply)
    assert (reply.usage.input_tokens, reply.usage.cached_input_tokens) == (130, 100)


def test_what_comes_after_the_end_is_not_read() -> None:
    reader = WIRE.reader()
    reader.feed(ANTHROPIC + b"data: nonsense\n\n")
    assert isinstance(reader.end(), Reply)


@pytest.mark.parametrize("body", [[], {}, {"content": "Hi"}, {"content": [7]}])
def test_what_is_no_message_is_no_answer(body: object) -> None:
    assert isinstance(decoded(body), Failed)
