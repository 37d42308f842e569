"""What a service asks for: the one event that others write, and how tolerant we are of it."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AwareDatetime, BeforeValidator, Field, field_validator, model_validator
from pydantic_core import to_json

from streams.events.envelope import Event, Id, JsonObject, Label, Part, Share, Text, Tier

METADATA_BYTES = 4096
"""Largest echoed metadata, as compact JSON in UTF-8."""

TOPIC_CHARS = 249
"""Longest name of a Kafka topic."""

NESTING = 100
"""Deepest body that is accepted: what is read must be written again, and writers stop at 254."""


def _said(content: object) -> object:
    """OpenAI writes null beside tool calls."""
    return "" if content is None else content


class Message(Part):
    """One turn of a conversation, as OpenAI's chat API writes it.

    An assistant's turn may have `tool_calls`; a tool's says by `tool_call_id` which one it answers.
    """

    role: Literal["system", "user", "assistant", "tool"] = "user"
    content: Annotated[
        Text | list[JsonObject],
        BeforeValidator(_said, json_schema_input_type=Text | list[JsonObject] | None),
    ] = ""
    tool_calls: list[JsonObject] | None = None
    tool_call_id: Text | None = None

    @property
    def text(self) -> str:
        """The readable part: image parts and the like are left out."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(str(part["text"]) for part in self.content if "text" in part)

    @property
    def has_images(self) -> bool:
        """Whether an image is among its parts."""
        if isinstance(self.content, str):
            return False
        return any(part.get("type") == "image_url" for part in self.content)


class Task(Event):
    """One piece of work asked for. `prompt` or `messages` says what; the rest bounds how."""

    TYPE: ClassVar[str] = "tierflow.task.v1"
    SPARSE: ClassVar[bool] = True

    task_id: Id
    prompt: Annotated[Text, Field(min_length=1)] | None = None
    messages: Annotated[list[Message], Field(min_length=1)] | None = None
    context: Text | None = None
    kind: Label | None = None
    tenant: Label = "default"
    max_cost_usd: Annotated[Decimal, Field(ge=0)] | None = None
    deadline_at: AwareDatetime | None = None
    min_quality: Share | None = None
    min_tier: Tier | None = None
    max_tier: Tier | None = None
    model: Label | None = None
    capabilities: tuple[Label, ...] = ()
    response_schema: JsonObject | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: Annotated[list[Annotated[Text, Field(min_length=1)]], Field(max_length=4)] | None = None
    json_output: bool = False
    cascade: bool | None = None
    tools: list[JsonObject] | None = None
    critical: bool = False
    reply_to: Annotated[Text, Field(min_length=1, max_length=TOPIC_CHARS)] | None = None
    metadata: JsonObject | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_not_too_deep(cls, value: object) -> object:
        if isinstance(value, dict) and deeper(value, NESTING):
            raise ValueError(f"must not be nested over {NESTING} deep")
        return value

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("exactly one of prompt and messages is required")
        if (
            self.min_tier is not None
            and self.max_tier is not None
            and self.min_tier > self.max_tier
        ):
            raise ValueError("min_tier must not lie above max_tier")
        return self

    @field_validator("metadata")
    @classmethod
    def _metadata_is_small(cls, value: JsonObject | None) -> JsonObject | None:
        if value is not None and len(to_json(value)) > METADATA_BYTES:
            raise ValueError(f"metadata must not exceed {METADATA_BYTES} bytes")
        return value

    @property
    def text(self) -> str:
        """What the router reads: the prompt, or the user's turns, and nothing of metadata."""
        if self.prompt is not None:
            return self.prompt
        turns = (m.text for m in self.messages or () if m.role in ("system", "user"))
        return "\n".join(turns)

    @property
    def has_images(self) -> bool:
        """Whether an image is among what a model is sent."""
        return any(message.has_images for message in self.messages or ())

    def overdue(self, now: datetime) -> bool:
        """Whether the deadline has passed."""
        return self.deadline_at is not None and now >= self.deadline_at


def deeper(value: JsonObject, limit: int) -> bool:
    """Whether objects and arrays are nested over `limit` deep."""
    level: list[Any] = [value]
    for _ in range(limit):
        inner = (v for held in level for v in (held.values() if isinstance(held, dict) else held))
        level = [v for v in inner if isinstance(v, dict | list)]
        if not level:
            return False
    return True
