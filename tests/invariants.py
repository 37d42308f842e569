"""What must hold of a deployment at rest, whatever it went through: findings in words."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from aiokafka import ConsumerRecord

from streams.topology import STAGES, Table, changelog_of
from tests import wire
from tests.deployment import Deployment

Body = dict[str, Any]

OURS = ("internal", "undeliverable")
"""Dead letters of these reasons are our fault."""

STATES = ("intended", "in_doubt", "failed", "completed")
"""Of a call, the less known first."""

ON_THE_WAY = timedelta(seconds=1)
"""Longest between a table's write and its arrival."""


@dataclass(slots=True)
class Report:
    """Counts for a person, and findings: what does not hold."""

    counts: dict[str, object]
    findings: list[str]

    def __str__(self) -> str:
        return "\n".join(f"{name:28} {value}" for name, value in self.counts.items())

    def want(self, holds: bool, finding: str) -> None:
        """Note a finding where something does not hold."""
        if not holds:
            self.findings.append(finding)


async def check_results(deployment: Deployment, tasks: Iterable[str], report: Report) -> None:
    """Every task has a result, and all results of one carry the same event id."""
    wanted = list(tasks)
    found = await deployment.results(wanted, timeout_s=120)
    lost = set(wanted) - found.keys()
    report.want(not lost, f"{len(lost)} tasks have no result: {sorted(lost)[:5]}")
    for task_id, records in found.items():
        known = {wire.header(r, "ce_id") for r in records}
        report.want(len(known) == 1, f"{task_id}: results of {len(known)} ids")
    bodies = [orjson.loads(records[0].value) for records in found.values()]
    reasons = Counter(b["error"]["reason"] for b in bodies if b["status"] == "failed")
    report.want("internal" not in reasons, f"{reasons['internal']} tasks failed as internal")
    report.counts |= {
        "tasks": len(wanted),
        "completed": sum(b["status"] == "completed" for b in bodies),
        "failed": dict(reasons),
        "results repeated": sum(len(records) - 1 for records in found.values()),
    }


async def check_rows(deployment: Deployment, named: str, tasks: int, report: Report) -> None:
    """The books have one row a task."""
    sql = "SELECT count(), uniqExact(task_id) FROM results WHERE startsWith(task_id, {of:String})"
    found = await deployment.rows_until(tasks, sql, of=named)
    report.want(found == [(tasks, tasks)], f"`results` has (rows, tasks) {found}, not {tasks}")
    report.counts["rows in results"] = found[0][0]


async def check_costs(
    deployment: Deployment, named: str, asked: Iterable[Body], report: Report
) -> None:
    """One row in `costs` a call that may be billed, at what was billed; NULL only in doubt.

    Who is frozen between announcing a call and making it never makes it: that is no call.
    """
    ledger = await _ledger(deployment, named)
    states = Counter(call["state"] for call in ledger.values())
    log = {entry["call_id"]: entry for entry in asked if entry["call_id"] in ledger}
    opened = [c for c, call in ledger.items() if call["state"] == "intended"]
    made = [call_id for call_id in opened if call_id in log]
    for call_id in made:
        call = ledger[call_id]
        told = f"tier {call['tier']}, intended at {call['intended_at']}, {log[call_id]}"
        report.findings.append(f"{call_id} of {call['task_id']} is open at rest: {told}")
    made_at: dict[str, list[str]] = defaultdict(list)
    for made_call in asked:
        made_at[made_call["call_id"]].append(made_call["at"])
    for call_id in ledger:
        at = made_at.get(call_id, [])
        report.want(len(at) <= 1, f"{call_id} was made {len(at)} times, at {', '.join(at)}")
    columns = "call_id, cost_usd, standing"
    sql = f"SELECT {columns} FROM costs WHERE startsWith(task_id, {{of:String}})"  # noqa: S608 (constants)
    rows = deployment.rows(sql, of=named)
    booked = {call_id: (cost, standing) for call_id, cost, standing in rows}
    report.want(len(booked) == len(rows), f"`costs` has {len(rows)} rows of {len(booked)} calls")
    for call_id, call in ledger.items():
        entry = log.get(call_id)
        for finding in _of_call(call, entry, booked.get(call_id)):
            report.findings.append(f"{call_id} of {call['task_id']}: {finding}")
    strange = booked.keys() - ledger.keys()
    report.want(not strange, f"{len(strange)} costs of calls that the ledger doesn't know")
    confirmed = {c: cost for c, (cost, standing) in booked.items() if standing == "confirmed"}
    paid = sum((cost for cost in confirmed.values() if cost is not None), Decimal(0))
    billed = sum((_billed(log[c]) for c in confirmed if c in log), Decimal(0))
    report.want(paid == billed, f"`costs` says {paid} for what was billed at {billed}")
    report.counts |= {
        "calls": dict(states),
        "announced, never made": len(opened) - len(made),
        "rows in costs": len(rows),
        "booked / billed": f"{paid} / {billed}",
        "in doubt, NULL": sum(cost is None for cost, _ in booked.values()),
        "billed in doubt": sum(
            (_billed(entry) for c, entry in log.items() if c not in confirmed), Decimal(0)
        ),
    }


def _of_call(
    call: Body, entry: Body | None, booked: tuple[Decimal | None, str] | None
) -> Iterator[str]:
    answered = entry is not None and entry["answered"]
    if call["state"] in ("completed", "in_doubt") and booked is None:
        yield f"{call['state']}, and `costs` has no row"
    if call["state"] == "completed" and not answered:
        yield "completed, and the simulator did not answer it"
    if booked is None:
        return
    cost, standing = booked
    if (cost is None) != (standing == "in_doubt"):
        yield f"costs {cost} and is {standing}"
    if cost is not None and (entry is None or cost != _billed(entry)):
        yield f"costs {cost}, and the simulator says {entry}"


def _billed(entry: Body) -> Decimal:
    return Decimal(entry["billed_usd"] or 0)


async def _ledger(deployment: Deployment, named: str) -> dict[str, Body]:
    """The most that is known of each call."""
    known: dict[str, Body] = {}
    for record in await deployment.read("calls"):
        call = orjson.loads(record.value)
        before = known.get(call["call_id"], call)
        if call["task_id"].startswith(named):
            known[call["call_id"]] = max(before, call, key=lambda c: STATES.index(c["state"]))
    return known


async def check_letters(deployment: Deployment, before: int, report: Report) -> None:
    """Nothing was buried through a fault of ours."""
    letters = await deployment.read("dead-letters")
    reasons = Counter(str(wire.header(letter, "tierflow-reason")) for letter in letters)
    ours = {reason: reasons[reason] for reason in OURS if reasons[reason]}
    report.want(not ours, f"dead letters {ours}")
    report.counts["dead letters"] = len(letters) - before


async def check_lessons(
    deployment: Deployment, named: str, feedback: int, learned: int, report: Report
) -> None:
    """Every feedback taught once: in the topic by its id, in the learner by its count.

    Args:
        deployment: At rest.
        named: Prefix of its tasks.
        feedback: Distinct feedbacks that were published.
        learned: What the learner counts more than before.
        report: What is filled.
    """
    records = [
        r
        for r in await deployment.read("lessons")
        if r.key and r.key.startswith(named.encode()) and orjson.loads(r.value)["score"] is not None
    ]
    taught = {orjson.loads(r.value)["lesson_id"] for r in records}
    report.want(len(taught) == feedback, f"{len(taught)} lessons of {feedback} feedbacks")
    report.want(learned == feedback, f"the learner counts {learned} of {feedback} feedbacks")
    report.counts |= {
        "feedbacks": feedback,
        "lessons": len(taught),
        "lessons repeated": len(records) - len(taught),
        "learned": learned,
    }


# -- who is not the owner any more writes no table ---------------------------------------------


def _concluded(work: Body) -> object:
    return work.get("result") or work.get("passed_on")


def _heard(waiting: Body) -> set[str]:
    return {heard["feedback_id"] for heard in waiting["half"]["heard"]}


def _learned(state: Body) -> int:
    return int((state.get("progress") or {}).get("lessons", 0))


MAY_FOLLOW: Mapping[str, Callable[[Body, Body], bool]] = {
    "calls": lambda old, new: not _concluded(old) or _concluded(old) == _concluded(new),
    "decided": lambda old, new: old["decision"] == new["decision"],
    "waiting": lambda old, new: _heard(old) <= _heard(new),
    "cells": lambda old, new: old["offset"] <= new["offset"],
    "learner": lambda old, new: _learned(old) <= _learned(new),
    "tuner": lambda old, new: old["offset"] <= new["offset"],
}
"""By table: whether one value may follow another under the same key. State only grows."""


async def check_changelogs(
    deployment: Deployment, frozen_at: Iterable[datetime], report: Report, *, waits: bool
) -> None:
    """No table ever went back: a process that lost its partitions wrote nothing over the new.

    What was on its way to Kafka when a process was frozen arrives when it is thawed; Kafka fences
    that for transactions alone. Such writes are counted.

    Args:
        deployment: At rest.
        frozen_at: When processes were frozen.
        report: What is filled.
        waits: Whether the broker's rebalances wait for members that drain. The embedded one's
            don't: there a member may go on writing for as long as it drains, which is counted.
    """
    prefix = deployment.env["TIERFLOW_KAFKA__PREFIX"]
    freezes = list(frozen_at)
    backwards: dict[str, list[str]] = defaultdict(list)
    on_their_way = 0
    kept = [(stage.role, table) for stage in STAGES for table in stage.tables]
    for role, table in kept:
        topic = changelog_of(role, table, prefix)
        for record, old, new in _backwards(
            await wire.consume_all(deployment.bootstrap, topic), table
        ):
            written = [datetime.fromisoformat(value["at"]) for value in (old, new)]
            if any(timedelta() <= at - w < ON_THE_WAY for at in freezes for w in written):
                on_their_way += 1
            else:
                place = f"{record.key.decode()} at {record.partition}/{record.offset}"
                backwards[topic].append(f"{place}: {old['at']} → {new['at']}")
    for topic, places in backwards.items() if waits else ():
        report.findings.append(f"{topic} goes back {len(places)} times: {places[:5]}")
    report.counts["tables gone back"] = sum(map(len, backwards.values()))
    report.counts["on their way when frozen"] = on_their_way


def _backwards(
    records: Iterable[ConsumerRecord], table: Table
) -> Iterator[tuple[ConsumerRecord, Body, Body]]:
    """Values that may not follow the one before them, with it."""
    may_follow = MAY_FOLLOW.get(table.name)
    last: dict[bytes, Body] = {}
    for record in records if may_follow else ():
        old = last.pop(record.key, None)
        if record.value is not None:
            new = last[record.key] = orjson.loads(record.value)
            if old is not None and may_follow is not None and not may_follow(old, new):
                yield record, old, new
