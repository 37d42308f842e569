"""The simulator's routes: each wire format below a prefix of its own, the log, the faults."""

import asyncio
import functools
import math
from collections.abc import Mapping
from dataclasses import replace

import orjson
from aiohttp import web
from pydantic import ValidationError

from streams import ids
from streams.clock import Clock
from streams.events.envelope import JsonObject
from streams.kafka.codec import explain
from streams.providers.port import CALL_ID_HEADER
from streams.rig.dialects.anthropic_messages import AnthropicDialect
from streams.rig.dialects.ollama_chat import OllamaDialect
from streams.rig.dialects.openai_chat import OpenAIChatDialect
from streams.rig.dialects.openai_responses import OpenAIResponsesDialect
from streams.rig.dialects.replicate_predictions import ReplicateDialect
from streams.rig.faults import ANY, Fate, Fault, Kind, fate, scripted, with_fault
from streams.rig.predictions import Predictions
from streams.rig.ratelimit import Bucket, full
from streams.rig.recorded import Recorded, models_of, user_text
from streams.rig.sending import JSON, Logged, Sender
from streams.rig.simulated import latency_s, said_of, task_key, unrecorded
from streams.rig.speech import Asked, Dialect

REQUEST_BYTES = 16 << 20
SPEED = 10.0
SCRIPTED_SHARE = 0.05
UNAUTHORIZED, BAD_REQUEST, NOT_FOUND, TOO_MANY, REDIRECTED = 401, 400, 404, 429, 307

DIALECTS: Mapping[str, Dialect] = {
    "/v1/chat/completions": OpenAIChatDialect(),
    "/v1/responses": OpenAIResponsesDialect(),
    "/anthropic/v1/messages": AnthropicDialect(),
    "/ollama/api/chat": OllamaDialect(),
    "/replicate/v1/predictions": ReplicateDialect(),
    "/replicate/v1/models/{owner}/{name}/predictions": ReplicateDialect(),
}
"""Where which wire format is spoken."""

BASE_PATHS: Mapping[str, str] = {
    "openai_chat": "/v1",
    "openai_responses": "/v1",
    "anthropic_messages": "/anthropic/v1",
    "ollama_chat": "/ollama",
    "replicate_predictions": "/replicate/v1",
}
"""What a provider's `base_url` has behind the simulator's own, by the name of its wire."""


class Simulator:
    """The recorded models behind HTTP.

    Args:
        recorded: Tasks by `prompt_key`.
        clock: Dates the log and waits for latencies.
        speed: What latencies are divided by.
        scripted_share: The share of all tasks whose first call is refused.
        api_key: The key without which it answers 401; None wants none.
    """

    def __init__(
        self,
        recorded: Mapping[str, Recorded],
        clock: Clock,
        *,
        speed: float = SPEED,
        scripted_share: float = SCRIPTED_SHARE,
        api_key: str | None = None,
    ) -> None:
        self._recorded = recorded
        self._api_key = api_key
        self._clock = clock
        self._speed = speed
        self._scripted_share = scripted_share
        self._faults: dict[tuple[str, Kind], Fault] = {}
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._called: set[str] = set()
        self._log: list[Logged] = []
        self._predictions = Predictions(clock, speed)

    def app(self) -> web.Application:
        """Its routes."""
        app = web.Application(client_max_size=REQUEST_BYTES)
        for path, dialect in DIALECTS.items():
            app.router.add_post(path, functools.partial(self.complete, dialect))
        app.router.add_get("/replicate/v1/predictions/{id}", self._predictions.show)
        app.router.add_post("/replicate/v1/predictions/{id}/cancel", self._predictions.cancel)
        for path in ("/v1/models", "/anthropic/v1/models", "/ollama/v1/models"):
            app.router.add_get(path, self.models)
        app.router.add_get("/ollama/api/tags", self.tags)
        app.router.add_get("/replicate/v1/models", self.results)
        app.router.add_get("/log", self.log)
        app.router.add_post("/faults", self.add_fault)
        app.router.add_delete("/faults", self.clear_faults)
        return app

    async def log(self, request: web.Request) -> web.Response:
        """Every request so far, oldest first, those in flight included."""
        del request
        self._predictions.settle()
        body = b"".join(entry.line() for entry in self._log)
        return web.Response(body=body, content_type="application/x-ndjson")

    async def add_fault(self, request: web.Request) -> web.Response:
        """Misbehave from now on."""
        try:
            fault = Fault.model_validate_json(await request.read())
        except ValidationError as error:
            return _error(BAD_REQUEST, "invalid_fault", explain(error))
        self._faults = with_fault(self._faults, fault)
        if fault.kind is Kind.LIMIT and fault.per_minute is not None:
            now_s = self._clock.monotonic_s()
            for bucket in (b for (named, _), b in self._buckets.items() if named == fault.model):
                bucket.change(fault.per_minute, fault.burst, now_s)
        told = [f.model_dump(mode="json", exclude_none=True) for f in self._faults.values()]
        return _json(200, {"faults": told})

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Behave again; the script goes on."""
        del request
        self._faults, self._buckets = {}, {}
        return web.Response(status=204)

    async def models(self, request: web.Request) -> web.Response:
        """List the recorded models, as OpenAI and Anthropic do."""
        entries = [{"id": name, "object": "model", "owned_by": "simulator"} for name in self._names]
        return self._listed(request, {"object": "list", "data": entries, "has_more": False})

    async def tags(self, request: web.Request) -> web.Response:
        """List them as Ollama does."""
        return self._listed(request, {"models": [{"name": n, "model": n} for n in self._names]})

    async def results(self, request: web.Request) -> web.Response:
        """List them as Replicate does, by owner and name."""
        split = [name.rpartition("/") for name in self._names]
        found = [{"owner": owner, "name": name} for owner, _, name in split]
        return self._listed(request, {"next": None, "previous": None, "results": found})

    @property
    def _names(self) -> tuple[str, ...]:
        return models_of(self._recorded.values())

    def _listed(self, request: web.Request, listing: JsonObject) -> web.Response:
        if not self._knows(request):
            return _error(UNAUTHORIZED, "invalid_api_key", "Incorrect API key provided")
        return _json(200, listing)

    def _knows(self, request: web.Request) -> bool:
        """Whether the caller has the key, where one is wanted."""
        wanted, headers = self._api_key, request.headers
        given = (headers.get("authorization"), headers.get("x-api-key"))
        return wanted is None or given[0] == f"Bearer {wanted}" or given[1] == wanted

    async def complete(self, dialect: Dialect, request: web.Request) -> web.StreamResponse:
        """Answer one call, or fail it as its fate will have it."""
        if not self._knows(request):
            return _refusal(dialect, UNAUTHORIZED, "invalid_api_key", "Incorrect API key provided")
        asked = _read(dialect, await request.read(), request.match_info)
        if asked is None:
            said = "model and messages are wanted"
            return _refusal(dialect, BAD_REQUEST, "invalid_request_error", said)
        return await self._take(dialect, request, asked)

    async def _take(
        self, dialect: Dialect, request: web.Request, asked: Asked
    ) -> web.StreamResponse:
        """Log a request that can be read, and let it be what it will."""
        key, model = task_key(asked.messages, self._recorded), asked.model
        call_id = request.headers.get(CALL_ID_HEADER) or ids.derive("call", len(self._log), key)
        entry = Logged(self._clock.now(), model, call_id, task=task_name(key))
        self._log.append(entry)
        row = self._recorded.get(key)
        outcome = unrecorded(user_text(asked.messages)) if row is None else row.outcomes.get(model)
        if outcome is None:
            said = f"The model `{model}` does not exist"
            return _refusal(dialect, NOT_FOUND, "model_not_found", said)
        wait_s = self._over_the_limit(model)
        if wait_s is not None:
            entry.fault = Kind.LIMIT
            return _refusal(dialect, TOO_MANY, "rate_limit", "simulated limit", wait_s)
        fated = self._fate(key, model, call_id)
        entry.fault = fated.fault
        turned_away = await self._turned_away(request, dialect, fated, call_id)
        if turned_away is not None:
            return turned_away
        answer = said_of(asked, key, outcome, call_id=call_id, at=entry.at)
        usual_s = latency_s(outcome.output_tokens, call_id) / self._speed
        taken_s = usual_s if fated.slow_s is None else fated.slow_s
        if isinstance(dialect, ReplicateDialect):
            return await self._predictions.make(request, answer, entry, fated, taken_s)
        sender = Sender(request, self._clock, dialect, entry, fated)
        try:
            if asked.stream:
                return await sender.stream(answer, taken_s, paced=fated.slow_s is None)
            return await sender.whole(answer, taken_s)
        except asyncio.CancelledError:  # the client has left
            if fated.abandoned:
                entry.billed_usd = answer.cost_usd
            raise

    async def _turned_away(
        self, request: web.Request, dialect: Dialect, fated: Fate, call_id: str
    ) -> web.Response | None:
        """A refusal, after as long as it takes, or a redirect; None: the model gets to work."""
        if fated.fault is Kind.REDIRECT:
            return _redirect(request, fated)
        status = fated.fault.status if fated.fault else None
        if status is None:
            return None
        usual_s = latency_s(0, call_id) / self._speed
        await self._clock.sleep(usual_s if fated.slow_s is None else fated.slow_s)
        wait_s = fated.by.retry_after_s if fated.by else None
        return _refusal(dialect, status, "simulated", f"simulated {status}", wait_s)

    def _over_the_limit(self, model: str) -> float | None:
        """Seconds until the model may be called again; None: it may be now."""
        named = self._faults.get((model, Kind.LIMIT)) or self._faults.get((ANY, Kind.LIMIT))
        if named is None or named.per_minute is None:
            return None
        now_s = self._clock.monotonic_s()
        place = (named.model, model)
        if place not in self._buckets:
            self._buckets[place] = full(named.per_minute, named.burst, now_s)
        return self._buckets[place].take(now_s)

    def _fate(self, key: str, model: str, call_id: str) -> Fate:
        """What was asked for through `/faults`, else what the script has for a first call."""
        drawn = fate(self._faults.values(), model=model, call_id=call_id)
        first = key not in self._called
        self._called.add(key)
        if drawn.fault is None and first:
            return replace(drawn, fault=scripted(key, self._scripted_share))
        return drawn


def task_name(task_key: str) -> str:
    """What the log calls a recorded task, however often it is asked."""
    return ids.digest(task_key.encode())[:16]


def _read(dialect: Dialect, body: bytes, path: Mapping[str, str]) -> Asked | None:
    try:
        found = orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError):
        return None
    return dialect.read(found, path) if isinstance(found, dict) else None


def _redirect(request: web.Request, fated: Fate) -> web.Response:
    """To where the fault says, by default to this machine under another name."""
    location = fated.by.location if fated.by else None
    elsewhere = str(request.url.with_host("localhost"))
    return web.Response(status=REDIRECTED, headers={"location": location or elsewhere})


def _refusal(
    dialect: Dialect, status: int, code: str, message: str, retry_after_s: float | None = None
) -> web.Response:
    body = dialect.error(status, code, message)
    response = web.Response(status=status, body=body, content_type=JSON)
    if retry_after_s is not None:
        response.headers["retry-after"] = str(math.ceil(retry_after_s))
        response.headers["retry-after-ms"] = str(math.ceil(retry_after_s * 1000))
    return response


def _json(status: int, body: JsonObject) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type=JSON)


def _error(status: int, code: str, message: str) -> web.Response:
    return _json(status, {"error": {"message": message, "type": code, "code": code}})
