"""Providers without HTTP: what the simulator would answer, and what a price list expects."""

import dataclasses
from collections.abc import Mapping

import orjson

from streams.calling.attempts import Failure
from streams.clock import Clock
from streams.events.outcome import Usage
from streams.money.pricing import to_usd
from streams.providers.openai_chat import OpenAIChat
from streams.providers.port import Deadlines, Failed, Pending, Prompt, Reply, WireFormat
from streams.rig.dialects.openai_chat import OpenAIChatDialect
from streams.rig.faults import scripted
from streams.rig.recorded import Recorded
from streams.rig.simulated import latency_s, said_of, task_key
from streams.routing.registry import TYPICAL_OUTPUT_TOKENS, Registry, tokens

OK, NOT_FOUND = 200, 404


class OfflineProvider:
    """The simulator's recorded models, answering in memory: the same bytes, latencies and script.

    Args:
        recorded: Tasks by `prompt_key`.
        clock: Waits for latencies.
        speed: What latencies are divided by.
        scripted_share: The share of all tasks whose first call is refused.
    """

    def __init__(
        self,
        recorded: Mapping[str, Recorded],
        clock: Clock,
        *,
        speed: float,
        scripted_share: float,
    ) -> None:
        self._recorded = recorded
        self._clock = clock
        self._speed = speed
        self._scripted_share = scripted_share
        self._called: set[str] = set()
        self._wire: WireFormat = OpenAIChat()
        self._dialect = OpenAIChatDialect()

    async def call(self, prompt: Prompt, deadlines: Deadlines) -> Reply | Failed:
        """Answer as recorded, after as long as the simulator would take."""
        request = self._wire.encode(prompt)
        if isinstance(request, Failed):
            return request
        asked = self._dialect.read(orjson.loads(request.body), {})
        if asked is None:
            return Failed(Failure.REFUSED, "the simulator can't read it")
        key = task_key(asked.messages, self._recorded)
        row = self._recorded.get(key)
        outcome = None if row is None else row.outcomes.get(prompt.model)
        if outcome is None:
            said = f"The model `{prompt.model}` does not exist"
            return self._answered(
                NOT_FOUND, self._dialect.error(NOT_FOUND, "model_not_found", said)
            )
        refusal = None if key in self._called else scripted(key, self._scripted_share)
        status = OK if refusal is None else refusal.status or OK
        self._called.add(key)
        taken_s = latency_s(outcome.output_tokens if status == OK else 0, prompt.call_id)
        taken_s /= self._speed
        timeout_s = deadlines.total_s
        await self._clock.sleep(min(taken_s, timeout_s))
        if taken_s > timeout_s:
            return Failed(Failure.TIMED_OUT, f"no answer in {timeout_s:g} s", latency_s=timeout_s)
        body = self._dialect.error(status, "simulated", f"simulated {status}")
        if status == OK:
            at = self._clock.now()
            said_now = said_of(asked, key, outcome, call_id=prompt.call_id, at=at)
            body = self._dialect.whole(said_now)
        return dataclasses.replace(self._answered(status, body), latency_s=taken_s)

    def _answered(self, status: int, body: bytes) -> Reply | Failed:
        """What the provider would have read."""
        answered = self._wire.decode(status, {}, body)
        if isinstance(answered, Pending):
            return Failed(Failure.GARBAGE, "an answer that is still being made")
        return answered


class ExpectedProvider:
    """Models that answer every prompt as the registry expects of them.

    Tokens are those by which the router expects a call's cost: a quarter of the characters in, and
    a typical answer out, within the bounds of task and model. Dollars follow by price list; of a
    model without one they are its typical cost, where that is known.

    Args:
        registry: Prices, typical costs, latencies.
        clock: Waits for latencies.
    """

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._models = registry.by_name
        self._clock = clock

    async def call(self, prompt: Prompt, deadlines: Deadlines) -> Reply | Failed:
        """Answer after the model's latency."""
        spec, timeout_s = self._models[prompt.model], deadlines.total_s
        await self._clock.sleep(min(spec.latency_s, timeout_s))
        if spec.latency_s > timeout_s:
            return Failed(Failure.TIMED_OUT, f"no answer in {timeout_s:g} s", latency_s=timeout_s)
        most = min(spec.max_tokens, prompt.max_output_tokens or spec.max_tokens)
        usage = Usage(
            input_tokens=tokens(sum(len(message.text) for message in prompt.messages)),
            output_tokens=min(TYPICAL_OUTPUT_TOKENS, most),
            reported_cost_usd=to_usd(spec.typical_cost_usd),
        )
        return Reply("(simulated)", spec.name, usage, "stop", latency_s=spec.latency_s)
