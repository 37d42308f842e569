"""Regular expressions that can't run away, on ASCII.

A pattern is compiled to a small program; a search tries alternatives in order, as Perl and its kin
do, but remembers every (instruction, position) that failed and never tries it again, and counts its
steps. Python's own `re` is not used on strangers' patterns: it backtracks without a bound and can't
be told to stop.
"""

from typing import NamedTuple

from streams.tier0.regex_syntax import WORD, Node, PatternError, parsed

PROGRAM = 300
"""Most instructions, repetitions written out."""
STEPS = 3_000
"""Most steps of all searches in one text: about 2 ms."""


class Step(NamedTuple):
    """An instruction: `chars` to consume, or an assertion, or places to go on at, best first."""

    chars: frozenset[str] | None
    check: str
    nexts: tuple[int, ...]


def compiled(pattern: str) -> list[Step]:
    """Compile a pattern.

    Raises:
        PatternError: It is broken, too large, or dialects differ about it.
    """
    program: list[Step] = []
    _emit(parsed(pattern), program)
    return program


def _emit(node: Node, program: list[Step]) -> None:
    """Append a node's instructions; it goes on behind them."""
    if len(program) > PROGRAM:
        raise PatternError
    if node.kind in ("chars", "check"):
        check = "" if node.kind == "chars" else min(node.chars)
        program.append(Step(node.chars if not check else None, check, (len(program) + 1,)))
    elif node.kind == "sequence":
        for part in node.parts:
            _emit(part, program)
    elif node.kind == "either":
        _emit_either(node, program)
    else:
        _emit_repeat(node, program)


def _emit_either(node: Node, program: list[Step]) -> None:
    fork = len(program)
    program.append(Step(None, "", ()))
    starts, ends = [], []
    for branch in node.parts:
        starts.append(len(program))
        _emit(branch, program)
        ends.append(len(program))
        program.append(Step(None, "", ()))
    program[fork] = Step(None, "", tuple(starts))
    for end in ends:
        program[end] = Step(None, "", (len(program),))


def _emit_repeat(node: Node, program: list[Step]) -> None:
    atom = node.parts[0]
    for _ in range(node.least):
        _emit(atom, program)
    if node.most is None:
        fork = len(program)
        program.append(Step(None, "", ()))
        _emit(atom, program)
        program.append(Step(None, "", (fork,)))
        program[fork] = _fork(fork + 1, len(program), lazy=node.lazy)
        return
    forks = []
    for _ in range(node.most - node.least):
        forks.append(len(program))
        program.append(Step(None, "", ()))
        _emit(atom, program)
    for fork in forks:
        program[fork] = _fork(fork + 1, len(program), lazy=node.lazy)


def _fork(inside: int, behind: int, *, lazy: bool) -> Step:
    return Step(None, "", (behind, inside) if lazy else (inside, behind))


def find_all(program: list[Step], text: str) -> list[str]:
    """Every match, from left to right, none overlapping another.

    Raises:
        PatternError: The budget of steps is used up.
    """
    found: list[str] = []
    failed: set[tuple[int, int]] = set()
    start, steps = 0, 0
    firsts = _firsts(program)
    while start < len(text):
        if text[start] not in firsts:
            start += 1
            continue
        end, steps = _match(program, text, start, failed, steps)
        if end is None:
            start += 1
            continue
        found.append(text[start:end])
        start = end
        failed = set()
    return found


def _firsts(program: list[Step]) -> frozenset[str]:
    """What a match may begin with; it is never empty."""
    reached, stack, firsts = set[int](), [0], set[str]()
    while stack:
        here = stack.pop()
        if here in reached or here == len(program):
            continue
        reached.add(here)
        step = program[here]
        if step.chars is None:
            stack.extend(step.nexts)
        else:
            firsts |= step.chars
    return frozenset(firsts)


def _match(
    program: list[Step], text: str, start: int, failed: set[tuple[int, int]], steps: int
) -> tuple[int | None, int]:
    """Where the match that begins at `start` ends; and all steps that were taken so far."""
    stack = [(0, start)]
    while stack:
        state = stack.pop()
        if state in failed:
            continue
        failed.add(state)
        steps += 1
        if steps > STEPS:
            raise PatternError
        here, at = state
        if here == len(program):
            return at, steps
        step = program[here]
        if step.chars is not None:
            if at < len(text) and text[at] in step.chars:
                stack.append((here + 1, at + 1))
        elif not step.check or _holds(step.check, text, at):
            stack.extend((following, at) for following in reversed(step.nexts))
    return None, steps


def _holds(check: str, text: str, at: int) -> bool:
    if check == "^":
        return at == 0
    if check == "$":
        return at == len(text)
    before = at > 0 and text[at - 1] in WORD
    return before != (at < len(text) and text[at] in WORD)
