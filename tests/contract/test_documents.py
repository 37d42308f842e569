"""What documents say is so: links, files, settings, commands, words of closed lists."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from streams.events.decision import RefusalReason
from streams.events.envelope import Reason
from streams.events.feedback import Alert, Feedback
from streams.events.outcome import Result
from streams.events.task import Task
from streams.routing.registry import parse
from streams.settings import Settings
from streams.sources import load
from tests.contract.test_commands import FENCE, commands_in
from tests.yamls import ROOT, assert_is_command, documents, read

GUIDES = ROOT / "infra" / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(GUIDES.rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
BLOCK = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
FILE = re.compile(
    r"(?:streams|tests|infra|schemas|\.ci)/[\w./*-]+|(?:README|CHANGELOG)\.md|Makefile"
)
NOUNS = {
    "ModelRouter",
    "ComplexityClassifier",
    "ModelRegistry",
    "CostOptimizer",
    "PerformanceMonitor",
}
PATTERNS = {"Strategy", "Chain of Responsibility", "Factory", "Circuit Breaker", "Decorator"}
NOT_YET = "not built yet"


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose_of(page: Path) -> str:
    """A page without its blocks of code."""
    return BLOCK.sub("", text_of(page))


def anchors(page: Path) -> set[str]:
    """What GitHub makes of a page's headings."""
    found = re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in found]
    return {heading.replace(" ", "-") for heading in plain}


def sections(page: Path, level: int) -> dict[str, str]:
    """Text by heading."""
    parts = re.split(rf"^{'#' * level} (.+)$", text_of(page), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def label(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(prose_of(page)):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=label)
def test_files_that_are_named_are_there(page: Path) -> None:
    for line in prose_of(page).splitlines():
        for code in CODE.findall(line):
            if FILE.fullmatch(code) and "NNNN" not in code and NOT_YET not in line:
                assert list(ROOT.glob(code)), f"{label(page)}: {code}"


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_settings_that_are_named_are_there(page: Path) -> None:
    for code in CODE.findall(prose_of(page)):
        if (
            re.fullmatch(r"[a-z]+(\.[a-z_]+)+", code)
            and code.split(".")[0] in sectioned()
            and not code.endswith(".py")
        ):
            assert is_setting(code), f"{label(page)}: {code}"
        for table in re.findall(r"^\[([a-z.]+)\]$", code):
            assert is_setting(table), f"{label(page)}: [{table}]"


def sectioned() -> set[str]:
    """The sections whose keys are fixed."""
    return {
        name
        for name, field in Settings.model_fields.items()
        if hasattr(field.annotation, "model_fields")
    }


def is_setting(dotted: str) -> bool:
    found: Any = Settings
    for key in dotted.split("."):
        fields = getattr(found, "model_fields", {})
        if key not in fields:
            return False
        found = fields[key].annotation
    return True


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_every_command_is_one(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    for block in FENCE.findall(re.sub(r"^ +(?=```|\$)", "", text_of(page), flags=re.MULTILINE)):
        for words in commands_in(block):
            assert_is_command(words)
        for name in re.findall(r"^(?:\$ )?make ([a-z-]+)", block, re.MULTILINE):
            assert name in targets
    for code in CODE.findall(prose_of(page)):
        if re.fullmatch(r"make [a-z-]+", code):
            assert code.removeprefix("make ") in {*targets, "bench-"}, code


def lines_of(program: str) -> Iterator[tuple[str, list[str]]]:
    """Each line of a console block that runs a program of others, as words."""
    for page in PAGES:
        for kind, block in BLOCK.findall(text_of(page)):
            for line in block.splitlines() if kind == "console" else ():
                shown = line.strip().removeprefix("$ ")
                if re.match(rf"(\S+=\S+ )*{program} ", shown):
                    words = shlex.split(shown, comments=True)
                    yield label(page), words[words.index(program) :]


def test_docker_lines_name_services_and_profiles_that_there_are() -> None:
    compose = read(ROOT / "docker-compose.yml")
    found = 0
    for _, words in lines_of("docker"):
        found += 1
        if "exec" in words:
            service, *ours = words[words.index("exec") + 1 :]
            assert service in compose["services"]
            assert ours.pop(0) == "tierflow"
            assert_is_command(ours)
        if "--profile" in words:
            profile = words[words.index("--profile") + 1]
            assert any(profile in of.get("profiles", []) for of in compose["services"].values())
        if "build" in words:
            assert (ROOT / words[words.index("-f") + 1]).is_file()
    assert found >= 3


def test_helm_lines_name_the_chart() -> None:
    lines = list(lines_of("helm"))
    assert lines
    for _, words in lines:
        assert (ROOT / "infra/helm/tierflow/Chart.yaml").is_file()
        assert "infra/helm/tierflow" in words


def test_values_that_are_shown_are_values_of_the_chart() -> None:
    known = read(ROOT / "infra" / "helm" / "tierflow" / "values.yaml")
    shown = [
        block for kind, block in BLOCK.findall(text_of(GUIDES / "quickstart.md")) if kind == "yaml"
    ]
    for values in documents(shown[0]):
        for name, value in values.items():
            assert name in known
            assert not isinstance(value, dict) or set(value) <= set(known[name])


@pytest.mark.parametrize("page", [p for p in PAGES if "```toml" in text_of(p)], ids=label)
def test_settings_files_that_are_shown_are_taken(page: Path, tmp_path: Path) -> None:
    for kind, block in BLOCK.findall(text_of(page)):
        if kind != "toml" or "\n[project]\n" in block:  # a package of the reader's
            continue
        (tmp_path / "tierflow.toml").write_text(block, encoding="utf-8")
        settings = load(tmp_path / "tierflow.toml", environ={})
        if "models" in tomllib.loads(block):
            models = parse({"models": settings.models}).models
            assert {model.provider for model in models} <= set(settings.providers)


def test_every_field_that_others_write_or_read_is_explained() -> None:
    pages = sections(GUIDES / "events.md", 2)
    for event, heading in (
        (Task, "Send a task"),
        (Result, "Read results"),
        (Feedback, "Say how well"),
    ):
        (text,) = [of for name, of in pages.items() if name.startswith(heading)]
        first = {
            field
            for row in re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
            for field in CODE.findall(row)
        }
        assert first == set(event.model_fields), event.__name__


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("Alerts", set(get_args(Alert.model_fields["kind"].annotation))),
        ("Dead letters", {reason.value for reason in Reason}),
        ("Failed results", {reason.value for reason in RefusalReason}),
    ],
)
def test_every_word_for_what_went_wrong_has_its_paragraph(heading: str, words: set[str]) -> None:
    part = sections(GUIDES / "reasons.md", 2)[heading]
    found = dict(
        zip(*[iter(re.split(r"^### (\w+)$", part, flags=re.MULTILINE)[1:])] * 2, strict=True)
    )
    assert set(found) == words
    for word, text in found.items():
        assert re.search(r"^\*.+\*", text.strip()), f"{word}: what does it mean?"
        assert re.search(r"^Do: .+", text, re.MULTILINE), f"{word}: what is to be done?"


def rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of a section's table."""
    lines = [line for line in sections(page, 2)[heading].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


@pytest.mark.parametrize(("heading", "wanted"), [("Nouns", NOUNS), ("Patterns", PATTERNS)])
def test_words_people_look_for_lead_to_files(heading: str, wanted: set[str]) -> None:
    table = rows(GUIDES / "architecture.md", heading)
    assert {cells[0].split(",")[0] for cells in table} == wanted
    for name, where, *_ in table:
        files = CODE.findall(where)
        assert files, name
        built = NOT_YET not in where
        assert all((ROOT / file).is_file() is built for file in files), name


def test_each_guarantee_is_shown_by_tests_that_there_are() -> None:
    table = rows(GUIDES / "guarantees.md", "What holds")
    assert len(table) >= 8
    for name, _, shown in table:
        files = CODE.findall(shown)
        assert files, name
        assert all((ROOT / file).is_file() for file in files), name


@pytest.mark.parametrize("page", sorted((GUIDES / "decisions").glob("*.md")), ids=label)
def test_a_decision_is_short_and_whole(page: Path) -> None:
    text = text_of(page)
    assert re.match(rf"# {page.name[:4]} \S", text)
    assert len(text.splitlines()) <= 40
    for part in (
        "Question",
        "Decision",
        "Rejected",
        "What it costs us",
        "Evidence",
        "Revisit when",
    ):
        assert f"**{part}" in text, part


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(page.name[:4]) for page in sorted((GUIDES / "decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_guide_is_reached_from_the_readme() -> None:
    named = {
        Path(link.partition("#")[0]).name for link in LINK.findall(text_of(ROOT / "README.md"))
    }
    assert {page.name for page in GUIDES.glob("*.md")} <= named
