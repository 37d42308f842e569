"""Replicate's predictions: made by a POST, fetched by polls.

Source: https://replicate.com/docs/reference/http.
"""

from collections.abc import Mapping

import orjson

from streams.events.envelope import JsonObject
from streams.kafka.codec import stamp
from streams.rig.speech import SSE, Asked, Said, a_count, a_dict, texts

TITLES = {401: "Unauthenticated", 404: "Not found", 422: "Input validation failed"}


class ReplicateDialect:
    """`POST /v1/models/{owner}/{name}/predictions` and `/v1/predictions` with a version."""

    stream_type = SSE

    def read(self, found: JsonObject, path: Mapping[str, str]) -> Asked | None:
        """A model and an input with a prompt are wanted."""
        given = found.get("input")
        model: object = found.get("version") or found.get("model")
        if "owner" in path:
            model = f"{path['owner']}/{path['name']}"
        if not isinstance(given, dict) or not isinstance(model, str):
            return None
        prompt, before = given.get("prompt"), given.get("system_prompt")
        if not isinstance(prompt, str):
            return None
        system = ({"role": "system", "content": before},) if isinstance(before, str) else ()
        stop = given.get("stop_sequences") or given.get("stop")
        return Asked(
            model=model,
            messages=(*system, {"role": "user", "content": prompt}),
            stop=tuple(stop.split(",")) if isinstance(stop, str) else texts(stop),
            max_tokens=a_count(
                given.get("max_tokens"), given.get("max_new_tokens"), given.get("max_output_tokens")
            ),
            json_output=bool(a_dict(given.get("response_format"))),
        )

    def whole(self, said: Said) -> bytes:
        """A prediction that has succeeded."""
        return self.prediction(said, "succeeded")

    def prediction(self, said: Said, status: str, error: str | None = None) -> bytes:
        """A prediction as it stands.

        Args:
            said: Its answer.
            status: `starting`, `processing`, `succeeded`, `failed` or `canceled`.
            error: Why it failed.
        """
        done = status == "succeeded"
        found: JsonObject = {
            "id": said.call_id,
            "model": said.model,
            "version": "simulated",
            "input": {},
            "logs": "",
            "error": error,
            "status": status,
            "output": list(said.tokens) if done else None,
            "created_at": stamp(said.at).decode(),
            "urls": {
                "get": f"https://api.replicate.com/v1/predictions/{said.call_id}",
                "cancel": f"https://api.replicate.com/v1/predictions/{said.call_id}/cancel",
            },
            "metrics": _metrics(said) if done else {},
        }
        return orjson.dumps(found)

    def pieces(self, said: Said) -> list[bytes]:
        """Its streams have an address of their own, which nobody here asks for."""
        return [self.whole(said)]

    def error(self, status: int, code: str, message: str) -> bytes:
        """A problem report."""
        title = TITLES.get(status, code)
        return orjson.dumps({"title": title, "detail": message, "status": status})

    def error_piece(self, code: str, message: str) -> bytes:
        """As an error that ends the prediction."""
        return self.error(500, code, message)


def _metrics(said: Said) -> JsonObject:
    found: JsonObject = {"predict_time": 0.5}
    if said.input_tokens is not None:
        found["input_token_count"] = said.input_tokens
    if said.output_tokens is not None:
        found["output_token_count"] = said.output_tokens
    return found
