"""The simulator as a process of its own, called through the HTTP provider."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from streams.calling.attempts import Failure
from streams.clock import SystemClock
from streams.events.outcome import Usage
from streams.events.task import Message
from streams.providers.http import HttpProvider
from streams.providers.openai_chat import OpenAIChat
from streams.providers.port import Deadlines, Failed, Prompt, Reply
from streams.rig.process import Child, ChildDiedError, free_port
from streams.rig.simulator import start_simulator

CLOCK = SystemClock()
ROWS: list[dict[str, Any]] = [
    {
        "task_id": "r1",
        "prompt": "2 + 2?",
        "outcomes": {
            "small": {"score": 1, "input_tokens": 3, "output_tokens": 4, "cost_usd": 3.07e-05},
            "large": {"score": 1, "cost_usd": 0.00917375},
            "unpriced": {"score": 1, "input_tokens": 3, "output_tokens": 4},
        },
    }
]


@dataclass
class Running:
    child: Child
    url: str
    provider: HttpProvider
    http: httpx.AsyncClient

    async def ask(
        self,
        call_id: str = "c1",
        model: str = "small",
        text: str = "2 + 2?",
        timeout_s: float = 5.0,
    ) -> Reply | Failed:
        prompt = Prompt(call_id, model, (Message(content=text),))
        return await self.provider.call(prompt, Deadlines(timeout_s))

    async def misbehave(self, **fault: Any) -> None:
        answer = await self.http.post(
            "/faults", content=orjson.dumps({"model": "*", "share": 1, **fault})
        )
        assert answer.status_code == 200

    async def log(self) -> list[dict[str, Any]]:
        answer = await self.http.get("/log")
        return [orjson.loads(line) for line in answer.content.splitlines()]


async def running(folder: Path, scripted_share: float) -> AsyncIterator[Running]:
    tasks = folder / "tasks.jsonl"
    tasks.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in ROWS))
    child, url = await start_simulator(
        folder, clock=CLOCK, tasks=tasks, speed=1000, scripted_share=scripted_share
    )
    try:
        async with (
            HttpProvider(f"{url}/v1", OpenAIChat(), CLOCK) as provider,
            httpx.AsyncClient(base_url=url, trust_env=False) as http,
        ):
            yield Running(child, url, provider, http)
        assert await asyncio.to_thread(child.stop, 5.0) == 0, child.tail()
    finally:
        child.kill()


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[Running]:
    async for started in running(tmp_path, 0.0):
        yield started


@pytest.fixture
async def scripted_simulator(tmp_path: Path) -> AsyncIterator[Running]:
    async for started in running(tmp_path, 1.0):
        yield started


async def test_a_recorded_task_is_answered_with_its_recorded_usage(simulator: Running) -> None:
    reply = await simulator.ask()
    assert isinstance(reply, Reply)
    assert reply.usage == Usage(
        input_tokens=3, output_tokens=4, reported_cost_usd=Decimal("0.0000307")
    )
    assert (reply.model, reply.finish_reason) == ("small", "stop")
    assert "small" in reply.text
    assert 0 < reply.latency_s < 2
    (entry,) = await simulator.log()
    assert entry == {
        "at": entry["at"],
        "model": "small",
        "call_id": "c1",
        "answered": True,
        "billed_usd": "0.000030700000",
        "task": entry["task"],
        "fault": None,
    }


async def test_usage_says_what_is_recorded_and_no_more(simulator: Running) -> None:
    large, unpriced = await simulator.ask("c1", "large"), await simulator.ask("c2", "unpriced")
    stranger = await simulator.ask("c3", "small", "What is the time?")
    assert isinstance(large, Reply)
    assert isinstance(unpriced, Reply)
    assert isinstance(stranger, Reply)
    assert large.usage == Usage(reported_cost_usd=Decimal("0.00917375"))
    assert unpriced.usage == Usage(input_tokens=3, output_tokens=4)
    assert stranger.usage == Usage(input_tokens=4, output_tokens=200)
    assert [entry["billed_usd"] for entry in await simulator.log()] == [
        "0.009173750000",
        None,
        None,
    ]


async def test_the_same_task_and_model_are_answered_alike(simulator: Running) -> None:
    texts = [
        reply.text
        for reply in [
            await simulator.ask("c1"),
            await simulator.ask("c2"),
            await simulator.ask("c3", "large"),
        ]
        if isinstance(reply, Reply)
    ]
    assert texts[0] == texts[1] != texts[2]


async def test_a_model_that_the_task_does_not_record_is_not_found(simulator: Running) -> None:
    failed = await simulator.ask(model="huge")
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.WRONG_MODEL
    assert [entry["answered"] for entry in await simulator.log()] == [False]


@pytest.mark.parametrize(
    ("kind", "failure", "billed", "reported"),
    [
        ("429", Failure.RATE_LIMITED, "0", None),
        ("500", Failure.SERVER_ERROR, "0", None),
        ("503", Failure.OVERLOADED, "0", None),
        ("529", Failure.OVERLOADED, "0", None),
        ("cut", Failure.CUT, "0.000030700000", None),
        ("garbage", Failure.GARBAGE, "0.000030700000", None),
        ("empty", Failure.EMPTY, "0.000030700000", Decimal("0.0000307")),
    ],
)
async def test_each_fault_is_the_failure_that_it_stands_for(
    simulator: Running, kind: str, failure: Failure, billed: str, reported: Decimal | None
) -> None:
    await simulator.misbehave(kind=kind)
    failed = await simulator.ask()
    assert isinstance(failed, Failed)
    assert failed.failure is failure
    assert failed.usage.reported_cost_usd == reported
    (entry,) = await simulator.log()
    assert (entry["answered"], entry["billed_usd"]) == (False, billed)
    assert (await simulator.http.delete("/faults")).status_code == 204
    assert isinstance(await simulator.ask("c2"), Reply)


async def test_a_call_that_is_never_answered_times_out_and_is_billed(simulator: Running) -> None:
    await simulator.misbehave(kind="timeout")
    failed = await simulator.ask(timeout_s=0.3)
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.TIMED_OUT
    assert failed.latency_s == pytest.approx(0.3, abs=0.25)
    (entry,) = await simulator.log()
    assert (entry["answered"], entry["billed_usd"]) == (False, "0.000030700000")


async def test_a_client_that_leaves_before_the_answer_is_not_answered(simulator: Running) -> None:
    await simulator.misbehave(kind="slow", seconds=[0.4, 0.4])
    failed = await simulator.ask(timeout_s=0.1)
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.TIMED_OUT
    await CLOCK.sleep(0.6)
    (entry,) = await simulator.log()
    assert (entry["answered"], entry["billed_usd"]) == (False, "0")


async def test_the_first_call_of_a_task_comes_as_slowly_as_every_other(simulator: Running) -> None:
    await simulator.misbehave(kind="slow_tokens", seconds=[0.1, 0.1])
    assert [(await simulator.ask(timeout_s=5)).latency_s > 0.1 for _ in range(2)] == [True, True]


async def test_sixty_four_slow_calls_wait_side_by_side_and_as_long_as_asked(
    simulator: Running,
) -> None:
    await simulator.misbehave(kind="slow", seconds=[0.5, 0.7])
    began_s = CLOCK.monotonic_s()
    replies = await asyncio.gather(*(simulator.ask(f"c{n}") for n in range(64)))
    assert CLOCK.monotonic_s() - began_s < 5
    assert all(isinstance(reply, Reply) and reply.latency_s >= 0.5 for reply in replies)
    assert sum(entry["answered"] for entry in await simulator.log()) == 64


async def test_a_fault_that_makes_no_sense_is_refused_and_named(simulator: Running) -> None:
    answer = await simulator.http.post("/faults", content=b'{"kind": "slow"}')
    assert answer.status_code == 400
    assert "seconds" in answer.text
    assert isinstance(await simulator.ask(), Reply)


async def test_the_script_refuses_the_first_call_of_a_task_and_takes_the_second(
    scripted_simulator: Running,
) -> None:
    first, second = await scripted_simulator.ask("c1"), await scripted_simulator.ask("c2", "large")
    assert isinstance(first, Failed)
    assert not first.failure.may_be_billed
    assert isinstance(second, Reply)


async def test_a_task_is_known_also_behind_a_system_message(simulator: Running) -> None:
    said = (Message(role="system", content="Be short."), Message(content="2 + 2?"))
    reply = await simulator.provider.call(Prompt("c1", "large", said), Deadlines(5))
    assert isinstance(reply, Reply)
    assert reply.usage.reported_cost_usd == Decimal("0.00917375")


async def test_a_request_that_is_no_completion_is_refused(simulator: Running) -> None:
    for body in (b"", b"nope", b"[]", b'{"model": 7}', b'{"model": "m", "messages": "x"}'):
        answer = await simulator.http.post("/v1/chat/completions", content=body)
        assert answer.status_code == 400


async def test_a_simulator_that_is_gone_is_unreachable() -> None:
    async with HttpProvider(f"http://127.0.0.1:{free_port()}/v1", OpenAIChat(), CLOCK) as provider:
        failed = await provider.call(Prompt("c1", "m", (Message(content="x"),)), Deadlines(2))
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.UNREACHABLE


async def test_a_file_that_cannot_be_read_ends_it_and_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChildDiedError, match=r"simulator exited 2: (.|\n)*nowhere\.jsonl"):
        await start_simulator(tmp_path, clock=CLOCK, tasks=tmp_path / "nowhere.jsonl")


async def test_a_taken_port_ends_it_and_is_named(simulator: Running, tmp_path: Path) -> None:
    port = int(simulator.url.rsplit(":", 1)[1])
    folder = tmp_path / "second"
    folder.mkdir()
    with pytest.raises(ChildDiedError, match=f"port {port}: "):
        await start_simulator(folder, clock=CLOCK, tasks=None, port=port)
