"""The page: every topic and every stage, as rows.

tasks ─► admit ─► admitted ─► classify ─► tier-0 … tier-4 ─► results, calls, costs
decisions, scores, results ─► join ─► lessons ─► learn ─► model-state ─► classify
results ─► measure ─► performance ─► tune ─► policy ─► classify
"""

import enum
from dataclasses import dataclass

from streams.events.availability import Availability
from streams.events.control import ModelState, Policy
from streams.events.decision import Assignment, Decision
from streams.events.envelope import Event
from streams.events.feedback import Alert, Feedback, Lesson, Performance, Score
from streams.events.instruction import Instruction
from streams.events.models import Model
from streams.events.outcome import Call, Cost, Result
from streams.events.redrive import Redrive
from streams.events.task import Task

DAY_S = 86_400

PARTITIONS = 6
"""Default partitions of every topic that is not `single`."""

RECORD_BYTES = 1 << 20
"""Largest record of the topics that carry a task."""

DEAD_LETTER_BYTES = 4 << 20
"""Dead letters take more bytes than any input."""

BUGS_IN_A_ROW = 50
"""So many bugs one after another hold a partition: a bad deploy must not bury a topic."""


class Keep(enum.Enum):
    """How a topic forgets."""

    DELETE = "delete"
    COMPACT = "compact"
    COMPACT_AND_DELETE = "compact,delete"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: what it carries, under which key, for how long.

    `ours` says that its key is the task id and its partitioner ours (murmur2), so that a task's
    records meet; `single` topics have one partition.
    """

    name: str
    event: type[Event] | None
    key: str
    retention_s: int
    keep: Keep = Keep.DELETE
    ours: bool = False
    single: bool = False
    record_bytes: int = RECORD_BYTES

    def full_name(self, prefix: str) -> str:
        """The name on the cluster, such as `tierflow.tasks.v1`."""
        return f"{prefix}{self.name}.v1"


TASKS = Topic("tasks", Task, "the publisher's", 7 * DAY_S, record_bytes=DEAD_LETTER_BYTES)
FEEDBACK = Topic(
    "feedback", Feedback, "the publisher's", 30 * DAY_S, record_bytes=DEAD_LETTER_BYTES
)
ADMITTED = Topic("admitted", Task, "task_id", 7 * DAY_S, ours=True)
DECISIONS = Topic("decisions", Decision, "task_id", 7 * DAY_S, ours=True)
TIERS = tuple(Topic(f"tier-{n}", Assignment, "task_id", 3 * DAY_S, ours=True) for n in range(5))
RESULTS = Topic("results", Result, "task_id", 7 * DAY_S, ours=True)
SCORES = Topic("scores", Score, "task_id", 7 * DAY_S, ours=True)
CALLS = Topic("calls", Call, "call_id", 7 * DAY_S, Keep.COMPACT_AND_DELETE, ours=True)
COSTS = Topic("costs", Cost, "call_id", 30 * DAY_S, ours=True)
LESSONS = Topic("lessons", Lesson, "task_id", 7 * DAY_S, single=True)
PERFORMANCE = Topic(
    "performance", Performance, "tier, model, bucket, partition", 7 * DAY_S, single=True
)
MODELS = Topic("models", Model, "name", 0, Keep.COMPACT, single=True)
POLICY = Topic("policy", Policy, "policy", 0, Keep.COMPACT, single=True)
MODEL_STATE = Topic("model-state", ModelState, "part", 0, Keep.COMPACT, single=True)
AVAILABILITY = Topic(
    "availability",
    Availability,
    "provider/model@worker",
    DAY_S,
    Keep.COMPACT_AND_DELETE,
    single=True,
)
ALERTS = Topic("alerts", Alert, "kind", 30 * DAY_S, single=True)
DEAD_LETTERS = Topic(
    "dead-letters", None, "the original", 30 * DAY_S, record_bytes=2 * DEAD_LETTER_BYTES
)
REDRIVES = Topic("redrives", Redrive, "the record's place", 30 * DAY_S, single=True)
INSTRUCTIONS = Topic("instructions", Instruction, "learner", 30 * DAY_S, single=True)

TOPICS = (
    TASKS, FEEDBACK, ADMITTED, DECISIONS, *TIERS, RESULTS, SCORES, CALLS, COSTS,
    LESSONS, PERFORMANCE, MODELS, POLICY, MODEL_STATE, AVAILABILITY, ALERTS, DEAD_LETTERS, REDRIVES,
    INSTRUCTIONS,
)  # fmt: skip
BY_NAME = {topic.name: topic for topic in TOPICS}
CONTROL = (MODELS, POLICY, MODEL_STATE, AVAILABILITY)
"""Tailed by every process from the beginning, without a group."""


class Kind(enum.Enum):
    """How a stage keeps state and output in step; see `infra/docs/delivery.md`."""

    OUTBOX = "outbox"  # state confirmed, then published; a redelivery or a restart publishes again
    FOLD = "fold"  # published, then state confirmed; it carries the offsets that it includes
    CALLING = "calling"  # intent, call, outcome, result: each confirmed before the next


@dataclass(frozen=True, slots=True)
class Table:
    """State of a stage, rebuilt from its changelog; partitioned like the topics it follows.

    `keys` and `keep_s` bound it, a partition; 0 means unbounded.
    """

    name: str
    follows: Topic
    keys: int = 0
    keep_s: int = 0


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: what it reads, writes and remembers, and which role runs it."""

    name: str
    role: str
    kind: Kind
    reads: tuple[Topic, ...]
    writes: tuple[Topic, ...]
    tables: tuple[Table, ...] = ()
    concurrency: int = 1  # records in work at once, a worker
    pause_s: float = 0.0  # gathers records so long between flushes
    tick_s: float = 0.0  # how often its tick runs a partition; 0: it has none


DECIDED = Table("decided", ADMITTED, keys=200_000, keep_s=3600)
WAITING = Table("waiting", DECISIONS, keys=200_000, keep_s=DAY_S)
CELLS = Table("cells", RESULTS, keep_s=DAY_S)
COUNTED = Table("counted", RESULTS, keys=200_000, keep_s=2 * 3600)
LEARNER = Table("learner", LESSONS)
TUNER = Table("tuner", PERFORMANCE)
TIER_TABLES = tuple(Table("calls", tier, keys=200_000, keep_s=2 * 3600) for tier in TIERS)

STAGES = (
    Stage("admit", "route", Kind.OUTBOX, (TASKS, FEEDBACK), (ADMITTED, SCORES, TIERS[0])),
    Stage("classify", "route", Kind.OUTBOX, (ADMITTED,), (DECISIONS, *TIERS), (DECIDED,), tick_s=10),
    *(
        Stage(
            f"tier-{n}", f"tier-{n}", Kind.CALLING, (TIERS[n],),
            (RESULTS, CALLS, COSTS, SCORES, AVAILABILITY, *TIERS[n + 1 :]), (TIER_TABLES[n],), concurrency=64, tick_s=10,
        )
        for n in range(5)
    ),
    Stage("join", "join", Kind.FOLD, (DECISIONS, RESULTS, SCORES), (LESSONS,), (WAITING,), tick_s=10),
    Stage("measure", "measure", Kind.FOLD, (RESULTS,), (PERFORMANCE,), (CELLS, COUNTED), pause_s=0.5, tick_s=10),
    Stage("learn", "learn", Kind.OUTBOX, (LESSONS, INSTRUCTIONS), (MODEL_STATE,), (LEARNER,), pause_s=0.5, tick_s=1),
    Stage("tune", "tune", Kind.OUTBOX, (PERFORMANCE, LESSONS), (POLICY,), (TUNER,), pause_s=0.2, tick_s=0.5),
)  # fmt: skip
"""Every stage may also write dead letters and alerts; operators write `redrives`, `models` and
`instructions`, to `costs` how doubts ended, and to `lessons` what is known beforehand."""

ROLES = tuple(dict.fromkeys(stage.role for stage in STAGES))
SINK_ROLE = "sink"
SUNK = (RESULTS, CALLS, COSTS, DECISIONS, SCORES, POLICY, PERFORMANCE)
"""What the sink writes into ClickHouse."""


def stages_of(role: str) -> tuple[Stage, ...]:
    """The stages that a role runs, in the order of the flow."""
    return tuple(stage for stage in STAGES if stage.role == role)


def group_of(role: str, prefix: str) -> str:
    """The consumer group of a role: `tierflow-route` under the prefix `tierflow.`."""
    return f"{prefix.rstrip('.')}-{role}"


def changelog_of(role: str, table: Table, prefix: str) -> str:
    """The topic from which a role's table is rebuilt."""
    return f"{group_of(role, prefix)}-{table.name}-changelog"
