from dataclasses import replace
from datetime import timedelta
from typing import Any

from streams.agents.told import told
from streams.calling.breaker import BreakerState
from streams.calling.lane import Standing
from streams.calling.traffic import Change, Key
from streams.events.availability import Availability
from streams.events.decision import Decision
from streams.routing.availability import Steering
from streams.routing.control import fold
from streams.routing.decide import View, decide
from streams.routing.registry import ModelSpec, register
from streams.routing.story import explain
from tests.builders import AT, DIGEST, a_policy, a_task

MODELS = register(
    [
        ModelSpec(name="near", provider="p", tier=3, input_usd_per_mtok=1, output_usd_per_mtok=1),
        ModelSpec(name="other", provider="p", tier=3, input_usd_per_mtok=2, output_usd_per_mtok=2),
        ModelSpec(name="top", provider="p", tier=4, input_usd_per_mtok=9, output_usd_per_mtok=9),
    ]
)
VIEW = View(MODELS, a_policy())
SOON = AT + timedelta(seconds=10)


def word(**fields: Any) -> Availability:
    known = {"model": "near", "provider": "p", "tier": 3, "worker": "w", "state": "open"}
    return Availability.model_validate({**known, "retry_at": SOON, "at": AT, **fields})


def chosen(view: View, after_s: float = 0.0, **more: Any) -> Decision:
    now = AT + timedelta(seconds=after_s)
    task = a_task(critical=False, max_tier=3)
    made = decide(task, view, body_digest=DIGEST, skill=None, draw=0.999, now=now, **more)
    assert isinstance(made, Decision)
    return made


def likely(decision: Decision) -> str:
    return max(decision.probabilities, key=lambda name: decision.probabilities[name])


def test_an_open_breaker_moves_a_decision_and_is_written_on_it() -> None:
    assert likely(chosen(VIEW)) == "near"
    moved = chosen(fold(VIEW, word()))
    assert list(moved.probabilities) == ["other"]
    assert moved.unavailable == ("near",)
    assert moved.predicted_quality.keys() == {"near", "other"}
    assert "not to be called just then: near" in explain(moved)


def test_the_moment_it_may_be_tried_again_it_is_a_candidate_again() -> None:
    back = chosen(fold(VIEW, word()), after_s=10)
    assert (likely(back), back.unavailable) == ("near", ())


def test_a_long_hold_counts_and_a_short_one_does_not() -> None:
    held = {"state": "closed", "retry_at": None}
    long = fold(VIEW, word(**held, held_until=AT + timedelta(seconds=20)))
    short = fold(VIEW, word(**held, held_until=AT + timedelta(seconds=4)))
    assert chosen(long).unavailable == ("near",)
    assert chosen(short).unavailable == ()


def test_one_worker_of_four_can_t_take_a_model_from_the_others() -> None:
    view = fold(VIEW, word(share=0.25))
    assert chosen(view).unavailable == ()
    view = fold(view, word(share=0.25, worker="second"))
    assert chosen(view).unavailable == ("near",)


def test_where_all_are_hindered_none_is() -> None:
    view = fold(fold(VIEW, word()), word(model="other"))
    made = chosen(view)
    assert made.unavailable == ("near", "other")
    assert likely(made) == "near"


def test_an_older_word_is_left_aside_and_a_worker_that_is_gone_is_forgotten() -> None:
    view = fold(VIEW, word(state="closed", retry_at=None))
    assert chosen(fold(view, word(at=AT - timedelta(seconds=1)))).unavailable == ()
    later = AT + timedelta(days=2)
    view = fold(view, word(worker="new", at=later, retry_at=later))
    assert view.availability.said["p", "near"].keys() == {"new"}


def test_a_cold_model_is_slower_and_that_is_counted() -> None:
    local = MODELS.models[0].model_copy(update={"cold_start_s": 40.0, "latency_s": 1.0})
    dearer = MODELS.models[1].model_copy(update={"input_usd_per_mtok": 1, "output_usd_per_mtok": 1})
    view = View(register([local, dearer]), a_policy())
    cold = chosen(view)
    assert (likely(cold), cold.warming) == ("other", {"near": 40.0})
    warm = fold(view, word(state="closed", retry_at=None, warm_until=SOON))
    assert (likely(chosen(warm)), chosen(warm).warming) == ("near", {})
    assert "near 40 s" in explain(cold)


def test_switched_off_nothing_of_it_moves_a_decision() -> None:
    view = replace(fold(VIEW, word()), steer=False)
    assert (likely(chosen(view)), chosen(view).unavailable) == ("near", ())


def test_a_decision_is_recomputed_from_what_is_written_on_it() -> None:
    made = chosen(fold(VIEW, word()))
    again = chosen(VIEW, steering=Steering(made.unavailable, made.warming))
    assert again == made


def test_what_a_breaker_says_in_seconds_is_told_in_moments() -> None:
    standing = Standing(BreakerState.OPEN, "5 calls failed in a row", retry_s=2.0, warm_s=60.0)
    change = Change(Key("p", "near"), 3, "opened", standing)
    availability, alert = told([change], "w-1", {3: 0.5}, AT)
    event = availability.event
    assert isinstance(event, Availability)
    assert availability.key == "p/near@w-1"
    assert (event.state, event.share) == ("open", 0.5)
    assert event.retry_at == AT + timedelta(seconds=2)
    assert event.warm_until == AT + timedelta(seconds=60)
    assert alert.key == "breaker"
    assert told([change._replace(what="warmed")], "w-1", {}, AT)[0].key == "p/near@w-1"
