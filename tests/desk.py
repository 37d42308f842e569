"""One tier on its own: its ledger, its models and its clock, and what came of a task."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from streams.agents.doors import Doors
from streams.agents.loop import Seat
from streams.agents.outcome import Emit, Outcome, Put, Record, Send
from streams.agents.tier import TierPorts, tier
from streams.calling import ledger
from streams.calling.attempts import Failure
from streams.calling.ledger import InDoubt, Work
from streams.calling.traffic import Traffic
from streams.events.decision import Assignment
from streams.events.outcome import Call, Cost, Result
from streams.providers.port import Failed, Reply
from streams.routing.registry import Registry
from streams.telemetry import Counters
from tests.builders import (
    a_failure,
    a_record,
    a_registry,
    an_assignment,
)
from tests.fakes import ManualClock, ScriptedProvider

LONGEST_S = 30.0
WAIT_S = 120.0
OUTAGE_S = 30.0
NAME = ledger.result_id("t1", an_assignment().body_digest, 0)
"""The result's id of `a_task()`, and the key of its work."""


class Crash(Exception):  # noqa: N818 (what happens, not an error of the code)
    """The worker dies."""


class Desk:
    """A tier on its own: a ledger that keeps what it confirms, and can crash behind a number."""

    def __init__(
        self,
        *,
        script: Mapping[str, Sequence[Reply | Failed]] | None = None,
        registry: Registry | None = None,
        flowing: bool = False,
        in_doubt: InDoubt = InDoubt.RECALL,
    ) -> None:
        self.clock = ManualClock(flowing=flowing)
        self.in_doubt = in_doubt
        self.traffic = Traffic()
        self.provider = ScriptedProvider(script, self.clock)
        self.registry = registry or a_registry()
        self.calls: dict[str, Work] = {}
        self.told: list[Call] = []
        self.alerted: set[str] = set()
        self.writes: list[Work] = []
        self.crash_behind = 99

    async def confirm(self, record: Record, sends: Sequence[Send], puts: Sequence[Put]) -> None:
        for put in puts:
            assert put.table == "calls"
            assert isinstance(put.value, Work)
            self.calls[put.key] = Work.model_validate(put.value.model_dump(mode="json"))
            self.writes.append(put.value)
        known = [put.value.call for put in puts if isinstance(put.value, Work) and put.value.call]
        self.told += known or [send.event for send in sends if isinstance(send.event, Call)]
        if len(self.writes) >= self.crash_behind:
            self.crash_behind = 99
            raise Crash

    def ports(self) -> TierPorts:
        return TierPorts(
            registry=lambda: self.registry,
            calls=self.calls,
            ledger=self,
            providers={"scripted": self.provider},
            clock=self.clock,
            doors=Doors(
                self.traffic, Seat(asyncio.Semaphore()), self.clock, WAIT_S, OUTAGE_S, Counters()
            ),
            longest_call_s=LONGEST_S,
            told=self.alerted,
            in_doubt=self.in_doubt,
        )

    async def handed(self, number: int, assignment: Assignment) -> Outcome:
        return await tier(number, self.ports())(a_record(f"tier-{number}", assignment, partition=3))

    async def take(self, number: int, assignment: Assignment) -> Emit:
        outcome = await self.handed(number, assignment)
        assert isinstance(outcome, Emit)
        return outcome


def result_of(outcome: Emit) -> Result:
    event = outcome.sends[-1].event
    assert isinstance(event, Result)
    assert (outcome.sends[-1].topic, outcome.sends[-1].key) == ("results", event.task_id)
    return event


def costs_of(outcome: Emit) -> list[Cost]:
    return [send.event for send in outcome.sends if isinstance(send.event, Cost)]


def passed(outcome: Emit) -> Assignment:
    event = outcome.sends[-1].event
    assert isinstance(event, Assignment)
    assert outcome.sends[-1].topic == f"tier-{event.tier}"
    return event


def failing(*failures: Failure, **fields: Any) -> list[Reply | Failed]:
    return [a_failure(failure, **fields) for failure in failures]
