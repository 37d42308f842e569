"""Names of spans' attributes are those of the conventions that the library itself knows."""

import pkgutil
from importlib import import_module

from opentelemetry.semconv import schemas
from opentelemetry.semconv._incubating import attributes as incubating

from streams.agents.outcome import Emit
from streams.agents.spans import StageSpans
from streams.calling.attempts import Failure
from streams.events.outcome import Usage
from streams.providers.port import Failed, Prompt, Reply
from streams.providers.traced import asked, told
from streams.topology import STAGES
from streams.tracing import SCHEMA_URL, Span
from tests.builders import a_record
from tests.fakes import START, KeptSpans

OWN = "tierflow."


def known() -> set[str]:
    """Every attribute of the conventions."""
    modules = pkgutil.iter_modules(incubating.__path__, f"{incubating.__name__}.")
    found = {"error.type"}
    for module in modules:
        found |= {v for v in vars(import_module(module.name)).values() if isinstance(v, str)}
    return found


def a_span() -> Span:
    """A stage's span with all that it may have."""
    kept = KeptSpans()
    record = a_record("admitted", b"x", key="t1", headers=[("ce_id", b"e1"), *TRACE])
    spans = StageSpans(kept, STAGES[1], "tierflow-route", "tierflow.")
    spans.ended(record, Emit(()), 0.1, START)
    return kept.spans[0]


TRACE = [("traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01")]
PROMPT = Prompt("c1", "m", (), 0.5, 100, response_schema={"type": "object"})
USAGE = Usage(input_tokens=1, output_tokens=2, cached_input_tokens=1)


def test_every_attribute_is_ours_or_the_conventions() -> None:
    reply, failure = Reply("x", "m", USAGE, "stop"), Failed(Failure.CUT, "x", USAGE)
    names = {*a_span().attributes, *asked(PROMPT, "p"), *told(reply), *told(failure)}
    assert len(names) > 20
    assert {name for name in names if not name.startswith(OWN)} <= known()


def test_the_schema_is_one_that_the_library_knows() -> None:
    assert SCHEMA_URL in {schema.value for schema in schemas.Schemas}
