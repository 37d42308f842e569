"""A letter sent back is run anew where its record came from, under a number of its own."""

from streams.events.outcome import CallState
from streams.kafka import codec
from streams.kafka.letters import Letter, letter_of, obstacle, send_back
from streams.providers.port import Provider, Reply
from streams.topology import BY_NAME
from tests.builders import a_feedback, a_record, a_task
from tests.memory import Story, a_story

PREFIX = "tierflow."


class Broken:
    """A provider with a bug."""

    async def call(self, *_: object, **__: object) -> Reply:
        raise KeyError("a bug")


def broken(story: Story, provider: Provider) -> None:
    """Let this provider answer from now on."""
    story.provider.call = provider.call  # type: ignore[method-assign]


def letters(story: Story) -> list[Letter]:
    return [letter_of(record) for record in story.driver.records("dead-letters")]


async def back(story: Story, letter: Letter) -> None:
    """Send a letter back and let everything happen."""
    assert obstacle(letter, PREFIX) is None
    outgoing = send_back(letter, letter.record.value)
    topic = BY_NAME[outgoing.topic.removeprefix(PREFIX).removesuffix(".v1")]
    story.driver.logs.append(topic, outgoing)
    await story.driver.run()


async def test_a_task_that_a_bug_buried_in_its_tier_completes_when_it_is_sent_back() -> None:
    story = a_story()
    mended = story.provider.call
    broken(story, Broken())
    await story.ask(a_task(model="small"))
    (letter,) = letters(story)
    assert (letter.reason, letter.stage, story.results()) == ("internal", "tier-2", [])
    story.provider.call = mended  # type: ignore[method-assign]
    await back(story, letter)
    (result,) = story.results()
    assert (result.status, result.redrive) == ("completed", 1)
    assert story.driver.records("results")[0].header(codec.REDRIVE) == "1"
    intents = [c for c in story.driver.events("calls") if c.state is CallState.INTENDED]
    assert len({call.call_id for call in intents}) == 2
    assert len(story.decisions()) == 1


async def test_what_is_buried_again_has_the_next_number() -> None:
    story = a_story()
    broken(story, Broken())
    await story.ask(a_task(model="small"))
    for number in (1, 2, 3):
        *_, letter = letters(story)
        assert letter.next_redrive == number
        await back(story, letter)
    places = {letter.origin for letter in letters(story)}
    assert (len(letters(story)), len(places)) == (4, 4)


async def test_the_same_letter_sent_back_twice_is_done_once() -> None:
    story = a_story()
    mended = story.provider.call
    broken(story, Broken())
    await story.ask(a_task(model="small"))
    story.provider.call = mended  # type: ignore[method-assign]
    (letter,) = letters(story)
    for _ in range(2):
        await back(story, letter)
    first, again = story.driver.records("results")
    assert (first.header("ce_id"), first.value) == (again.header("ce_id"), again.value)
    assert len(story.provider.asked) == 1


async def test_a_number_given_at_the_door_reaches_the_tier_and_its_letters() -> None:
    story = a_story()
    broken(story, Broken())
    body = codec.encode(a_task(model="small"))
    await story.driver.publish("tasks", body, headers=codec.redriven(4))
    (letter,) = letters(story)
    assert (letter.stage, letter.next_redrive) == ("tier-2", 5)


async def test_feedback_that_was_buried_is_counted_once_when_it_is_sent_back() -> None:
    story = a_story()
    await story.ask(a_task(model="small"))
    await story.judge("t1", 0.9)
    score = story.driver.records("scores")[0]
    told = (
        ("tierflow-reason", b"internal"),
        ("tierflow-stage", b"join"),
        ("tierflow-topic", b"tierflow.scores.v1"),
        ("tierflow-partition", str(score.partition).encode()),
        ("tierflow-offset", str(score.offset).encode()),
    )
    letter = letter_of(
        a_record("dead-letters", score.value, key=score.key, headers=[*score.headers, *told])
    )
    await back(story, letter)
    assert len(story.driver.records("scores")) == 2
    assert len(story.lessons()) == 1


async def test_a_redriven_decision_takes_the_scores_that_follow() -> None:
    story = a_story()
    for number in (0, 1):
        body = codec.encode(a_task(model="small"))
        await story.driver.publish("tasks", body, headers=codec.redriven(number))
        story.clock.move(1)
    await story.driver.publish("feedback", a_feedback(score=0.2))
    (lesson,) = story.lessons()
    assert lesson.decision_id == story.decisions()[1].decision_id
