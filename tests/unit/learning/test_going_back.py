"""Weights that do worse than the last good ones are given up; a world that changed is followed."""

from collections.abc import Callable, Iterable
from decimal import Decimal

import pytest

from streams.agents.learn import learn
from streams.agents.outcome import Emit
from streams.events.feedback import Alert, Lesson
from streams.ids import draw
from streams.learning.keeping import MOST_KEPT, Return
from streams.learning.lastgood import TRIAL_LESSONS
from streams.learning.learner import Learner
from streams.learning.standing import LearnerPart, LearnerState
from streams.routing.features import Features, extract, pack
from streams.routing.quality import QualityView
from streams.routing.registry import ModelSpec
from streams.routing.rules import propose
from tests.builders import AT, a_lesson, a_record

WORDS = "rename", "prove", "explain", "sort", "count", "derive", "design", "format"
THINGS = "the list", "a theorem", "this function", "the archive", "an operator", "two words"
ASKED = [f"{word} {thing}" for word in WORDS for thing in THINGS]
SEEN = [extract(text, propose(text)) for text in ASKED]
PACKED = [pack(features) for features in SEEN]
FLUSH = 10


def quality(model: str, number: int) -> float:
    """Large does all well, small what is easy."""
    return 0.93 if model == "large" or number % 8 in {0, 3, 4, 7} else 0.55


def as_it_is(score: float, _: str) -> float:
    return score


def judged(n: int, wrong: Callable[[float, str], float] = as_it_is) -> Lesson:
    """What comes of task `n`: a score that scatters by about 0.05."""
    number = int(draw("tasks", f"t{n}", "which") * len(ASKED))
    model = ("small", "large")[draw("tasks", f"t{n}", "model") < 0.5]
    scatter = 0.2 * (draw("tasks", f"t{n}", "score") - 0.5)
    score = min(max(quality(model, number) + scatter, 0.0), 1.0)
    return a_lesson(
        f"t{n}", wrong(score, model), lesson_id=f"l{n}", model=model, features=PACKED[number]
    )


def inverted(score: float, _: str) -> float:
    return 1.0 - score


def play(learner: Learner, lessons: Iterable[Lesson]) -> list[Return]:
    returns = []
    for n, lesson in enumerate(lessons):
        learner.learn(lesson)
        returns += learner.returns()
        if n % FLUSH == FLUSH - 1:
            learner.snapshots(AT)
    return returns


def taught(lessons: int) -> Learner:
    learner = Learner()
    assert play(learner, (judged(n) for n in range(lessons))) == []
    return learner


def off(learner: Learner, features: Features = SEEN[0], number: int = 0) -> float:
    return abs(learner.predict("large", features) - quality("large", number))


def test_versions_are_kept_one_a_trial_and_not_more_than_the_most() -> None:
    learner = taught(TRIAL_LESSONS - 10)
    assert not learner.kept_versions
    play(learner, (judged(n) for n in range(TRIAL_LESSONS - 10, TRIAL_LESSONS)))
    first = learner.kept_versions
    assert list(first) == [TRIAL_LESSONS // FLUSH]
    play(learner, (judged(n) for n in range(TRIAL_LESSONS, TRIAL_LESSONS * (MOST_KEPT + 1))))
    assert len(learner.kept_versions) == MOST_KEPT
    assert first[0] not in learner.kept_versions
    assert list(learner.kept_versions) == sorted(learner.kept_versions)


def test_after_wrong_scores_the_learner_goes_back_and_does_well_again() -> None:
    learner = taught(620)
    last_good, version = learner.kept_versions[0], learner.version
    assert play(learner, (judged(n, inverted) for n in range(620, 720))) == []
    assert off(learner) > 0.4
    (back,) = play(learner, (judged(n) for n in range(720, 760)))
    assert back.to == last_good
    assert version < back.left <= learner.version
    assert back.worse is not None
    assert back.worse > 0.05
    assert back.lessons <= 40
    assert off(learner) < 0.1
    assert play(learner, (judged(n) for n in range(760, 1_000))) == []


async def test_going_back_is_an_alert_that_names_both_versions() -> None:
    bound, told = learn({}), list[Alert]()
    stream = [judged(n, inverted if 620 <= n < 720 else as_it_is) for n in range(760)]
    for offset, lesson in enumerate(stream):
        await bound.handle(a_record("lessons", lesson, offset=offset))
        if offset % 20 == 19 and bound.close is not None:
            outcome = await bound.close(AT)
            assert isinstance(outcome, Emit)
            told += [send.event for send in outcome.sends if isinstance(send.event, Alert)]
    (alert,) = [alert for alert in told if alert.kind == "rollback"]
    assert "predicted worse: squared error greater by 0." in alert.detail
    assert "to what version 10 was" in alert.detail


def test_a_damaged_stream_of_lessons_is_gone_back_from() -> None:
    """Whoever judges says 0, of tasks that were mixed up."""

    def damaged(n: int) -> Lesson:
        mixed_up = {"features": PACKED[n % len(PACKED)], "score": 0.0}
        return judged(n).model_copy(update=mixed_up)

    learner = taught(620)
    assert play(learner, (damaged(n) for n in range(620, 700))) == []
    assert len(play(learner, (judged(n) for n in range(700, 740)))) == 1
    assert off(learner) < 0.1


@pytest.mark.parametrize("change", ["one_model", "all", "better"])
def test_a_world_that_changed_is_followed_and_not_gone_back_from(change: str) -> None:
    def changed(score: float, model: str) -> float:
        if change == "one_model":
            return score * 0.75 if model == "large" else score
        return score * 0.6 if change == "all" else 1.0 - 0.5 * (1.0 - score)

    learner = taught(620)
    assert play(learner, (judged(n, changed) for n in range(620, 1_000))) == []
    wanted = changed(0.93, "large")
    assert learner.predict("large", SEEN[0]) == pytest.approx(wanted, abs=0.06)


def test_what_is_served_after_going_back_is_what_was_kept_under_a_new_version() -> None:
    models = [ModelSpec(name=name, provider="p", tier=2) for name in ("small", "large")]
    learner, views = Learner(), dict[int, QualityView]()
    view = QualityView()
    for n in range(900):
        learner.learn(judged(n))
        if n % FLUSH == FLUSH - 1:
            for state in learner.snapshots(AT):
                view = view.with_part(state)
            views[view.version] = view
    back = learner.go_back()
    assert back == Return(left=learner.version, to=learner.kept_versions[0], worse=None, lessons=0)
    for state in learner.snapshots(AT):
        assert state.version == back.left + 1
        view = view.with_part(state)
    for features in SEEN[:8]:
        assert view.predict(features, models) == views[back.to].predict(features, models)


def test_by_hand_any_kept_version_can_be_gone_back_to_and_no_other() -> None:
    learner = taught(700)
    oldest, middle, newest = learner.kept_versions
    with pytest.raises(LookupError, match=f"kept: {oldest} and {middle} and {newest}"):
        learner.go_back(oldest + 1)
    assert learner.go_back(middle).to == middle
    assert learner.kept_versions == (oldest, middle)
    with pytest.raises(LookupError, match="kept: none"):
        Learner().go_back()


def test_a_model_that_came_after_the_kept_version_begins_anew() -> None:
    learner = taught(620)
    for n in range(40):
        learner.learn(judged(n).model_copy(update={"lesson_id": f"new{n}", "model": "late"}))
    learner.go_back()
    parts = {state.part: state for state in learner.snapshots(AT)}
    assert parts["late"].part_lessons == 0
    assert parts["large"].part_lessons > 0
    learner.learn(judged(0).model_copy(update={"lesson_id": "again", "model": "late"}))
    assert learner.standing()["late"].lessons == 1


def test_a_restart_goes_on_with_the_trial_and_goes_back_alike() -> None:
    learner = taught(620)
    kept = learner.states(AT, 619)
    again = Learner.from_states(dict(kept))
    assert again.kept_versions == learner.kept_versions
    stream = [
        *(judged(n, inverted) for n in range(620, 720)),
        *(judged(n) for n in range(720, 760)),
    ]
    assert play(again, stream) == play(learner, stream) != []
    assert again.states(AT, 759) == learner.states(AT, 759)


def test_a_version_whose_parts_are_not_all_there_is_not_kept() -> None:
    learner = taught(620)
    states: dict[str, LearnerState] = dict(learner.states(AT, 619))
    oldest = learner.kept_versions[0]
    lost = next(
        key
        for key, state in states.items()
        if key.startswith("kept\t") and isinstance(state, LearnerPart) and state.version == oldest
    )
    del states[lost]
    assert Learner.from_states(states).kept_versions == learner.kept_versions[1:]


def test_states_stay_bounded_however_many_versions_were_kept() -> None:
    learner, keys = Learner(), set[str]()
    for n in range(6 * TRIAL_LESSONS):
        learner.learn(judged(n))
        if n % FLUSH == FLUSH - 1:
            learner.snapshots(AT)
            keys |= set(learner.states(AT, n))
    assert len([key for key in keys if key.startswith("kept\t")]) == (MOST_KEPT + 1) * 3


def test_while_frozen_lessons_are_tested_and_teach_nothing() -> None:
    learner = taught(100)
    before, standing = learner.predict("large", SEEN[0]), learner.standing()["large"].lessons
    learner.freeze(frozen=True)
    assert all(state.frozen for state in learner.snapshots(AT))
    assert play(learner, (judged(n, inverted) for n in range(100, 200))) == []
    assert learner.predict("large", SEEN[0]) == before
    assert learner.standing()["large"].lessons > standing
    assert learner.lessons == 200
    assert learner.snapshots(AT) == []
    again = Learner.from_states(learner.states(AT, 199))
    assert again.frozen
    again.freeze(frozen=False)
    assert not any(state.frozen for state in again.snapshots(AT))
    play(again, (judged(n, inverted) for n in range(200, 260)))
    assert again.predict("large", SEEN[0]) != before
    assert not learner.learn(judged(150))  # what came while frozen came once


def test_while_frozen_a_model_never_judged_and_bills_teach_nothing_either() -> None:
    learner = taught(100)
    learner.freeze(frozen=True)
    learner.learn(judged(100).model_copy(update={"model": "late"}))
    costs = {"score": None, "cost_usd": Decimal("0.02"), "listed_usd": Decimal("0.01")}
    bill = judged(0).model_copy(update={"lesson_id": "bill", "model": "large", **costs})
    assert learner.learn(bill)
    assert "late" not in learner.standing()
    assert learner.cost_usd("large", SEEN[0], 1.0) == 1.0
