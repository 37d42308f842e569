import contextlib
import tomllib
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import ids
from streams.events.decision import Decision, Pricing
from streams.routing import snapshot
from streams.routing.choice import FLOOR, distribute, fallback, pick
from streams.routing.decide import View, decide
from streams.routing.features import HASHES, extract, pack, unpack
from streams.routing.policy import believe, confidence, initial_policy, place
from streams.routing.quality import QualityView
from streams.routing.registry import ModelSpec, Registry, parse, rank, register, write_toml
from streams.routing.rules import Verdict
from streams.routing.snapshot import WIDTH, Weights, checksum
from tests.builders import AT, DIGEST, a_model_state, a_task

shares = st.floats(0, 1)
verdicts = st.builds(Verdict, st.integers(1, 4), shares, st.just("rule"))
money = st.decimals(0, 1000, places=9)


@st.composite
def registries(draw: st.DrawFn) -> Registry:
    names = draw(
        st.lists(
            st.text('abcdef"\\ é', min_size=1, max_size=6), min_size=1, max_size=7, unique=True
        )
    )
    return register(
        ModelSpec(
            name=name,
            provider="p",
            tier=draw(st.integers(1, 4)),
            typical_cost_usd=draw(st.none() | money),
            latency_s=draw(st.floats(0, 100)),
        )
        for name in names
    )


@given(st.text(max_size=3000), verdicts)
def test_any_text_has_features_that_pack_bit_for_bit(text: str, verdict: Verdict) -> None:
    found = extract(text, verdict)
    again = unpack(pack(found))
    assert again.structure.tobytes() == found.structure.tobytes()
    assert again.hashes.tobytes() == found.hashes.tobytes()
    assert np.all(np.isfinite(found.structure))
    assert np.all(found.hashes < HASHES)


@given(st.text(max_size=200))
def test_unpacking_anything_gives_features_or_a_value_error(packed: str) -> None:
    with contextlib.suppress(ValueError):
        assert np.all(unpack(packed).hashes < HASHES)


@given(registries())
def test_any_registry_survives_toml(registry: Registry) -> None:
    assert parse(tomllib.loads(write_toml(registry), parse_float=Decimal)) == registry


@given(st.dictionaries(st.text(min_size=1), money, min_size=1))
def test_ranks_rise_with_cost_and_use_the_first_tier(costs: dict[str, Decimal]) -> None:
    tiers = rank(costs)
    assert set(tiers) == set(costs)
    assert min(tiers.values()) == 1
    assert max(tiers.values()) <= 4
    by_cost = [tiers[name] for name in sorted(costs, key=lambda name: (costs[name], name))]
    assert by_cost == sorted(by_cost)


@given(registries(), st.data(), shares)
def test_a_distribution_sums_to_one_and_prefers_the_chosen(
    registry: Registry, data: st.DataObject, explore: float
) -> None:
    models = registry.models
    chosen = data.draw(st.sampled_from(models)).name
    quality = {spec.name: data.draw(shares) for spec in models}
    costs = {spec.name: spec.typical_cost_usd for spec in models}
    lessons = {spec.name: data.draw(st.integers(0, 10_000)) for spec in models}
    found = distribute(chosen, models, quality, costs, lessons, explore)
    assert sum(found.values()) == pytest.approx(1.0)
    assert all(0 <= share <= 1 + 1e-9 for share in found.values())
    assert found[chosen] >= 1 - explore - 1e-9
    assert found[pick(found, data.draw(st.floats(0, 1, exclude_max=True)))] > 0


def judged(names: set[str], lessons: int) -> QualityView:
    """A view in which each model was judged so often."""
    empty = snapshot.pack(Weights(0.0, np.zeros(WIDTH)))
    view = QualityView()
    for part in ("shared", *sorted(names)):
        state = a_model_state(part, part_lessons=lessons, weights=empty, checksum=checksum(empty))
        view = view.with_part(state)
    return view


@settings(max_examples=50)
@given(st.data(), verdicts, st.integers(1, 2000))
def test_raising_a_threshold_never_leads_to_a_lower_tier(
    data: st.DataObject, verdict: Verdict, lessons: int
) -> None:
    tiers = sorted(data.draw(st.sets(st.integers(1, 4), min_size=1)))
    models = [ModelSpec(name=f"m{tier}", provider="p", tier=tier) for tier in tiers]
    prices = sorted(data.draw(st.lists(money, min_size=len(tiers), max_size=len(tiers))))
    costs = dict(zip((spec.name for spec in models), prices, strict=True))
    predicted = {spec.name: data.draw(st.floats(0.05, 0.95)) for spec in models}
    standings = believe(predicted, models, verdict, lessons)
    view = judged(set(costs), lessons)
    found = []
    for share in sorted((data.draw(shares), data.draw(shares))):
        policy = initial_policy(AT).model_copy(update={"thresholds": dict.fromkeys("1234", share)})
        placement = place(a_task(), models, standings, costs, verdict, policy, view)
        assert 0 <= placement.confidence <= 1
        found.append(placement.tier)
    assert found[0] <= found[1]


@given(shares, shares, st.integers(0, 1000))
def test_confidence_is_a_probability_and_half_at_the_bar(
    quality: float, bar: float, lessons: int
) -> None:
    assert 0 <= confidence(quality, bar, lessons) <= 1
    assert confidence(bar, bar, lessons) == pytest.approx(0.5)


@given(registries(), st.text(min_size=1, max_size=300).filter(lambda t: "\x00" not in t), st.data())
def test_any_task_gets_a_recomputable_decision_for_a_model_there_is(
    registry: Registry, prompt: str, data: st.DataObject
) -> None:
    view = View(registry, initial_policy(AT))
    task = a_task(prompt=prompt)
    chance = ids.draw("salt", str(data.draw(st.integers())), "choice")
    one, two = (
        decide(task, view, body_digest=DIGEST, skill=None, draw=chance, now=AT) for _ in range(2)
    )
    assert isinstance(one, Decision)
    assert one == two
    assert one.model is not None
    assert registry.by_name[one.model].tier == one.tier
    assert one.propensity > 0


@given(registries(), st.data())
def test_fallback_visits_every_model_above_at_most_once_and_ends(
    registry: Registry, data: st.DataObject
) -> None:
    tier = data.draw(st.integers(0, 4))
    tried: set[str] = set()
    trail = [tier]
    while (found := fallback(trail[-1], tried, registry.models, {})) is not None:
        trail.append(found[0])
        assert found[1] not in tried
        tried.add(found[1])
    assert trail == sorted(trail)
    assert len(tried) <= len(registry.models)


@settings(max_examples=60)
@given(registries(), st.integers(0, 3000), st.booleans(), st.floats(0, 100), st.data())
def test_no_model_that_may_be_chosen_is_under_the_floor_unless_the_task_is_critical(
    registry: Registry, lessons: int, critical: bool, price: float, data: st.DataObject
) -> None:
    names = set(registry.by_name)
    view = View(registry, initial_policy(AT), judged(names, lessons) if lessons else QualityView())
    priced = Pricing(price=price, binding=None, tasks=lessons, headroom_usd=None)
    for pricing in (None, priced):
        found = decide(
            a_task(critical=critical),
            view, body_digest=DIGEST, skill=None, draw=0.5, now=AT, pricing=pricing,
        )  # fmt: skip
        assert isinstance(found, Decision)
        assert sum(found.probabilities.values()) == pytest.approx(1.0)
        assert found.probabilities.keys() == names
        if critical:
            assert set(found.probabilities.values()) <= {0.0, 1.0}
        else:
            assert min(found.probabilities.values()) >= FLOOR - 1e-12
