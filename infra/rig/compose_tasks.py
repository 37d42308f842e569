"""Compose `streams/rig/tasks.jsonl`, the demo's task set: the project's own writing, made-up outcomes.

    python -m infra.rig.compose_tasks [FILE]

The same file on every machine: chance is hashed from the rows' names, nothing is read but
`writing/*.toml`.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import orjson

from infra.rig.exact_numbers import arithmetic_tasks, date_tasks, unit_tasks
from infra.rig.exact_text import case_tasks, json_tasks, sql_tasks
from infra.rig.outcomes import MODELS, outcome
from infra.rig.wording import Asked, Exact, asked, lookalikes
from streams.ids import digest

SHARES = {1: 150, 2: 120, 3: 72, 4: 18}
"""Tasks of tiers 1 to 4; tier 0 has 240, so that the mix is 40/25/20/12/3 percent."""

TASKS = Path(__file__).parents[2] / "streams" / "rig" / "tasks.jsonl"


def compose() -> list[dict[str, object]]:
    """All 600 rows, shuffled in an order that never changes.

    Raises:
        ValueError: Two rows ask the same.
    """
    rows = [_row(task) for task in _tasks()]
    if len({str(row["prompt"]) for row in rows}) < len(rows):
        raise ValueError("two rows have the same prompt")
    return sorted(rows, key=lambda row: digest(f"order {row['task_id']}".encode()))


def _tasks() -> Iterator[Exact | Asked]:
    for family in (json_tasks, sql_tasks, case_tasks, unit_tasks, arithmetic_tasks, date_tasks):
        yield from family()
    for tier, count in SHARES.items():
        near_misses = lookalikes(tier)
        yield from near_misses
        yield from asked(tier, count - len(near_misses))


def _row(task: Exact | Asked) -> dict[str, object]:
    task_id = f"sample-{digest(task.prompt.encode())[:16]}"
    tier = int(task.category[len("tier")])
    expected = {"expected": task.expected} if isinstance(task, Exact) else {}
    tokens = -(-len(task.expected) // 4) + 2 if isinstance(task, Exact) else task.tokens
    outcomes = {m.name: outcome(m, task_id, tier, task.prompt, tokens)._asdict() for m in MODELS}
    return {
        "task_id": task_id,
        "source": "tierflow-sample",
        "made_up": True,
        "prompt": task.prompt,
        "category": task.category,
        **expected,
        "outcomes": outcomes,
    }


def main() -> None:
    """Write the file named on the command line, the shipped one by default."""
    path = Path(sys.argv[1]) if sys.argv[1:] else TASKS
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in compose()))


if __name__ == "__main__":
    main()
