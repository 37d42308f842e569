"""One suite for every wire format, streamed and not, on the simulator over HTTP, which misbehaves."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from streams.calling.attempts import Failure
from streams.clock import SystemClock
from streams.events.task import Message
from streams.providers.http import HttpProvider
from streams.providers.port import Deadlines, Failed, Prompt, Reply
from streams.providers.wires import WIRES
from streams.rig.hosts import BASE_PATHS
from streams.rig.simulator import start_simulator

CLOCK = SystemClock()
MODEL = "acme/small"
ASKED = "Name the capital of France."
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "size": {"type": "integer", "minimum": 7}},
    "required": ["city", "size"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": SCHEMA}}
ROW = {
    "task_id": "r1",
    "prompt": ASKED,
    "outcomes": {MODEL: {"score": 1, "input_tokens": 9, "output_tokens": 12, "cost_usd": 0.00002}},
}
BILLED = "0.000020000000"


@dataclass(frozen=True)
class Way:
    """A wire format, and whether its answers are streamed."""

    wire: str
    stream: bool

    @property
    def reports_cost(self) -> bool:
        return self.wire.startswith("openai")


WAYS = [
    Way(name, stream)
    for name, wire in WIRES.items()
    for stream in (False, True)
    if not stream or wire.reader() is not None
]


@dataclass
class Host:
    """The simulator, and what its log says since the test began."""

    url: str
    http: httpx.Client
    seen: int = 0

    def misbehave(self, kind: str, **more: Any) -> None:
        answer = self.http.post("/faults", json={"model": "*", "kind": kind, "share": 1, **more})
        assert answer.status_code == 200, answer.text

    def behave(self) -> None:
        self.http.delete("/faults")

    def log(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.http.get("/log").content.splitlines()][
            self.seen :
        ]

    @asynccontextmanager
    async def provider(self, way: Way, **more: Any) -> AsyncIterator[HttpProvider]:
        url = self.url + BASE_PATHS[way.wire]
        async with HttpProvider(url, WIRES[way.wire], CLOCK, **more) as provider:
            yield provider

    async def ask(
        self, way: Way, deadlines: Deadlines | None = None, *, said: str = ASKED, **more: Any
    ) -> Reply | Failed:
        asked = Prompt("call-1", MODEL, (Message(content=said),), stream=way.stream, **more)
        async with self.provider(way) as provider:
            return await provider.call(asked, deadlines or Deadlines(10))


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("simulator")
    tasks = folder / "tasks.jsonl"
    tasks.write_bytes(orjson.dumps(ROW))
    child, url = asyncio.run(
        start_simulator(folder, clock=CLOCK, tasks=Path(tasks), speed=1000, scripted_share=0)
    )
    yield url
    child.kill()


@pytest.fixture(scope="module")
def asking(started: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=started, trust_env=False) as http:
        yield http


@pytest.fixture
def host(started: str, asking: httpx.Client) -> Host:
    asking.delete("/faults")
    found = Host(started, asking)
    found.seen = len(found.log())
    return found


@pytest.fixture(params=WAYS, ids=lambda way: f"{way.wire}{'-streamed' if way.stream else ''}")
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    return found


def failed(outcome: Reply | Failed) -> Failed:
    assert isinstance(outcome, Failed), outcome
    return outcome


def replied(outcome: Reply | Failed) -> Reply:
    assert isinstance(outcome, Reply), outcome
    return outcome


async def test_an_answer_comes_whole_with_its_model_usage_and_end(host: Host, way: Way) -> None:
    reply = replied(await host.ask(way))
    assert reply.text.startswith(f"Simulated answer of {MODEL} to task ")
    assert reply.text.endswith(".")
    assert reply.model == MODEL
    assert reply.finish_reason == (None if way.wire.startswith("replicate") else "stop")
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (9, 12)
    reported = Decimal("0.00002") if way.reports_cost else None
    assert reply.usage.reported_cost_usd == reported
    assert (reply.first_token_s is not None) == way.stream
    assert reply.first_token_s is None or 0 < reply.first_token_s <= reply.latency_s
    (entry,) = host.log()
    assert (entry["call_id"], entry["model"]) == ("call-1", MODEL)
    assert (entry["answered"], entry["billed_usd"]) == (True, BILLED)


REFUSED = {
    "429": Failure.RATE_LIMITED,
    "500": Failure.SERVER_ERROR,
    "503": Failure.OVERLOADED,
    "529": Failure.OVERLOADED,
}


async def test_a_refusal_is_told_by_its_status_and_costs_nothing(host: Host, way: Way) -> None:
    for kind, failure in REFUSED.items():
        host.behave()
        host.misbehave(kind)
        found = failed(await host.ask(way))
        assert (found.failure, found.retry_after_s) == (failure, None)
        assert found.failure.may_be_billed is False
        host.misbehave(kind, retry_after_s=7)
        assert failed(await host.ask(way)).retry_after_s == pytest.approx(7, abs=1)
    assert {(e["answered"], e["billed_usd"]) for e in host.log()} == {(False, "0")}


UNFINISHED = {Failure.CUT, Failure.GARBAGE}
"""What ends in the middle is no JSON where it is whole, and lacks its end where it is a stream."""


@pytest.mark.parametrize(
    ("kind", "failures"),
    [
        ("cut", {Failure.CUT}),
        ("half_json", UNFINISHED),
        ("unended", UNFINISHED),
        ("garbage", UNFINISHED),
        ("empty", {Failure.EMPTY}),
    ],
)
async def test_no_broken_answer_is_one_and_it_may_have_been_billed(
    host: Host, way: Way, kind: str, failures: set[Failure]
) -> None:
    host.misbehave(kind)
    found = failed(await host.ask(way))
    assert found.failure in failures
    assert found.failure.may_be_billed
    assert [(e["answered"], e["billed_usd"]) for e in host.log()] == [(False, BILLED)]
    if kind == "empty":
        assert (found.usage.input_tokens, found.usage.output_tokens) == (9, 12)
    else:  # what was put out is nobody's count
        assert found.usage.output_tokens is None


async def test_an_error_in_the_middle_of_an_answer_is_a_failure(host: Host, way: Way) -> None:
    host.misbehave("error_inside")
    found = failed(await host.ask(way))
    assert "simulated error" in found.detail
    if way.stream:  # part of the answer had come
        assert found.failure is Failure.CUT


async def test_another_model_that_answered_is_named(host: Host, way: Way) -> None:
    host.misbehave("wrong_model", answered_by="acme/tiny")
    assert replied(await host.ask(way)).model == "acme/tiny"
    assert [(e["model"], e["answered"]) for e in host.log()] == [(MODEL, True)]


async def test_an_answer_that_is_too_long_is_not_read_to_its_end(host: Host, way: Way) -> None:
    host.misbehave("huge", size_bytes=8 << 20)
    asked = Prompt("call-1", MODEL, (Message(content=ASKED),), stream=way.stream)
    async with host.provider(way, response_bytes=1 << 20) as provider:
        found = failed(await provider.call(asked, Deadlines(10)))
    assert found.failure is Failure.GARBAGE
    assert "longer than" in found.detail
    (entry,) = host.log()
    assert (entry["answered"], entry["billed_usd"]) == (False, BILLED)


async def test_a_redirect_to_another_host_is_refused_by_its_name(host: Host, way: Way) -> None:
    host.misbehave("redirect")
    found = failed(await host.ask(way))
    assert found.failure is Failure.REFUSED
    assert "localhost" in found.detail
    assert [(e["answered"], e["billed_usd"]) for e in host.log()] == [(False, "0")]


async def test_a_model_that_is_not_there_is_told(host: Host, way: Way) -> None:
    asked = Prompt("call-1", "acme/huge", (Message(content=ASKED),), stream=way.stream)
    async with host.provider(way) as provider:
        found = failed(await provider.call(asked, Deadlines(10)))
    assert found.failure is Failure.WRONG_MODEL


async def test_the_time_for_all_of_it_ends_a_call_that_nobody_answers(host: Host, way: Way) -> None:
    host.misbehave("timeout")
    found = failed(await host.ask(way, Deadlines(0.25)))
    assert found.failure is Failure.TIMED_OUT
    assert "no answer in 0.2" in found.detail
    assert found.latency_s == pytest.approx(0.25, abs=0.3)
    assert [(e["answered"], e["billed_usd"]) for e in host.log()] == [(False, BILLED)]


async def test_the_time_for_the_first_token_is_watched_in_streams(host: Host, way: Way) -> None:
    host.misbehave("slow_first", seconds=[0.4, 0.4])
    outcome = await host.ask(way, Deadlines(5, first_token_s=0.15))
    if not way.stream:
        assert replied(outcome).latency_s >= 0.4
        return
    found = failed(outcome)
    assert found.failure is Failure.TIMED_OUT
    assert found.detail == "no first token in 0.15 s"
    assert found.latency_s == pytest.approx(0.15, abs=0.2)


async def test_the_time_between_tokens_is_watched_in_streams(host: Host, way: Way) -> None:
    host.misbehave("slow_tokens", seconds=[0.2, 0.2])
    total_s = 3 if way.stream else 0.4
    found = failed(await host.ask(way, Deadlines(total_s, first_token_s=2, between_tokens_s=0.1)))
    assert found.failure is Failure.TIMED_OUT
    late = "after a token nothing for 0.1 s" if way.stream else "no answer in 0."
    assert found.detail.startswith(late)


async def test_tokens_that_come_slowly_are_waited_for(host: Host, way: Way) -> None:
    host.misbehave("slow_tokens", seconds=[0.03, 0.03])
    reply = replied(await host.ask(way, Deadlines(10, first_token_s=5, between_tokens_s=1)))
    assert reply.text.endswith(".")


async def test_a_limit_lets_its_calls_through_and_says_when_there_is_room(
    host: Host, way: Way
) -> None:
    host.misbehave("limit", per_minute=60, burst=2)
    outcomes = [await host.ask(way) for _ in range(4)]
    assert [isinstance(o, Reply) for o in outcomes] == [True, True, False, False]
    waits = [failed(outcome).retry_after_s for outcome in outcomes[2:]]
    assert all(wait is not None and 0 < wait <= 2 for wait in waits)
    assert {failed(outcome).failure for outcome in outcomes[2:]} == {Failure.RATE_LIMITED}
    assert [e["answered"] for e in host.log()] == [True, True, False, False]


async def test_json_is_what_the_schema_wants(host: Host, way: Way) -> None:
    outcome = await host.ask(way, response_schema=SCHEMA, json_output=True)
    reply = replied(outcome)
    if way.wire.startswith("replicate"):  # the wish stands in the prompt alone
        return
    found = orjson.loads(reply.text)
    assert set(found) == {"city", "size"}
    assert found["size"] == 7


async def test_a_tool_that_is_asked_for_is_called_in_openais_form(host: Host, way: Way) -> None:
    outcome = await host.ask(way, said="Use look_up for Paris.", tools=(TOOL,))
    if way.wire.startswith("replicate"):
        assert failed(outcome).failure is Failure.REFUSED
        assert "tools" in failed(outcome).detail
        return
    reply = replied(outcome)
    (call,) = reply.tool_calls
    assert (call["type"], call["function"]["name"]) == ("function", "look_up")
    assert orjson.loads(call["function"]["arguments"]) == {"city": "simulated", "size": 7}
    assert (reply.text, reply.finish_reason) == ("", "tool_calls")


async def test_stop_and_the_most_tokens_reach_the_model(host: Host, way: Way) -> None:
    outcome = await host.ask(way, stop=(" of ",))
    if way.wire == "openai_responses":  # its API has no stop sequences, and no fewer than 16 tokens
        assert failed(outcome).failure is Failure.REFUSED
        return
    assert replied(outcome).text.strip() == "Simulated answer"
    short = replied(await host.ask(way, max_output_tokens=2))
    assert short.text.strip() == "Simulated answer"
    assert short.usage.output_tokens == 2
    assert short.finish_reason == (None if way.wire.startswith("replicate") else "length")


async def test_logprobs_come_where_the_format_has_them(host: Host, way: Way) -> None:
    found = replied(await host.ask(way, logprobs=True)).token_logprobs
    if way.wire in ("anthropic_messages", "replicate_predictions"):
        assert found is None
        return
    assert found is not None
    assert len(found) == 7
    assert all(-1 < one < 0 for one in found)


async def test_a_format_without_streams_answers_whole_where_one_is_asked_for(host: Host) -> None:
    reply = replied(await host.ask(Way("replicate_predictions", stream=True)))
    assert (reply.text[-1], reply.first_token_s) == (".", None)


async def test_what_is_not_waited_for_is_called_off_where_it_would_go_on(host: Host) -> None:
    way = Way("replicate_predictions", stream=False)
    host.misbehave("slow", seconds=[1.0, 1.0])
    assert failed(await host.ask(way, Deadlines(0.3))).failure is Failure.TIMED_OUT
    call = host.ask(way, Deadlines(5))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call, 0.3)  # as a worker that must go
    await CLOCK.sleep(1.0)
    assert [(e["answered"], e["billed_usd"]) for e in host.log()] == [(False, "0")] * 2


async def test_what_is_made_later_is_polled(host: Host) -> None:
    host.misbehave("slow", seconds=[0.7, 0.7])
    reply = replied(await host.ask(Way("replicate_predictions", stream=False)))
    assert reply.latency_s == pytest.approx(1.0, abs=0.6)
    assert reply.text.endswith(".")


def test_every_wire_has_its_place_in_the_simulator() -> None:
    assert set(BASE_PATHS) == set(WIRES)
