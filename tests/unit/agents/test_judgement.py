"""What the checks of a deployment say of a task's answer, in the words of the tiers."""

import pytest

from streams.agents.judgement import Judgement, Verdict, judgement_of, unfit
from streams.checking.plan import Plan
from tests.builders import a_reply, a_task

WANTED = {"type": "object", "required": ["total"], "properties": {"total": {"type": "number"}}}
HOUSE = judgement_of({"label": Plan(("choices",), choices=("yes", "no"))})
BARE = judgement_of({})


def test_an_answer_is_repaired_where_there_is_one_way_to_read_it() -> None:
    fenced = a_reply('```json\n{"total": 4}\n```')
    verdict = BARE.check(a_task(response_schema=WANTED), fenced)
    assert (verdict.because, verdict.telling) == (None, True)
    assert verdict.text == '{"total": 4}'


def test_an_answer_off_the_tasks_schema_fails_and_says_why_without_quoting_it() -> None:
    verdict = BARE.check(a_task(response_schema=WANTED), a_reply('{"sum": "secret"}'))
    assert verdict.because is not None
    assert verdict.because.startswith("off_schema")
    assert "secret" not in verdict.because


@pytest.mark.parametrize(("said", "passes"), [("Yes.", True), ("perhaps", False)])
def test_a_kinds_own_plan_is_kept_to(said: str, passes: bool) -> None:
    verdict = HOUSE.check(a_task(kind="label"), a_reply(said))
    assert ((verdict.because is None), verdict.telling) == (passes, True)


def test_prose_is_only_looked_at_for_its_end_which_teaches_nothing() -> None:
    assert BARE.check(a_task(), a_reply("Blue", finish_reason="stop")) == Verdict("Blue")
    cut = BARE.check(a_task(), a_reply("Because of", finish_reason="length"))
    assert cut.because is not None
    bounded = BARE.check(a_task(max_output_tokens=5), a_reply("Because of", finish_reason="length"))
    assert bounded == Verdict("Because of")


def test_what_calls_tools_is_not_read_and_teaches_nothing() -> None:
    reply = a_reply("I look it up.", finish_reason="tool_calls")
    assert BARE.check(a_task(response_schema=WANTED), reply) == Verdict("I look it up.")


@pytest.mark.parametrize(
    ("house", "task", "tells"),
    [
        (BARE, a_task(), False),
        (BARE, a_task(json_output=True), True),
        (BARE, a_task(response_schema=WANTED), True),
        (HOUSE, a_task(kind="label"), True),
        (HOUSE, a_task(kind="story"), False),
    ],
)
def test_what_tells_right_from_wrong_is_known_before_the_answer(
    house: Judgement, task: object, tells: bool
) -> None:
    assert house.tells(task) is tells  # type: ignore[arg-type]


def test_a_schema_that_nothing_fits_is_the_tasks_fault() -> None:
    assert unfit(a_task()) is None
    assert unfit(a_task(response_schema=WANTED)) is None
    assert unfit(a_task(response_schema={"type": "no such type"})) is not None
