"""The longest that each tier-0 skill takes for any hostile text, and what declining costs."""

import statistics

import pytest

from streams.clock import SystemClock
from streams.tier0.answer import SKILL_S, SKILLS, TEXT_CHARS
from tests.hostile import hostile
from tests.sure_documents import table_conversions, tree_conversions, xml_tasks, yaml_tasks
from tests.sure_text import (
    base_tasks,
    count_tasks,
    encoding_tasks,
    list_tasks,
    regex_tasks,
    template_tasks,
    time_tasks,
)

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

CLOCK = SystemClock()
TRIES = 5
"""Of a text that seemed slow; the fastest counts, for a machine only adds."""


def took_ms(skill: object, text: str, tries: int) -> float:
    """The fastest of some tries."""
    assert callable(skill)
    times = []
    for _ in range(tries):
        begun_s = CLOCK.monotonic_s()
        skill(text)
        times.append(CLOCK.monotonic_s() - begun_s)
    return min(times) * 1e3


def test_the_worst_case_of_each_skill_is_printed() -> None:
    texts = sorted({text for _, text in hostile() if len(text) <= TEXT_CHARS})
    tasks = [
        *(task for made in (xml_tasks(40), yaml_tasks(40), tree_conversions(8)) for task in made),
        *(task for made in (table_conversions(8), regex_tasks(40), time_tasks(8)) for task in made),
        *(task for made in (template_tasks(30), list_tasks(8), count_tasks(10)) for task in made),
        *(task for made in (encoding_tasks(8), base_tasks(10)) for task in made),
    ]
    print(f"\n\ntier-0 skills: {len(texts)} hostile texts, limit {SKILL_S * 1000:.0f} ms")  # noqa: T201
    print(f"{'skill':<14}{'worst ms':>10}{'usual ms':>10}  worst text")  # noqa: T201
    for known in SKILLS:
        first = sorted(((took_ms(known.skill, text, 1), text) for text in texts), reverse=True)[:12]
        worst, text = max((took_ms(known.skill, text, TRIES), text) for _, text in first)
        own = [took_ms(known.skill, task.prompt, 2) for task in tasks if task.skill == known.name]
        usual = f"{statistics.median(own):10.3f}" if own else f"{'':>10}"
        print(f"{known.name:<14}{worst:>10.2f}{usual}  {text[:60]!r}, {len(text)} chars")  # noqa: T201
