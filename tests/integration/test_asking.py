"""The first minute: ask, explain, give feedback, against processes as an operator runs them."""

from typing import Any

import orjson
import pytest

from tests.deployment import TIERFLOW, Deployment
from tests.processes import finish

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse]

ASKED = "Design the architecture of a booking platform for 6 hotels: services, data, failure modes."


def tierflow(deployment: Deployment, *words: str, **env: str) -> tuple[int, str, str]:
    return finish([TIERFLOW, *words], env={**deployment.env, **env}, timeout_s=50)


def facts(deployment: Deployment, *words: str, **env: str) -> dict[str, Any]:
    code, out, err = tierflow(deployment, *words, "--json", **env)
    assert code == 0, err
    assert len(out.splitlines()) == 1
    found = orjson.loads(out)
    assert isinstance(found, dict)
    return found


async def explained(
    deployment: Deployment, task_id: str, wanted: str, **env: str
) -> dict[str, Any]:
    """The story once it holds something of what is wanted."""
    for _ in range(20):
        found = facts(deployment, "explain", task_id, **env)
        if found[wanted]:
            return found
        await deployment._clock.sleep(0.3)
    raise AssertionError(f"no {wanted} in the story of {task_id}")


def test_a_skills_answer_comes_with_tier_and_cost(deployment: Deployment) -> None:
    code, out, err = tierflow(deployment, "ask", "What is 2 + 3?")
    answer, _, took = out.splitlines()
    assert (code, answer) == (0, "5")
    assert took.startswith("tier 0 (a skill, no model was called) · $0 · ")
    assert "next: `tierflow explain ask-" in err


def test_a_models_answer_comes_however_fast_it_is(deployment: Deployment, named: str) -> None:
    for n in range(3):  # tier 0 answers within milliseconds of the publication
        found = facts(
            deployment, "ask", f"Convert {n + 2} km to miles.", "--task-id", f"{named}{n}"
        )
        assert (found["status"], found["tier"]) == ("completed", 0)
    found = facts(deployment, "ask", ASKED, "--model", "medium")
    assert (found["status"], found["model"]) == ("completed", "medium")
    assert found["cost_usd"] == "0.000400000000"


def test_a_prompt_may_come_from_stdin(deployment: Deployment) -> None:
    words = ["sh", "-c", f"echo 'What is 20 + 3?' | {TIERFLOW} ask -"]
    code, out, err = finish(words, env=deployment.env, timeout_s=50)
    assert code == 0, err
    assert out.splitlines()[0] == "23"


def test_a_task_that_fails_is_exit_1_with_the_reason_in_words(deployment: Deployment) -> None:
    code, out, _ = tierflow(deployment, "ask", ASKED, "--max-cost", "0")
    assert code == 1
    assert "failed: no model may take it (no_model)" in out
    assert "next: loosen what the task asks for" in out


def test_a_wrong_bound_is_exit_2_and_nothing_is_published(deployment: Deployment) -> None:
    code, _, err = tierflow(deployment, "ask", ASKED, "--min-tier", "9")
    assert code == 2
    assert "min_tier" in err


def test_no_result_in_time_is_exit_3_with_a_hint(deployment: Deployment, named: str) -> None:
    deployment.slow(7.0, 7.0)
    name = f"{named}slow"
    code, out, err = tierflow(deployment, "ask", ASKED, "--timeout", "2", "--task-id", name)
    assert (code, out) == (3, "")
    assert "Is a worker running? `tierflow status`" in err
    story = facts(deployment, "explain", name)
    assert "is being called until" in story["unknown"][0]


async def test_a_story_is_told_at_once_and_whole_when_feedback_has_taught(
    deployment: Deployment, named: str
) -> None:
    name = f"{named}told"
    assert tierflow(deployment, "ask", ASKED, "--min-tier", "3", "--task-id", name)[0] == 0
    story = facts(deployment, "explain", name)
    assert story["results"][0]["status"] == "completed"
    assert story["decisions"][0]["rule"] == "architecture"
    assert "no feedback yet" in story["unknown"][0]
    code, out, _ = tierflow(deployment, "feedback", name, "0.4", "--source", "test")
    assert (code, out) == (0, f"feedback on {name}: 0.4 by test\n")
    whole = await explained(deployment, name, "lessons")
    assert [score["score"] for score in whole["feedback"]] == [0.4]
    assert whole["lessons"][0]["score"] == 0.4
    said = tierflow(deployment, "explain", name)[1]
    words = ("published", "decided", "called", "result", "feedback", "lesson")
    places = [said.index(f"  {word} ") for word in words]
    assert places == sorted(places)
    assert "rules: " in said
    assert "not known" not in said


def test_each_failed_call_is_told_with_what_the_provider_said(
    deployment: Deployment, named: str
) -> None:
    name = f"{named}up"
    deployment.misbehave("503", 1.0)
    code, out, _ = tierflow(deployment, "ask", ASKED, "--max-tier", "3", "--task-id", name)
    assert code == 1
    assert "every model that may take it failed (exhausted)" in out
    story = facts(deployment, "explain", name)
    assert story["calls"]
    assert {call["failure"] for call in story["calls"]} == {"overloaded"}
    said = tierflow(deployment, "explain", name)[1]
    assert said.count("cost $0: HTTP 503: simulated 503") == len(story["calls"])
    assert f"`tierflow explain {name}`" in said


async def test_the_books_alone_tell_it_when_kafka_is_away(
    deployment: Deployment, named: str
) -> None:
    name = f"{named}books"
    facts(deployment, "ask", ASKED, "--task-id", name)
    books = "SELECT count() FROM results WHERE task_id = {name:String}"
    await deployment.rows_until(1, books, name=name)
    await deployment.rows_until(1, books.replace("results", "decisions"), name=name)
    code, out, _ = tierflow(
        deployment, "explain", name, "--timeout", "2", TIERFLOW_KAFKA__BOOTSTRAP="127.0.0.1:1"
    )
    assert code == 0
    assert "  decided " in out
    assert "not known: Kafka can't be asked" in out


def test_the_topics_alone_tell_it_when_clickhouse_is_away(
    deployment: Deployment, named: str
) -> None:
    name = f"{named}topics"
    facts(deployment, "ask", ASKED, "--task-id", name)
    code, out, _ = tierflow(
        deployment, "explain", name, TIERFLOW_CLICKHOUSE__URL="http://127.0.0.1:1"
    )
    assert code == 0
    assert "  result " in out
    assert "not known: ClickHouse can't be asked" in out


def test_an_unknown_task_is_exit_4_and_where_nobody_can_be_asked_exit_3(
    deployment: Deployment,
) -> None:
    code, _, err = tierflow(deployment, "explain", "nobody-sent-this")
    assert code == 4
    assert "nobody-sent-this is neither in the books nor in the " in err
    away = {"TIERFLOW_CLICKHOUSE__URL": "http://127.0.0.1:1"}
    code, _, err = tierflow(deployment, "explain", "nobody-sent-this", **away)
    assert code == 3
    assert "127.0.0.1:1" in err


async def test_a_task_that_nobody_took_is_known_from_its_topic(
    deployment: Deployment, named: str
) -> None:
    name = f"{named}bad"
    await deployment.publish("tasks", {name: b'{"task_id": "%s"}' % name.encode()})
    await deployment.results([name])
    story = facts(deployment, "explain", name)
    assert story["results"][0]["error"]["reason"] == "invalid_task"
    said = tierflow(deployment, "explain", name)[1]
    assert "dead letter" in said
    assert "schema_invalid in admit" in said
