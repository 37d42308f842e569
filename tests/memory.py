"""The whole topology in memory, ready for a story: models, a script, a clock, a salt."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from streams.agents.bindings import StagePorts
from streams.driver import Driver
from streams.events.control import Policy
from streams.events.decision import Decision
from streams.events.envelope import Event, JsonObject
from streams.events.feedback import Lesson
from streams.events.outcome import Result
from streams.learning.gains import Gains
from streams.providers.port import Failed, Reply
from streams.routing.decide import View
from streams.routing.registry import Registry
from streams.topology import BUGS_IN_A_ROW
from tests.builders import a_policy, a_registry
from tests.fakes import ManualClock, ScriptedProvider

SALT = "a-story"
MAX_TASK_BYTES = 4_000
BUCKET_S = 10.0
GAINS = Gains(integral=0.2, step_limit=0.02, min_judged=10)


@dataclass
class Story:
    """A driver with its clock and its scripted provider."""

    driver: Driver
    clock: ManualClock
    provider: ScriptedProvider

    async def ask(self, task: Event | JsonObject | bytes) -> None:
        """Publish a task as a service does; at the end of this everything has happened."""
        await self.driver.publish("tasks", _body(task))

    async def judge(self, task_id: str, score: float, **fields: object) -> None:
        """Publish feedback."""
        body = {"task_id": task_id, "score": score, **fields}
        await self.driver.publish("feedback", _body(body))

    async def wait(self, seconds: float) -> None:
        """Let time pass, and act."""
        self.clock.move(seconds)
        await self.driver.tick()

    def results(self) -> list[Result]:
        """What became of all tasks, in order."""
        return self.driver.events("results")

    def lessons(self) -> list[Lesson]:
        """Those that scores made; every result makes one about cost beside them."""
        return [x for x in self.driver.events("lessons") if x.score is not None]

    def decisions(self) -> list[Decision]:
        """Where all tasks went, in order."""
        return self.driver.events("decisions")

    def dead_letters(self) -> list[tuple[str | None, bytes | None]]:
        """Reason and value of each."""
        letters = self.driver.records("dead-letters")
        return [(letter.header("tierflow-reason"), letter.value) for letter in letters]


def a_story(
    *,
    registry: Registry | None = None,
    script: Mapping[str, Sequence[Reply | Failed]] | None = None,
    initial: Policy | None = None,
    gains: Gains | None = None,
    salt: str = SALT,
    longest_call_s: float = 30.0,
    reply_topics: Collection[str] = (),
    bugs_in_a_row: int = BUGS_IN_A_ROW,
    max_task_bytes: int = MAX_TASK_BYTES,
    **ports: Any,
) -> Story:
    """Four models, one a tier, that answer "done"; a target of 0.9.

    Args:
        registry: Other models.
        script: What they answer.
        initial: Another policy.
        gains: How thresholds move.
        salt: From which draws are derived.
        longest_call_s: No call is waited for longer.
        reply_topics: Topics that may have a copy of a result.
        bugs_in_a_row: So many hold a partition.
        max_task_bytes: A larger task is refused.
        ports: Others of `StagePorts`.
    """
    clock = ManualClock(flowing=True)
    provider = ScriptedProvider(script, clock)
    known = registry or a_registry()
    policy = initial or a_policy(0, target=0.9)
    view = View(known, policy)
    given = StagePorts(
        view=lambda: view,
        clock=clock,
        salt=salt,
        max_task_bytes=max_task_bytes,
        initial=policy,
        gains=gains or GAINS,
        bucket_s=BUCKET_S,
        partitions=3,
        providers={"scripted": provider},
        longest_call_s=longest_call_s,
        reply_topics=frozenset(reply_topics),
        bugs_in_a_row=bugs_in_a_row,
        **ports,
    )
    return Story(Driver(given, view), clock, provider)


def _body(said: Event | JsonObject | bytes) -> bytes | Event:
    return orjson.dumps(said) if isinstance(said, dict) else said
