from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from streams.events.decision import RefusalReason
from streams.routing.constraints import chars, hindrances, refuse, spent
from streams.routing.registry import ModelSpec, register
from tests.builders import a_task, an_attempt

ABLE = ModelSpec(
    name="able", provider="p", tier=2, capabilities=("tools",), context_tokens=1000,
    max_tokens=500, typical_cost_usd=Decimal("0.01"),
)  # fmt: skip
UNPRICED = ModelSpec(name="unpriced", provider="p", tier=1)


@pytest.mark.parametrize(
    ("wants", "because"),
    [
        ({}, None),
        ({"model": "able"}, None),
        ({"model": "other"}, "model"),
        ({"min_tier": 3}, "min_tier"),
        ({"max_tier": 1}, "max_tier"),
        ({"capabilities": ("tools",)}, None),
        ({"capabilities": ("vision",)}, "capabilities"),
        ({"prompt": "x" * 4001}, None),
        ({"prompt": "x" * 4004}, "context"),
        ({"prompt": "x" * 3000, "max_output_tokens": 300}, "context"),
        ({"max_output_tokens": 501}, "max_output_tokens"),
        ({"max_cost_usd": Decimal("0.01")}, None),
        ({"max_cost_usd": Decimal("0.009")}, "max_cost_usd"),
    ],
)
def test_a_model_is_kept_from_a_task_by_its_constraints(
    wants: dict[str, Any], because: str | None
) -> None:
    task = a_task(**wants)
    found = hindrances(task, register([ABLE]))
    assert found.get("able") == because


def test_a_model_of_unknown_cost_is_kept_from_a_task_with_a_ceiling() -> None:
    task = a_task(max_cost_usd=Decimal(1))
    assert hindrances(task, register([UNPRICED])) == {"unpriced": "max_cost_usd"}


@pytest.mark.parametrize(
    ("wants", "says"),
    [
        ({"model": "zz"}, "'zz' is not registered"),
        ({"model": "able", "min_tier": 3}, "'able' does not meet min_tier"),
        ({"capabilities": ("vision",)}, "no model meets capabilities"),
    ],
)
def test_a_refusal_says_which_constraint_no_model_meets(wants: dict[str, Any], says: str) -> None:
    task = a_task(**wants)
    refusal = refuse(task, hindrances(task, register([ABLE])))
    assert refusal.reason is RefusalReason.NO_MODEL
    assert says in refusal.detail


@pytest.mark.parametrize(
    ("spent_usd", "because"),
    [("0.02", None), ("0.021", "max_cost_usd"), (None, "max_cost_usd")],
)
def test_what_was_spent_counts_against_the_ceiling(
    spent_usd: str | None, because: str | None
) -> None:
    task = a_task(max_cost_usd=Decimal("0.03"))
    so_far = None if spent_usd is None else Decimal(spent_usd)
    assert hindrances(task, register([ABLE]), so_far).get("able") == because
    assert hindrances(a_task(), register([ABLE]), so_far) == {}


def test_an_attempt_of_unknown_price_counts_as_its_model_was_expected_to_cost() -> None:
    known = an_attempt(model="able", cost_usd=Decimal("0.005"))
    doubtful = an_attempt(model="able", cost_usd=None)
    registry = register([ABLE, UNPRICED])
    assert spent(a_task(), registry, ()) == 0
    assert spent(a_task(), registry, (known, doubtful)) == Decimal("0.015")
    assert spent(a_task(), registry, (known, an_attempt(model="unpriced"))) is None
    assert spent(a_task(), registry, (known, an_attempt(model="gone"))) is None


PICTURE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}


def test_image_parts_want_a_model_that_sees() -> None:
    blind = ModelSpec(name="blind", provider="p", tier=4, capabilities=("tools",))
    seeing = ModelSpec(name="seeing", provider="p", tier=1, capabilities=("vision",))
    registry = register([blind, seeing])
    words = {"type": "text", "text": "What is this?"}
    asked = a_task(messages=[{"content": "Look."}, {"content": [words, PICTURE]}])
    assert hindrances(asked, registry) == {"blind": "image parts"}
    assert hindrances(a_task(messages=[{"content": [words]}]), registry) == {}
    only_blind = register([blind])
    refusal = refuse(asked, hindrances(asked, only_blind), only_blind)
    assert (refusal.reason, refusal.detail) == ("no_model", "no model meets image parts")


def test_what_a_retired_model_took_of_a_tasks_money_is_known() -> None:
    retired = replace(register([ABLE]), retired=(ABLE.model_copy(update={"name": "gone"}),))
    trail = (an_attempt(model="gone", cost_usd=None),)
    assert spent(a_task(), retired, trail) == ABLE.expected_cost_usd(chars(a_task()))
