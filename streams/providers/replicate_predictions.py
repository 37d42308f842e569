"""Replicate's predictions wire format: made, polled until they have ended, called off."""

import re
from collections.abc import Mapping

import orjson

from streams.calling.attempts import Failure
from streams.events.envelope import JsonObject
from streams.events.outcome import Usage
from streams.providers.answering import answer
from streams.providers.failing import error_text, garbage, lacks, opened
from streams.providers.port import Failed, Pending, Prompt, Reply, Request, StreamReader
from streams.providers.prompting import given, json_wish, parts, system_text, turns
from streams.providers.reading import as_object, at, count, text

NAME = "replicate_predictions"
MADE = (200, 201, 202)
WAIT_HEADERS = {"prefer": "wait=5"}
"""How long the first answer is waited for. Short: until it comes, nobody knows the prediction's id,
and what isn't known can't be called off."""

POLL_S = 0.5
UNDER_WAY = ("starting", "processing")
WORD = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
NAMED = re.compile(
    rf"(?P<model>(?:deployments/)?{WORD}/{WORD})(?::(?P<of_it>[0-9a-f]{{16,64}}))?"
    r"|(?P<alone>[0-9a-f]{16,64})"
)
ID = re.compile(r"[A-Za-z0-9]{1,64}")
LABELS = {"user": "User", "assistant": "Assistant"}


class ReplicatePredictions:
    """Replicate's wire format. Inputs are those that its official language models take.

    A model is named `owner/name`, `owner/name:version`, by its version alone, or as
    `deployments/owner/name`.

    Source:
        https://replicate.com/docs/reference/http#predictions.create.
    """

    listing_path = "/models"
    idempotency_header: str | None = None

    def authorize(self, key: str) -> Mapping[str, str]:
        """A bearer token."""
        return {"authorization": f"Bearer {key}"}

    def reader(self) -> StreamReader | None:
        """Predictions are polled: their streams come from another host."""
        return None

    def encode(self, prompt: Prompt) -> Request | Failed:
        """Write a request; tools, images and stop sequences with commas don't pass."""
        named = NAMED.fullmatch(prompt.model)
        if named is None:
            return Failed(Failure.WRONG_MODEL, f"{NAME} names models owner/name[:version]")
        lacking = _lacking(prompt)
        if lacking is not None:
            return lacking
        wishes: JsonObject = {
            "system_prompt": system_text(prompt, json_wish(prompt)),
            "temperature": prompt.temperature,
            "max_tokens": prompt.max_output_tokens,
            "stop_sequences": ",".join(prompt.stop) or None,
        }
        body: JsonObject = {"input": {"prompt": _transcript(prompt), **given(wishes)}}
        version = named["of_it"] or named["alone"]
        if version is not None:
            body["version"] = version
            return Request("/predictions", orjson.dumps(body), WAIT_HEADERS)
        model = named["model"]
        within = model if model.startswith("deployments/") else f"models/{model}"
        return Request(f"/{within}/predictions", orjson.dumps(body), WAIT_HEADERS)

    def decode(
        self, status: int, headers: Mapping[str, str], body: bytes
    ) -> Reply | Failed | Pending:
        """Read a prediction: answered, failed, or still under way."""
        found = opened(status, headers, body, MADE)
        if isinstance(found, Failed):
            return found
        if found.get("status") in UNDER_WAY:
            return _pending(found)
        return _ended(found)


def _lacking(prompt: Prompt) -> Failed | None:
    kinds = {kind for message in prompt.messages for kind, _, _ in parts(message)} - {"text"}
    if kinds:
        return lacks(NAME, "images by URL" if "image_url" in kinds else f"{min(kinds)} parts")
    if prompt.tools or any(message.role == "tool" for message in prompt.messages):
        return lacks(NAME, "tools")
    if any("," in stop for stop in prompt.stop):
        return lacks(NAME, "stop sequences with a comma")
    return None


def _transcript(prompt: Prompt) -> str:
    """The turns as one text: the format has but one prompt."""
    said = turns(prompt)
    if len(said) == 1:
        return said[0].text
    lines = [f"{LABELS.get(turn.role, 'User')}: {turn.text}" for turn in said]
    return "\n\n".join((*lines, "Assistant:"))


def _pending(found: JsonObject) -> Pending | Failed:
    """Its own path rather than the URLs in the reply: no reply says where keys are sent."""
    made = text(found.get("id"))
    if made is None or ID.fullmatch(made) is None:
        return garbage("a prediction without an id")
    return Pending(f"/predictions/{made}", POLL_S, f"/predictions/{made}/cancel")


def _ended(found: JsonObject) -> Reply | Failed:
    usage, status = usage_of(found), found.get("status")
    if status == "failed":  # what has run is billed by its time
        failure = Failure.CUT if text(found.get("started_at")) else Failure.SERVER_ERROR
        return Failed(failure, error_text(found, b"failed without words"), usage)
    if status == "canceled":
        return Failed(Failure.CUT, "the prediction was called off while it ran", usage)
    if status == "aborted":  # before it ran: not billed
        return Failed(Failure.OVERLOADED, "the prediction was called off before it ran", usage)
    output = found.get("output")
    pieces = output if isinstance(output, list) else [output or ""]
    if status != "succeeded" or not all(isinstance(piece, str) for piece in pieces):
        return garbage(f"no text, status {status}", usage=usage)
    return answer("".join(pieces), found.get("model"), usage, None)


def usage_of(found: object) -> Usage:
    """Tokens that a prediction reports; models that are billed by the second report none.

    Args:
        found: What `metrics` holds, or the whole prediction.

    Source:
        https://replicate.com/docs/reference/http#predictions.get.

    Example:
        >>> usage_of({"metrics": {"input_token_count": 12, "output_token_count": 40}}).input_tokens
        12
    """
    metrics = at(found, "metrics") or as_object(found)
    return Usage(
        input_tokens=count(at(metrics, "input_token_count"), at(metrics, "token_input_count")),
        output_tokens=count(at(metrics, "output_token_count"), at(metrics, "token_output_count")),
    )
