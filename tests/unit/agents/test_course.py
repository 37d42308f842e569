"""Whom a tier asks."""

from streams.agents.course import Course
from streams.routing.registry import register
from tests.builders import a_decision, a_model, a_task


def test_of_a_tiers_models_the_cold_ones_are_asked_last() -> None:
    models = [a_model("new", cold=True), a_model("small"), a_model("other")]
    decision = a_decision(predicted_quality={"new": 0.9, "small": 0.5, "other": 0.6})
    course = Course(2, register(models), a_task(), decision, (), again=False)
    assert [spec.name for spec in course.here("small")] == ["small", "other", "new"]
    assert [spec.name for spec in course.here("new")] == ["new", "other", "small"]
