"""The first skill that claims a task answers it; skills are files beside this one.

A skill is a pure function `(text) -> str | None`. It answers only when the whole prompt is the
request it knows and the answer is beyond doubt; otherwise it says None and a model is asked.

Every task of the log passes here, so most skills are asked only where a prompt begins with a word
that their requests begin with, and each begins with a gate that costs next to nothing. A skill has
5 ms: none reads a clock, each bounds what it takes on so that its worst case stays below
(`tests/bench/test_skill_times.py`).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from streams.tier0.arithmetic import calculate
from streams.tier0.bases import change_base
from streams.tier0.case import change_case
from streams.tier0.conversion import convert_document
from streams.tier0.dates import reckon_dates
from streams.tier0.encodings import encode_text
from streams.tier0.json_format import format_json
from streams.tier0.lists import treat_list
from streams.tier0.markup_format import format_xml, format_yaml
from streams.tier0.regex_extract import extract_matches
from streams.tier0.sql_format import format_sql
from streams.tier0.template import fill_template
from streams.tier0.text_counts import count_text
from streams.tier0.units import convert_units
from streams.tier0.zones import convert_time

TEXT_CHARS = 65_536
"""Longer prompts are no skill's."""
ANSWER_CHARS = 131_072
"""Longer answers are dropped: the task goes up a tier."""
SKILL_S = 0.005
"""What one skill may take for one prompt."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a skill answered: `output` is the bare answer, without a sentence around it."""

    skill: str
    output: str


Skill = Callable[[str], str | None]
Answering = Callable[[str], Answer | None]


@dataclass(frozen=True, slots=True)
class Known:
    """A skill, and the words that its requests begin with; none: it is always asked."""

    name: str
    skill: Skill
    openings: frozenset[str] = frozenset()


def _known(name: str, skill: Skill, openings: str = "") -> Known:
    return Known(name, skill, frozenset(openings.split()))


_LAY_OUT = "format re reformat pretty prettify beautify indent tidy make minify compact put"
SKILLS: tuple[Known, ...] = (
    _known("json_format", format_json),
    _known("sql_format", format_sql),
    _known("case", change_case),
    _known("dates", reckon_dates),
    _known("units", convert_units),
    _known("arithmetic", calculate),
    _known("xml_format", format_xml, _LAY_OUT),
    _known("yaml_format", format_yaml, _LAY_OUT),
    _known(
        "conversion", convert_document,
        "convert turn transform change rewrite translate reformat format export express show render"
        " json yaml yml xml csv tsv",
    ),
    _known(
        "regex", extract_matches,
        "extract find list get return show give output use count how apply",
    ),
    _known("template", fill_template, "fill complete render populate"),
    _known(
        "list", treat_list,
        "sort order arrange alphabetize alphabetise remove delete drop de dedupe deduplicate"
        " reverse count how",
    ),
    _known("text_count", count_text, "how count what number"),
    _known(
        "encoding", encode_text,
        "base url uri percent hex hexadecimal encode decode convert turn what compute calculate"
        " give get generate find hash md sha crc the",
    ),
    _known("base", change_base, "convert change express translate turn what"),
    _known("time_zone", convert_time, "convert change translate what give if when"),
)  # fmt: skip

_POLITE = "hi hello hey please kindly just can could would will help i tell"
_FIRST = re.compile(r"\s*([A-Za-z]+)")


def answering(skills: Sequence[Known] = SKILLS) -> Answering:
    """Bind skills, in the order in which they are asked.

    Returns:
        A function from a prompt to the first claiming skill's answer; None where every skill has
        a doubt.
    """
    always = _asked(skills, "")
    openings = {word for known in skills for word in known.openings}
    by_opening = {word: _asked(skills, word) for word in openings}
    everyone = tuple((known.name, known.skill) for known in skills)
    by_opening |= dict.fromkeys(_POLITE.split(), everyone)

    def find(text: str) -> Answer | None:
        if len(text) > TEXT_CHARS:
            return None
        first = _FIRST.match(text)
        for name, skill in by_opening.get(first[1].lower(), always) if first else always:
            output = skill(text)
            if output is not None:
                return Answer(name, output) if len(output) <= ANSWER_CHARS else None
        return None

    return find


def _asked(skills: Iterable[Known], opening: str) -> tuple[tuple[str, Skill], ...]:
    return tuple(
        (known.name, known.skill)
        for known in skills
        if not known.openings or opening in known.openings
    )


_find = answering()


def answer(text: str) -> Answer | None:
    """Answer a prompt without a model, if a skill of our own is sure.

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
    return _find(text)
