from streams import tracing
from streams.calling.attempts import Failure
from streams.events.outcome import Usage
from streams.providers.port import Deadlines, Failed, Prompt, Reply
from streams.providers.traced import Traced
from streams.tracing import Context, Kind
from tests.fakes import KeptSpans, ManualClock, ScriptedProvider

PARENT = Context("a" * 32, "b" * 16, sampled=True)
USAGE = Usage(input_tokens=3, output_tokens=4)
BASE_URL = "https://models.example:8443/v1"


async def called(answer: Reply | Failed, parent: Context | None = PARENT) -> KeptSpans:
    kept, clock = KeptSpans(), ManualClock()
    provider = ScriptedProvider({"m": [answer]}, clock)
    traced = Traced(provider, "example", BASE_URL, kept, clock)
    tracing.CURRENT.set(parent)
    got = await traced.call(Prompt("call-1", "m", ()), Deadlines(5))
    assert got == answer
    return kept


async def test_a_call_is_a_client_span_below_its_task() -> None:
    (span,) = (await called(Reply("said", "m-2026", USAGE, "stop", latency_s=1.5))).spans
    assert (span.name, span.kind, span.parent) == ("chat m", Kind.CLIENT, PARENT)
    assert (span.ended_at - span.began_at).total_seconds() == 1.5
    assert span.context == tracing.below(PARENT, "chat", "call-1")
    assert span.attributes == {
        "server.address": "models.example",
        "server.port": 8443,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "example",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m-2026",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 4,
        "tierflow.call_id": "call-1",
    }


async def test_a_failed_call_says_how_and_nothing_of_its_detail() -> None:
    failed = Failed(Failure.REFUSED, "HTTP 400: your prompt was: the prompt")
    (span,) = (await called(failed)).spans
    assert span.error == "refused"
    assert "the prompt" not in repr(span)


async def test_a_call_for_a_task_without_a_trace_has_no_span() -> None:
    assert (await called(Reply("said", "m", USAGE), parent=None)).spans == []
