"""Whatever part of an answer's bytes arrives, it is a failure, or the whole answer: of every wire format."""

from datetime import UTC, datetime
from decimal import Decimal

import orjson
import pytest

from streams.events.task import Message
from streams.providers.port import Failed, Pending, Prompt, Reply
from streams.providers.wires import WIRES
from streams.rig.dialects.anthropic_messages import AnthropicDialect
from streams.rig.dialects.ollama_chat import OllamaDialect
from streams.rig.dialects.openai_chat import OpenAIChatDialect
from streams.rig.dialects.openai_responses import OpenAIResponsesDialect
from streams.rig.dialects.replicate_predictions import ReplicateDialect
from streams.rig.speech import Dialect, Said

DIALECTS: dict[str, Dialect] = {
    "openai_chat": OpenAIChatDialect(),
    "openai_responses": OpenAIResponsesDialect(),
    "anthropic_messages": AnthropicDialect(),
    "ollama_chat": OllamaDialect(),
    "replicate_predictions": ReplicateDialect(),
}
TEXT = Said(
    call_id="c1",
    model="m",
    at=datetime(2026, 1, 1, tzinfo=UTC),
    tokens=("Zwölf ", "Boxkämpfer ", "jagen \n", "data: 7"),
    finish="stop",
    input_tokens=3,
    output_tokens=4,
    cost_usd=Decimal("0.0001"),
)
CALL = Said(
    call_id="c1",
    model="m",
    at=datetime(2026, 1, 1, tzinfo=UTC),
    tokens=(),
    finish="tool_calls",
    tool="look_up",
    arguments={"city": "Köln", "size": 7},
    input_tokens=3,
    output_tokens=4,
)


def answers_of(wire: str) -> list[Said]:
    return [TEXT] if wire == "replicate_predictions" else [TEXT, CALL]


def content(reply: Reply) -> tuple[object, ...]:
    return (reply.text, reply.finish_reason, reply.tool_calls)


def read_stream(wire: str, chunks: list[bytes]) -> Reply | Failed:
    reader = WIRES[wire].reader()
    assert reader is not None
    for chunk in chunks:
        reader.feed(chunk)
    return reader.end()


@pytest.mark.parametrize("wire", WIRES)
def test_no_beginning_of_a_whole_answer_is_an_answer(wire: str) -> None:
    for said in answers_of(wire):
        body = DIALECTS[wire].whole(said)
        assert isinstance(WIRES[wire].decode(200, {}, body), Reply)
        for length in range(len(body)):
            found = WIRES[wire].decode(200, {}, body[:length])
            assert isinstance(found, Failed), body[:length]
            assert found.failure.may_be_billed


@pytest.mark.parametrize("wire", [name for name, wire in WIRES.items() if wire.reader()])
def test_no_beginning_of_a_stream_is_an_answer_before_the_formats_own_end(wire: str) -> None:
    for said in answers_of(wire):
        body = b"".join(DIALECTS[wire].pieces(said))
        whole = read_stream(wire, [body])
        assert isinstance(whole, Reply)
        for length in range(len(body)):
            found = read_stream(wire, [body[:length]])
            if isinstance(found, Failed):
                assert found.failure.may_be_billed
            else:
                assert (content(found), found.usage) == (content(whole), whole.usage)
                assert len(body) - length <= 16, "only the last event's own ending may be missing"


@pytest.mark.parametrize("wire", [name for name, wire in WIRES.items() if wire.reader()])
@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_a_stream_says_the_same_however_it_is_cut_into_pieces(wire: str, size: int) -> None:
    for said in answers_of(wire):
        body = b"".join(DIALECTS[wire].pieces(said))
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        assert read_stream(wire, chunks) == read_stream(wire, [body])


@pytest.mark.parametrize("wire", [name for name, wire in WIRES.items() if wire.reader()])
def test_streamed_or_not_an_answer_is_the_same(wire: str) -> None:
    for said in answers_of(wire):
        whole = WIRES[wire].decode(200, {}, DIALECTS[wire].whole(said))
        streamed = read_stream(wire, DIALECTS[wire].pieces(said))
        assert isinstance(whole, Reply)
        assert isinstance(streamed, Reply)
        assert content(streamed) == content(whole)
        assert (streamed.usage, streamed.model) == (whole.usage, whole.model)


@pytest.mark.parametrize("wire", WIRES)
def test_what_each_format_asks_the_simulator_reads(wire: str) -> None:
    prompt = Prompt(
        "c1", "acme/m", (Message(role="system", content="Be short."), Message(content="2 + 2?"))
    )
    request = WIRES[wire].encode(prompt)
    assert not isinstance(request, Failed)
    asked = DIALECTS[wire].read(
        orjson.loads(request.body),
        {"owner": "acme", "name": "m"} if wire.startswith("repl") else {},
    )
    assert asked is not None
    assert asked.model == "acme/m"
    assert [m["role"] for m in asked.messages] == ["system", "user"]


def test_a_prediction_under_way_is_no_answer() -> None:
    body = ReplicateDialect().prediction(TEXT, "processing")
    assert isinstance(WIRES["replicate_predictions"].decode(200, {}, body), Pending)
