"""Doubts as they come up, and how they end: a worker dies amid its calls, the provider sends its bill."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from streams.events.outcome import Cost
from streams.kafka import codec
from streams.kafka.publish import partition_of
from tests import wire
from tests.builders import a_cost
from tests.deployment import TIERFLOW, Deployment, prompt
from tests.inside import typed
from tests.processes import finish

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.once]

TASKS = 12
BY_MODEL = 2
"""A prompt of this number asks for code, which no tier-0 skill answers."""

OPEN = "SELECT count() FROM costs WHERE startsWith(task_id, {of:String}) AND standing = 'in_doubt'"
MONEY = "SELECT call_id, cost_usd, standing FROM costs WHERE startsWith(task_id, {of:String})"
OF_CALL = "SELECT count(), any(cost_usd), any(price_version) FROM costs WHERE call_id = {of:String} AND settled_at IS NOT NULL"
THERE = "SELECT count() FROM costs WHERE call_id IN {of:Array(String)}"
KILLED = "SELECT count() FROM calls WHERE startsWith(task_id, {of:String}) AND failure = 'in_doubt'"
USAGE = {"prompt_tokens": 1000, "completion_tokens": 200}


Settle = Callable[..., Awaitable[tuple[int, list[dict[str, Any]], str]]]
"""Runs the command: exit code, facts, and what was said."""


@pytest.fixture
def settle(deployment: Deployment) -> Settle:
    """`tierflow settle --json`."""

    async def run(*words: str, **env: str) -> tuple[int, list[dict[str, Any]], str]:
        code, out, err = await typed({**deployment.env, **env}, "settle", *words, "--json")
        return code, [orjson.loads(line) for line in out.splitlines()], err

    return run


def billed(log: list[dict[str, Any]]) -> dict[str, Decimal]:
    """What the simulator says that each call was billed."""
    found = dict[str, Decimal]()
    for line in log:
        found[line["call_id"]] = found.get(line["call_id"], Decimal(0)) + Decimal(
            line["billed_usd"]
        )
    return found


async def left_in_doubt(deployment: Deployment, named: str) -> dict[str, Decimal]:
    """Let a worker die amid its calls, and calls be cut; what the simulator billed for each call."""
    bodies = {
        f"{named}{n}": orjson.dumps(
            {"task_id": f"{named}{n}", "prompt": prompt(BY_MODEL + 6 * n), "model": "medium"}
        )
        for n in range(TASKS)
    }
    before = len(deployment.calls())
    deployment.misbehave("cut", 0.4)
    deployment.slow(0.5, 1.5)
    await deployment.publish("tasks", bodies)
    await deployment.until(
        lambda: len(deployment.calls()) >= before + TASKS // 2, "calls on their way"
    )
    deployment.workers[0].kill()
    await deployment.have(workers=1)
    await deployment.results(bodies)
    deployment.behave()
    told = billed(deployment.calls()[before:])
    await in_the_books(deployment, list(told))
    return told


async def in_the_books(deployment: Deployment, calls: list[str]) -> None:
    """Wait until the books have what these calls cost."""
    for _ in range(100):
        if deployment.rows(THERE, of=calls) == [(len(calls),)]:
            return
        await deployment._clock.sleep(0.1)
    raise AssertionError(f"not in the books: {calls}")


@pytest.mark.timeout(180)
async def test_what_a_killed_worker_leaves_in_doubt_is_settled_by_the_providers_bill(
    deployment: Deployment, settle: Settle, named: str, tmp_path: Path
) -> None:
    told = await left_in_doubt(deployment, named)
    rows = {name: (usd, standing) for name, usd, standing in deployment.rows(MONEY, of=named)}
    doubts = {name for name, (_, standing) in rows.items() if standing == "in_doubt"}
    assert {rows[name][0] for name in doubts} == {None}
    assert deployment.rows(KILLED, of=named)[0][0] > 0, "nobody died amid a call"
    assert sum(told[name] for name in doubts) > 0

    assert doubts <= {doubt["call_id"] for doubt in (await settle())[1]}
    bill = tmp_path / "log.jsonl"
    bill.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in deployment.calls()))
    code, facts, err = await settle("--bill", str(bill), "--dry-run")
    assert (code, {fact["outcome"] for fact in facts}) == (0, {"would_settle"})
    assert "nothing was booked" in err
    assert deployment.rows(OPEN, of=named) == [(len(doubts),)]

    command = [TIERFLOW, "settle", "--bill", str(bill)]
    code, out, err = finish(command, env=deployment.env, timeout_s=60)
    assert (code, out.count("; it was in doubt\n")) == (0, len(facts))
    assert "are not in doubt, and were passed over" in err
    assert await deployment.rows_until(0, OPEN, of=named) == [(0,)]
    settled = {name: usd for name, usd, _ in deployment.rows(MONEY, of=named)}
    assert {name: settled[name] for name in told} == told
    assert doubts.isdisjoint(doubt["call_id"] for doubt in (await settle())[1])
    assert (await settle("--bill", str(bill)))[1] == [], "a bill that is sent twice counts once"


async def booked(deployment: Deployment, *doubts: Any) -> None:
    """Put doubts into the topic as a tier does, and wait until the books have them."""
    topic = deployment.topic("costs")
    producer = AIOKafkaProducer(**wire.options(deployment.bootstrap))
    await producer.start()
    try:
        count = len(await producer.partitions_for(topic))
        for doubt in doubts:
            await producer.send_and_wait(
                topic, codec.encode(doubt), key=doubt.call_id.encode(),
                partition=partition_of(doubt.task_id.encode(), count),
                headers=[("ce_id", f"e-{doubt.call_id}".encode())],
            )  # fmt: skip
    finally:
        await producer.stop()
    await in_the_books(deployment, [doubt.call_id for doubt in doubts])


def a_doubt(name: str, **fields: Any) -> Cost:
    """A call of a model in the price list that can have cost a cent at most."""
    told = {"cost_usd": None, "price_version": None, "standing": "in_doubt"}
    model = {"provider": "openai", "model": "gpt-4o", "at_most_usd": Decimal("0.01")}
    return a_cost(name, **{**told, **model, **fields})


async def test_one_call_is_settled_and_settled_anew_and_the_last_figure_counts(
    deployment: Deployment, settle: Settle, named: str
) -> None:
    name, known = f"call-{named}0", f"call-{named}1"
    done = a_cost(known, task_id=named, cost_usd=Decimal("0.003"))
    await booked(deployment, a_doubt(name, task_id=named), done)

    code, facts, _ = await settle(name, "--cost-usd", "0.011")
    assert (code, facts[0]["outcome"]) == (1, "refused")
    assert facts[0]["because"] == "it can't have cost more than $0.01"
    code, facts, _ = await settle(name, "--cost-usd", "0.004")
    assert (code, facts[0]["outcome"], facts[0]["cost_usd"]) == (0, "settled", "0.004000000000")
    found = await deployment.rows_until(1, OF_CALL, of=name)
    assert found == [(1, Decimal("0.004"), "settled")]
    assert (await settle(name, "--cost-usd", "0.004"))[1][0]["outcome"] == "known"
    code, facts, _ = await settle(name, "--not-billed")
    assert (code, facts[0]["before_usd"]) == (0, "0.004000000000")
    again = f"{OF_CALL} AND cost_usd = 0"
    assert await deployment.rows_until(1, again, of=name) == [(1, Decimal(0), "settled")]

    costs = [r for r in await deployment.read("costs") if r.key == name.encode()]
    assert len({record.partition for record in costs}) == 1, "a task's records meet"
    assert [orjson.loads(r.value)["standing"] for r in costs] == ["in_doubt"] + 2 * ["confirmed"]

    code, facts, err = await settle(known, "--cost-usd", "1")
    assert (code, facts) == (1, [])
    assert "is not in doubt: it cost $0.003" in err
    code, _, err = await settle("call-nobody-made", "--not-billed")
    assert code == 4
    assert "the books have no cost of call-nobody-made" in err


async def test_usage_is_priced_by_who_answered_and_when(
    deployment: Deployment, settle: Settle, named: str, tmp_path: Path
) -> None:
    name = f"call-{named}0"
    await booked(deployment, a_doubt(name, task_id=named))
    usage = tmp_path / "usage.json"
    usage.write_bytes(orjson.dumps({"model": "gpt-4o", "usage": USAGE}))
    code, facts, _ = await settle(name, "--usage", str(usage))
    assert (code, facts[0]["cost_usd"]) == (0, "0.004500000000")
    (priced,) = await deployment.rows_until(1, OF_CALL, of=name)
    assert priced[1] == Decimal("0.0045")
    assert priced[2] not in (None, "settled")
    tokens = (
        "SELECT input_tokens, output_tokens, answered_by FROM costs WHERE call_id = {of:String}"
    )
    assert deployment.rows(tokens, of=name) == [(1000, 200, "gpt-4o")]
    usage.write_bytes(orjson.dumps({"model": "nobody-knows-it", "usage": USAGE}))
    code, facts, err = await settle(name, "--usage", str(usage))
    assert (code, facts) == (1, [])
    assert "its cost is unknown: no price of openai nobody-knows-it" in err


async def test_a_bill_that_can_not_be_read_books_nothing_and_its_line_is_named(
    deployment: Deployment, settle: Settle, named: str, tmp_path: Path
) -> None:
    name = f"call-{named}0"
    await booked(deployment, a_doubt(name, task_id=named))
    bill = tmp_path / "bill.jsonl"
    good = orjson.dumps({"call_id": name, "cost_usd": "0.005"})
    bill.write_bytes(good + b'\n{"call_id": "x", "cost_usd": "five"}\n')
    code, facts, err = await settle("--bill", str(bill))
    assert (code, facts) == (2, [])
    assert "line 2: cost_usd: 'five'" in err
    bill.write_bytes(orjson.dumps([{"call_id": name, "billed_usd": 0.2}]))
    code, facts, _ = await settle("--bill", str(bill))
    assert (code, facts[0]["outcome"]) == (1, "refused")
    assert deployment.rows(OPEN, of=named) == [(1,)]
    code, facts, _ = await settle("--bill", str(bill), "--force")
    assert (code, facts[0]["outcome"]) == (0, "settled")
    assert await deployment.rows_until(0, OPEN, of=named) == [(0,)]


async def test_books_that_are_away_are_exit_3_and_books_that_are_not_migrated_exit_4(
    settle: Settle,
) -> None:
    code, _, err = await settle(TIERFLOW_CLICKHOUSE__URL="http://127.0.0.1:1")
    assert code == 3
    assert "ClickHouse doesn't answer" in err
    code, _, err = await settle(TIERFLOW_CLICKHOUSE__DATABASE="nobody_made_it")
    assert code == 4
    assert "tierflow clickhouse migrate" in err
