"""Prompts from the project's own writing: templates and their cases in `writing/*.toml`."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import cycle, islice
from math import gcd
from pathlib import Path
from typing import Any, NamedTuple

from infra.rig.chance import number

WRITING = Path(__file__).parent / "writing"
OWN_KEYS = ("category", "tokens", "cases", "prompt")
SLOT = re.compile(r"<<(\w+)>>")


class Exact(NamedTuple):
    """A task that needs no model, and what a person would accept as its answer."""

    category: str
    prompt: str
    expected: str


class Asked(NamedTuple):
    """A task for a model; `tokens` is the length of a typical answer."""

    category: str
    prompt: str
    tokens: int


@cache
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((WRITING / f"{name}.toml").read_text())


def cases(name: str) -> list[dict[str, str]]:
    """A shared list: `functions`, `modules`, `passages`, or `python`, the functions in Python."""
    if name == "python":
        return [case for case in cases("functions") if case["lang"] == "Python"]
    return list(_read(name)["case"])


def templates(tier: int) -> list[dict[str, Any]]:
    """The templates of a tier, in the order of the file."""
    return list(_read(f"tier{tier}")["template"])


def asked(tier: int, count: int) -> Iterator[Asked]:
    """So many different prompts of a tier, its templates taken in turn."""
    known = templates(tier)
    prompts = [_filled(template, f"{tier}.{n}") for n, template in enumerate(known)]
    seen: set[str] = set()
    exhausted = 0
    turns = cycle(zip(known, prompts, strict=True))
    while len(seen) < count:
        template, stream = next(turns)
        prompt = next((text for text in islice(stream, 200) if text not in seen), None)
        exhausted = exhausted + 1 if prompt is None else 0
        if exhausted > len(known):
            raise ValueError(f"tier {tier} has no {count} different prompts")
        if prompt is not None:
            seen.add(prompt)
            yield Asked(template["category"], prompt, template["tokens"])


def lookalikes(tier: int) -> list[Asked]:
    """What only looks like tier 0 and belongs to this tier."""
    found = _read("lookalikes").get(f"tier{tier}", {"prompts": [], "tokens": 0})
    return [Asked(f"tier{tier}/lookalike", text, found["tokens"]) for text in found["prompts"]]


def _filled(template: Mapping[str, Any], thing: str) -> Iterator[str]:
    """The template with its slots filled, over and over: each slot goes round at its own pace."""
    shared = cases(template["cases"]) if "cases" in template else [{}]
    slots = {name: _options(given) for name, given in template.items() if name not in OWN_KEYS}
    round_length = len(shared)
    for options in slots.values():
        round_length *= len(options)
    turns = {name: _turn(len(options), f"{thing} {name}") for name, options in slots.items()}
    case_turn = _turn(len(shared), f"{thing} ")
    for n in range(round_length):
        values = dict(shared[_place(n, *case_turn, len(shared))])
        values |= {
            name: options[_place(n, *turns[name], len(options))] for name, options in slots.items()
        }
        yield _fill(template["prompt"], values)


def _options(given: list[str] | str) -> list[str]:
    """A list as it stands, or a column of a shared one: `modules.code`."""
    if isinstance(given, list):
        return given
    name, _, column = given.partition(".")
    return [case[column] for case in cases(name)]


def _turn(length: int, thing: str) -> tuple[int, int]:
    """Where a slot starts and how far it steps, so that it meets every option."""
    steps = [step for step in range(1, length + 1) if gcd(step, length) == 1]
    return number(0, length - 1, thing, "start"), steps[number(0, len(steps) - 1, thing, "step")]


def _place(n: int, start: int, step: int, length: int) -> int:
    return (start + n * step + n // length) % length


def _fill(prompt: str, values: Mapping[str, str]) -> str:
    """Slots may hold slots: filled until none is left."""
    while SLOT.search(prompt):
        prompt = SLOT.sub(lambda found: values[found[1]], prompt)
    return prompt.strip()
