from decimal import Decimal
from typing import Any

import pytest

from streams.cli.answers import NotFoundError, UsageError
from streams.cli.specs import (
    added,
    changes,
    entry_in,
    facts_of,
    line_of,
    lines_of,
    turned,
    updated,
)
from streams.events.models import Model, ModelStatus
from streams.routing.control import fold
from streams.routing.decide import View
from streams.routing.roster import Host, Roster
from tests.builders import AT, a_change, a_model, a_policy, a_registry

BASE = a_registry()
START = Roster(BASE.models, {"scripted": Host("scripted", frozenset())})
FIELDS = {"name": "new", "provider": "scripted"}


def add(roster: Roster = START, *, warm: bool = False, **fields: Any) -> Model:
    (record,) = added(roster, [("here", 2, {**FIELDS, **fields})], warm=warm, by="me", at=AT)
    return record


def update(name: str, tier: int | None = None, roster: Roster = START, **fields: Any) -> Model:
    (record,) = updated(roster, [("here", tier, {"name": name, **fields})], by="me", at=AT)
    return record


def turn(name: str, status: str, roster: Roster = START) -> Model:
    (record,) = turned(roster, [name], ModelStatus(status), by="me", at=AT)
    return record


def test_a_new_model_begins_cold_unless_it_is_trusted() -> None:
    for record, cold in ((add(), True), (add(warm=True), False), (add(cold=False), False)):
        assert record.spec is not None
        assert record.spec.cold is cold
        assert (record.status, record.changed_by, record.at) == ("enabled", "me", AT)


def test_a_name_that_is_taken_is_refused_and_one_that_was_removed_is_free() -> None:
    with pytest.raises(UsageError, match="'tiny' is registered already, and enabled"):
        add(name="tiny")
    assert add(START.with_record(a_change("tiny", "removed")), name="tiny").name == "tiny"
    twice = [("one", 1, FIELDS), ("two", 2, FIELDS)]
    with pytest.raises(UsageError, match="two: 'new' is registered already"):
        added(START, twice, warm=False, by="me", at=AT)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"latency_s": "slow"}, "here.latency_s: Input should be a valid number"),
        ({"provider": "nobody"}, "provider: 'nobody' is not set; providers that are set: scripted"),
        ({"api_key_env": "HOME"}, "api_key_env: the settings name no HOME for scripted"),
        ({"colour": "red"}, "here.colour: unknown; known are api_key_env, "),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError) as refused:
        add(**fields)
    assert says in str(refused.value)


def test_an_update_changes_what_is_named_and_nothing_else() -> None:
    record = update("small", tier=3, latency_s="2.5")
    assert record.spec == BASE.by_name["small"].model_copy(update={"tier": 3, "latency_s": 2.5})


def test_a_price_in_both_directions_takes_the_place_of_both() -> None:
    spec = update("small", cost_per_1k="0.004").spec
    assert spec is not None
    assert (spec.input_usd_per_mtok, spec.output_usd_per_mtok) == (Decimal(4), Decimal(4))


def test_an_update_of_a_disabled_model_leaves_it_disabled() -> None:
    roster = START.with_record(a_change("small", "disabled"))
    assert update("small", roster=roster, latency_s=2).status == "disabled"


def test_an_update_that_names_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing is to be changed"):
        update("small")


def test_unknown_models_are_not_found_and_near_names_are_told() -> None:
    with pytest.raises(NotFoundError, match="'smaller' is not registered; near it: small"):
        turn("smaller", "disabled")
    gone = START.with_record(a_change("small", "removed"))
    for again in ("disabled", "removed"):
        with pytest.raises(NotFoundError):
            turn("small", again, gone)


def test_a_model_of_the_settings_is_enabled_again_as_they_have_it() -> None:
    moved = START.with_record(update("small", tier=4))
    gone = moved.with_record(turn("small", "removed", moved))
    back = gone.with_record(turn("small", "enabled", gone))
    assert back.enabled == START.enabled


def test_a_model_of_the_topic_keeps_what_the_topic_says() -> None:
    moved = START.with_record(update("small", tier=4))
    off = moved.with_record(turn("small", "disabled", moved))
    assert off.with_record(turn("small", "enabled", off)).enabled == moved.enabled


def test_what_changed_is_said() -> None:
    after = START.with_record(update("small", latency_s=2.5, capabilities=["vision"]))
    old, new = entry_in(START, "small"), entry_in(after, "small")
    assert line_of(old, new, changes(old, new)) == (
        "small: capabilities none → vision, latency_s 1.0 → 2.5"
    )
    assert line_of(old, old, changes(old, old)) == "small: nothing changed, it is enabled"
    with_new = START.with_record(add(cost_per_1k=1))
    fresh = entry_in(with_new, "new")
    assert line_of(None, fresh, changes(None, fresh)) == (
        "new: enabled, provider scripted, tier 2, input_usd_per_mtok 1000, "
        "output_usd_per_mtok 1000, cold yes"
    )


def test_the_list_says_how_each_model_stands() -> None:
    view = View(BASE, a_policy(), roster=START)
    for record in (add(), a_change("tiny", "disabled"), a_change("large", "removed")):
        view = fold(view, record)
    view = fold(view, a_change("never", "removed", spec=a_model("never")))
    assert view.roster is not None
    facts = {fact["name"]: fact for fact in facts_of(view, view.roster)}
    assert list(facts) == ["tiny", "new", "small", "medium", "large"]
    states = {name: (f["state"], f["source"], f["admitted"]) for name, f in facts.items()}
    assert states == {
        "tiny": ("disabled", "file", False),
        "new": ("enabled", "topic", False),
        "small": ("enabled", "file", True),
        "medium": ("enabled", "file", True),
        "large": ("removed", "file", False),
    }
    lines = lines_of(list(facts.values()))
    assert lines[0].split()[:3] == ["tier", "model", "provider"]
    assert "unknown" in lines[2]
    assert "enabled, cold" in lines[2]
