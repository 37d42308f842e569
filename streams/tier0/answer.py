"""The first skill that claims a task answers it; skills are files beside this one.

A skill is a pure function `(text) -> str | None`. It answers only when the whole prompt is the
request it knows and the answer is beyond doubt; otherwise it says None and a model is asked. Each
begins with a gate that costs next to nothing, because every task of the log passes here.
"""

from collections.abc import Callable
from dataclasses import dataclass

from streams.tier0.arithmetic import calculate
from streams.tier0.case import change_case
from streams.tier0.dates import reckon_dates
from streams.tier0.json_format import format_json
from streams.tier0.sql_format import format_sql
from streams.tier0.units import convert_units

TEXT_CHARS = 65_536
"""Longer prompts are no skill's."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a skill answered: `output` is the bare answer, without a sentence around it."""

    skill: str
    output: str


Skill = Callable[[str], str | None]

SKILLS: tuple[tuple[str, Skill], ...] = (
    ("json_format", format_json),
    ("sql_format", format_sql),
    ("case", change_case),
    ("dates", reckon_dates),
    ("units", convert_units),
    ("arithmetic", calculate),
)


def answer(text: str) -> Answer | None:
    """Answer a prompt without a model, if a skill is sure.

    Args:
        text: The whole prompt.

    Returns:
        The first claiming skill's answer; None where every skill has a doubt.

    Example:
        >>> answer("What is 17 * 23?")
        Answer(skill='arithmetic', output='391')
        >>> answer("What is 17 * 23, and why is multiplication commutative?") is None
        True
    """
    if len(text) > TEXT_CHARS:
        return None
    for name, skill in SKILLS:
        output = skill(text)
        if output is not None:
            return Answer(name, output)
    return None
