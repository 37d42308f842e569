"""No key, password or salt is written anywhere, and no task's text into a log line, a metric or a span.

One run with every kind of failure, against hosts that repeat the key they are sent in every way that
a text can be written. Then every byte is searched that anybody wrote: logs, topics and changelogs
with keys and headers, tables, metrics, spans, what commands say.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.clock import SystemClock
from tests.collector import Collector
from tests.deployment import Deployment, Member
from tests.echoing import MODES, EchoingHost, every_way
from tests.inside import typed
from tests.written import Written, all_records, all_rows

pytestmark = [
    pytest.mark.broker,
    pytest.mark.clickhouse,
    pytest.mark.once,
    pytest.mark.timeout(180),
]

KEYS = {
    "PLAIN_KEY": "q7RkCanaryPlain0aV3xM9tL2wZ8",
    "ODD_KEY": "z4\"o'\\%2B&+/=<>Canary{odd}~$#@!z4",
    "OWN_KEY": "m8YdCanaryOfTheModel5cN1pQ6",
    "BROKEN_KEY": "w2HjCanaryBroken of two\nlines é",
}
"""Keys of providers, by their variables; the first twelve characters of each are its own."""

KEY_IN_FILE = "f5TgCanaryInAFile7uJ4kB3eS"
SALT = "s9QwCanarySaltOfTheRun6hD2zX"
PASSWORD = "p1XcCanaryPassword4mK8rV5nG"  # noqa: S105 (a canary)
SECRETS = (*KEYS.values(), KEY_IN_FILE, SALT, PASSWORD)

WAYS = range(len(every_way("of any key")))
MODELS = {
    "plain": ["401", "404", "429", "500", "503", "hang", *MODES, *(f"400-{n}" for n in WAYS)],
    "odd": [*MODES, *(f"400-{n}" for n in WAYS)],
    "filed": ["401", "400-0", "answer"],
    "own": ["400-0", "answer"],
    "broken": ["answer"],
    "nowhere": ["answer"],
    "crash": ["answer"],
}
"""What is asked of whom; a model is named after both."""

CHAINED = dict.fromkeys(("503", "page", "tools"), 'capabilities = ["chained"]')
"""Models that take part in a chain of fallbacks."""

WORDS = ("prompt", "context", "message", "metadata", "tool", "schema", "kind", "tenant", "comment")
TEXTS = {word: f"{word}heron{n}q" for n, word in enumerate(WORDS)}
"""A word that stands in one field of tasks alone."""

BUGS = """
import logging, os
from streams.agents import classify
from streams.cli import discretion, running, worker
from streams.providers import http
decide, headers = classify.decide, http.HttpProvider._headers
def quoting_the_task(task, *rest, **more):
    if task.task_id.endswith("crash"):
        raise ValueError("can't decide: " + repr(task))
    return decide(task, *rest, **more)
def quoting_the_key(self, prompt, key):
    if prompt.model == "crash-answer":
        raise RuntimeError(f"can't be sent: {headers(self, prompt, key)}")
    return headers(self, prompt, key)
def in_json_too(settings):
    running.log_to_stderr(settings)
    handler = logging.FileHandler(os.environ["JSON_LOG"])
    handler.addFilter(discretion.Discreet())
    handler.setFormatter(running.JsonLines())
    logging.getLogger().addHandler(handler)
classify.decide, http.HttpProvider._headers = quoting_the_task, quoting_the_key
worker.log_to_stderr = in_json_too
"""
"""A release that crashes, quoting tasks and keys; it logs in both forms, so that one run is enough."""


def settings_of(url: str, folder: Path) -> str:
    """A settings file with a model a failure."""
    (folder / "key").write_text(f"{KEY_IN_FILE}\n")
    (folder / "salt").write_text(SALT)
    provider = {
        "plain": f'base_url = "{url}/v1"\napi_key_env = "PLAIN_KEY"',
        "odd": f'base_url = "{url}/v1"\napi_key_env = "ODD_KEY"',
        "filed": f'base_url = "{url}/v1"\nwire = "anthropic_messages"\napi_key_file = "{folder / "key"}"',
        "own": f'base_url = "{url}/v1"',
        "broken": f'base_url = "{url}/v1"\napi_key_env = "BROKEN_KEY"',
        "nowhere": 'base_url = "http://127.0.0.1:9/v1"\napi_key_env = "PLAIN_KEY"',
        "crash": f'base_url = "{url}/v1"\napi_key_env = "PLAIN_KEY"',
    }
    lines = [f'[routing]\nsalt_file = "{folder / "salt"}"', "[calls]\nlongest_wait_s = 3"]
    lines += [f"[providers.{name}]\n{fields}" for name, fields in provider.items()]
    for name, modes in MODELS.items():
        own = '\napi_key_env = "OWN_KEY"' if name == "own" else ""
        lines += [
            f'[[models.tier2]]\nname = "{name}-{mode}"\nprovider = "{name}"{own}\n'
            "input_usd_per_mtok = 1\noutput_usd_per_mtok = 4"
            for mode in modes
        ]
    return "\n".join(lines)


def tasks(named: str) -> dict[str, bytes]:
    """Every model once, then tasks that nobody can work on; all with words of their own."""
    text = {
        "kind": TEXTS["kind"],
        "tenant": TEXTS["tenant"],
        "metadata": {TEXTS["metadata"]: TEXTS["metadata"]},
    }
    tool = {"type": "function", "function": {"name": TEXTS["tool"], "parameters": {}}}
    schema = {"type": "object", "title": TEXTS["schema"], "required": [TEXTS["schema"]]}
    asked = [f"{name}-{mode}" for name, modes in MODELS.items() for mode in modes]
    found: dict[str, Any] = {
        model: {"prompt": f"Do not tell {TEXTS['prompt']}", "model": model, **text}
        for model in asked
    }
    found["plain-answer"] |= {"tools": [tool], "context": TEXTS["context"]}
    found["plain-tools"] |= {"tools": [tool]}
    found["odd-answer"] |= {"response_schema": schema}
    messages = [{"role": "user", "content": f"Write {TEXTS['message']} in Python, as a function."}]
    more: dict[str, Any] = {
        "chain": {"messages": messages, "capabilities": ["chained"], **text},
        "crash": {"prompt": TEXTS["prompt"], **text},
        "field": {"prompt": TEXTS["prompt"], "kind": [TEXTS["kind"]], "tools": TEXTS["tool"]},
        "late": {"prompt": TEXTS["prompt"], "deadline_at": "2020-01-01T00:00:00Z", **text},
        "nobody": {"prompt": TEXTS["prompt"], "capabilities": [TEXTS["kind"]], **text},
        "large": {"prompt": TEXTS["prompt"] * 60_000, **text},
    }
    bodies = {
        f"{named}{name}": orjson.dumps({"task_id": f"{named}{name}", **fields})
        for name, fields in (found | more).items()
    }
    return {**bodies, f"{named}cut": f'{{"prompt": "{TEXTS["prompt"]}"'.encode()}


LOGS = ("log of the worker", "log in JSON")


@asynccontextmanager
async def at_work(rigged: Deployment, env: Mapping[str, str]) -> AsyncIterator[dict[str, Member]]:
    """A worker and a sink that write all they can."""
    before, rigged.env = rigged.env, env
    for words in (("topics", "apply"), ("clickhouse", "migrate")):
        assert (await typed(env, *words)).code == 0
    members = {
        "worker": rigged.start("worker", code=BUGS),
        "sink": rigged.start("sink", env={"TIERFLOW_LOG": "json"}),
    }
    try:
        for member in members.values():
            await rigged.until(member.is_ready, member.child.name, member.child)
        yield members
    finally:
        for member in members.values():
            member.terminate()
        rigged.workers.clear()
        rigged.sinks.clear()
        rigged.env = before


PUBLIC: tuple[tuple[str, ...], ...] = (
    ("config", "show"), ("config", "show", "--json"), ("status",), ("doctor",),
    ("doctor", "--call", "--json"), ("dlq", "list"), ("models", "list"), ("topics", "plan"),
)  # fmt: skip
"""What an operator would type in trouble."""

OF_TASKS: tuple[tuple[str, ...], ...] = (
    ("explain", "{}plain-401"), ("explain", "{}crash-answer", "--json"), ("settle", "--json"),
    ("dlq", "show", "{}crash-answer"), ("dlq", "list", "--json"),
    ("ask", "Say it.", "--model", "odd-400-0"), ("feedback", "{}plain-cut", "0.1"),
)  # fmt: skip
"""What shows the work on tasks."""

SECURED = {
    "TIERFLOW_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "TIERFLOW_KAFKA__SASL_MECHANISM": "PLAIN",
    "TIERFLOW_KAFKA__USER": "shop",
    "TIERFLOW_KAFKA__PASSWORD": PASSWORD,
}
AWAY = {"TIERFLOW_CLICKHOUSE__URL": "http://127.0.0.1:9"}
INLINE = {"TIERFLOW_PROVIDERS__PLAIN__API_KEY": KEYS["PLAIN_KEY"]}
"""A key where none belongs: it is refused, and not repeated."""

AMISS: tuple[tuple[tuple[str, ...], dict[str, str]], ...] = (
    (("config", "show"), SECURED),
    (("status", "--timeout", "1"), SECURED),
    (("doctor", "--timeout", "1"), {**SECURED, **AWAY}),
    (("settle", "--timeout", "1"), AWAY),
    (("config", "show"), INLINE),
)
"""What is typed while something is set wrong."""


async def commands(written: Written, env: Mapping[str, str], named: str) -> None:
    """Type all of them."""
    for words in PUBLIC:
        said = written.heard(" ".join(words), await typed(env, *words))
        assert said.out or said.err
    for words in OF_TASKS:
        filled = [word.replace("{}", named) for word in words]
        written.heard(" ".join(words), await typed(env, *filled), public=False)
    for number, (words, wrong) in enumerate(AMISS):
        written.heard(f"amiss {number}", await typed({**env, **wrong}, *words))


async def run(rigged: Deployment, env: Mapping[str, str], named: str) -> Written:
    """Let everything go wrong, and gather what was written of it."""
    written, clock = Written(), SystemClock()
    bodies = tasks(named)
    ends = bodies.keys() - {f"{named}{name}" for name in ("crash", "cut", "crash-answer")}
    async with at_work(rigged, env) as members:
        await rigged.publish("tasks", bodies)
        done = await rigged.results(ends)
        assert done.keys() == ends
        comment = {"task_id": f"{named}plain-answer", "score": 0.5, "comment": TEXTS["comment"]}
        odd = {**comment, "score": TEXTS["comment"]}
        told = {f"{named}{n}": orjson.dumps(said) for n, said in enumerate((comment, odd))}
        await rigged.publish("feedback", told)
        await rigged.until(
            lambda: 'stage="classify",reason="internal"} 1' in members["worker"].metrics(),
            "a crash",
        )
        await rigged.until(
            lambda: 'stage="tier-2",reason="internal"} 1' in members["worker"].metrics(), "another"
        )
        await clock.sleep(1.0)
        await commands(written, env, named)
        for name, member in members.items():
            written.tell(f"metrics of the {name}", member.metrics())
            written.tell(f"readiness of the {name}", member.asked("/readyz")[1])
    for name, member in members.items():
        written.tell(f"log of the {name}", member.logged())
    written.read("log in JSON", env["JSON_LOG"])
    for name, records in (
        await all_records(rigged.bootstrap, env["TIERFLOW_KAFKA__PREFIX"])
    ).items():
        written.add(f"topic {name}", records)
    for name, rows in all_rows(env, env["TIERFLOW_CLICKHOUSE__DATABASE"]).items():
        written.add(f"table {name}", rows)
    return written


async def test_no_secret_is_written_anywhere_and_no_task_into_what_operators_read(
    rigged: Deployment, prefix: str, named: str, tmp_path: Path
) -> None:
    await rigged.have(workers=0, sinks=0)
    config = tmp_path / "tierflow.toml"
    with EchoingHost() as host, Collector() as collector:
        config.write_text(settings_of(host.url, tmp_path))
        env = {
            **rigged.env,
            **KEYS,
            "TIERFLOW_CONFIG": str(config),
            "TIERFLOW_KAFKA__PREFIX": prefix,
            "TIERFLOW_CLICKHOUSE__DATABASE": "canaries",
            "TIERFLOW_CLICKHOUSE__PASSWORD": PASSWORD,
            "TIERFLOW_LOGGING__LEVEL": "debug",
            "TIERFLOW_WORKER__LONGEST_CALL_S": "2",
            "JSON_LOG": str(tmp_path / "worker.json"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        written = await run(rigged, env, named)
        for number, body in enumerate(collector.bodies):
            written.tell(f"spans {number}", body)
    assert {mode for modes in MODELS.values() for mode in modes} - set(host.asked) == set()
    whole = b"".join(written.everywhere.values())
    assert [word for word in TEXTS.values() if word.encode() not in whole] == [], "not even sent"
    assert all(written.public[name].count(b"a bug in the handler") == 2 for name in LOGS)
    assert written.secrets(SECRETS) == {}
    assert written.texts(TEXTS.values()) == {}
