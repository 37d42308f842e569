"""Events and topics → JSON Schemas and an AsyncAPI 3 document: what others may build on.

Generated, committed under `schemas/`, and compared by a test, so that a change of the contract is
seen in review.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from pydantic.json_schema import GenerateJsonSchema

from streams.events.envelope import SPEC_VERSION, Event
from streams.events.feedback import Feedback
from streams.events.task import Task
from streams.kafka.topics import Layout, wanted
from streams.topology import STAGES, SUNK, TOPICS, Topic

INPUTS = (Task, Feedback)
"""What others write: their schemas say what is accepted, the others' what is written."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
BINDING_VERSION = "0.5.0"


class _Untitled(GenerateJsonSchema):
    """Without a title for each field that says no more than its name."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 (pydantic's own)
        """Never."""
        return False


def event_name(event: type[Event]) -> str:
    """The event's one word, such as `decision`.

    Example:
        >>> event_name(Task)
        'task'
    """
    return event.TYPE.split(".")[1]


def version_of(event: type[Event]) -> str:
    """The version in the event's type, such as `v1`."""
    return event.TYPE.split(".")[2]


def events() -> tuple[type[Event], ...]:
    """Every event that a topic carries, by name."""
    carried = {topic.event for topic in TOPICS if topic.event is not None}
    return tuple(sorted(carried, key=event_name))


def schema_of(event: type[Event]) -> dict[str, Any]:
    """The event's JSON Schema: of what is accepted for an input, else of what is written."""
    mode = "validation" if event in INPUTS else "serialization"
    schema = event.model_json_schema(mode=mode, schema_generator=_Untitled)  # type: ignore[arg-type]
    name = event_name(event)
    head = {"$schema": DIALECT, "$id": f"urn:tierflow:{name}:{version_of(event)}", "title": name}
    return {**head, **{key: value for key, value in schema.items() if key != "title"}}


def files() -> dict[str, bytes]:
    """Every generated file by its path under `schemas/`."""
    found = {
        f"events/{event_name(e)}.{version_of(e)}.schema.json": _json(schema_of(e)) for e in events()
    }
    return {**found, "asyncapi.yaml": "".join(_yaml(asyncapi(), 0)).lstrip("\n").encode() + b"\n"}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3 document over all topics.

    Source:
        https://www.asyncapi.com/docs/reference/specification/v3.0.0 and its Kafka bindings.
    """
    configs = {topic.name: topic for topic in wanted(Layout())}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "tierflow",
            "version": "1",
            "description": "CloudEvents 1.0 in Kafka's binary mode: attributes are headers, "
            "values JSON. Publishers need no header.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            topic.name: _channel(topic, configs[topic.full_name("tierflow.")].config)
            for topic in TOPICS
        },
        "operations": dict(_operations()),
        "components": {
            "messages": {event_name(event): _message(event) for event in events()},
            "schemas": {"headers": _headers()},
        },
    }


def _channel(topic: Topic, config: Mapping[str, str]) -> dict[str, Any]:
    name = event_name(topic.event) if topic.event else None
    message = {name: {"$ref": f"#/components/messages/{name}"}} if name else {}
    return {
        "address": topic.full_name("tierflow."),
        "description": f"Key: {topic.key}." if topic.event else "Value and key as they came.",
        "messages": message,
        "bindings": {
            "kafka": {
                "topic": topic.full_name("tierflow."),
                "partitions": 1 if topic.single else Layout().partitions,
                "topicConfiguration": {
                    "cleanup.policy": config["cleanup.policy"].split(","),
                    "retention.ms": int(config["retention.ms"]),
                    "max.message.bytes": int(config["max.message.bytes"]),
                },
                "bindingVersion": BINDING_VERSION,
            }
        },
    }


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for stage in STAGES:
        for topic in stage.reads:
            binding = {"groupId": {"type": "string", "const": f"tierflow-{stage.role}"}}
            yield f"{stage.name}-reads-{topic.name}", _operation("receive", topic, binding)
        for topic in stage.writes:
            yield f"{stage.name}-writes-{topic.name}", _operation("send", topic, {})
    sunk = {"groupId": {"type": "string", "const": "tierflow-sink"}}
    for topic in SUNK:
        yield f"sink-reads-{topic.name}", _operation("receive", topic, sunk)


def _operation(action: str, topic: Topic, binding: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic.name}"},
    }
    if binding:
        operation["bindings"] = {"kafka": {**binding, "bindingVersion": BINDING_VERSION}}
    return operation


def _message(event: type[Event]) -> dict[str, Any]:
    name = event_name(event)
    keys = " or ".join(dict.fromkeys(t.key for t in TOPICS if t.event is event))
    return {
        "name": event.TYPE,
        "summary": (event.__doc__ or name).strip().splitlines()[0],
        "headers": {"$ref": "#/components/schemas/headers"},
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./events/{name}.{version_of(event)}.schema.json"},
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": keys},
                "bindingVersion": BINDING_VERSION,
            }
        },
    }


def _headers() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "ce_specversion": {"type": "string", "const": SPEC_VERSION},
            "ce_id": text,
            "ce_type": text,
            "ce_source": text,
            "ce_time": {"type": "string", "format": "date-time"},
            "ce_cause": {"type": "string", "description": "The id of the event that led here."},
            "traceparent": text,
        },
    }


def _json(schema: object) -> bytes:
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _yaml(value: object, depth: int) -> Iterator[str]:
    """Block style with JSON's scalars, which YAML reads as they are."""
    pad = "\n" + "  " * depth
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield f"{pad}{_scalar(key) if key[:1] == '$' else key}:"
            yield from _yaml(below, depth + 1)
    elif isinstance(value, list) and value:
        for item in value:
            yield f"{pad}- {_scalar(item)}"
    else:
        yield f" {_scalar(value)}"


def _scalar(value: object) -> str:
    return orjson.dumps(value).decode()
