"""What is measured on: tasks of about 500 bytes, eight models, and a learned snapshot.

Everything is drawn from a number, so that every run and every process measures the same.
"""

from collections.abc import Iterator

from streams import ids
from streams.events.control import ModelState
from streams.events.envelope import Envelope
from streams.events.feedback import Lesson
from streams.events.task import Task
from streams.kafka import codec
from streams.learning.learner import Learner
from streams.routing.features import extract, pack
from streams.routing.registry import ModelSpec, Registry, register
from streams.routing.rules import propose
from tests.builders import AT, a_lesson

Encoded = tuple[bytes, bytes, list[tuple[str, bytes]]]
"""Key, value and headers of a record."""

SALT = "a-bench-has-no-secret"
LESSONS = 400
BODY_BYTES = 500

OPENINGS = (
    "Fix the spelling and the commas in the paragraph below, and change nothing else.",
    "Write a Python function that returns the longest run of equal items in a list.",
    "Write an integration test for a shop's checkout with three payment services.",
    "Design the architecture of a booking platform: services, data, failure modes.",
    "A train leaves at noon and loses one passenger at each stop. When is it empty?",
    "Summarise for a reader in a hurry what the notes below say about the harbour.",
)
WORDS = (  # noqa: SIM905 (36 words read best as text)
    "ledger harbour module parser window quiet copper seven because although river through "
    "returns customer invoice between maple stream balance retry signal number archive under "
    "several lantern request orchard value sooner mountain index silver compare table morning"
).split()


def drawn(number: int, purpose: str, choices: int) -> int:
    """One of so many choices, the same for the same number and purpose."""
    return int(ids.draw(SALT, str(number), purpose) * choices)


def prompt(number: int) -> str:
    """A prompt unlike every other; no skill of tier 0 claims it."""
    words = [OPENINGS[number % len(OPENINGS)]]
    size = len(words[0]) + len(f'{{"task_id":"{task_id(number)}","prompt":""}}')
    while size < BODY_BYTES:
        words.append(WORDS[drawn(number, f"word/{len(words)}", len(WORDS))])
        size += len(words[-1]) + 1
    return " ".join(words)


def task_id(number: int) -> str:
    """A task's id."""
    return f"bench-{number:08d}"


def task(number: int) -> Task:
    """One task."""
    return Task(task_id=task_id(number), prompt=prompt(number))


def admitted(number: int) -> Encoded:
    """A task as `admit` writes it."""
    made = task(number)
    value = codec.encode(made)
    name = ids.derive("task", made.task_id, ids.digest(value), 0)
    envelope = Envelope(id=name, type=Task.TYPE, source="tierflow/admit", time=AT)
    return made.task_id.encode(), value, codec.headers(envelope)


def models() -> Iterator[ModelSpec]:
    """Two models a tier; each tier costs about six times the one below."""
    for tier in (1, 2, 3, 4):
        for nth in (1, 2):
            price = 6 ** (tier - 1) * (1 + 0.4 * nth) / 20
            yield ModelSpec(
                name=f"model-{tier}-{nth}",
                provider="simulator",
                tier=tier,
                input_usd_per_mtok=f"{price:.4f}",
                output_usd_per_mtok=f"{4 * price:.4f}",
                latency_s=0.3 * tier,
            )


def registry() -> Registry:
    """The eight models."""
    return register(models())


def snapshot(lessons: int = LESSONS) -> list[ModelState]:
    """What the learner publishes after so many lessons: a part for each model and the shared."""
    learner = Learner()
    specs = registry().models
    for number in range(lessons):
        learner.learn(_lesson(number, specs[number % len(specs)]))
    return learner.snapshots(AT)


def _lesson(number: int, spec: ModelSpec) -> Lesson:
    text = prompt(10_000_000 + number)
    hard = drawn(number, "hardness", 5)
    return a_lesson(
        f"lesson-{number}",
        lesson_id=f"lesson-{number}",
        tier=spec.tier,
        model=spec.name,
        features=pack(extract(text, propose(text))),
        score=0.95 if spec.tier >= hard else 0.55,
    )
