"""Commands that documents and files name are commands that there are."""

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.cli.main import COMMANDS, build_parser

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|[\s|;&(\"'])(?:\.venv/bin/)?(tierflow(?:\s+[^|;&#\n)]*)?)")


def commands_in(text: str) -> list[list[str]]:
    """What follows `tierflow` on each line, as a shell would split it."""
    found = []
    for line in text.splitlines():
        shown = line.strip().removeprefix("$ ")
        if not re.match(
            r"(\S+=\S+ )*(\.venv/bin/)?tierflow\s|.*\|\s*(\.venv/bin/)?tierflow\s", shown
        ):
            continue
        match = COMMAND.search(shown)
        assert match, shown
        found.append(shlex.split(match[1], comments=True)[1:])
    return found


def assert_known(words: list[str]) -> None:
    """The parser takes these words; a placeholder such as TASK_ID is a word like any other."""
    try:
        build_parser().parse_args(words)
    except SystemExit as ended:
        if ended.code:
            pytest.fail(f"`tierflow {' '.join(words)}` is no command line")


def test_every_command_in_the_readme_is_one() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = [words for block in FENCE.findall(readme) for words in commands_in(block)]
    assert found, "the README shows no `tierflow …` line in its code fences"
    for words in found:
        assert_known(words)


def test_every_make_target_in_the_readme_is_one() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {
        name
        for block in FENCE.findall(readme)
        for name in re.findall(r"^(?:\$ )?make ([a-z-]+)", block, re.MULTILINE)
    }
    assert named
    assert named <= targets


def test_every_help_shows_an_example_that_is_a_command_line() -> None:
    examples = 0
    for parser in parsers(build_parser()):
        epilog = parser.epilog or ""
        assert epilog.startswith("example:\n  "), parser.prog
        for words in commands_in(epilog.removeprefix("example:\n")):
            assert_known(words)
            examples += 1
    assert examples > len(COMMANDS)


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and all below it."""
    yield parser
    for action in parser._actions:
        if isinstance(action.choices, dict):
            for below in action.choices.values():
                yield from parsers(below)
