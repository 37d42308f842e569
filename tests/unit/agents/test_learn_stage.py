from datetime import timedelta

from streams.agents.learn import learn
from streams.agents.outcome import Bound, Bury, Emit, Outcome, Skip
from streams.events.control import ModelState
from streams.events.envelope import Reason
from streams.events.feedback import Alert, Lesson
from streams.events.instruction import Instruction
from streams.learning.standing import PROGRESS, VOICES, Learned
from streams.routing import features, rules
from streams.routing.quality import QualityView
from tests.builders import AT, a_lesson, a_record, a_text

Table = dict[str, Learned]
PROMPT = "Explain why the sky is blue."
FEATURES = features.pack(features.extract(PROMPT, rules.propose(PROMPT)))


def lesson(
    number: int, score: float = 0.9, model: str | None = "small", read: str = FEATURES
) -> Lesson:
    name = f"lesson-{number}"
    return a_lesson(f"t{number}", score, lesson_id=name, model=model, features=read)


def varied(number: int, score: float) -> Lesson:
    """A lesson of one of two models, each about another prompt."""
    text = a_text(number // 2)
    read = features.pack(features.extract(text, rules.propose(text)))
    return lesson(number, score, ("small", "large")[number % 2], read)


async def teach(bound: Bound, table: Table, *lessons: Lesson, offset: int = 0) -> list[str]:
    said = []
    for at, one in enumerate(lessons, offset):
        outcome = await bound.handle(a_record("lessons", one, offset=at))
        assert isinstance(outcome, Skip)
        said.append(outcome.because)
    return said


async def close(bound: Bound, table: Table) -> Outcome:
    assert bound.close is not None
    outcome = await bound.close(AT)
    assert not isinstance(outcome, Bury)
    for put in outcome.puts:
        assert isinstance(put.value, Learned)
        assert put.partition == 0
        table[put.key] = Learned.model_validate(put.value.model_dump(mode="json"))
    return outcome


async def tick(bound: Bound) -> Outcome:
    assert bound.tick is not None
    return await bound.tick(AT + timedelta(seconds=9))


def states(outcome: Outcome) -> list[ModelState]:
    assert isinstance(outcome, Emit)
    found = [send.event for send in outcome.sends if isinstance(send.event, ModelState)]
    assert [send.topic for send in outcome.sends] == ["model-state"] * len(found)
    assert [send.key for send in outcome.sends] == [state.part for state in found]
    return found


async def test_a_batch_of_lessons_is_one_version_that_is_kept_and_then_published() -> None:
    table: Table = {}
    bound = learn(table)
    assert await teach(bound, table, lesson(0), lesson(1)) == ["learned", "learned"]
    published = states(await close(bound, table))
    assert {(state.part, state.version, state.lessons) for state in published} == {
        ("shared", 1, 2),
        ("small", 1, 2),
    }
    progress = table[PROGRESS].progress
    assert progress is not None
    assert (progress.version, progress.lessons, progress.offset) == (1, 2, 1)
    assert set(table) == {PROGRESS, VOICES, "recent\t0", "shared", "small"}
    assert table[VOICES].voices is not None


async def test_every_batch_that_taught_something_raises_the_version() -> None:
    table: Table = {}
    bound = learn(table)
    versions = []
    for number in range(3):
        await teach(bound, table, lesson(number), offset=number)
        versions += [state.version for state in states(await close(bound, table))]
    assert versions == [1, 1, 2, 2, 3, 3]


async def test_what_is_published_can_be_served_from() -> None:
    table: Table = {}
    bound = learn(table)
    await teach(bound, table, *(lesson(number, 1.0) for number in range(20)))
    view = QualityView()
    for state in states(await close(bound, table)):
        view = view.with_part(state)
    assert (view.version, view.lessons, view.lessons_of("small")) == (1, 20, 20)


async def test_a_model_that_became_worse_is_an_alert() -> None:
    table: Table = {}
    bound = learn(table)
    well = (varied(n, 0.9) for n in range(300))
    worse = (varied(n, (0.5, 0.9)[n % 2]) for n in range(300, 360))
    await teach(bound, table, *well)
    states(await close(bound, table))
    await teach(bound, table, *worse, offset=300)
    outcome = await close(bound, table)
    assert isinstance(outcome, Emit)
    (alert,) = [send.event for send in outcome.sends if isinstance(send.event, Alert)]
    assert (alert.kind, alert.subject, alert.at) == ("drift", "small", AT)
    assert "small is judged" in alert.detail
    assert "below what was predicted" in alert.detail
    await teach(bound, table, lesson(360), offset=360)
    states(await close(bound, table))


async def test_a_lesson_that_comes_twice_teaches_once() -> None:
    table: Table = {}
    bound = learn(table)
    assert await teach(bound, table, lesson(0), lesson(0)) == ["learned", "repeated"]
    await close(bound, table)
    assert await teach(bound, table, lesson(0), offset=2) == ["repeated"]
    assert (await close(bound, table)) == Skip("nothing_learned")


async def test_a_restart_goes_on_where_the_table_stands_and_skips_what_it_contains() -> None:
    table: Table = {}
    bound = learn(table)
    await teach(bound, table, lesson(0), lesson(1))
    before = states(await close(bound, table))
    again = learn(table)
    assert await teach(again, table, lesson(1), offset=1) == ["contained"]
    assert (await close(again, table)) == Skip("nothing_learned")
    assert [s.weights for s in states(await tick(again))] == [s.weights for s in before]
    await teach(again, table, lesson(2), offset=2)
    assert {(s.version, s.lessons) for s in states(await close(again, table))} == {(2, 3)}


async def test_a_restart_learns_what_an_unbroken_run_would_have() -> None:
    lessons = [lesson(number, number % 3 / 2) for number in range(9)]
    table: Table = {}
    bound = learn(table)
    whole = list[ModelState]()
    for number, one in enumerate(lessons):
        await teach(bound, table, one, offset=number)
        whole = states(await close(bound, table))
    broken: Table = {}
    parted = list[ModelState]()
    for number, one in enumerate(lessons):
        bound = learn(broken)
        await teach(bound, broken, one, offset=number)
        parted = states(await close(bound, broken))
    assert parted == whole


async def test_a_binding_publishes_what_is_in_force_once_under_the_same_ids() -> None:
    table: Table = {}
    bound = learn(table)
    await teach(bound, table, lesson(0))
    first = await close(bound, table)
    again = learn(table)
    published = await tick(again)
    assert isinstance(first, Emit)
    assert isinstance(published, Emit)
    assert {send.id for send in published.sends} == {send.id for send in first.sends}
    assert await tick(again) == Skip("idle")


async def test_a_learner_that_knows_nothing_publishes_nothing() -> None:
    assert await tick(learn({})) == Skip("idle")


async def test_a_judged_tier_0_answer_is_counted_and_teaches_no_model() -> None:
    table: Table = {}
    bound = learn(table)
    assert await teach(bound, table, lesson(0, model=None)) == ["learned"]
    assert [(s.part, s.lessons, s.part_lessons) for s in states(await close(bound, table))] == [
        ("shared", 1, 0)
    ]


async def test_a_record_that_is_no_lesson_is_buried() -> None:
    outcome = await learn({}).handle(a_record("lessons", b"{}"))
    assert isinstance(outcome, Bury)
    assert outcome.reason is Reason.SCHEMA_INVALID


def told(what: str, to_version: int | None = None, name: str = "i") -> Instruction:
    fields = {"instruction_id": name, "what": what, "to_version": to_version}
    return Instruction.model_validate({**fields, "by": "ada", "at": AT})


async def tell(bound: Bound, instruction: Instruction, offset: int = 0) -> Outcome:
    return await bound.handle(a_record("instructions", instruction, offset=offset))


async def kept(table: Table) -> tuple[Bound, int]:
    """A learner that has a version to go back to, and how many lessons it was taught."""
    bound, lessons = learn(table), 0
    while not any(key.startswith("kept") for key in table):
        await teach(bound, table, *(lesson(lessons + n) for n in range(50)), offset=lessons)
        await close(bound, table)
        lessons += 50
    return bound, lessons


async def test_an_instruction_to_go_back_is_obeyed_once_a_restart_in_between_or_not() -> None:
    table: Table = {}
    bound, lessons = await kept(table)
    progress = table[PROGRESS].progress
    assert progress is not None
    (good,), version = progress.kept, progress.version
    assert await tell(bound, told("rollback", good.version)) == Skip("obeyed")
    outcome = await close(bound, table)
    assert isinstance(outcome, Emit)
    published = [send.event for send in outcome.sends if isinstance(send.event, ModelState)]
    assert {state.version for state in published} == {version + 1}
    (alert,) = [send.event for send in outcome.sends if isinstance(send.event, Alert)]
    assert (alert.kind, alert.subject) == ("rollback", "learner")
    assert f"from version {version} to what version {good.version} was" in alert.detail
    assert await tell(bound, told("rollback", good.version)) == Skip("contained")
    again = learn(table)
    assert await tell(again, told("rollback", good.version)) == Skip("contained")
    assert await teach(again, table, lesson(lessons), offset=lessons) == ["learned"]


async def test_an_instruction_that_can_not_be_obeyed_is_an_alert_and_changes_nothing() -> None:
    table: Table = {}
    bound, _ = await kept(table)
    outcome = await tell(bound, told("rollback", 999))
    assert isinstance(outcome, Emit)
    (alert,) = [send.event for send in outcome.sends]
    assert isinstance(alert, Alert)
    assert "what ada told the learner was not done: version 999 is not kept" in alert.detail
    assert await close(bound, table) == Skip("nothing_learned")


async def test_a_frozen_learner_keeps_its_tests_through_a_restart_and_publishes_nothing() -> None:
    table: Table = {}
    bound = learn(table)
    await teach(bound, table, lesson(0))
    await close(bound, table)
    assert await tell(bound, told("freeze")) == Skip("obeyed")
    assert all(state.frozen for state in states(await close(bound, table)))
    assert await teach(bound, table, lesson(1), offset=1) == ["tested"]
    outcome = await close(bound, table)
    assert isinstance(outcome, Skip)
    assert outcome.because == "tested"
    again = learn(table)
    assert await teach(again, table, lesson(1), lesson(2), offset=1) == ["contained", "tested"]
    await close(again, table)
    progress = table[PROGRESS].progress
    assert progress is not None
    assert (progress.frozen, progress.lessons, progress.offset) == (True, 3, 2)
    assert await tell(again, told("thaw"), offset=1) == Skip("obeyed")
    assert not any(state.frozen for state in states(await close(again, table)))
    assert await teach(again, table, lesson(3), offset=3) == ["learned"]


async def test_an_instruction_that_is_none_is_buried() -> None:
    outcome = await learn({}).handle(a_record("instructions", b"{}"))
    assert isinstance(outcome, Bury)
