"""OpenAI's chat format: what a task may wish for, streams, and how hosts fail within them."""

from typing import Any

import orjson
import pytest

from streams.calling.attempts import Failure
from streams.events.task import Message
from streams.providers.openai_chat import OpenAIChat
from streams.providers.port import Failed, Prompt, Reply
from tests.vendors import CALL, OPENAI_CHAT, chat_stream, chunk, sse

WIRE = OpenAIChat()
HELLO = (Message(content="Hello"),)


def body_of(**wishes: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"call_id": "c1", "model": "m", "messages": HELLO}
    found: dict[str, Any] = orjson.loads(WIRE.encode(Prompt(**{**known, **wishes})).body)
    return found


def read(stream: bytes) -> Reply | Failed:
    reader = WIRE.reader()
    reader.feed(stream)
    return reader.end()


def failed(stream: bytes) -> Failed:
    outcome = read(stream)
    assert isinstance(outcome, Failed)
    return outcome


def test_a_stream_is_asked_for_with_its_usage() -> None:
    body = body_of(stream=True, stop=("END",), logprobs=True)
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    assert (body["stop"], body["logprobs"]) == (["END"], True)


def test_json_is_asked_for_in_words_too_since_the_mode_refuses_without() -> None:
    body = body_of(json_output=True)
    assert body["response_format"] == {"type": "json_object"}
    assert "JSON" in body["messages"][0]["content"]
    asked = (Message(content="Give me json"),)
    assert body_of(json_output=True, messages=asked)["messages"] == [
        {"role": "user", "content": "Give me json"}
    ]


@pytest.mark.parametrize(
    "model", ["o3", "o4-mini", "codex-mini-latest", "gpt-5", "gpt-5.6-mini", "ft:gpt-5:acme"]
)
def test_models_that_reason_by_themselves_get_the_newer_limit_and_no_temperature(
    model: str,
) -> None:
    body = body_of(model=model, max_output_tokens=9, temperature=0.0, logprobs=True)
    assert body["max_completion_tokens"] == 9
    assert {"max_tokens", "temperature", "logprobs"}.isdisjoint(body)


@pytest.mark.parametrize("model", ["gpt-4-turbo", "gpt-4o", "gpt-oss-20b", "openai/o3", "phi-2"])
def test_all_others_get_the_limit_that_every_host_knows(model: str) -> None:
    body = body_of(model=model, max_output_tokens=9, temperature=0.0)
    assert (body["max_tokens"], body["temperature"]) == (9, 0.0)
    assert "max_completion_tokens" not in body


def test_a_conversation_with_tools_and_images_passes_as_it_is() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://host/a.png"}}
    messages = (
        Message(content=[{"type": "text", "text": "Where?"}, image]),
        Message(role="assistant", tool_calls=[CALL]),
        Message(role="tool", content="rain", tool_call_id="call_1"),
    )
    assert body_of(messages=messages)["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Where?"}, image]},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "rain", "tool_call_id": "call_1"},
    ]


def test_calls_of_several_tools_are_told_apart() -> None:
    def piece(index: int, arguments: str, **known: str) -> dict[str, Any]:
        function = {"arguments": arguments, **({"name": known["id"]} if known else {})}
        return {"index": index, "function": function, **known}

    reply = read(
        chat_stream(
            chunk({"tool_calls": [piece(0, "", id="a"), piece(1, "{", id="b")]}),
            chunk({"tool_calls": [piece(1, "}"), piece(0, "{}")]}, "tool_calls"),
        )
    )
    assert isinstance(reply, Reply)
    assert [(c["id"], c["function"]) for c in reply.tool_calls] == [
        ("a", {"name": "a", "arguments": "{}"}),
        ("b", {"name": "b", "arguments": "{}"}),
    ]


def test_whole_calls_without_an_index_are_told_apart() -> None:
    calls = [{"id": name, "function": {"name": name, "arguments": {"x": 1}}} for name in "ab"]
    reply = read(chat_stream(chunk({"tool_calls": calls}, "tool_calls")))
    assert isinstance(reply, Reply)
    assert [c["function"]["arguments"] for c in reply.tool_calls] == ['{"x":1}', '{"x":1}']


@pytest.mark.parametrize(
    ("said", "finish"),
    [("eos", "stop"), ("max_tokens", "length"), ("function_call", "tool_calls"), ("odd", "odd")],
)
def test_a_finish_reason_is_said_in_one_way(said: str, finish: str) -> None:
    reply = read(chat_stream(chunk({"content": "4"}, said)))
    assert isinstance(reply, Reply)
    assert reply.finish_reason == finish


def test_a_refusal_is_an_answer_that_was_filtered() -> None:
    reply = read(chat_stream(chunk({"refusal": "I can't."}), chunk({}, "stop")))
    assert isinstance(reply, Reply)
    assert (reply.text, reply.finish_reason) == ("I can't.", "content_filter")


def test_the_mark_without_a_reason_is_no_end() -> None:
    assert failed(chat_stream(chunk({"content": "4"}))).failure is Failure.CUT


def test_a_reason_without_the_mark_is_no_end() -> None:
    assert failed(sse(chunk({"content": "4"}, "stop"))).failure is Failure.CUT


def test_a_stream_without_text_is_empty_and_its_usage_is_known() -> None:
    outcome = failed(chat_stream(chunk({}, "length"), usage={"completion_tokens": 64}))
    assert (outcome.failure, outcome.usage.output_tokens) == (Failure.EMPTY, 64)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        ({"code": 503, "message": "busy"}, Failure.OVERLOADED),
        ({"type": "server_error", "message": "busy"}, Failure.SERVER_ERROR),
        ({"code": "rate_limit_exceeded", "message": "busy"}, Failure.RATE_LIMITED),
        ({"message": "busy"}, Failure.GARBAGE),
    ],
)
def test_an_error_before_the_answer_counts_by_its_own_word(
    error: dict[str, Any], failure: Failure
) -> None:
    outcome = failed(sse({"error": error}, end="data: [DONE]\n\n"))
    assert (outcome.failure, outcome.detail) == (failure, "busy")


def test_an_error_within_the_answer_is_a_cut_one_that_may_be_billed() -> None:
    error = {"error": {"code": 503, "message": "busy"}}
    outcome = failed(sse(chunk({"content": "4"}), error, end="data: [DONE]\n\n"))
    assert (outcome.failure, outcome.detail) == (Failure.CUT, "busy")
    gateway = chunk({"content": ""}, "error", error={"code": 502, "message": "lost"})
    assert failed(chat_stream(chunk({"content": "4"}), gateway)).failure is Failure.CUT


def test_what_is_no_event_is_garbage() -> None:
    assert failed(b"data: <html>\n\n" + OPENAI_CHAT).failure is Failure.GARBAGE


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_host_that_does_not_stream_is_read_all_the_same(size: int) -> None:
    choice = {"message": {"content": "4"}, "finish_reason": "stop"}
    body = b"\n " + orjson.dumps({"model": "m", "choices": [choice]})
    reader = WIRE.reader()
    came = [reader.feed(body[at : at + size]) for at in range(0, len(body), size)]
    assert any(came)
    assert reader.end() == WIRE.decode(200, {}, body)
    assert failed(body[:-9]).failure is Failure.CUT
    assert failed(b"<html>502</html>").failure is Failure.GARBAGE


def test_usage_in_every_chunk_is_that_of_the_last() -> None:
    chunks = [
        {**chunk({"content": "a"}), "usage": {"prompt_tokens": 3, "completion_tokens": 1}},
        {**chunk({"content": "b"}, "stop"), "x_groq": {"usage": {"completion_tokens": 2}}},
    ]
    reply = read(sse(*chunks, end="data: [DONE]\n\n"))
    assert isinstance(reply, Reply)
    assert reply.usage.output_tokens == 2


def test_a_huge_line_in_small_pieces_is_read_in_linear_time() -> None:
    stream = chat_stream(chunk({"content": "x" * (4 << 20)}, "stop"))
    reader = WIRE.reader()
    for at in range(0, len(stream), 512):
        reader.feed(stream[at : at + 512])
    reply = reader.end()
    assert isinstance(reply, Reply)
    assert len(reply.text) == 4 << 20


def test_a_name_that_the_books_can_not_hold_is_no_name() -> None:
    choice = {"message": {"content": "4"}, "finish_reason": "stop"}
    for model in ("m" * 129, "m\n", 7, None):
        reply = WIRE.decode(200, {}, orjson.dumps({"model": model, "choices": [choice]}))
        assert isinstance(reply, Reply)
        assert reply.model == ""
