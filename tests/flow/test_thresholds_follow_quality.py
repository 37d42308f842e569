from datetime import timedelta
from itertools import pairwise

from tests.builders import AT, a_policy, a_registry, a_task
from tests.memory import BUCKET_S, GAINS, Story, a_story

LOW = {str(tier): 0.7 for tier in range(1, 5)}


async def judged(story: Story, score: float, tasks: int = 25, first: int = 0) -> None:
    """Tasks of one kind, all judged alike."""
    for number in range(first, first + tasks):
        await story.ask(a_task(f"t{number}"))
        await story.judge(f"t{number}", score)


async def test_the_first_tick_puts_the_settings_policy_in_force() -> None:
    story = a_story()
    await story.wait(1)
    (policy,) = story.driver.events("policy")
    assert (policy.version, policy.at) == (1, AT + timedelta(seconds=1))
    assert story.driver.view.policy == policy
    await story.wait(1)
    assert len(story.driver.events("policy")) == 1


async def test_poor_quality_raises_the_threshold_of_the_tier_that_fell_short() -> None:
    story = a_story(initial=a_policy(0, target=0.9, thresholds=LOW))
    await story.wait(1)
    await judged(story, 0.1)
    await story.wait(2 * BUCKET_S)
    first, second = story.driver.events("policy")
    raised = [tier for tier, share in second.thresholds.items() if share > LOW[tier]]
    busiest = max(
        story.decisions(), key=lambda d: [x.tier for x in story.decisions()].count(d.tier)
    )
    assert str(busiest.tier) in raised
    assert all(second.thresholds[tier] >= share for tier, share in first.thresholds.items())
    assert (second.version, second.changed_by) == (2, "tune")
    assert f"tier {raised[0]}:" in second.reason
    assert "target 0.900: threshold 0.7000 → 0.7200" in second.reason


async def test_a_decision_names_the_policy_that_was_in_force() -> None:
    story = a_story(initial=a_policy(0, target=0.9, thresholds=LOW))
    await story.ask(a_task("early"))
    await story.wait(1)
    await judged(story, 0.1)
    await story.wait(2 * BUCKET_S)
    await story.ask(a_task("late"))
    versions = [decision.policy_version for decision in story.decisions()]
    assert (versions[0], versions[1], versions[-1]) == (0, 1, 2)


async def test_better_quality_than_is_wanted_lowers_a_threshold() -> None:
    story = a_story(initial=a_policy(0, target=0.5))
    await story.wait(1)
    await judged(story, 1.0)
    await story.wait(2 * BUCKET_S)
    assert min(story.driver.view.policy.thresholds.values()) == 0.78


async def test_too_few_scores_and_quality_on_target_move_nothing() -> None:
    story = a_story()
    await story.wait(1)
    await judged(story, 0.1, tasks=5)
    await story.wait(2 * BUCKET_S)
    assert story.driver.view.policy.version == 1


async def test_thresholds_go_on_moving_window_after_window() -> None:
    story = a_story(initial=a_policy(0, target=0.9, thresholds=LOW))
    await story.wait(1)
    for window in range(3):
        await judged(story, 0.1, first=100 * window)
        await story.wait(2 * BUCKET_S)
    policies = story.driver.events("policy")
    assert [policy.version for policy in policies] == [1, 2, 3, 4]
    for before, after in pairwise(policies):
        steps = [after.thresholds[tier] - share for tier, share in before.thresholds.items()]
        assert 0 < max(abs(step) for step in steps) <= GAINS.step_limit + 1e-9
        assert after.at > before.at
    assert len({policy.reason for policy in policies}) == 4


async def test_results_are_measured_by_tier_model_and_bucket() -> None:
    story = a_story(registry=a_registry())
    await story.ask(a_task("a", model="tiny"))
    await story.ask(a_task("b", model="tiny"))
    await story.ask(a_task("a", model="tiny"))
    await story.wait(BUCKET_S)
    await story.ask(a_task("c", model="tiny"))
    newest = {(p.bucket_at, p.partition): p for p in story.driver.events("performance")}
    by_bucket: dict[float, int] = {}
    for cell in newest.values():
        assert (cell.tier, cell.model, cell.bucket_s) == (1, "tiny", BUCKET_S)
        at_s = (cell.bucket_at - AT).total_seconds()
        by_bucket[at_s] = by_bucket.get(at_s, 0) + cell.completed
    assert by_bucket == {0.0: 2, BUCKET_S: 1}
    costs = {cost.call_id: cost.cost_usd for cost in story.driver.events("costs")}
    assert sum(cell.cost_usd for cell in newest.values()) == sum(costs.values()) > 0
