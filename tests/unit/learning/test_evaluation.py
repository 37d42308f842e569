from decimal import Decimal

import pytest

from streams.events.control import ModelState, Policy
from streams.events.envelope import Event
from streams.learning.evaluation import (
    REFUSED,
    SKILL,
    LoggedQuality,
    appraise,
    decide_again,
    redistribute,
)
from streams.learning.history import History, Told
from streams.learning.learner import Learner
from streams.routing.decide import View
from streams.routing.features import extract, pack
from streams.routing.quality import QualityView
from streams.routing.registry import register
from streams.routing.rules import Verdict
from tests.builders import (
    AT,
    a_decision,
    a_lesson,
    a_model,
    a_policy,
    a_registry,
    a_result,
    a_score,
    a_task,
)
from tests.logs import Logged, a_log, worth

FEATURES = pack(extract("Explain why the sky is blue.", Verdict(3, 0.7, "default")))
STRICT = a_policy(0, thresholds={str(tier): 0.99 for tier in range(1, 5)})


def view_of(policy: Policy | None = None) -> View:
    return View(a_registry(), policy or a_policy(0), LoggedQuality())


def billed() -> tuple[list[ModelState], QualityView]:
    """What is learned where large takes half as much again as its list price says."""
    learner = Learner()
    for n in range(60):
        model = ("tiny", "small", "medium", "large")[n % 4]
        cost = Decimal("0.0015") if model == "large" else Decimal("0.001")
        bill = a_lesson(f"b{n}", model=model, lesson_id=f"b{n}", features=FEATURES)
        update = {"score": None, "source": None, "cost_usd": cost, "listed_usd": Decimal("0.001")}
        learner.learn(bill.model_copy(update=update))
    states, quality = learner.snapshots(AT), QualityView()
    for state in states:
        quality = quality.with_part(state)
    return states, quality


def told_of(one: Logged, *, with_task: bool = True) -> Told:
    return Told(one.decision, one.task if with_task else None, None, None)


def test_the_logs_own_policy_gives_every_decision_the_distribution_that_was_logged() -> None:
    for one in a_log(40):
        assert redistribute(told_of(one), view_of()) == one.decision.probabilities


def test_a_decision_whose_task_is_not_known_is_made_again_from_what_is_written_on_it() -> None:
    for one in a_log(40):
        again = redistribute(told_of(one, with_task=False), view_of())
        assert again.keys() == one.decision.probabilities.keys()
        chosen = max(again, key=lambda name: again[name])
        logged = one.decision.probabilities
        assert chosen == max(logged, key=lambda name: logged[name])


def test_a_model_that_could_not_take_the_task_still_can_not() -> None:
    task = a_task("t1", max_tier=2)
    known = Told(a_decision("t1", predicted_quality={"tiny": 0.5, "small": 0.9}), task, None, None)
    unknown = Told(known.decision, None, None, None)
    for told in (known, unknown):
        assert redistribute(told, view_of()).keys() == {"tiny", "small"}


def test_what_was_out_of_reach_still_is() -> None:
    decision = a_decision("t1", unavailable=("medium",))
    told = Told(decision, a_task("t1"), None, None)
    assert "medium" not in redistribute(told, view_of())


def test_a_skills_answer_is_moved_by_no_policy() -> None:
    told = Told(a_decision("t1", tier=0, model=None, skill="sums"), None, None, None)
    assert redistribute(told, view_of()) == {SKILL: 1.0}
    events: list[Event] = [
        told.decision, a_result("t1", tier=0, model=None), a_score("t1", 0.5),
    ]  # fmt: skip
    found = appraise(History.of(events), a_registry(), STRICT)
    assert found.quality is not None
    assert found.quality.ips.value == found.quality.dr.value == 0.5
    assert found.share == {SKILL: (1.0, 1.0)}


def test_a_task_that_no_model_of_the_other_policy_may_take_is_refused() -> None:
    one = a_log(1)[0]
    only = View(register([a_model("other", 3)]), a_policy(0), LoggedQuality())
    assert redistribute(told_of(one, with_task=False), only) == {REFUSED: 1.0}
    assert redistribute(told_of(one), only) == {"other": 1.0}


def test_the_logs_own_policy_is_worth_what_the_log_says() -> None:
    """With a price of money, and with costs that were learned from bills."""
    states, quality = billed()
    policy = a_policy(0, ceiling_usd=Decimal("0.003"))
    log = a_log(900, policy, quality=quality)
    assert {one.decision.pricing is None for one in log} == {False}
    history = History.of([event for one in log for event in one.events()] + [*states])
    found = appraise(history, a_registry(), policy)
    for told in (found.quality, found.cost_usd):
        assert told is not None
        assert told.gain.low is not None
        assert told.gain.high is not None
        assert told.gain.low <= 0 <= told.gain.high
        assert told.dr.value == pytest.approx(told.logged.value, rel=0.08)
    assert all(abs(went - would) < 0.05 for went, would in found.share.values())


def test_another_policys_quality_and_cost_lie_within_their_intervals() -> None:
    log = a_log(1500)
    history = History.of(event for one in log for event in one.events())
    found = appraise(history, a_registry(), STRICT)
    again = decide_again(history, a_registry(), STRICT)
    score, cost = worth(log, [target for _, target in again])
    assert found.quality is not None
    assert found.cost_usd is not None
    assert (found.decisions, found.without_task) == (1500, 1500)
    assert score > found.quality.logged.value + 0.05
    for estimate, truth in ((found.quality, score), (found.cost_usd, cost)):
        for told in (estimate.ips, estimate.snips, estimate.dr):
            assert told.low is not None
            assert told.high is not None
            assert told.low <= truth <= told.high


def test_a_ceiling_is_held_by_the_policy_that_has_one() -> None:
    log = a_log(400)
    history = History.of(event for one in log for event in one.events())
    costs = {}
    for ceiling in ("0.0005", "0.005"):
        policy = a_policy(0, ceiling_usd=Decimal(ceiling))
        again = decide_again(history, a_registry(), policy)
        _, costs[ceiling] = worth(log[100:], [target for _, target in again[100:]])
    assert costs["0.0005"] < 0.001
    assert costs["0.0005"] < costs["0.005"] < 0.0075


def test_where_a_price_has_changed_what_was_expected_then_no_longer_counts() -> None:
    states, quality = billed()
    policy = a_policy(0, ceiling_usd=Decimal("0.003"))
    log = a_log(600, policy, quality=quality)
    history = History.of([event for one in log for event in one.events()] + [*states])
    dearer = register(
        spec.model_copy(update={"output_usd_per_mtok": (spec.output_usd_per_mtok or 0) * 2})
        if spec.name == "medium" else spec
        for spec in a_registry().models
    )  # fmt: skip
    medium = [
        sum(chances.get("medium", 0.0) for _, chances in decide_again(history, dearer, policy, of))
        for of in ((), ("medium",))
    ]
    assert medium[1] < 0.7 * medium[0]
