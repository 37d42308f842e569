"""The page on providers names every wire format, and what passes is so."""

import re
from typing import Any

import pytest

from streams.events.outcome import Usage
from streams.events.task import Message
from streams.providers.port import Failed, Prompt
from streams.providers.wires import WIRES
from tests.yamls import ROOT

PAGE = (ROOT / "infra" / "docs" / "providers.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([^`]+)`")


def table(heading: str) -> list[list[str]]:
    part = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [rows[0], *rows[2:]]


def an_image(url: str) -> dict[str, Any]:
    image = {"type": "image_url", "image_url": {"url": url}}
    return {"messages": (Message(content=[image]),)}


WISHES: dict[str, dict[str, Any]] = {
    "`stop`": {"stop": ("END",)},
    "`tools` and their answers": {"tools": ({"type": "function", "function": {"name": "x"}},)},
    "images by URL": an_image("https://host/a.png"),
    "images as `data:` URLs": an_image("data:image/png;base64,iVBO"),
    "other parts": {"messages": (Message(content=[{"type": "input_audio"}]),)},
}


def test_every_wire_format_has_a_vendor_and_a_column() -> None:
    assert {wire for row in table("Vendors")[1:] for wire in CODE.findall(row[2])} == set(WIRES)
    assert {wire for cell in table("What passes")[0] for wire in CODE.findall(cell)} == set(WIRES)


@pytest.mark.parametrize("wire", sorted(WIRES))
def test_what_the_page_says_is_refused_is_refused(wire: str) -> None:
    head, *rows = table("What passes")
    column = head.index(f"`{wire}`")
    said = {row[0]: row[column].startswith("refused") for row in rows if row[0] in WISHES}
    assert said.keys() == WISHES.keys()
    for name, refused in said.items():
        known: dict[str, Any] = {"messages": (Message(content="Hello"),), **WISHES[name]}
        asked = WIRES[wire].encode(Prompt(call_id="c1", model="a/b", **known))
        assert isinstance(asked, Failed) == refused, name


@pytest.mark.parametrize("wire", sorted(WIRES))
def test_streams_and_idempotency_are_as_the_page_says(wire: str) -> None:
    head, *rows = table("What passes")
    said = {row[0]: row[head.index(f"`{wire}`")] for row in rows}
    assert (said["streams"] == "yes") == (WIRES[wire].reader() is not None)
    header = WIRES[wire].idempotency_header
    assert said["idempotency header"] == ("none" if header is None else f"`{header}`")


def test_every_part_of_usage_has_its_row() -> None:
    named = {CODE.findall(row[0])[0] for row in table("Usage")[1:]}
    named |= {name for row in table("Usage")[1:] for name in CODE.findall(row[0])}
    assert named - {"batch", "flex", "priority"} == set(Usage.model_fields)
