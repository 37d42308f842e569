"""The difference between topics as they are and as they should be."""

from streams.kafka.topics import Action, Found, Layout, State, plan, readers, wanted
from streams.topology import ROLES

LAYOUT = Layout("p.", partitions=3)


def as_wanted(layout: Layout = LAYOUT, others: dict[str, Found] | None = None) -> State:
    topics = {t.name: Found(t.partitions, t.config) for t in wanted(layout)} | (others or {})
    counts = {t.name: t.partitions for t in wanted(layout)}
    committed = {
        group: frozenset(
            (name, number)
            for name in (topic.full_name(layout.prefix) for topic in read)
            for number in range(counts[name])
        )
        for group, read in readers(layout.prefix).items()
    }
    return State(topics, committed)


def actions(state: State, layout: Layout = LAYOUT) -> dict[str, Action]:
    return {change.subject: change.action for change in plan(layout, state)}


def test_an_empty_cluster_gets_every_topic_and_an_anchor_for_every_group() -> None:
    changes = plan(LAYOUT, State())
    created = {c.subject for c in changes if c.action is Action.CREATE}
    anchored = {c.subject for c in changes if c.action is Action.ANCHOR}
    assert created == {topic.name for topic in wanted(LAYOUT)}
    assert anchored == {f"p-{role}" for role in (*ROLES, "sink")}


def test_a_cluster_that_is_as_it_should_be_has_nothing_pending() -> None:
    assert plan(LAYOUT, as_wanted()) == ()


def test_a_setting_that_differs_is_named_with_both_values() -> None:
    name = "p.tasks.v1"
    config = dict(as_wanted().topics[name].config) | {"retention.ms": "5"}
    (change,) = plan(LAYOUT, as_wanted(others={name: Found(3, config)}))
    assert change.action is Action.CONFIGURE
    assert change.detail == "retention.ms=5 → 604800000"


def test_cleanup_policies_in_another_order_are_the_same() -> None:
    name = "p.calls.v1"
    config = dict(as_wanted().topics[name].config) | {"cleanup.policy": "delete,compact"}
    assert actions(as_wanted(others={name: Found(3, config)})) == {}


def test_a_setting_that_the_broker_does_not_tell_is_no_difference() -> None:
    assert actions(as_wanted(others={"p.tasks.v1": Found(3, {})})) == {}


def test_topics_on_which_state_rests_are_never_grown() -> None:
    state = as_wanted(Layout("p.", partitions=2))
    found = actions(state)
    assert found["p.tasks.v1"] is Action.GROW
    assert found["p.decisions.v1"] is Action.CONFLICT
    assert found["p-route-decided-changelog"] is Action.CONFLICT
    assert "p.policy.v1" not in found


def test_more_partitions_than_wanted_are_a_conflict() -> None:
    assert actions(as_wanted(others={"p.tasks.v1": Found(5)}))["p.tasks.v1"] is Action.CONFLICT


def test_a_group_is_anchored_where_nothing_lies_yet() -> None:
    state = as_wanted()
    state = State(state.topics, {**state.committed, "p-route": frozenset()}, state.ends)
    assert actions(state) == {"p-route": Action.ANCHOR}


def test_a_group_without_commits_is_left_alone_where_records_wait() -> None:
    state = as_wanted()
    ends = {(topic.full_name("p."), n): 9 for topic in readers("p.")["p-route"] for n in range(3)}
    state = State(state.topics, {**state.committed, "p-route": frozenset()}, ends)
    assert actions(state) == {}


def test_settings_override_retention_by_the_topics_short_name() -> None:
    configs = {t.name: t.config for t in wanted(Layout("p.", retention_s={"tasks": 3600}))}
    assert configs["p.tasks.v1"]["retention.ms"] == "3600000"
    assert configs["p.results.v1"]["retention.ms"] == "604800000"


def test_control_topics_are_compacted_and_kept_for_ever() -> None:
    configs = {t.name: t.config for t in wanted(LAYOUT)}
    for name in ("p.policy.v1", "p.model-state.v1"):
        assert configs[name]["cleanup.policy"] == "compact"
        assert configs[name]["retention.ms"] == "-1"


def test_only_what_others_publish_takes_the_brokers_time() -> None:
    stamped = {t.name for t in wanted(LAYOUT) if "message.timestamp.type" in t.config}
    assert stamped == {"p.tasks.v1", "p.feedback.v1", "p.instructions.v1"}


def test_three_copies_need_two_to_confirm() -> None:
    assert {t.config["min.insync.replicas"] for t in wanted(Layout(replication=3))} == {"2"}
    assert {t.config["min.insync.replicas"] for t in wanted(Layout(replication=1))} == {"1"}
