"""Two hundred workers die by SIGKILL, many of them with calls on their way; nobody pays unknowingly.

What was called and billed says the simulator's own log; our ledger is not asked.

TIERFLOW_KILLS=… make chaos             # so many kills
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams import ids
from streams.clock import SystemClock
from streams.rig.hosts import task_name
from streams.rig.recorded import prompt_key
from tests import invariants
from tests.deployment import MODELS, Deployment, prompt_of, recorded_rows
from tests.invariants import Body, Report

pytestmark = [pytest.mark.chaos, pytest.mark.broker, pytest.mark.clickhouse]

KILLS = int(os.environ.get("TIERFLOW_KILLS", "200"))
WORKERS = 3
PAUSE_S = (1.0, 6.0)
"""Between two kills."""

TASKS_A_SECOND = 5
LONGEST_CALL_S = 4.0
SLOW_S = (0.2, 2.5)
FAULTS = (("503", 0.05), ("cut", 0.04), ("empty", 0.02), ("garbage", 0.02))
RULES = {1: "recall", 2: "recall", 3: "park", 4: "fail"}
REFUSED = ("503",)
"""Faults of calls that no model ever began."""

PRICES = {
    "tiny": ("0.1", "0.8"),
    "small": ("0.5", "4"),
    "medium": ("4", "32"),
    "large": ("40", "320"),
}
"""Dollars a million tokens in and out: for the recorded 20 and 10 tokens, `deployment.MODELS`."""


@dataclass(slots=True)
class Killed:
    """What was done: when workers died, and which tasks were published by then."""

    at: list[datetime] = field(default_factory=list)
    tasks: dict[str, str] = field(default_factory=dict)
    """Prompts by task id."""


@pytest.fixture
async def doomed(
    kafka: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Deployment]:
    """A rig of its own: priced models, one rule a tier for calls in doubt, calls of four seconds."""
    bootstrap = None if kafka == "embedded" else request.getfixturevalue("broker").bootstrap
    rows = int(KILLS * sum(PAUSE_S) / 2 * TASKS_A_SECOND * 2) + 1000
    models = tmp_path / "models.toml"
    models.write_text("\n".join(_model(tier, name) for tier, name in enumerate(MODELS, 1)))
    deployment = Deployment(tmp_path, bootstrap, rows=recorded_rows(rows), models=models)
    try:
        await deployment.started()
        rules = {f"TIERFLOW_TIERS__TIER{n}__IN_DOUBT": rule for n, rule in RULES.items()}
        deployment.env = {
            **deployment.env, **rules, "TIERFLOW_WORKER__LONGEST_CALL_S": str(LONGEST_CALL_S)
        }  # fmt: skip
        yield deployment
    finally:
        deployment.stop()


def _model(tier: int, name: str) -> str:
    into, out = PRICES[name]
    return (
        f'[[models.tier{tier}]]\nname = "{name}"\nprovider = "simulator"\nmax_tokens = 200\n'
        f"input_usd_per_mtok = {into}\noutput_usd_per_mtok = {out}\n"
    )


@pytest.mark.timeout(3000)
async def test_two_hundred_kills_leave_no_call_twice_and_no_cent_unknown(
    doomed: Deployment,
) -> None:
    await doomed.have(workers=WORKERS)
    doomed.slow(*SLOW_S)
    doomed.misbehave("abandoned", 1.0)
    for kind, share in FAULTS:
        doomed.misbehave(kind, share)
    killed = Killed()
    async with asyncio.TaskGroup() as group:
        publishing = group.create_task(_publish(doomed, killed))
        await _kill(doomed, killed)
        publishing.cancel()
    doomed.behave()
    await doomed.have(workers=WORKERS)
    report = Report({"kills": len(killed.at)}, [])
    await invariants.check_results(doomed, killed.tasks, report)
    log = doomed.calls()
    _check_inside(killed, log, report)
    await _check_calls(doomed, killed, log, report)
    await _check_money(doomed, log, report)
    await invariants.check_letters(doomed, 0, report)
    print(f"\n{report}")  # noqa: T201 (the figures of this run)
    assert not report.findings, "\n".join(report.findings[:50])


async def _publish(deployment: Deployment, killed: Killed) -> None:
    """So many tasks a second, each with a prompt of its own."""
    clock, number = SystemClock(), 0
    while True:
        fresh = {f"kill-{n}": prompt_of(n) for n in range(number, number + TASKS_A_SECOND)}
        number += TASKS_A_SECOND
        bodies = {
            task_id: orjson.dumps({"task_id": task_id, "prompt": text})
            for task_id, text in fresh.items()
        }
        killed.tasks |= fresh
        await asyncio.shield(deployment.publish("tasks", bodies))
        await clock.sleep(1.0)


async def _kill(deployment: Deployment, killed: Killed) -> None:
    """One worker after another, while at least one other is ready; each is replaced at once."""
    clock = SystemClock()
    for number in range(KILLS):
        low_s, high_s = PAUSE_S
        await clock.sleep(low_s + (high_s - low_s) * ids.draw("kills", str(number), "pause"))
        ready = [worker for worker in deployment.workers if worker.is_ready()]
        while len(ready) < 2:
            await clock.sleep(0.2)
            ready = [worker for worker in deployment.workers if worker.is_ready()]
        victim = ready[int(ids.draw("kills", str(number), "victim") * len(ready))]
        killed.at.append(clock.now())
        victim.kill()
        deployment.workers.remove(victim)
        deployment.start("worker")


def _check_inside(killed: Killed, log: Iterable[Body], report: Report) -> None:
    """Kills at which a call was on its way that nobody got the answer of."""
    lost = [
        datetime.fromisoformat(entry["at"])
        for entry in log
        if not entry["answered"] and entry["fault"] is None
    ]
    reach = timedelta(seconds=LONGEST_CALL_S)
    inside = sum(any(at <= t <= at + reach for at in lost) for t in killed.at)
    report.counts |= {"kills inside a call": inside, "answers that nobody got": len(lost)}
    report.want(4 * inside >= len(killed.at), f"only {inside} kills inside a call")


async def _check_calls(
    deployment: Deployment, killed: Killed, log: list[Body], report: Report
) -> None:
    """No call twice; none after its task's result was delivered; none again where that is ruled."""
    names = [entry["call_id"] for entry in log]
    report.want(len(set(names)) == len(names), "a call was made twice under one id")
    by_task: dict[str, list[Body]] = defaultdict(list)
    for entry in log:
        by_task[entry["task"]].append(entry)
    results = await deployment.results(killed.tasks)
    tiers = {name: tier for tier, name in enumerate(MODELS, 1)}
    again, unknown = 0, 0
    for task_id, text in killed.tasks.items():
        calls = by_task[task_name(prompt_key(text))]
        done_at = min(_completed_at(record) for record in results.get(task_id, ()))
        late = [c["call_id"] for c in calls if datetime.fromisoformat(c["at"]) > done_at]
        report.want(not late, f"{task_id}: called after its result: {late}")
        for model in MODELS:
            begun = [c for c in calls if c["model"] == model and c["fault"] not in REFUSED]
            again += len(begun) > 1
            unknown += sum(c["answered"] for c in begun[:-1])
            if len(begun) > 1 and RULES[tiers[model]] != "recall":
                report.findings.append(f"{task_id}: {model} asked again: {begun}")
    report.counts |= {
        "calls": len(log),
        "asked again as ruled": again,
        "answers that died with their worker": unknown,
    }


def _completed_at(record: Any) -> datetime:
    return datetime.fromisoformat(orjson.loads(record.value)["completed_at"])


async def _check_money(deployment: Deployment, log: list[Body], report: Report) -> None:
    """Every cent that was billed is booked: to the cent, or in doubt at no less."""
    booked: dict[str, Body] = {}
    for record in await deployment.read("costs"):
        cost = orjson.loads(record.value)
        known = booked.get(cost["call_id"])
        if known is None or known["standing"] == "in_doubt":
            booked[cost["call_id"]] = cost
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for entry in log:
        billed = Decimal(entry["billed_usd"] or 0)
        cost = booked.get(entry["call_id"])
        if cost is None:
            report.want(not billed, f"{entry}: billed, and not booked")
        elif cost["standing"] == "in_doubt":
            bound = Decimal(cost["at_most_usd"] or 0)
            report.want(bound >= billed, f"{entry}: in doubt at {bound}")
            sums["in doubt at most"] += bound
            sums["billed in doubt"] += billed
        else:
            paid = Decimal(cost["cost_usd"] or 0)
            report.want(paid == billed, f"{entry}: booked at {paid}")
            sums["booked"] += paid
            sums["billed"] += billed
    report.counts |= sums
    report.counts["calls in doubt"] = sum(c["standing"] == "in_doubt" for c in booked.values())
