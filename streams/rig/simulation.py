"""The whole topology in memory on simulated time: no broker, no call, thousands of tasks a minute.

Stages, tables and decisions are the worker's own (`streams.driver`). Tasks arrive at the demo's
pace, calls overlap and last as long as the simulator's, stages pause and tick as in a worker, and
feedback follows its result, so that windows close and lessons come as late as they do there.
What a broker and processes add (tens of milliseconds a task) is not simulated.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from streams.agents.bindings import StagePorts
from streams.driver import Driver
from streams.events.control import Policy
from streams.events.decision import Decision
from streams.events.outcome import Result
from streams.kafka import codec
from streams.learning.gains import Gains
from streams.providers.port import Provider
from streams.rig.timeline import Timeline
from streams.routing.decide import View
from streams.tier0.answer import Answering, answer
from streams.topology import DEAD_LETTERS, DECISIONS, PARTITIONS, POLICY, RESULTS

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
"""When every simulation begins, so that repeated ones are equal to the byte."""


class SimulationStalledError(RuntimeError):
    """Nothing is left to happen although tasks have no result."""


@dataclass(frozen=True)
class World:
    """What is simulated.

    Args:
        view: Models and policy in force at the beginning.
        providers: Given the clock, who runs the models: by name.
        salt: The deployment's secret.
        gains: How thresholds move.
        bucket_s: Length of a performance window.
        longest_call_s: No call is waited for longer.
        max_task_bytes: A larger task is refused.
        tasks_per_s: How many tasks arrive in a second.
        begin: The first moment; deadlines in tasks are compared with it.
        reply_topics: Topics that may have a copy of a result, by full name.
        answer: The tier-0 skills.
    """

    view: View
    providers: Callable[[Timeline], Mapping[str, Provider]]
    salt: str
    gains: Gains
    bucket_s: float
    longest_call_s: float
    max_task_bytes: int
    tasks_per_s: float
    begin: datetime = BEGIN
    reply_topics: frozenset[str] = frozenset()
    answer: Answering = answer


@dataclass
class Simulated:
    """What came of it: results and decisions by task id, the last of each."""

    results: dict[str, Result] = field(default_factory=dict)
    decisions: dict[str, Decision] = field(default_factory=dict)
    dead_letters: int = 0
    policy_changes: int = 0
    took_s: float = 0.0


Judge = Callable[[Result], bytes | None]
"""The feedback that a user gives on a result, as a body; None for none."""


class Simulation:
    """One run.

    Args:
        world: What is simulated.
        bodies: Task id and body of each task, in the order of their arrival.
        judge: Gives feedback.
    """

    def __init__(
        self, world: World, bodies: Sequence[tuple[str, bytes]], judge: Judge | None = None
    ) -> None:
        self.found = Simulated()
        self._bodies = bodies
        self._wanted = {task_id for task_id, _ in bodies}
        self._judge = judge
        self._gap_s = 1 / world.tasks_per_s
        self._timeline = Timeline(world.begin)
        self._driver = Driver(self._ports(world), world.view, self._timeline.begin)
        self._heard = dict.fromkeys((RESULTS, DECISIONS, DEAD_LETTERS, POLICY), 0)
        self._pulse_s = -1.0

    def run(self, show: Callable[[int], None] = lambda _: None) -> Simulated:
        """Simulate until every task has its result.

        Args:
            show: Told the number of tasks that are done, often.

        Raises:
            SimulationStalledError: Nothing happens any more.
        """
        if self._bodies:
            self._timeline.at(0.0, lambda: self._arrive(0))
        while len(self.found.results) < len(self._wanted):
            if not self._timeline.advance() or self._timeline.monotonic_s() > self._patience_s():
                done, wanted = len(self.found.results), len(self._wanted)
                raise SimulationStalledError(f"{done} of {wanted} tasks have a result, and no more")
            self._work()
            show(len(self.found.results))
        self.found.took_s = self._timeline.monotonic_s()
        return self.found

    def _patience_s(self) -> float:
        """By then everything must have ended: an hour after the last arrival."""
        return len(self._bodies) * self._gap_s + 3600

    def _ports(self, world: World) -> StagePorts:
        return StagePorts(
            view=lambda: world.view,
            clock=self._timeline,
            salt=world.salt,
            max_task_bytes=world.max_task_bytes,
            initial=world.view.policy,
            gains=world.gains,
            bucket_s=world.bucket_s,
            partitions=PARTITIONS,
            providers=world.providers(self._timeline),
            longest_call_s=world.longest_call_s,
            reply_topics=world.reply_topics,
            answer=world.answer,
        )

    def _arrive(self, number: int) -> None:
        """Publish a task, and put the next one on the agenda."""
        task_id, body = self._bodies[number]
        self._driver.append("tasks", body, key=task_id)
        if number + 1 < len(self._bodies):
            self._timeline.at((number + 1) * self._gap_s, lambda: self._arrive(number + 1))

    def _work(self) -> None:
        """Let all stages work at this moment, hear what they say, and see when more is due."""
        self._timeline.begin(self._driver.run_paced())
        while self._hear():
            self._timeline.begin(self._driver.run_paced())
        self._driver.forget({topic.name: position for topic, position in self._heard.items()})
        due_s = self._driver.next_s()
        if due_s != self._pulse_s:
            self._pulse_s = due_s
            self._timeline.at(due_s, lambda: None)

    def _hear(self) -> bool:
        """Read what is new; whether feedback was published for it."""
        judged = False
        for topic, position in self._heard.items():
            for record in self._driver.logs.since(topic.name, position):
                if topic is DEAD_LETTERS:
                    self.found.dead_letters += 1
                    continue
                event = codec.decode(topic.event or Policy, record.value)
                judged = self._take(event) or judged
            self._heard[topic] = self._driver.logs.end(topic.name)
        return judged

    def _take(self, event: object) -> bool:
        if isinstance(event, Policy):
            self.found.policy_changes += event.version > 1
        elif isinstance(event, Decision):
            self.found.decisions[event.task_id] = event
        elif isinstance(event, Result) and event.task_id in self._wanted:
            fresh = event.task_id not in self.found.results
            self.found.results[event.task_id] = event
            said = self._judge(event) if self._judge and fresh else None
            if said is not None:
                self._driver.append("feedback", said, key=event.task_id)
            return said is not None
        return False
