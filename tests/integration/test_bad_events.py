"""Bad events are buried with a reason and change nothing for the good ones behind them."""

import orjson
import pytest
from aiokafka import ConsumerRecord

from streams import ids
from tests import wire
from tests.deployment import Deployment, task_bodies

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse]

PAST_THE_LIMIT = 600 << 10

NAMELESS = {
    "not-json": b"not json",
    "half": b'{"task_id": "half", "prompt": "x"',
    "empty": b"",
    "null": b"null",
    "array": b'[{"task_id": "array", "prompt": "x"}]',
    "number": b"7",
    "no-id": b'{"prompt": "x"}',
    "id-is-a-number": b'{"task_id": 7, "prompt": "x"}',
    "id-is-empty": b'{"task_id": "", "prompt": "x"}',
    "id-with-nul": b'{"task_id": "nul\\u0000", "prompt": "x"}',
    "id-too-long": b'{"task_id": "' + b"l" * 257 + b'", "prompt": "x"}',
    "lone-surrogate": b'{"task_id": "s", "prompt": "\\ud800"}',
    "raw-surrogate": b'{"task_id": "r", "prompt": "\xed\xa0\x80"}',
    "latin-1": b'{"task_id": "l", "prompt": "\xe9"}',
    "deep": b'{"task_id": "d", "prompt": "x", "metadata": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "not-a-number": b'{"task_id": "n", "prompt": "x", "min_quality": NaN}',
}
"""Bodies from which no id can be read."""


def named_but_bad(prefix: str) -> dict[str, bytes]:
    """Bodies that are no task although their id can be read, by it."""
    wrong: dict[str, dict[str, object]] = {
        "no-prompt": {},
        "prompt-and-messages": {"prompt": "x", "messages": [{"content": "x"}]},
        "quality-of-seven": {"prompt": "x", "min_quality": 7},
        "yesterday": {"prompt": "x", "deadline_at": "yesterday"},
        "nul-in-the-prompt": {"prompt": "a\x00b"},
        "tier-nine": {"prompt": "x", "max_tier": 9},
        "too-large": {"prompt": "x" * PAST_THE_LIMIT},
    }
    return {
        f"{prefix}{name}": orjson.dumps({"task_id": f"{prefix}{name}", **fields})
        for name, fields in wrong.items()
    }


async def buried(deployment: Deployment, keys: set[str]) -> dict[str, ConsumerRecord]:
    """The dead letters with these keys."""

    def all_there(records: list[ConsumerRecord]) -> bool:
        return keys <= {record.key.decode() for record in records if record.key}

    letters = await wire.consume_until(
        deployment.bootstrap, deployment.topic("dead-letters"), all_there, timeout_s=20
    )
    return {r.key.decode(): r for r in letters if r.key and r.key.decode() in keys}


@pytest.mark.secured
async def test_bad_tasks_are_buried_untouched_and_the_good_ones_behind_them_complete(
    deployment: Deployment, named: str
) -> None:
    nameless = {f"{named}{name}": body for name, body in NAMELESS.items()}
    bad = {**nameless, **named_but_bad(named)}
    good = task_bodies(f"{named}good-", 12)
    before = deployment.status()["dead_letters"]
    await deployment.publish("tasks", bad)
    await deployment.publish("tasks", good)

    done = await deployment.results(good, timeout_s=30)
    assert done.keys() == good.keys()
    letters = await buried(deployment, set(bad))
    assert letters.keys() == bad.keys()
    for key, body in bad.items():
        letter = letters[key]
        whole = (letter.value or b"") == body
        assert whole or (len(body) > PAST_THE_LIMIT and ids.digest(body).encode() in letter.value)
        assert wire.header(letter, "tierflow-reason"), key
        assert wire.header(letter, "tierflow-topic") == deployment.topic("tasks"), key
        assert wire.header(letter, "tierflow-stage") == "admit", key
        assert wire.header(letter, "tierflow-partition") is not None, key
        assert wire.header(letter, "tierflow-offset") is not None, key
    assert wire.header(letters[f"{named}not-json"], "tierflow-reason") == "not_json"
    assert wire.header(letters[f"{named}deep"], "tierflow-reason") == "not_json"
    assert wire.header(letters[f"{named}array"], "tierflow-reason") == "schema_invalid"
    assert wire.header(letters[f"{named}too-large"], "tierflow-reason") == "too_large"

    assert all(member.alive for member in (*deployment.workers, *deployment.sinks))
    status = deployment.status()
    assert status["ready"]
    assert status["dead_letters"] == before + len(bad)


async def test_who_can_be_named_is_told_that_the_task_failed(
    deployment: Deployment, named: str
) -> None:
    bad = named_but_bad(named)
    await deployment.publish("tasks", bad)
    failed = await deployment.results(bad, timeout_s=30)
    assert failed.keys() == bad.keys()
    for task_id, records in failed.items():
        result = orjson.loads(records[0].value)
        assert result["status"] == "failed"
        reason = "too_large" if task_id.endswith("too-large") else "invalid_task"
        assert result["error"]["reason"] == reason, task_id
        assert result["error"]["detail"], task_id
    books = "SELECT count() FROM results WHERE startsWith(task_id, {of:String})"
    assert await deployment.rows_until(len(bad), books, of=named) == [(len(bad),)]


async def test_a_stray_record_on_any_topic_stops_nothing(
    deployment: Deployment, named: str
) -> None:
    strays = {f"{named}stray-{n}": b"not json" for n in range(12)}
    inner = ("admitted", "tier-2", "decisions", "scores", "lessons", "results", "performance")
    for name in (*inner, "calls", "costs", "policy", "model-state"):
        await deployment.publish(name, strays)
    good = task_bodies(f"{named}good-", 24)
    await deployment.publish("tasks", good)
    read = await wire.consume_until(
        deployment.bootstrap,
        deployment.topic("decisions"),
        lambda found: good.keys() <= {r.key.decode() for r in found if r.key},
    )
    assert good.keys() <= {r.key.decode() for r in read if r.key}
    books = "SELECT count() FROM results WHERE startsWith(task_id, {of:String})"
    assert await deployment.rows_until(len(good), books, of=f"{named}good-") == [(len(good),)]
    assert all(member.alive for member in (*deployment.workers, *deployment.sinks))
