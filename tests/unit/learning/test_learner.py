from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from streams.events.feedback import Lesson
from streams.learning.learner import Drift, Learner
from streams.learning.standing import (
    PROGRESS,
    VOICES,
    LearnerPart,
    LearnerProgress,
    LearnerState,
)
from streams.learning.trust import Voice
from streams.routing.features import Features, extract, pack, unpack
from streams.routing.quality import (
    NEWCOMER_LESSONS,
    QualityView,
)
from streams.routing.registry import ModelSpec
from streams.routing.rules import Verdict
from tests.builders import AT, a_lesson, a_text

VERDICT = Verdict(3, 0.7, "default")
EASY, HARD = (
    extract(text, VERDICT)
    for text in ("Rename the variable x to count", "Prove the spectral theorem for operators")
)


def taught(n: int, score: float, features: Features = EASY, **fields: Any) -> Lesson:
    return a_lesson(
        f"t{n}",
        **{"lesson_id": f"l{n}", "score": score, "features": pack(features), **fields},
    )


def some_text(n: int) -> Features:
    return extract(a_text(n), VERDICT)


def some_lessons(start: int, end: int) -> list[Lesson]:
    """Small does the easy ones well, large does both."""
    lessons = []
    for n in range(start, end):
        features, model = (EASY, HARD)[n % 2], ("small", "large")[n // 2 % 2]
        well = model == "large" or features is EASY
        lessons.append(taught(n, 0.9 if well else 0.2, features, model=model, tier=2))
    return lessons


def test_estimates_approach_the_scores_that_come() -> None:
    learner = Learner()
    for lesson in some_lessons(0, 200):
        learner.learn(lesson)
    assert learner.predict("small", EASY) == pytest.approx(0.9, abs=0.1)
    assert learner.predict("small", HARD) == pytest.approx(0.2, abs=0.1)
    assert learner.predict("large", HARD) == pytest.approx(0.9, abs=0.1)


def test_a_lesson_is_tested_before_it_is_learned() -> None:
    learner = Learner()
    learner.learn(taught(1, 1.0))
    first = learner.standing()["small"]
    assert first.brier == pytest.approx((1 - 0.82) ** 2, abs=1e-6)
    assert first.log_loss == pytest.approx(-np.log(0.82), abs=1e-6)
    for n in range(2, 40):
        learner.learn(taught(n, 1.0))
    later = learner.standing()["small"]
    assert later.lessons == 39
    assert later.log_loss is not None
    assert later.log_loss < first.log_loss_sum
    assert later.mean_score == 1.0


def test_a_lesson_seen_before_teaches_nothing() -> None:
    learner = Learner()
    assert learner.learn(taught(1, 1.0))
    before = learner.predict("small", EASY)
    assert not learner.learn(taught(1, 1.0))
    assert (learner.lessons, learner.predict("small", EASY)) == (1, before)


def test_a_judged_tier_0_answer_is_counted_and_not_learned() -> None:
    learner = Learner()
    assert learner.learn(a_lesson("t1", model=None, tier=0, features=""))
    assert learner.lessons == 1
    assert learner.standing() == {}
    (shared,) = learner.snapshots(AT)
    assert (shared.part, shared.lessons, shared.part_lessons) == ("shared", 1, 0)


def test_unreadable_features_change_nothing() -> None:
    learner = Learner()
    with pytest.raises(ValueError, match="features"):
        learner.learn(taught(1, 1.0).model_copy(update={"features": "AAAA"}))
    assert learner.lessons == 0
    assert learner.snapshots(AT) == []
    assert learner.learn(taught(1, 1.0))


def test_a_flush_has_the_changed_parts_under_one_new_version() -> None:
    learner = Learner()
    assert learner.snapshots(AT) == []
    learner.learn(taught(1, 1.0, model="small"))
    learner.learn(taught(2, 1.0, model="large"))
    first = learner.snapshots(AT)
    assert [(s.part, s.version, s.lessons) for s in first] == [
        ("large", 1, 2), ("shared", 1, 2), ("small", 1, 2),
    ]  # fmt: skip
    learner.learn(taught(3, 0.0, model="small"))
    assert [(s.part, s.version) for s in learner.snapshots(AT)] == [("shared", 2), ("small", 2)]
    assert learner.snapshots(AT) == []
    assert {s.part for s in learner.in_force(AT)} == {"shared", "small", "large"}
    assert {s.version for s in learner.in_force(AT)} == {2}


def test_a_router_predicts_what_the_learner_estimates() -> None:
    learner, view = Learner(), QualityView()
    for lesson in some_lessons(0, 100):
        learner.learn(lesson)
    for state in learner.snapshots(AT):
        assert len(state.model_dump_json()) < 350 * 1024
        view = view.with_part(state)
    models = [ModelSpec(name=name, provider="p", tier=2) for name in ("small", "large")]
    for features in (EASY, HARD):
        served = view.predict(features, models)
        for model in models:
            learned = learner.predict(model.name, features)
            assert served[model.name] == pytest.approx(learned, abs=5e-3)


def test_a_restart_goes_on_bit_for_bit() -> None:
    learner, kept = Learner(), dict[str, LearnerState]()
    for start in (0, 40):
        for lesson in some_lessons(start, start + 40):
            learner.learn(lesson)
            learner.learn(billed(1000 + int(lesson.task_id[1:]), 1.7))
        learner.snapshots(AT)
        kept |= learner.states(AT, offset=start + 39)
    again = Learner.from_states(kept)
    assert (again.version, again.lessons) == (2, 80)
    assert again.standing() == learner.standing()
    assert not again.learn(some_lessons(79, 80)[0])
    for lesson in some_lessons(80, 160):
        assert learner.learn(lesson)
        assert again.learn(lesson)
    for model in ("small", "large"):
        for features in (EASY, HARD):
            assert again.predict(model, features) == learner.predict(model, features)
            assert again.cost_usd(model, features, 1.0) == learner.cost_usd(model, features, 1.0)
    assert again.snapshots(AT) == learner.snapshots(AT)
    assert again.states(AT, 159) == learner.states(AT, 159)


def test_states_are_small_enough_for_a_record_and_only_of_what_changed() -> None:
    learner = Learner()
    for lesson in some_lessons(0, 8):
        learner.learn(lesson)
    first = learner.states(AT, offset=7)
    assert set(first) == {PROGRESS, VOICES, "recent\t0", "shared", "small", "large"}
    assert all(len(state.model_dump_json()) < 900_000 for state in first.values())
    learner.learn(taught(99, 1.0, model="small"))
    assert set(learner.states(AT, offset=8)) == {PROGRESS, VOICES, "recent\t0", "shared", "small"}
    assert set(learner.states(AT, offset=8)) == {PROGRESS}


def test_a_voice_that_says_the_opposite_of_all_others_teaches_nobody_else() -> None:
    """One lesson of four is its own; what is learned is what the others say."""
    heard, liars = Learner(), Learner()
    for n, lesson in enumerate(some_lessons(0, 800)):
        tenant = ("acme", "globex", "initech", "mallory")[n // 4 % 4]
        known = heard.predict(lesson.model or "", unpack(lesson.features)) if n > 8 else 0.8
        said = lesson.model_copy(update={"tenant": tenant, "predicted_quality": known})
        if tenant == "mallory":
            said = said.model_copy(update={"score": 1 - (lesson.score or 0.0)})
        heard.learn(said)
        liars.learn(said.model_copy(update={"tenant": "one"}))
    assert heard.hearing.weights()[Voice("mallory", "user")] < 0.05
    off = abs(heard.predict("small", HARD) - 0.2), abs(liars.predict("small", HARD) - 0.2)
    assert off[0] < 0.05 < off[1]


def test_what_is_published_says_who_teaches_less() -> None:
    learner = Learner()
    for n in range(40):
        learner.learn(taught(n, n % 2, tenant="mallory", decision_id=f"d{n}"))
        learner.learn(
            taught(1000 + n, 1 - n % 2, tenant="mallory", decision_id=f"d{n}", source="test")
        )
    parts = {state.part: state for state in learner.snapshots(AT)}
    assert not parts["small"].voices
    least = parts["shared"].voices[0]
    assert (least.tenant, least.source) == ("mallory", "user")
    assert least.weight < 0.05


def test_without_states_a_learner_begins_anew() -> None:
    assert Learner.from_states({}).lessons == 0
    fresh = Learner.from_states(Learner().states(AT, offset=-1))
    assert (fresh.lessons, fresh.version) == (0, 0)


def test_a_worker_that_died_while_it_wrote_leaves_what_can_be_gone_on_from() -> None:
    """Progress is written last, and what came after it is read again."""
    learner, kept = Learner(), dict[str, LearnerState]()
    for known in (0, 40):
        for lesson in some_lessons(known, known + 40):
            learner.learn(lesson)
        learner.snapshots(AT)
        written = learner.states(AT, offset=known + 39)
        for some in range(len(written)):
            torn = kept | dict(list(written.items())[:some])
            again = Learner.from_states(torn)
            assert (again.lessons, again.version) == (known, bool(known))
            for lesson in some_lessons(known, known + 80):
                again.learn(lesson)
            assert known < again.lessons <= known + 80
        kept |= written
        assert Learner.from_states(kept).lessons == known + 40


def _damaged(name: str, change: dict[str, object] | None) -> dict[str, LearnerState]:
    learner = Learner()
    learner.learn(taught(1, 1.0))
    kept = learner.states(AT, 0)
    if change is None:
        del kept[name]
    else:
        kept[name] = kept[name].model_copy(update=change)
    return kept


@pytest.mark.parametrize(
    ("kept", "says"),
    [
        (_damaged("small", None), "lack part 'small'"),
        (_damaged("small", {"weights": "?"}), "'small' is damaged"),
        (_damaged("small", {"weights": "AAAAAA=="}), "'small'"),
        (_damaged("shared", {"squares": ""}), "'shared'"),
        (_damaged("small", {"ridge": "AAAAAAAAAAA="}), "'small'"),
        (_damaged(PROGRESS, {"recent": "AAA="}), "'recent'"),
        (_damaged("recent\t0", {"marks": "AAA="}), "'recent'"),
    ],
)
def test_damaged_states_are_refused_naming_the_part(
    kept: dict[str, LearnerState], says: str
) -> None:
    assert any(isinstance(state, LearnerPart | LearnerProgress) for state in kept.values())
    with pytest.raises(ValueError, match=says):
        Learner.from_states(kept)


def test_a_late_newcomer_starts_at_the_level_of_the_best() -> None:
    learner = Learner()
    for lesson in some_lessons(0, NEWCOMER_LESSONS):
        learner.learn(lesson)
    best = max(learner.predict(model, HARD) for model in ("small", "large"))
    learner.learn(taught(999, best, HARD, model="new", tier=1))
    newcomer = learner.standing()["new"]
    assert newcomer.brier == pytest.approx(0, abs=1e-9)


def drifted(lessons: list[Lesson]) -> tuple[Learner, list[Drift]]:
    learner, found = Learner(), list[Drift]()
    for lesson in lessons:
        learner.learn(lesson)
        found += learner.drifts()
    return learner, found


def test_a_model_that_became_worse_is_told_by_name_and_unlearned_quickly() -> None:
    lessons = [
        taught(
            n,
            0.5 if n >= 300 and n % 2 == 0 else 0.9,
            features=some_text(n // 2),
            model=("small", "large")[n % 2],
        )
        for n in range(360)
    ]
    learner, found = drifted(lessons)
    assert [drift.model for drift in found] == ["small"]
    assert found[0].by < 0
    assert 150 < found[0].lessons <= 170
    assert learner.drifts() == []
    assert learner.predict("small", some_text(5)) == pytest.approx(0.5, abs=0.05)
    assert learner.predict("large", some_text(5)) == pytest.approx(0.9, abs=0.05)


def test_models_that_stay_as_they_are_raise_nothing() -> None:
    _, found = drifted(some_lessons(0, 600))
    assert found == []


def billed(n: int, factor: float, features: Features = EASY, model: str = "small") -> Lesson:
    listed = Decimal("0.001")
    return taught(
        n, 0.5, features, model=model, source=None, listed_usd=listed, lesson_id=f"b{n}",
        cost_usd=(listed * Decimal(factor)).quantize(Decimal("1e-12")),
    ).model_copy(update={"score": None})  # fmt: skip


def test_bills_teach_cost_and_count_as_no_judgement() -> None:
    learner, view = Learner(), QualityView()
    for n in range(200):
        learner.learn(billed(n, (3.0, 0.4)[n % 2], (EASY, HARD)[n % 2]))
    assert (learner.lessons, learner.standing()) == (0, {})
    for state in learner.snapshots(AT):
        view = view.with_part(state)
    small = ModelSpec(name="small", provider="p", tier=2)
    for features, factor in ((EASY, 3.0), (HARD, 0.4)):
        learned = learner.cost_usd("small", features, 0.001)
        assert learned == pytest.approx(factor * 0.001, rel=0.25)
        served = view.costs(features, [small], {"small": Decimal("0.001")})["small"]
        assert float(served or 0) == pytest.approx(learned, rel=1e-3)
    untaught = QualityView().predict(EASY, [small])
    assert view.predict(EASY, [small]) == untaught


def test_a_bill_before_the_first_score_takes_nothing_from_a_newcomers_welcome() -> None:
    learner = Learner()
    for lesson in some_lessons(0, NEWCOMER_LESSONS):
        learner.learn(lesson)
    best = max(learner.predict(model, HARD) for model in ("small", "large"))
    learner.learn(billed(1, 2.0, HARD, model="new"))
    learner.learn(taught(999, best, HARD, model="new", tier=1))
    assert learner.standing()["new"].brier == pytest.approx(0, abs=1e-9)


def test_what_bills_alone_changed_waits_for_ten_and_five_seconds_or_for_a_score() -> None:
    learner = Learner()

    def flushed(numbers: range, seconds: float) -> list[str]:
        for n in numbers:
            learner.learn(billed(n, 1.0))
        return [state.part for state in learner.snapshots(AT + timedelta(seconds=seconds))]

    assert flushed(range(9), 0) == []
    assert flushed(range(9, 10), 0) == ["shared", "small"]
    assert flushed(range(10, 30), 4) == []
    assert flushed(range(30, 30), 6) == ["shared", "small"]
    assert flushed(range(30, 31), 60) == []
    learner.learn(taught(99, 0.9, model="large"))
    assert flushed(range(31, 31), 60) == ["large", "shared", "small"]


def test_a_cost_that_changed_is_told() -> None:
    _, found = drifted([billed(n, 1.0 if n < 60 else 0.1) for n in range(75)])
    assert [(drift.model, drift.cost) for drift in found] == [("small", True)]
    assert found[0].by < -1


def test_what_was_kept_before_there_was_a_ridge_goes_on_with_the_hashed_estimate() -> None:
    learner = Learner()
    for lesson in some_lessons(0, 100):
        learner.learn(lesson)
    new = ("level", "ridge", "odds", "watch", "costs", "account")
    kept = {
        name: type(state).model_validate(state.model_dump(mode="json", exclude=set(new)))
        for name, state in learner.states(AT, 99).items()
    }
    again = Learner.from_states(kept)
    for model, features, score in (
        ("small", EASY, 0.9),
        ("small", HARD, 0.2),
        ("large", HARD, 0.9),
    ):
        assert again.predict(model, features) == pytest.approx(score, abs=0.15)
    assert again.learn(some_lessons(100, 101)[0])
