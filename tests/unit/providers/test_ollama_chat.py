from typing import Any

import orjson
import pytest

from streams.calling.attempts import Failure
from streams.events.outcome import Usage
from streams.events.task import Message
from streams.providers.ollama_chat import OllamaChat
from streams.providers.port import Failed, Prompt, Reply, Request
from tests.vendors import CALL, OLLAMA_END, ndjson, ollama_line

WIRE = OllamaChat()
SCHEMA = {"type": "object"}
TOOL = {"type": "function", "function": {"name": "weather"}}
ARGUMENTS = {"city": "Zürich"}


def encoded(**wishes: Any) -> Request | Failed:
    known: dict[str, Any] = {"call_id": "c1", "model": "codellama:7b"}
    return WIRE.encode(Prompt(**{**known, "messages": (Message(content="Hello"),), **wishes}))


def body_of(**wishes: Any) -> dict[str, Any]:
    asked = encoded(**wishes)
    assert isinstance(asked, Request)
    assert asked.path == "/api/chat"
    found: dict[str, Any] = orjson.loads(asked.body)
    return found


def decoded(body: object, status: int = 200) -> Reply | Failed:
    return WIRE.decode(status, {}, orjson.dumps(body))


def test_a_prompt_without_wishes_says_that_it_wants_no_stream() -> None:
    messages = [{"role": "user", "content": "Hello"}]
    assert body_of() == {"model": "codellama:7b", "messages": messages, "stream": False}


def test_limits_are_options_and_a_schema_is_the_format() -> None:
    body = body_of(
        temperature=0.0,
        max_output_tokens=9,
        stop=("END",),
        response_schema=SCHEMA,
        tools=(TOOL,),
        logprobs=True,
        stream=True,
    )
    assert body["options"] == {"temperature": 0.0, "num_predict": 9, "stop": ["END"]}
    assert (body["format"], body["tools"]) == (SCHEMA, [TOOL])
    assert (body["logprobs"], body["stream"]) == (True, True)
    assert body_of(json_output=True)["format"] == "json"


def test_a_conversation_with_tools_names_the_tool_that_answers() -> None:
    messages = (
        Message(role="assistant", tool_calls=[CALL]),
        Message(role="tool", content="rain", tool_call_id="call_1"),
    )
    assert body_of(messages=messages)["messages"] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "weather", "arguments": ARGUMENTS}}],
        },
        {"role": "tool", "content": "rain", "tool_name": "weather"},
    ]


def an_image(url: str) -> tuple[Message, ...]:
    image = {"type": "image_url", "image_url": {"url": url}}
    return (Message(content=[{"type": "text", "text": "What?"}, image]),)


def test_images_pass_inline_and_are_refused_by_url() -> None:
    held = body_of(messages=an_image("data:image/png;base64,iVBO"))["messages"]
    assert held == [{"role": "user", "content": "What?", "images": ["iVBO"]}]
    asked = encoded(messages=an_image("https://host/a.png"))
    assert isinstance(asked, Failed)
    assert (asked.failure, asked.detail) == (
        Failure.REFUSED,
        "ollama_chat carries no images by URL",
    )


def test_an_answer_is_read_with_its_counts() -> None:
    reply = decoded({**OLLAMA_END, "message": {"role": "assistant", "content": "Hi"}})
    usage = Usage(input_tokens=26, output_tokens=282)
    assert reply == Reply("Hi", "llama3.2", usage, "stop")


def test_tool_calls_are_written_as_others_write_them() -> None:
    function = {"function": {"name": "weather", "arguments": ARGUMENTS}}
    message = {"role": "assistant", "content": "", "tool_calls": [function, function]}
    reply = decoded({**OLLAMA_END, "message": message})
    assert isinstance(reply, Reply)
    assert reply.finish_reason == "tool_calls"
    assert [(c["id"], c["function"]) for c in reply.tool_calls] == [
        ("call_0", CALL["function"]),
        ("call_1", CALL["function"]),
    ]


@pytest.mark.parametrize(("said", "finish"), [("length", "length"), ("load", "load")])
def test_why_it_ended_is_told(said: str, finish: str) -> None:
    reply = decoded({**OLLAMA_END, "done_reason": said, "message": {"content": "Hi"}})
    assert isinstance(reply, Reply)
    assert reply.finish_reason == finish


@pytest.mark.parametrize(
    ("status", "failure"),
    [(400, Failure.REFUSED), (404, Failure.WRONG_MODEL), (503, Failure.OVERLOADED)],
)
def test_a_status_says_how_the_call_failed(status: int, failure: Failure) -> None:
    failed = decoded({"error": "model 'x' not found"}, status)
    assert isinstance(failed, Failed)
    assert (failed.failure, failed.detail) == (failure, f"HTTP {status}: model 'x' not found")


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (OLLAMA_END, Failure.EMPTY),
        (ollama_line(content="Hi"), Failure.GARBAGE),
        ({"error": "out of memory"}, Failure.GARBAGE),
        ({"done": True}, Failure.GARBAGE),
        ([], Failure.GARBAGE),
    ],
)
def test_what_is_no_answer_is_a_failure(body: object, failure: Failure) -> None:
    failed = decoded(body)
    assert isinstance(failed, Failed)
    assert failed.failure is failure


@pytest.mark.parametrize(
    ("stream", "failure"),
    [
        (ndjson(ollama_line(content="Hi"), {"error": "out of memory"}), Failure.CUT),
        (ndjson({"error": "out of memory"}), Failure.GARBAGE),
        (b"<html>\n", Failure.GARBAGE),
        (b"", Failure.CUT),
    ],
)
def test_a_stream_that_fails_says_how(stream: bytes, failure: Failure) -> None:
    reader = WIRE.reader()
    reader.feed(stream)
    failed = reader.end()
    assert isinstance(failed, Failed)
    assert failed.failure is failure
