"""What a simulated model says: the same to the same request, as long as it may, as sure as it is right."""

from datetime import UTC, datetime
from typing import Any

from streams.rig.recorded import RecordedOutcome
from streams.rig.simulated import logprobs, said_of
from streams.rig.speech import Asked, Said, Tool

AT = datetime(2026, 1, 1, tzinfo=UTC)
OUTCOME = RecordedOutcome(score=1, input_tokens=3, output_tokens=40, cost_usd=None)


def said(text: str = "2 + 2?", **more: Any) -> Said:
    asked = Asked("m", ({"role": "user", "content": text},), **more)
    return said_of(asked, "key", OUTCOME, call_id="c", at=AT)


def test_the_same_is_said_to_the_same() -> None:
    assert said() == said()
    assert (said().finish, said().output_tokens) == ("stop", 40)


def test_a_text_ends_at_the_most_tokens_or_where_it_is_told_to() -> None:
    assert said(max_tokens=2).text == "Simulated answer "
    assert (said(max_tokens=2).finish, said(max_tokens=2).output_tokens) == ("length", 2)
    assert said(max_tokens=900).finish == "stop"
    assert said(stop=(" answer",)).text == "Simulated"


def test_a_tool_is_called_where_it_is_named_or_forced_and_else_not() -> None:
    tools = (Tool("look_up", {"type": "object"}), Tool("add", {"type": "object"}))
    assert said("Please add 2 and 2.", tools=tools).tool == "add"
    assert said("Please address 2 letters.", tools=tools).tool is None
    assert said("Hello", tools=tools, forced="look_up").tool == "look_up"
    assert said("Please add 2 and 2.").tool is None


def test_models_are_surer_of_right_answers() -> None:
    def mean(score: float) -> float:
        found = [logprobs("m", f"task {n}", score, 8) for n in range(200)]
        return sum(sum(one) / len(one) for one in found) / len(found)

    assert mean(1.0) > mean(0.5) > mean(0.0)
    assert all(-1.2 < one < 0 for one in logprobs("m", "task", 0.0, 50))
    assert len(said(logprobs=True).logprobs or ()) == len(said().tokens)
