"""Recorded rows as a benchmark plays them: tasks without their answers, and the answers apart.

A run's tasks are named after their prompts alone. Neither a row's id, its category or source, nor
its place in the file can reach a decision.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from streams import ids
from streams.events.task import Task
from streams.rig.recorded import Recorded, RecordedError, mean_costs, models_of
from streams.tier0.answer import Answering

SKILLED = "-"
"""What stands for a model where tier 0 answered."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One row as the router sees it: its task, and the skill that claims it, if one does.

    `own_id` is the row's, for who reads the decisions; `skill_score` is what the skill's answer is
    worth, None where nobody can tell.
    """

    own_id: str
    task: Task
    skill: str | None = None
    skill_score: float | None = None


@dataclass(frozen=True)
class Pool:
    """Rows and models of a benchmark; every row has an outcome with a cost of every model.

    `scores` and `costs` have a line a row and a column a model; `bills` are the same costs, exact.
    `learning` rows come first in a run and are not measured. `categories` are the rows' own, for
    who puts them in order.
    """

    models: tuple[str, ...]
    asked: tuple[Asked, ...]
    scores: NDArray[np.float64]
    costs: NDArray[np.float64]
    bills: tuple[tuple[Decimal, ...], ...]
    learning: int = 0
    incomplete: int = 0
    categories: tuple[str, ...] = ()

    @property
    def lengths(self) -> NDArray[np.intp]:
        """Characters of each prompt."""
        return np.array([len(asked.task.text) for asked in self.asked], dtype=np.intp)


def names_of(wanted: Sequence[str], rows: Sequence[Recorded]) -> tuple[str, ...]:
    """The recorded models that are meant by names or by what follows their last `/`.

    Args:
        wanted: Names as typed; none at all means every model with a recorded cost.
        rows: The recorded rows.

    Raises:
        RecordedError: A name is of no model, or of several.
    """
    known = models_of(rows)
    if not wanted:
        return tuple(sorted(mean_costs(rows)))
    return tuple(dict.fromkeys(_named(name, known) for name in wanted))


def _named(name: str, known: Sequence[str]) -> str:
    if name in known:
        return name
    found = [model for model in known if model.rpartition("/")[2] == name]
    if len(found) == 1:
        return found[0]
    said = f"is several: {', '.join(found)}" if found else f"is none of {', '.join(known)}"
    raise RecordedError(f"model {name!r} {said}")


def pool_of(
    rows: Sequence[Recorded],
    models: Sequence[str],
    answer: Answering,
    *,
    learning: Sequence[Recorded] = (),
) -> Pool:
    """Put rows together for a benchmark.

    Args:
        rows: What is measured.
        models: Recorded models to choose from, at least two.
        answer: The tier-0 skills. They are asked where some row says what is `expected`; else nobody
            could tell what their answers are worth.
        learning: What is learned from first; it is not measured.

    Returns:
        The complete rows; `incomplete` counts the others, which are left out.

    Raises:
        RecordedError: Fewer than two models, or no row that has them all.
    """
    if len(models) < 2:  # noqa: PLR2004
        raise RecordedError("two models at least are wanted, or there is nothing to choose")
    first = [row for row in learning if _complete(row, models)]
    measured = [row for row in rows if _complete(row, models)]
    if not measured:
        raise RecordedError(f"no row has an outcome with a cost of all of {', '.join(models)}")
    used, seen = [*first, *measured], Counter[str]()
    skilled = any(row.expected is not None for row in used)
    asked = []
    for row in used:
        asked.append(_asked(row, seen[row.key], answer if skilled else _unskilled))
        seen[row.key] += 1
    bills = tuple(tuple(_bill(row, model) for model in models) for row in used)
    return Pool(
        models=tuple(models),
        asked=tuple(asked),
        scores=np.array([[row.outcomes[model].score for model in models] for row in used]),
        costs=np.array([[float(bill) for bill in line] for line in bills]),
        bills=bills,
        learning=len(first),
        incomplete=len(rows) + len(learning) - len(used),
        categories=tuple(row.category for row in used),
    )


def order_of(pool: Pool, seed: int) -> list[int]:
    """A shuffled order of the rows that learn, then one of the rows that are measured.

    It depends on the prompts and the seed, and on nothing else.
    """
    places = [ids.draw(f"order/{seed}", asked.task.task_id, "order") for asked in pool.asked]
    first, rest = range(pool.learning), range(pool.learning, len(places))
    return [*sorted(first, key=places.__getitem__), *sorted(rest, key=places.__getitem__)]


def split(order: Sequence[int], learning: int, share: float) -> int:
    """How many tasks of an order only teach.

    Args:
        order: As `order_of` returns it.
        learning: How many rows were given to learn from.
        share: Of the other rows, so much more only teaches, in [0, 1).
    """
    return learning + int((len(order) - learning) * share)


def _complete(row: Recorded, models: Sequence[str]) -> bool:
    found = (row.outcomes.get(model) for model in models)
    return all(outcome is not None and outcome.cost_usd is not None for outcome in found)


def _bill(row: Recorded, model: str) -> Decimal:
    cost = row.outcomes[model].cost_usd
    if cost is None:
        raise ValueError(f"{row.task_id} has no cost of {model}")
    return cost


def _unskilled(_: str) -> None:
    return None


def _asked(row: Recorded, repeat: int, answer: Answering) -> Asked:
    body: Mapping[str, object] = {**row.body(), "task_id": ids.derive("task", row.key, repeat)}
    task = Task.model_validate(body)
    claimed = answer(task.text) if task.messages is None else None
    if claimed is None:
        return Asked(row.task_id, task)
    right = None if row.expected is None else claimed.output.strip() == row.expected.strip()
    return Asked(row.task_id, task, claimed.skill, None if right is None else float(right))
