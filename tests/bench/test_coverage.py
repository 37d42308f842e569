"""How often the intervals of `tierflow evaluate` hold what is true, on recorded outcomes.

Every outcome of every task is recorded, so the other policy's true worth is known. A learner learns
from half of the tasks; the other half is decided by the router's own code, once with the logged
thresholds and once with the other's. Then logs are drawn: tasks with replacement, models by the
logged probabilities.

`RECORDED=FILE[:FILE…] pytest -s -m bench tests/bench/test_coverage.py` names other files than the
shipped one; REPEATS is how many logs. How much a log explores, and how long it is, decides what it
can tell: the last rows are logs as the product writes them, with the least that a decision ever
explores. The criterion is for logs that
explore; `tierflow evaluate` says so where one task counts over a hundred times.
"""

import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from streams import ids
from streams.events.decision import Decision
from streams.events.task import Task
from streams.learning.learner import Learner
from streams.learning.offpolicy import Evaluation, estimate, of_arms
from streams.rig.cluster import registry_of
from streams.rig.recorded import Recorded, published_id, read_recorded
from streams.routing.decide import View, decide
from streams.routing.features import extract, pack
from streams.routing.quality import QualityView
from streams.routing.registry import Registry
from streams.routing.rules import propose
from tests.builders import AT, a_lesson, a_policy, a_task
from tests.chance import pick

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

SHIPPED = Path("streams/rig/tasks.jsonl")
FILES = [Path(name) for name in os.environ.get("RECORDED", str(SHIPPED)).split(":")]
REPEATS = int(os.environ.get("REPEATS", "1000"))
MOST_ROWS = 4_000
LOGGED, OTHER = 0.80, 0.90
LOGS = ((0.1, 4_000), (0.05, 4_000), (0.02, 4_000), (0.005, 4_000), (0.005, 40_000))
"""Least probability of a model, in both policies, and tasks of a log."""

EXPLORES = 0.05
"""From there on intervals hold the truth as often as they say, whatever is asked."""

ESTIMATORS = ("ips", "snips", "dr")

Floats = NDArray[np.float64]


class Known(NamedTuple):
    """Tasks x models: who would be chosen how likely, what each is believed and true to be worth."""

    logging: Floats
    target: Floats
    predicted: Floats
    listed: Floats
    score: Floats
    cost: Floats


@pytest.mark.parametrize(("floor", "tasks"), LOGS)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_intervals_hold_the_truth_in_93_to_97_of_100_logs(
    file: Path, floor: float, tasks: int
) -> None:
    known = lifted(known_of(file), floor)
    hits = {(what, name): 0 for what in ("quality", "cost") for name in ESTIMATORS}
    effective = 0.0
    for found in logs(known, tasks):
        for what, (evaluation, truth) in found.items():
            effective += evaluation.effective / (2 * REPEATS)
            for name in ESTIMATORS:
                value = getattr(evaluation, name)
                hits[what, name] += value.low <= truth <= value.high
    covered = {place: count / REPEATS for place, count in hits.items()}
    columns = "  ".join(f"{what} {name} {share:.3f}" for (what, name), share in covered.items())
    print(f"\n{file.name}  floor {floor:g}  worth {effective:.0f} of {tasks} tasks  {columns}")  # noqa: T201
    low, high = min(covered.values()), max(covered.values())
    if floor >= EXPLORES:
        assert 0.93 <= low <= high <= 0.97, covered


def lifted(known: Known, floor: float) -> Known:
    """With no model under the floor that any task may go to."""
    used = known.logging.mean(axis=0) > 0
    known = Known(*(part[:, used] for part in known))

    def lift(chances: Floats) -> Floats:
        held = np.maximum(chances, floor)
        lifted: Floats = held / held.sum(axis=1, keepdims=True)
        return lifted

    return known._replace(logging=lift(known.logging), target=lift(known.target))


def complete(row: Recorded) -> bool:
    """Whether score and cost of all its models are known."""
    return all(outcome.cost_usd is not None for outcome in row.outcomes.values())


@functools.cache
def known_of(file: Path) -> Known:
    """What the second half of the tasks is worth, decided with what the first half taught."""
    rows = [row for row in read_recorded(file, MOST_ROWS) if complete(row)]
    registry = registry_of(rows, None)
    half = len(rows) // 2
    quality = taught(rows[:half], registry)
    models = registry.models
    parts: list[list[list[float]]] = [[] for _ in Known._fields]
    for row in rows[half:]:
        task = a_task(published_id(row), prompt=row.prompt)
        chances = [distribution(task, registry, quality, start) for start in (LOGGED, OTHER)]
        predicted = quality.predict(extract(task.text, propose(task.text)), models)
        outcomes = [row.outcomes[spec.name] for spec in models]
        listed = [spec.expected_cost_usd(len(task.text)) or 0 for spec in models]
        for part, values in zip(
            parts,
            (
                [chances[0].get(spec.name, 0.0) for spec in models],
                [chances[1].get(spec.name, 0.0) for spec in models],
                [predicted[spec.name] for spec in models],
                [float(cost) for cost in listed],
                [outcome.score for outcome in outcomes],
                [float(outcome.cost_usd or 0) for outcome in outcomes],
            ),
            strict=True,
        ):
            part.append(values)
    return Known(*(np.array(part) for part in parts))


def taught(rows: list[Recorded], registry: Registry) -> QualityView:
    """What a learner knows after one lesson a task, on a model by lot."""
    learner = Learner()
    for row in rows:
        spec = pick(registry.models, "taught", row.task_id)
        features = pack(extract(row.prompt or "", propose(row.prompt or "")))
        learner.learn(
            a_lesson(
                row.task_id, row.outcomes[spec.name].score, lesson_id=row.task_id, tier=spec.tier,
                model=spec.name, features=features,
            )
        )  # fmt: skip
    view = QualityView()
    for state in learner.snapshots(AT):
        view = view.with_part(state)
    return view


def distribution(
    task: Task, registry: Registry, quality: QualityView, start: float
) -> dict[str, float]:
    """The probabilities with which a task's model is drawn under such thresholds."""
    policy = a_policy(0, thresholds={str(tier): start for tier in range(1, 5)})
    decision = decide(
        task, View(registry, policy, quality), body_digest=ids.digest(b""), skill=None, draw=0.0,
        now=AT,
    )  # fmt: skip
    assert isinstance(decision, Decision)
    return decision.probabilities


def logs(known: Known, tasks: int) -> Iterator[dict[str, tuple[Evaluation, float]]]:
    """What each log says of quality and cost, and what is true."""
    chance = np.random.Generator(np.random.PCG64(11))
    at = np.arange(tasks)
    truths = {
        "quality": float((known.target * known.score).sum(axis=1).mean()),
        "cost": float((known.target * known.cost).sum(axis=1).mean()),
    }
    for _ in range(REPEATS):
        drawn = chance.integers(0, len(known.score), tasks)
        logging, target = known.logging[drawn], known.target[drawn]
        reached = logging.cumsum(axis=1) < chance.random(tasks)[:, None]
        chosen = np.minimum(reached.sum(axis=1), logging.shape[1] - 1)
        kinds = {
            "quality": (known.score, known.predicted[drawn]),
            "cost": (known.cost, known.listed[drawn]),
        }
        yield {
            what: (
                estimate(of_arms(chosen, logging, target, outcome[drawn][at, chosen], believed)),
                truths[what],
            )
            for what, (outcome, believed) in kinds.items()
        }
