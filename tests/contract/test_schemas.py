"""Code = committed schemas = hand-written examples."""

from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from streams.events.envelope import Event, Reason
from streams.kafka import codec
from streams.kafka.contracts import asyncapi, event_name, events, files, schema_of, version_of
from streams.topology import TOPICS

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
EVENTS = {event_name(event): event for event in events()}
WELL = sorted(p for p in SCHEMAS.glob("examples/*/v*/*.json") if not p.stem.startswith("hostile"))
HOSTILE = sorted(SCHEMAS.glob("examples/*/v*/hostile_*.json"))
NOT_JSON = {
    "hostile_not_json", "hostile_empty", "hostile_lone_surrogate", "hostile_not_a_number",
    "hostile_nested",
}  # fmt: skip
NAMED = {
    "hostile_nul_in_prompt": "prompt",
    "hostile_newline_in_id": "task_id",
    "hostile_no_id": "task_id",
    "hostile_id_is_a_number": "task_id",
    "hostile_long_id": "task_id",
    "hostile_prompt_and_messages": "exactly one of prompt and messages",
    "hostile_nothing_asked": "exactly one of prompt and messages",
    "hostile_tier_out_of_range": "min_tier",
    "hostile_tiers_crossed": "min_tier must not lie above max_tier",
    "hostile_negative_budget": "max_cost_usd",
    "hostile_naive_deadline": "deadline_at",
    "hostile_large_metadata": "metadata",
    "hostile_array": "an array",
    "hostile_null": "null",
    "hostile_score_out_of_range": "score",
    "hostile_score_is_text": "score",
    "hostile_unknown_source": "source",
    "hostile_no_task": "task_id",
    "hostile_naive_time": "at",
}


def label(path: Path) -> str:
    return f"{path.parent.parent.name}-{path.stem}"


def event_of(path: Path) -> type[Event]:
    return EVENTS[path.parent.parent.name]


@pytest.mark.parametrize("name", sorted(files()))
def test_committed_files_are_what_the_code_says(name: str) -> None:
    assert (SCHEMAS / name).read_bytes() == files()[name], "run `make schemas`"


def test_no_schema_is_left_of_an_event_that_is_gone() -> None:
    committed = {p.relative_to(SCHEMAS).as_posix() for p in SCHEMAS.glob("events/*.json")}
    assert committed <= set(files())


def test_every_event_has_its_examples() -> None:
    wanted = {"minimal", "full", "from_the_future"}
    for name, event in EVENTS.items():
        folder = SCHEMAS / "examples" / name / version_of(event)
        assert wanted <= {p.stem for p in folder.glob("*.json")}, name


@pytest.mark.parametrize("path", WELL, ids=label)
def test_an_example_is_valid_by_its_schema_and_decodes(path: Path) -> None:
    event = event_of(path)
    checker = jsonschema.Draft202012Validator(schema_of(event))
    checker.validate(orjson.loads(path.read_bytes()))
    assert isinstance(codec.decode(event, path.read_bytes()), event)


@pytest.mark.parametrize("path", WELL, ids=label)
def test_what_we_write_is_valid_by_the_schema_and_reads_back(path: Path) -> None:
    event = event_of(path)
    decoded = codec.decode(event, path.read_bytes())
    assert isinstance(decoded, event)
    written = codec.encode(decoded)
    jsonschema.Draft202012Validator(schema_of(event)).validate(orjson.loads(written))
    assert codec.decode(event, written) == decoded


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_a_full_example_leaves_no_field_unused(name: str) -> None:
    event = EVENTS[name]
    full = orjson.loads((SCHEMAS / "examples" / name / "v1" / "full.json").read_bytes())
    unused = set(event.model_fields) - set(full)
    assert unused <= {"prompt"}  # messages take its place


@pytest.mark.parametrize("path", HOSTILE, ids=label)
def test_a_hostile_body_is_refused_with_a_named_reason(path: Path) -> None:
    refused = codec.decode(event_of(path), path.read_bytes())
    assert isinstance(refused, codec.Rejected)
    if path.stem in NOT_JSON:
        assert refused.reason is Reason.NOT_JSON
    else:
        assert refused.reason is Reason.SCHEMA_INVALID
        assert NAMED[path.stem] in refused.detail


def test_every_schema_is_itself_a_schema() -> None:
    for event in events():
        jsonschema.Draft202012Validator.check_schema(schema_of(event))


def test_every_reference_of_the_document_leads_somewhere() -> None:
    document = asyncapi()
    for reference in references(document):
        if reference.startswith("#/"):
            found: Any = document
            for step in reference.removeprefix("#/").split("/"):
                found = found[step]
        else:
            assert (SCHEMAS / reference).is_file(), reference


def test_the_document_has_a_channel_for_every_topic() -> None:
    addresses = {channel["address"] for channel in asyncapi()["channels"].values()}
    assert addresses == {topic.full_name("tierflow.") for topic in TOPICS}


def references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [found for below in value.values() for found in references(below)]
    if isinstance(value, list):
        return [found for below in value for found in references(below)]
    return []
