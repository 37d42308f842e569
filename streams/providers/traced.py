"""A provider whose calls are spans: `chat MODEL`, below the span of the task in work.

Names are those of OpenTelemetry's GenAI conventions; neither prompt nor answer is among them.
"""

from datetime import timedelta
from urllib.parse import urlsplit

from streams import tracing
from streams.clock import Clock
from streams.providers.port import Deadlines, Failed, Prompt, Provider, Reply
from streams.tracing import Attribute, Kind, Span, Tracer

CHAT = "chat"


class Traced:
    """Wraps a provider.

    Args:
        provider: Who runs the models.
        name: Its name in the settings.
        base_url: Where it answers.
        tracer: Where spans go.
        clock: Dates them.
    """

    def __init__(
        self, provider: Provider, name: str, base_url: str, tracer: Tracer, clock: Clock
    ) -> None:
        self._provider = provider
        self._name = name
        self._tracer = tracer
        self._clock = clock
        at = urlsplit(base_url)
        self._server: dict[str, Attribute] = {"server.address": at.hostname or ""}
        if at.port is not None:
            self._server["server.port"] = at.port

    async def call(self, prompt: Prompt, deadlines: Deadlines) -> Reply | Failed:
        """Make the call, and hand over its span where the task has one."""
        parent = tracing.CURRENT.get()
        answered = await self._provider.call(prompt, deadlines)
        if parent is None:
            return answered
        ended_at = self._clock.now()
        span = Span(
            name=f"{CHAT} {prompt.model}",
            kind=Kind.CLIENT,
            context=tracing.below(parent, CHAT, prompt.call_id),
            parent=parent,
            began_at=ended_at - timedelta(seconds=answered.latency_s),
            ended_at=ended_at,
            attributes={**self._server, **asked(prompt, self._name), **told(answered)},
            error=answered.failure.label if isinstance(answered, Failed) else None,
        )
        self._tracer.record(span)
        return answered


def asked(prompt: Prompt, provider: str) -> dict[str, Attribute]:
    """What is known before the answer."""
    found: dict[str, Attribute | None] = {
        "gen_ai.operation.name": CHAT,
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": prompt.model,
        "gen_ai.request.temperature": prompt.temperature,
        "gen_ai.request.max_tokens": prompt.max_output_tokens,
        "gen_ai.output.type": None if prompt.response_schema is None else "json",
        "tierflow.call_id": prompt.call_id,
    }
    return {name: value for name, value in found.items() if value is not None}


def told(answered: Reply | Failed) -> dict[str, Attribute]:
    """What the answer, or the failure, added."""
    usage = answered.usage
    found: dict[str, Attribute | None] = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_input_tokens,
    }
    if isinstance(answered, Reply):
        found["gen_ai.response.model"] = answered.model
        if answered.finish_reason is not None:
            found["gen_ai.response.finish_reasons"] = (answered.finish_reason,)
    return {name: value for name, value in found.items() if value is not None}
