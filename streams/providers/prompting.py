"""What several wire formats must do to a prompt before they can write it."""

from collections.abc import Iterator

import orjson

from streams.events.envelope import JsonObject
from streams.events.task import Message
from streams.providers.port import Prompt
from streams.providers.reading import at, text

JSON_ASKED = "Answer with JSON and nothing else."
SCHEMA_ASKED = "Answer with one JSON value that fits this JSON Schema, and nothing else:\n"


def given(wishes: JsonObject) -> JsonObject:
    """The wishes that there are: what is None isn't sent."""
    return {name: wish for name, wish in wishes.items() if wish is not None}


def with_json_asked(prompt: Prompt) -> tuple[Message, ...]:
    """The messages; for OpenAI's JSON mode, which refuses a prompt without the word, one has it.

    Source:
        https://platform.openai.com/docs/guides/structured-outputs#json-mode.
    """
    in_the_mode = prompt.json_output and prompt.response_schema is None
    if not in_the_mode or any("json" in message.text.lower() for message in prompt.messages):
        return prompt.messages
    return (Message(role="system", content=JSON_ASKED), *prompt.messages)


def json_wish(prompt: Prompt) -> str | None:
    """The wish for JSON in words, for formats that have no field for it; None where there is none."""
    if prompt.response_schema is not None:
        return SCHEMA_ASKED + orjson.dumps(prompt.response_schema).decode()
    return JSON_ASKED if prompt.json_output else None


def system_text(prompt: Prompt, *more: str | None) -> str | None:
    """All system messages as one text, and more after them; None where there is nothing.

    Where there are no other messages, `turns` has them.
    """
    said = [message.text for message in prompt.messages if message.role == "system"]
    apart = said if len(said) < len(prompt.messages) else []
    return "\n\n".join(part for part in (*apart, *more) if part) or None


def turns(prompt: Prompt) -> list[Message]:
    """What is no system message; where there is nothing else, the system messages are the user's."""
    others = [message for message in prompt.messages if message.role != "system"]
    return others or [Message(content=message.content) for message in prompt.messages]


def parts(message: Message) -> Iterator[tuple[str, str, JsonObject]]:
    """The parts of a message: kind (`text`, `image_url`, or the part's own), text or URL, the part.

    Example:
        >>> list(parts(Message(content="Hi")))
        [('text', 'Hi', {})]
    """
    if isinstance(message.content, str):
        if message.content:
            yield "text", message.content, {}
        return
    for part in message.content:
        kind = text(part.get("type")) or ("text" if "text" in part else "untyped")
        if kind == "image_url":
            url = text(at(part, "image_url", "url")) or text(part.get("image_url")) or ""
            yield kind, url, part
        elif kind != "text" or part.get("text"):
            yield kind, text(part.get("text")) or "", part


def inline_image(url: str) -> tuple[str, str] | None:
    """Media type and base64 of an image that its URL itself holds; None for one elsewhere.

    Source:
        RFC 2397.

    Example:
        >>> inline_image("data:image/png;base64,iVBO"), inline_image("https://host/a.png")
        (('image/png', 'iVBO'), None)
    """
    head, comma, body = url.partition(",")
    kind, *options = head.removeprefix("data:").split(";")
    held = comma and head.startswith("data:") and "base64" in options
    return (kind or "image/png", body) if held else None


def called_names(messages: list[Message]) -> dict[str, str]:
    """Which function each tool call so far was of, by its id."""
    calls = (call for message in messages for call in message.tool_calls or ())
    return {
        call_id: name
        for call in calls
        if (call_id := text(at(call, "id"))) and (name := text(at(call, "function", "name")))
    }
