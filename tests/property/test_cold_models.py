"""New models: their share of tasks and dollars is bounded; the good are admitted, the poor never."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import ids
from streams.routing.decide import View
from streams.routing.policy import initial_policy
from streams.routing.quality import QualityView
from streams.routing.registry import ModelSpec, Registry, register
from streams.routing.snapshot import WIDTH, Weights, checksum, pack
from streams.routing.trial import (
    COLD_TASKS,
    EXPLORE_USD_SHARE,
    LEAST_LESSONS,
    SURENESS,
    bar,
    bounds,
    is_admitted,
)
from tests.builders import AT, a_model_state
from tests.cold import decided

shares = st.floats(0, 1)
prices = st.none() | st.decimals(0, 100, places=6)
EXACT = 1e-9
FLAT = pack(Weights(1.0, np.zeros(WIDTH)))


@st.composite
def registries(draw: st.DrawFn) -> Registry:
    names = draw(st.lists(st.text("abcd", min_size=1, max_size=3), min_size=1, unique=True))
    return register(
        ModelSpec(
            name=name, provider="p", tier=draw(st.integers(1, 4)), cold=draw(st.booleans()),
            typical_cost_usd=draw(prices),
        )
        for name in names[:6]
    )  # fmt: skip


def knowing(means: dict[str, tuple[float, int]]) -> QualityView:
    view = QualityView()
    for name, (mean, lessons) in means.items():
        told = {"weights": FLAT, "checksum": checksum(FLAT), "mean_score": mean}
        view = view.with_part(a_model_state(name, part_lessons=lessons, **told))
    return view


@settings(max_examples=60)
@given(registries(), st.data())
def test_new_models_take_no_more_than_their_share(registry: Registry, data: st.DataObject) -> None:
    means = {
        spec.name: (data.draw(shares), data.draw(st.integers(1, 500)))
        for spec in registry.models
        if data.draw(st.booleans())
    }
    quality = knowing({**means, "shared": (0.5, data.draw(st.integers(0, 2000)))})
    found = decided(View(registry, initial_policy(AT), quality), draw=data.draw(st.floats(0, 0.99)))
    assert math.fsum(found.probabilities.values()) == pytest.approx(1, abs=EXACT)
    assert all(0 <= share <= 1 for share in found.probabilities.values())
    assert found.model is not None
    assert found.propensity > 0
    cold = {spec.name for spec in registry.models if spec.cold}
    if len(cold) == len(registry.models):
        return
    costs = {spec.name: spec.typical_cost_usd for spec in registry.models}
    chosen = max(found.probabilities.keys() - cold, key=lambda name: found.probabilities[name])
    tried = {name: found.probabilities[name] for name in cold & found.probabilities.keys()}
    assert all(costs[name] is not None for name in tried)
    dollars = math.fsum(share * float(costs[name] or 0) for name, share in tried.items())
    dearest = max(float(costs[name] or 0) for name in costs.keys() - cold)
    assert dollars <= EXPLORE_USD_SHARE * dearest * (1 + EXACT)
    if found.probabilities[chosen] > 0.5:  # then it is the one that was preferred
        assert dollars <= EXPLORE_USD_SHARE * float(costs[chosen] or 0) * (1 + EXACT)
    assert math.fsum(tried.values()) <= COLD_TASKS * (1 + EXACT)
    assert found.cold == (found.model in cold)


@given(shares, st.integers(1, 10_000))
def test_bounds_hold_the_mean_and_close_in(mean: float, lessons: int) -> None:
    low, high = bounds(mean, lessons)
    assert 0 <= low <= mean + EXACT
    assert mean - EXACT <= high <= 1
    assert high - low <= 2 * SURENESS / math.sqrt(lessons)


@given(shares, shares, st.integers(0, 100_000))
def test_a_model_judged_no_better_than_the_bar_is_never_admitted(
    best: float, mean: float, lessons: int
) -> None:
    rival, new = (ModelSpec(name=name, provider="p", tier=2) for name in ("rival", "new"))
    known = knowing({"rival": (best, 500), "new": (mean, lessons)})
    policy = initial_policy(AT)
    wanted = bar(2, [rival], policy, known)
    if mean <= wanted:
        assert not is_admitted(new, [rival], policy, known)


@given(shares, st.floats(0.05, 0.4))
def test_a_model_surely_better_than_the_bar_is_admitted_within_bounded_lessons(
    best: float, margin: float
) -> None:
    rival, new = (ModelSpec(name=name, provider="p", tier=2) for name in ("rival", "new"))
    policy = initial_policy(AT)
    mean = bar(2, [rival], policy, knowing({"rival": (best, 500)})) + margin
    if mean > 1:
        return
    enough = max(LEAST_LESSONS, math.ceil((2 * SURENESS / margin) ** 2))
    for lessons in (enough, 2 * enough, 100 * enough):
        known = knowing({"rival": (best, 500), "new": (mean, lessons)})
        assert is_admitted(new, [rival], policy, known)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_by_chance_a_good_model_is_soon_admitted_and_a_poor_one_never(seed: int) -> None:
    """Hits and misses of models that are right nine times in ten, and four times in ten."""
    rival = ModelSpec(name="rival", provider="p", tier=2, typical_cost_usd=Decimal(1))
    policy = initial_policy(AT)
    for skill, lessons, admitted in ((0.9, 60, True), (0.25, 300, False)):
        hits, ever = 0, False
        for number in range(1, lessons + 1):
            hits += ids.draw("salt", f"{seed}/{number}", str(skill)) < skill
            known = {"rival": (0.9, 500), "new": (hits / number, number)}
            if number >= LEAST_LESSONS and number % 5 == 0:
                new = ModelSpec(name="new", provider="p", tier=2, cold=True)
                ever |= is_admitted(new, [rival], policy, knowing(known))
        assert ever is admitted
