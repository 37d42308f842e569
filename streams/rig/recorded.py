"""Recorded outcomes: real prompts with what each model scored and cost on them.

JSON lines or one JSON array, gzipped or not. Only the hashed id and the prompt (or messages) of a
row are ever published; scores, expected answers and everything else stay with the simulator, the
feedback and the summary.
"""

import gzip
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Self

import orjson
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from streams import ids
from streams.events.envelope import JsonObject, Label, Part, Share
from streams.kafka.codec import explain

GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class RecordedError(ValueError):
    """A recorded file that can't be read; the message names file, line and field."""


class RecordedOutcome(Part):
    """What one model made of one task. None: not recorded."""

    score: Share
    input_tokens: Annotated[int, Field(ge=0)] | None = None
    output_tokens: Annotated[int, Field(ge=0)] | None = None
    cost_usd: Annotated[Decimal, Field(ge=0)] | None = None


def _without_null(outcomes: object) -> object:
    """A model whose outcome is null has none."""
    if not isinstance(outcomes, Mapping):
        return outcomes
    return {model: outcome for model, outcome in outcomes.items() if outcome is not None}


class Recorded(Part):
    """One row of a recorded file.

    `repeat` counts the rows before this one with the same `task_id`, so that each row is a task
    of its own. `expected` is the text that a tier-0 answer is compared with. `category` is for who
    puts rows in order or leaves some out; no task carries it.
    """

    task_id: Annotated[str, Field(min_length=1)]
    prompt: str | None = None
    messages: tuple[JsonObject, ...] | None = None
    expected: str | None = None
    outcomes: Annotated[Mapping[Label, RecordedOutcome], BeforeValidator(_without_null)] = Field(
        default_factory=dict
    )
    category: Annotated[str, BeforeValidator(str)] = ""
    repeat: int = 0

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.prompt is None and self.messages is None:
            raise ValueError("prompt or messages is required")
        return self

    @property
    def key(self) -> str:
        """How the simulator knows the task again: see `prompt_key`."""
        if self.messages is not None:
            return prompt_key(user_text(self.messages))
        return prompt_key(self.prompt or "")

    def body(self) -> JsonObject:
        """The task event's body: the hashed id and what is asked, nothing else of the row."""
        asked: JsonObject = (
            {"prompt": self.prompt} if self.messages is None else {"messages": list(self.messages)}
        )
        return {"task_id": published_id(self), **asked}


def published_id(row: Recorded) -> str:
    """The id under which a row is published; it tells nothing of the row's own id.

    Example:
        >>> row = Recorded(task_id="mmlu-7", prompt="2 + 2?")
        >>> published_id(row).startswith("task-"), "mmlu" in published_id(row)
        (True, False)
    """
    return ids.derive("task", row.task_id, row.repeat)


def prompt_key(text: str) -> str:
    """SHA-256 of what the user asks, 64 hex digits."""
    return ids.digest(text.encode("utf-8", "surrogatepass"))


def user_text(messages: Iterable[JsonObject]) -> str:
    """The user's turns as one text, without images and other roles."""
    turns = (m.get("content") for m in messages if m.get("role", "user") == "user")
    return "\n".join(_readable(content) for content in turns)


def _readable(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(p["text"]) for p in parts if isinstance(p, dict) and "text" in p)


def read_recorded(path: Path, limit: int | None = None) -> list[Recorded]:
    """Read a recorded file.

    Args:
        path: JSON lines or a JSON array of rows, gzipped or not.
        limit: Read no more than so many rows.

    Raises:
        RecordedError: The file is missing, is no JSON, or a row is no recorded task.
    """
    return rows_of(objects_of(read_content(path), str(path)), limit)


def rows_of(placed: Iterable[tuple[str, JsonObject]], limit: int | None = None) -> list[Recorded]:
    """Objects with their places, as `objects_of` gives them, as recorded rows.

    Raises:
        RecordedError: One of them is no recorded task.
    """
    rows: list[Recorded] = []
    seen: Counter[str] = Counter()
    for place, found in placed:
        if limit is not None and len(rows) >= limit:
            break
        row = parse_row(found, place)
        rows.append(row.model_copy(update={"repeat": seen[row.task_id]}))
        seen[row.task_id] += 1
    return rows


def read_content(path: Path) -> bytes:
    """The file's bytes, unpacked where they are gzipped, whatever its name ends in."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(GZIP_MAGIC) else content
    except (OSError, EOFError, zlib.error) as error:
        raise RecordedError(f"{path}: {error}") from error


def objects_of(content: bytes, source: str) -> Iterator[tuple[str, JsonObject]]:
    """Each JSON object of JSON lines or of one JSON array, with its place for messages.

    Args:
        content: The whole text, unpacked.
        source: What to call it, such as the file's name.

    Raises:
        RecordedError: A line is no JSON object.
    """
    text = content.removeprefix(BYTE_ORDER_MARK)
    if text.lstrip().startswith(b"["):
        found = _parse(text, source)
        for number, item in enumerate(found if isinstance(found, list) else [], start=1):
            yield _placed(item, f"{source}, row {number}")
        return
    for number, line in enumerate(text.split(b"\n"), start=1):
        if line.strip():
            place = f"{source}, line {number}"
            yield _placed(_parse(line, place), place)


def parse_row(found: JsonObject, place: str) -> Recorded:
    """One row, checked.

    Raises:
        RecordedError: A field is missing or wrong; the message begins with `place`.
    """
    known = {name: found[name] for name in Recorded.model_fields if name in found}
    known.pop("repeat", None)
    try:
        return Recorded.model_validate(known)
    except ValidationError as error:
        raise RecordedError(f"{place}, {explain(error)}") from None


def by_prompt(rows: Iterable[Recorded]) -> dict[str, Recorded]:
    """Rows by `prompt_key`. Of rows that ask the same, the first one answers for all."""
    found: dict[str, Recorded] = {}
    for row in rows:
        found.setdefault(row.key, row)
    return found


def models_of(rows: Iterable[Recorded]) -> tuple[str, ...]:
    """Every model with an outcome on some row, sorted by name."""
    return tuple(sorted({model for row in rows for model in row.outcomes}))


def mean_costs(rows: Iterable[Recorded]) -> dict[str, Decimal]:
    """Mean recorded dollars a task of each model that has any, over the rows that record it."""
    total: dict[str, Decimal] = {}
    counted: Counter[str] = Counter()
    for row in rows:
        for model, outcome in row.outcomes.items():
            if outcome.cost_usd is not None:
                total[model] = total.get(model, Decimal(0)) + outcome.cost_usd
                counted[model] += 1
    return {model: total[model] / counted[model] for model in total}


def left_out(rows: Sequence[Recorded]) -> tuple[str, ...]:
    """Models without any recorded cost, sorted by name: they can't be routed to by price."""
    priced = mean_costs(rows)
    return tuple(model for model in models_of(rows) if model not in priced)


def _parse(text: bytes, place: str) -> object:
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise RecordedError(f"{place}: not JSON: {error}") from None


def _placed(item: object, place: str) -> tuple[str, JsonObject]:
    if not isinstance(item, dict):
        raise RecordedError(f"{place}: a JSON object is wanted")
    return place, item
