"""Streams: however the network cuts them, the reply is the same; cut short, there is none."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.calling.attempts import Failure
from streams.events.task import Message
from streams.providers.port import Failed, Pending, Prompt, Reply, Request, StreamReader
from streams.providers.wires import WIRES
from tests.vendors import STREAMS

NAMES = sorted(STREAMS)
WIRE_NAMES = sorted(WIRES)
STREAMED = sorted(name for name, wire in WIRES.items() if wire.reader() is not None)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2**63) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices", "message", "delta", "content", "tool_calls", "function", "name",
                    "arguments", "usage", "error", "code", "type", "message", "text", "status",
                    "output", "response", "item", "id", "index", "done", "done_reason", "logprobs",
                    "model", "finish_reason", "content_block", "partial_json", "input", "metrics",
                    "stop_reason", "input_tokens", "prompt_tokens", "cost", "details", "data",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)  # fmt: skip
TYPES = st.sampled_from(
    [
        "message_start", "content_block_start", "content_block_delta", "message_delta",
        "message_stop", "error", "response.completed", "response.failed", "response.created",
    ]
)  # fmt: skip


def a_reader(wire: str) -> StreamReader:
    reader = WIRES[wire].reader()
    assert reader is not None
    return reader


def read(wire: str, pieces: list[bytes]) -> Reply | Failed:
    reader = a_reader(wire)
    for piece in pieces:
        reader.feed(piece)
    return reader.end()


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    return [stream[begin:end] for begin, end in pairwise(marks)]


@given(st.sampled_from(NAMES), st.lists(st.integers(0, 1 << 16), max_size=40), st.booleans())
def test_any_split_of_a_stream_gives_the_same_reply(
    name: str, places: list[int], with_crlf: bool
) -> None:
    wire, stream, reply = STREAMS[name]
    whole = stream.replace(b"\n", b"\r\n") if with_crlf else stream
    assert read(wire, cut(whole, places)) == reply


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_of_single_bytes_gives_the_same_reply(name: str) -> None:
    wire, stream, reply = STREAMS[name]
    assert read(wire, [bytes([byte]) for byte in stream]) == reply


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_cut_short_anywhere_is_never_a_reply(name: str) -> None:
    wire, stream, reply = STREAMS[name]
    end = len(stream.rstrip())
    for length in range(end):
        failed = read(wire, [stream[:length]])
        assert isinstance(failed, Failed), stream[:length]
        assert failed.failure is Failure.CUT
        assert failed.failure.may_be_billed
        assert failed.usage.output_tokens is None  # nobody knows
    assert read(wire, [stream[:end]]) == reply


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_tells_when_the_first_part_of_the_answer_came(name: str) -> None:
    wire, stream, _ = STREAMS[name]
    reader = a_reader(wire)
    firsts = [at for at in range(len(stream)) if reader.feed(stream[at : at + 1])]
    seen = stream[: firsts[0] + 1].decode(errors="replace")
    assert ("Grüß" in seen) or ('"name":"weather"' in seen)
    assert "Gott" not in seen
    assert "thinking" not in seen.rpartition("Grüß")[2]


@given(st.sampled_from(WIRE_NAMES), st.integers(100, 599), st.binary(max_size=60))
@example("openai_chat", 200, b'{"choices": [{"message": {"content": "\\ud800"}}]}')
@example("replicate_predictions", 201, b"[" * 5000)
def test_no_bytes_make_decode_raise(wire: str, status: int, body: bytes) -> None:
    outcome = WIRES[wire].decode(status, {}, body)
    assert isinstance(outcome, Failed)


@given(st.sampled_from(WIRE_NAMES), st.sampled_from([200, 200, 201, 400, 429, 503]), JSON)
def test_no_json_makes_decode_raise(wire: str, status: int, found: object) -> None:
    outcome = WIRES[wire].decode(status, {}, orjson.dumps(found))
    assert isinstance(outcome, Reply | Failed | Pending)
    assert not (isinstance(outcome, Reply) and status >= 400)


@given(st.sampled_from(STREAMED), st.lists(st.dictionaries(st.just("type"), TYPES) | JSON))
def test_no_events_make_a_reader_raise(wire: str, events: list[Any]) -> None:
    reader = a_reader(wire)
    for event in events:
        line = orjson.dumps(event)
        reader.feed(line + b"\n" if wire == "ollama_chat" else b"data: " + line + b"\n\n")
    reader.feed(b"data: [DONE]\n\n")
    assert isinstance(reader.end(), Reply | Failed)


@given(st.sampled_from(STREAMED), st.lists(st.binary(max_size=40), max_size=6))
def test_no_bytes_make_a_reader_raise_or_reply(wire: str, pieces: list[bytes]) -> None:
    assert isinstance(read(wire, pieces), Failed)


@given(
    st.sampled_from(WIRE_NAMES),
    st.lists(
        st.builds(
            Message,
            role=st.sampled_from(["system", "user", "assistant", "tool"]),
            content=st.text(alphabet="aü\n", max_size=5)
            | st.lists(st.dictionaries(st.sampled_from(["type", "text", "image_url"]), JSON)),
            tool_calls=st.none() | st.lists(st.dictionaries(st.just("function"), JSON)),
            tool_call_id=st.none() | st.just("call_1"),
        ),
        max_size=4,
    ),
    st.none() | st.dictionaries(st.sampled_from(["type", "properties"]), JSON, max_size=2),
    st.booleans(),
)
def test_no_prompt_makes_encode_raise(
    wire: str, messages: list[Message], schema: dict[str, Any] | None, json_output: bool
) -> None:
    prompt = Prompt("c1", "m/n", tuple(messages), response_schema=schema, json_output=json_output)
    asked = WIRES[wire].encode(prompt)
    assert isinstance(asked, Request | Failed)
    if isinstance(asked, Failed):
        assert asked.failure is Failure.REFUSED
        assert asked.detail.startswith(f"{wire} carries no ")
