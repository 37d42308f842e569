"""What a lesson weighs: alone, beside a flood, and after its voice was found out."""

import pytest

from streams.events.feedback import Lesson
from streams.learning.hearing import LEAST_SAY, SHOWN, TENANTS, Hearing
from streams.learning.trust import Voice
from tests.builders import a_lesson
from tests.chance import share


def of(tenant: str, n: int, score: float = 1.0, **fields: object) -> Lesson:
    name = f"{tenant}-{n}"
    return a_lesson(name, score, tenant=tenant, lesson_id=name, decision_id=name, **fields)


def judged(tenant: str, n: int, inverted: float = 0.0) -> Lesson:
    """A score of right or wrong, of which the prediction knew something."""
    good = share("good", tenant, n) < 0.6
    predicted = 0.75 * 0.6 + 0.25 * good + 0.3 * (share("guess", tenant, n) - 0.5)
    lies = share("lies", tenant, n) < inverted
    return of(tenant, n, float(good is not lies), predicted_quality=predicted)


def test_a_tenant_alone_has_all_the_say_there_is() -> None:
    hearing = Hearing()
    assert {hearing.weigh(of("acme", n)) for n in range(300)} == {1.0}


def test_tenants_of_one_size_are_not_damped() -> None:
    hearing = Hearing()
    weights = [hearing.weigh(of(("acme", "globex", "initech")[n % 3], n)) for n in range(600)]
    assert min(weights[30:]) == 1.0


def test_a_flood_is_damped_to_what_all_others_have() -> None:
    hearing = Hearing()
    for n in range(4000):
        hearing.weigh(of("mallory" if n % 4 else "acme", n))
    assert hearing.share("mallory") == pytest.approx(0.75, abs=0.01)
    said = hearing.damping("mallory") * hearing.share("mallory")
    assert said == pytest.approx(hearing.share("acme"), abs=0.03)
    assert hearing.damping("acme") == 1.0


def test_a_stray_lesson_of_another_hardly_damps_a_tenant() -> None:
    hearing = Hearing()
    for n in range(1000):
        hearing.weigh(of("acme", n))
    hearing.weigh(of("globex", 0))
    assert 0.9 < hearing.damping("acme") < 1.0


def test_nobody_is_damped_to_nothing() -> None:
    hearing = Hearing()
    for n in range(9000):
        hearing.weigh(of("mallory" if n % 100 else "acme", n))
    assert hearing.damping("mallory") > LEAST_SAY


def test_a_bill_is_nobody_s_word() -> None:
    hearing = Hearing()
    bill = of("acme", 1).model_copy(update={"score": None, "source": None})
    assert hearing.weigh(bill) == 1.0
    assert hearing.believe(bill) is bill
    assert hearing.voices() == Hearing().voices()


def test_who_agrees_is_counted_as_it_says() -> None:
    hearing = Hearing()
    lessons = [judged("acme", n) for n in range(50)]
    assert all(hearing.believe(lesson) is lesson for lesson in lessons)


def test_a_voice_that_is_found_out_is_doubted_back_to_its_first_word() -> None:
    hearing, counted, said = Hearing(), 0.0, 0.0
    tenants = ("acme", "globex", "initech")
    for n in range(3000):
        for tenant in tenants:
            hearing.believe(judged(tenant, n))
        lesson = judged("mallory", n, inverted=0.3)
        assert lesson.score is not None
        assert lesson.predicted_quality is not None
        believed = hearing.believe(lesson)
        assert believed.score is not None
        said += lesson.score - lesson.predicted_quality
        counted += believed.score - lesson.predicted_quality
    weight = hearing.weights()[Voice("mallory", "user")]
    assert weight < 0.3
    assert said < -50
    assert 0 > counted > 0.35 * said
    assert min(hearing.weights()[Voice(tenant, "user")] for tenant in tenants) > 0.7


def test_work_that_is_all_alike_is_believed() -> None:
    hearing = Hearing()
    for n in range(3000):
        hearing.weigh(judged("acme", n))
        hearing.weigh(judged("globex", n))
        good = float(share("alike", n) < 0.9)
        hearing.weigh(of("initech", n, good, predicted_quality=0.9))
    assert hearing.weights()[Voice("initech", "user")] == pytest.approx(1.0)


def test_it_goes_on_where_it_was() -> None:
    hearing = Hearing()
    for n in range(500):
        hearing.believe(judged(("acme", "mallory")[n % 2], n, inverted=0.5 * (n % 2)))
    again = Hearing(type(hearing.voices()).model_validate_json(hearing.voices().model_dump_json()))
    for n in range(500, 520):
        lesson = judged("mallory", n, inverted=0.5)
        assert again.believe(lesson).score == pytest.approx(hearing.believe(lesson).score, abs=1e-6)
    assert again.share("mallory") == pytest.approx(hearing.share("mallory"))


def test_what_is_kept_and_shown_is_bounded() -> None:
    hearing = Hearing()
    for n in range(TENANTS + 20):
        hearing.believe(of(f"t{n}", n))
    kept = hearing.voices()
    assert (len(kept.says), len(kept.credits), len(kept.records)) == (TENANTS,) * 3
    assert len(hearing.lightest()) == SHOWN
    assert len(kept.model_dump_json()) < 900_000
