from tests.builders import a_policy, a_task
from tests.memory import BUCKET_S, Story, a_story

LOW = {str(tier): 0.7 for tier in range(1, 5)}


async def seasoned() -> Story:
    """A story in which lessons were learned and thresholds moved."""
    story = a_story(initial=a_policy(0, target=0.9, thresholds=LOW))
    await story.wait(1)
    for number in range(25):
        await story.ask(a_task(f"t{number}"))
        await story.judge(f"t{number}", 0.1)
    await story.wait(2 * BUCKET_S)
    assert story.driver.view.policy.version == 2
    return story


def standing(story: Story) -> tuple[int, int, dict[str, float], int]:
    view = story.driver.view
    return (
        view.quality.version,
        view.policy.version,
        dict(view.policy.thresholds),
        view.quality.lessons,
    )


async def test_a_restart_keeps_versions_thresholds_and_lessons() -> None:
    story = await seasoned()
    before = standing(story)
    story.driver.restart()
    await story.wait(1)
    assert standing(story) == before
    await story.wait(5 * BUCKET_S)
    assert standing(story) == before


async def test_after_a_restart_everything_goes_on_where_it_stood() -> None:
    story = await seasoned()
    version, _, _, lessons = standing(story)
    story.driver.restart()
    await story.wait(1)
    for number in range(100, 125):
        await story.ask(a_task(f"t{number}"))
        await story.judge(f"t{number}", 0.1)
    await story.wait(2 * BUCKET_S)
    assert standing(story)[0] == version + 25
    assert standing(story)[3] == lessons + 25
    assert standing(story)[1] == 3


async def test_what_is_in_force_is_published_again_and_changes_nothing() -> None:
    story = await seasoned()
    policies = story.driver.events("policy")
    weights = {state.part: state.weights for state in story.driver.events("model-state")}
    told = len(story.driver.records("model-state"))
    story.driver.restart()
    await story.wait(1)
    again = story.driver.events("model-state")[told:]
    assert {state.part: state.weights for state in again} == weights
    assert {state.version for state in again} == {story.driver.view.quality.version}
    assert story.driver.events("policy") == [*policies, policies[-1]]
    first, last = story.driver.records("policy")[-2:]
    assert first.header("ce_id") == last.header("ce_id")


async def test_a_restarted_run_decides_what_an_unbroken_one_does() -> None:
    async def run(*, broken: bool) -> list[bytes | None]:
        story = await seasoned()
        if broken:
            story.driver.restart()
        for number in range(200, 220):
            await story.ask(a_task(f"t{number}"))
            await story.judge(f"t{number}", number % 2)
        return [record.value for record in story.driver.records("decisions")]

    assert await run(broken=True) == await run(broken=False)


async def test_known_tasks_are_answered_again_after_a_restart_without_a_call() -> None:
    story = await seasoned()
    calls = len(story.provider.asked)
    story.driver.restart()
    await story.ask(a_task("t3"))
    assert len(story.provider.asked) == calls
    again = [record for record in story.driver.records("results") if record.key == b"t3"]
    assert len({(record.header("ce_id"), record.value) for record in again}) == 1
