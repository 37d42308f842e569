"""Every stage bound to its ports: the one place that knows which handler runs which stage."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.agents.admit import admit
from streams.agents.bill import Billing
from streams.agents.carrier import Carrier, Taken
from streams.agents.classify import Decided, classify
from streams.agents.doors import Doors, Following
from streams.agents.join import Waiting, join
from streams.agents.judgement import Checking
from streams.agents.loop import Seat
from streams.agents.measure import Counted, Measured, measure
from streams.agents.outcome import Bound, Outcome, Put, Record, Send, State
from streams.agents.tier import TierPorts, tier, unchecked
from streams.agents.told import told
from streams.agents.tune import TunerState, tune
from streams.calling.cascade import SURE
from streams.calling.ledger import InDoubt, Work
from streams.calling.traffic import Traffic
from streams.clock import Clock
from streams.events.control import Policy
from streams.events.outcome import Call, CallState
from streams.events.task import Task
from streams.learning.gains import Gains
from streams.learning.standing import Learned
from streams.providers.port import Provider
from streams.routing.cascade import Cascading
from streams.routing.decide import View
from streams.routing.price import PriceOfMoney
from streams.telemetry import Counters
from streams.tier0.answer import Answering, answer
from streams.topology import BUGS_IN_A_ROW, Stage

BREAKING = frozenset({"opened", "half_opened", "closed"})

LONGEST_WAIT_S, LONGEST_OUTAGE_S = 600.0, 30.0
"""See `settings.CallSettings`."""

Tables = Mapping[str, Mapping[str, Any]]

STATES: Mapping[str, type[State]] = {
    "decided": Decided,
    "calls": Work,
    "waiting": Waiting,
    "cells": Measured,
    "counted": Counted,
    "learner": Learned,
    "tuner": TunerState,
}
"""What each table of the topology holds."""


@dataclass(frozen=True, slots=True)
class StagePorts:
    """What the stages are given, all of them.

    Args:
        view: Registry, policy and quality snapshot in force.
        clock: Time.
        salt: The deployment's secret, from which draws are derived.
        max_task_bytes: A larger task is refused.
        initial: The policy of a first start.
        gains: How thresholds move.
        bucket_s: Length of a performance window.
        partitions: Of the topics that have more than one.
        providers: Who runs models, by name.
        longest_call_s: No call is waited for longer.
        reply_topics: Topics that may have a copy of a result, by full name.
        bugs_in_a_row: So many records buried as bugs, one after another, hold their partition.
        answer: The tier-0 skills, with those of installed packages where they were loaded.
        worker: This process' name among all.
        traffic: What this process knows of every model's limits, breaker and warmth.
        longest_wait_s: So long a task waits for a limit where no other model may take it.
        longest_outage_s: So long it waits for open breakers there.
        in_doubt: By tier, what becomes of a task whose call's outcome is unknown; else recalled.
        cascade_tiers: Tiers whose tasks are begun with a cheaper model.
        cascade_bar: How sure that one must be.
        billing: Prices.
        check: Checks and repairs answers.
        telling: Whether a task's answers are checked by what tells right from wrong.
        money: What this process has predicted and spent, where the policy holds a ceiling or target.
    """

    view: Callable[[], View]
    clock: Clock
    salt: str
    max_task_bytes: int
    initial: Policy
    gains: Gains
    bucket_s: float
    partitions: int
    providers: Mapping[str, Provider]
    longest_call_s: float
    reply_topics: frozenset[str] = frozenset()
    bugs_in_a_row: int = BUGS_IN_A_ROW
    answer: Answering = answer
    worker: str = "worker"
    traffic: Traffic = field(default_factory=Traffic)
    longest_wait_s: float = LONGEST_WAIT_S
    longest_outage_s: float = LONGEST_OUTAGE_S
    in_doubt: Mapping[int, InDoubt] = field(default_factory=dict)
    cascade_tiers: frozenset[int] = frozenset()
    cascade_bar: float = SURE
    billing: Billing = field(default_factory=Billing)
    check: Checking = unchecked
    telling: Callable[[Task], bool] = lambda _: False
    money: PriceOfMoney = field(default_factory=PriceOfMoney)


def bind(stage: Stage, ports: StagePorts, tables: Tables) -> Bound:
    """Bind a stage that works in batches."""
    return binder(stage, ports, tables)()


def binder(stage: Stage, ports: StagePorts, tables: Tables) -> Callable[[], Bound]:
    """What binds a stage that works in batches, whenever it is asked to.

    River comes with most of SciPy, half of what a worker's start costs: it is loaded here, for who
    learns, and by nobody else.
    """
    if stage.name == "learn":
        from streams.agents.learn import learn  # noqa: PLC0415

        return lambda: learn(tables["learner"])
    binders: Mapping[str, Callable[[], Bound]] = {
        "admit": lambda: admit(ports.max_task_bytes, ports.reply_topics),
        "classify": lambda: classify(
            ports.view,
            tables["decided"],
            ports.clock,
            ports.salt,
            ports.reply_topics,
            ports.answer,
            lambda task: Cascading(ports.cascade_tiers, ports.telling(task)),
            ports.money,
        ),
        "join": lambda: join(tables["waiting"], ports.clock),
        "measure": lambda: measure(
            tables["cells"], tables["counted"], ports.clock, bucket_s=ports.bucket_s
        ),
        "tune": lambda: tune(
            tables["tuner"],
            initial=ports.initial,
            gains=ports.gains,
            bucket_s=ports.bucket_s,
            partitions=ports.partitions,
        ),
    }
    return binders[stage.name]


def bind_tier(
    carrier: Carrier, ports: StagePorts, calls: Mapping[str, Work]
) -> Callable[[Taken, Seat], Awaitable[Outcome]]:
    """Bind a tier, which works on many records at once and confirms before it acts."""
    number = int(carrier.stage.name.removeprefix("tier-"))
    alerted: set[str] = set()
    following = Following(ports.traffic, ports.clock)

    async def handle(taken: Taken, seat: Seat) -> Outcome:
        traffic = following.take(ports.view().registry)
        counters = carrier.ports.counters
        bound = TierPorts(
            registry=lambda: ports.view().registry,
            calls=calls,
            ledger=CarriedLedger(carrier, taken),
            providers=ports.providers,
            clock=ports.clock,
            doors=Doors(
                traffic,
                seat,
                ports.clock,
                ports.longest_wait_s,
                ports.longest_outage_s,
                counters,
                ports.view().steer,
            ),
            longest_call_s=ports.longest_call_s,
            told=alerted,
            news=lambda: news_of(traffic, ports, counters),
            in_doubt=ports.in_doubt.get(number, InDoubt.RECALL),
            cascade_bar=ports.cascade_bar,
            billing=ports.billing,
            check=ports.check,
            answer=ports.answer,
        )
        return await tier(number, bound)(taken.record)

    return handle


def is_tier(stage: Stage) -> bool:
    """Whether a stage calls models (or skills) in a pool."""
    return stage.name.startswith("tier-")


class CarriedLedger:
    """A tier's ledger for one record: confirmed by the loop's carrier, under its generation."""

    def __init__(self, carrier: Carrier, taken: Taken) -> None:
        self._carrier = carrier
        self._taken = taken

    async def confirm(self, record: Record, sends: Sequence[Send], puts: Sequence[Put]) -> None:  # noqa: ARG002 (it is the taken one)
        """Table first, then topic, an intent in both at once; a call that ended is counted.

        Who was stopped while an intent was confirmed must not make its call.
        """
        works = [put.value for put in puts if isinstance(put.value, Work)]
        calls = [work.call for work in works if work.call is not None]
        intends = any(call.state is CallState.INTENDED for call in calls)
        await self._carrier.confirm_now(self._taken, sends, puts, at_once=intends)
        for call in calls:
            if call.state is not CallState.INTENDED:
                count(self._carrier.ports.counters, call)
        if intends:
            await self._carrier.stand(self._taken)


def news_of(traffic: Traffic, ports: StagePorts, counters: Counters) -> tuple[Send, ...]:
    """What has changed of the models' breakers, holds and warmth, to be told to the others."""
    changes = traffic.changes(ports.clock.monotonic_s())
    for change in changes:
        if change.what in BREAKING:
            state = change.standing.state.value
            counters.add("tierflow.breaker.changes", 1, change.key.model, state)
    return told(changes, ports.worker, traffic.shares, ports.clock.now())


def count(counters: Counters, call: Call) -> None:
    """Count a call that ended: how, how long, its tokens, its dollars where they are known."""
    labels = (str(call.tier), call.model)
    counters.add("tierflow.calls", 1, *labels, call.state.value, call.failure or "none")
    counters.add("tierflow.call.tokens", call.usage.input_tokens or 0, *labels, "input")
    counters.add("tierflow.call.tokens", call.usage.output_tokens or 0, *labels, "output")
    counters.add("tierflow.call.cost_usd", float(call.cost_usd or 0), *labels)
    counters.add("tierflow.calls_unpriced", call.cost_usd is None, *labels)
    if call.latency_s is not None:
        counters.observe("tierflow.call.duration_seconds", call.latency_s, *labels)
