from decimal import Decimal
from typing import Any

import pytest

from streams.events.decision import Refusal
from streams.events.models import Model, ModelSpec
from streams.money.prices import PriceList
from streams.routing.control import fold
from streams.routing.decide import View, decide
from streams.routing.roster import Host, Roster
from tests.builders import AT, DIGEST, a_change, a_model, a_policy, a_registry, a_task

HOSTS = {"scripted": Host("scripted", frozenset({"SCRIPTED_KEY"}))}
BASE = a_registry()
VIEW = View(BASE, a_policy(), roster=Roster(BASE.models, HOSTS))


def names(view: View) -> list[str]:
    return [spec.name for spec in view.registry.models]


def after(*records: Model) -> View:
    view = VIEW
    for record in records:
        view = fold(view, record)
    return view


def test_a_model_that_is_added_is_in_force_in_its_tier() -> None:
    view = after(a_change("more", spec=a_model("more", 3)))
    assert names(view) == ["tiny", "small", "medium", "more", "large"]
    assert view.policy == VIEW.policy


def test_a_disabled_model_is_no_candidate_and_what_it_cost_is_still_known() -> None:
    view = after(a_change("small", "disabled"))
    assert names(view) == ["tiny", "medium", "large"]
    assert view.registry.known["small"] == BASE.by_name["small"]


def test_a_model_enabled_again_is_as_it_was() -> None:
    assert after(a_change("small", "disabled"), a_change("small")).registry == BASE


def test_the_newest_record_of_a_model_counts() -> None:
    dear = a_model("small", 4, latency_s=9)
    view = after(a_change("small", spec=dear), a_change("small", "removed"), a_change("small"))
    assert view.registry.by_name["small"] == BASE.by_name["small"]
    view = after(a_change("small", "removed"), a_change("small", spec=dear))
    assert view.registry.by_name["small"] == dear


def test_a_status_for_a_model_that_nobody_knows_changes_nothing() -> None:
    assert after(a_change("gone", "disabled"), a_change("gone", "removed")).registry == BASE


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (a_change("x", spec=a_model("x", provider="elsewhere")), "that are set: scripted"),
        (a_change("x", spec=a_model("x", api_key_env="HOME")), "they name for it: SCRIPTED_KEY"),
        (a_change("x", spec=a_model("y")), "'x' has the spec of 'y'"),
        (a_change("shared", spec=a_model("shared")), "'shared' is kept"),
        (a_change("x"), "nobody says what it is"),
    ],
)
def test_a_record_that_this_process_cannot_use_is_refused(record: Model, says: str) -> None:
    good = after(a_change("x", spec=a_model("x")))
    with pytest.raises(ValueError, match=says):
        fold(good, record)
    assert "x" in names(good)


def test_a_key_that_the_settings_name_for_the_provider_may_be_used() -> None:
    assert "x" in names(after(a_change("x", spec=a_model("x", api_key_env="SCRIPTED_KEY"))))


def test_a_view_without_a_roster_takes_records_all_the_same() -> None:
    view = fold(View(BASE, a_policy()), a_change("x", spec=a_model("x", provider="any")))
    assert "x" in names(view)


LIST = PriceList(
    {
        "version": "1", "source": "tests",
        "vendors": {
            "scripted": {
                "models": [
                    {"match": [["is", "known-1"]], "prices": [{"input": "2", "output": "8"}]}
                ]
            }
        },
    }
)  # fmt: skip


def priced(**fields: Any) -> View:
    """With one more model, where the vendor publishes a price of `known-1`."""
    roster = Roster(BASE.models, HOSTS, LIST, AT)
    spec = ModelSpec(name="x", provider="scripted", tier=2, served_as="known-1", **fields)
    return fold(View(BASE, a_policy(), roster=roster), a_change("x", spec=spec))


def test_a_model_without_a_price_of_its_own_is_expected_to_cost_what_the_list_says() -> None:
    view = priced()
    assert view.registry.by_name["x"].expected_cost_usd(4000) == Decimal("0.0036")
    assert view.registry.by_name["x"].input_usd_per_mtok is None


def test_a_price_of_its_own_or_experience_counts_before_the_list() -> None:
    own = priced(input_usd_per_mtok=1, output_usd_per_mtok=1).registry.by_name["x"]
    assert own.expected_cost_usd(4000) == Decimal("0.0012")
    known = priced(typical_cost_usd=7).registry.by_name["x"]
    assert known.expected_cost_usd(4000) == 7


@pytest.mark.parametrize("factor", ["0.001", "1000", "0.000001"])
def test_a_price_off_by_a_thousand_is_refused(factor: str) -> None:
    reads, writes = 2 * Decimal(factor), 8 * Decimal(factor)
    with pytest.raises(ValueError, match="dollars a million tokens are meant"):
        priced(input_usd_per_mtok=reads, output_usd_per_mtok=writes)


def refused(view: View, **task: Any) -> str:
    found = decide(a_task(**task), view, body_digest=DIGEST, skill=None, draw=0.5, now=AT)
    assert isinstance(found, Refusal)
    return found.detail


def test_a_task_that_names_a_disabled_model_is_told_so() -> None:
    view = after(a_change("small", "disabled"))
    assert refused(view, model="small") == "model 'small' is not enabled"
    assert refused(view, model="smaller") == "model 'smaller' is not registered"


def test_with_every_model_disabled_tasks_are_refused() -> None:
    view = after(*(a_change(name, "disabled") for name in BASE.by_name))
    assert refused(view) == "no model is enabled"
    assert refused(view, model="tiny") == "model 'tiny' is not enabled"


def test_a_record_reads_what_a_later_release_writes() -> None:
    spec = {**a_model("x").model_dump(), "quantization": "q4"}
    assert ModelSpec.model_validate(spec) == a_model("x")
