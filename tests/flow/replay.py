"""Logs that are replayed: what was published and judged, and what was decided then.

A log is JSON lines: first the world (salt, models, policy), then `task`, `feedback` and `wait_s`
as they came, then each `decision` as it was made. `python -m tests.flow.replay` writes them anew.
"""

import asyncio
import math
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from streams import ids
from streams.events.control import Policy
from streams.events.decision import Decision
from streams.rig import recorded
from streams.rig.recorded import published_id, read_recorded
from streams.routing.registry import Registry, parse, to_tables
from tests.builders import a_policy, a_registry
from tests.memory import Story, a_story

LOGS = Path(__file__).with_name("logs")
GOOD = LOGS / "sixty_tasks.jsonl"
SPOILED = LOGS / "sixty_tasks_spoiled.jsonl"
TASKS = 60
WAIT_EVERY, WAIT_S = 10, 11.0
SPOILED_TASK = 41

CLOSE = 1e-6
"""Float arithmetic may differ by so much from machine to machine; decisions may not."""

Entry = dict[str, Any]


def read(path: Path) -> list[Entry]:
    """The entries of a log."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


async def replay(entries: list[Entry]) -> Story:
    """Let everything happen again."""
    world, *rest = entries
    story = a_story(
        registry=parse(_decimals(world["models"])),
        initial=Policy.model_validate(world["policy"]),
        salt=world["salt"],
    )
    for entry in rest:
        if "task" in entry:
            await story.ask(entry["task"])
        elif "feedback" in entry:
            await story.judge(**entry["feedback"])
        elif "wait_s" in entry:
            await story.wait(entry["wait_s"])
    return story


def differences(entries: list[Entry], decisions: list[Decision]) -> list[str]:
    """Where decisions are not those of the log, as `task.field`."""
    recorded = {
        entry["decision"]["task_id"]: entry["decision"] for entry in entries if "decision" in entry
    }
    found = {decision.task_id: _slim(decision) for decision in decisions}
    missing = [f"{name}: missing" for name in sorted(recorded.keys() ^ found.keys())]
    unlike = [
        f"{name}.{field}"
        for name in recorded.keys() & found.keys()
        for field, value in recorded[name].items()
        if not alike(value, found[name][field])
    ]
    return missing + sorted(unlike)


def alike(one: Any, other: Any) -> bool:
    """Equal, but for the last digits of floats."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, abs_tol=CLOSE)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    return bool(one == other)


def _slim(decision: Decision) -> Entry:
    """As it is logged: its features by their digest."""
    slim: Entry = orjson.loads(orjson.dumps(decision.model_dump(mode="json")))
    slim["features"] = ids.digest(decision.features.encode())
    return slim


def _decimals(tables: Entry) -> Entry:
    return {
        "models": {
            tier: [
                {k: Decimal(v) if k.endswith("_mtok") else v for k, v in model.items()}
                for model in models
            ]
            for tier, models in tables["models"].items()
        }
    }


def _world(registry: Registry, policy: Policy) -> Entry:
    models = orjson.loads(orjson.dumps(to_tables(registry), default=str))
    return {"salt": "a-log", "models": models, "policy": policy.model_dump(mode="json")}


def _happenings() -> Iterator[Entry]:
    """Shipped tasks in the file's order; every second one is judged, the longer the better."""
    rows = read_recorded(Path(recorded.__file__).with_name("tasks.jsonl"))[:TASKS]
    for number, row in enumerate(rows, 1):
        yield {"task": row.body()}
        if number % 2:
            score = round(len(row.prompt or "") % 10 / 10, 1)
            yield {"feedback": {"task_id": published_id(row), "score": score}}
        if number % WAIT_EVERY == 0:
            yield {"wait_s": WAIT_S}


def spoil(entries: list[Entry]) -> list[Entry]:
    """The same log with one decision changed: another model, had the draw fallen elsewhere."""
    spoiled: list[Entry] = orjson.loads(orjson.dumps(entries))
    decisions = [entry["decision"] for entry in spoiled if "decision" in entry]
    decided = next(d for d in decisions[SPOILED_TASK:] if d["model"] is not None)
    decided["model"] = next(name for name in decided["probabilities"] if name != decided["model"])
    return spoiled


async def write() -> None:
    """Write both logs anew, from what is decided now."""
    entries = [_world(a_registry(), a_policy(0)), *_happenings()]
    story = await replay(entries)
    entries += ({"decision": _slim(decision)} for decision in story.decisions())
    for path, content in ((GOOD, entries), (SPOILED, spoil(entries))):
        path.write_bytes(b"".join(orjson.dumps(entry) + b"\n" for entry in content))


if __name__ == "__main__":
    asyncio.run(write())
