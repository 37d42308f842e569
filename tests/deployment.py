"""A whole tierflow as an operator runs it: `tierflow rig`, and workers and sinks as processes."""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clickhouse_connect
import httpx
import orjson
from aiokafka import ConsumerRecord

from streams.clock import SystemClock
from streams.rig.process import Child, spawn
from tests import wire
from tests.processes import finish, free_port

TIERFLOW = str(Path(sys.executable).with_name("tierflow"))
MAIN = "import sys; from streams.cli.main import main; sys.exit(main())"
READY_S = 60.0
GRACE_S = 20
POLL_S = 0.1
TASKS = 2000

QUICK = {
    "TIERFLOW_WORKER__LONGEST_CALL_S": "8",  # an intent left open is not touched before
    "TIERFLOW_KAFKA__SESSION_TIMEOUT_S": "4",  # a killed worker's partitions go to others
    "TIERFLOW_CALLS__LONGEST_OUTAGE_S": "3",  # what nobody can answer fails soon
    "TIERFLOW_POLICY__BUCKET_S": "2",  # a window closes while a test looks on
}
"""Settings that make a deployment react within the time of a test."""

CALM = {"TIERFLOW_KAFKA__FETCH_WAIT_MS": "60"}
"""The embedded broker ends a fetch only when its wait is over: a shorter one keeps a core busy."""

ASKED = (
    "Convert {n} km to miles.",
    "Fix the spelling in this sentence: teh cat number {n} sat on teh mat.",
    "Write a Python function that returns the {n}th prime number.",
    "Write an integration test for a shop's checkout with {n} articles and three payment services.",
    "Design the architecture of a booking platform for {n} hotels: services, data, failure modes.",
    "A train leaves at noon with {n} passengers and loses one at each stop. When is it empty?",
)
MODELS = {"tiny": "0.00001", "small": "0.00005", "medium": "0.0004", "large": "0.004"}


def recorded_rows(count: int = TASKS) -> Iterator[dict[str, Any]]:
    """Made-up recorded outcomes of unlike prompts: dearer models score higher."""
    for n in range(count):
        outcomes = {
            model: {
                "score": 0.6 + 0.1 * rank,
                "input_tokens": 20,
                "output_tokens": 10,
                "cost_usd": float(cost),
            }
            for rank, (model, cost) in enumerate(MODELS.items())
        }
        yield {"task_id": f"row-{n}", "prompt": prompt_of(n), "outcomes": outcomes}


def prompt_of(row: int) -> str:
    """The prompt of a recorded row."""
    return ASKED[row % len(ASKED)].format(n=row + 2)


def prompt(number: int) -> str:
    """A prompt that the simulator knows; every sixth is of the same kind."""
    return ASKED[number % len(ASKED)].format(n=number % TASKS + 2)


def task_bodies(prefix: str, count: int) -> dict[str, bytes]:
    """Bodies of task events by their ids, as a publisher would write them."""
    numbered = ((f"{prefix}{n}", prompt(n)) for n in range(count))
    return {name: orjson.dumps({"task_id": name, "prompt": text}) for name, text in numbered}


@dataclass(slots=True)
class Member:
    """A worker or sink that runs, and where it tells how it is."""

    child: Child
    ops_port: int

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self.child.returncode is None

    def is_ready(self) -> bool:
        """Whether it says that it takes work."""
        return self.asked("/readyz")[0] == 200

    def asked(self, path: str) -> tuple[int, str]:
        """What it answers on its operating port: status and text; 0 where it does not."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.ops_port}{path}", timeout=5)
        except httpx.HTTPError:
            return 0, ""
        return answer.status_code, answer.text

    def logged(self) -> str:
        """All that it has logged."""
        return self.child.log.read_text("utf-8") if self.child.log else ""

    def metrics(self) -> str:
        """What it has counted."""
        return httpx.get(f"http://127.0.0.1:{self.ops_port}/metrics", timeout=5).text

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.child.kill()

    def terminate(self) -> int:
        """End it as an operator does: its exit code."""
        self.child.process.send_signal(signal.SIGTERM)
        return self.child.process.wait(GRACE_S + 10)


class Deployment:
    """One rig in a folder, with as many workers and sinks as a test wants.

    Args:
        folder: Where everything it writes lies.
        bootstrap: The Kafka to use; None: the rig starts an embedded one.
        rows: Recorded outcomes; those of `recorded_rows()` unless given.
        models: A registry file; without it models are ranked by recorded cost.
    """

    def __init__(
        self,
        folder: Path,
        bootstrap: str | None,
        *,
        rows: Iterable[Mapping[str, Any]] | None = None,
        models: Path | None = None,
    ) -> None:
        self._folder = folder
        self._clock = SystemClock()
        self._embedded = bootstrap is None
        self._started = 0
        tasks = folder / "tasks.jsonl"
        known = recorded_rows() if rows is None else rows
        tasks.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in known))
        options = ["--kafka", bootstrap] if bootstrap else []
        options += ["--models", str(models)] if models else []
        command = [TIERFLOW, "rig", "--dir", str(folder), "--tasks", str(tasks), *options]
        self._rig = spawn(command, log=folder / "rig.log", name="rig")
        self.env: Mapping[str, str] = {}
        self.workers: list[Member] = []
        self.sinks: list[Member] = []

    @property
    def rig_pid(self) -> int:
        """The rig, whose children are database and simulator."""
        return self._rig.pid

    async def started(self) -> None:
        """Wait until broker, database, simulator, topics and tables are there."""
        ready = self._folder / "rig.env"
        await self.until(ready.exists, "rig.env", self._rig)
        told = dict(line.split("=", 1) for line in ready.read_text().split())
        calm = CALM if self._embedded else {}
        self.env = {**os.environ, **QUICK, **calm, **told}

    async def until(self, ready: Callable[[], bool], what: str, child: Child | None = None) -> None:
        """Wait until `ready()` holds.

        Raises:
            AssertionError: The process ended, or it took more than a minute.
        """
        end_s = self._clock.monotonic_s() + READY_S
        while not ready():
            if child is not None:
                assert child.returncode is None, f"{what}: {child.tail()}"
            assert self._clock.monotonic_s() < end_s, f"{what}: nothing for {READY_S:g} s"
            await self._clock.sleep(POLL_S)

    def start(
        self, role: str, *options: str, env: Mapping[str, str] | None = None, code: str = ""
    ) -> Member:
        """Start a `worker` or a `sink` without waiting for it.

        Args:
            role: Which command.
            options: More of its options.
            env: Variables beside those of the deployment.
            code: Python that runs in its process before the command.
        """
        self._started += 1
        port = free_port(f"{self._folder} {self._started}")
        begin = [sys.executable, "-c", f"{code}\n{MAIN}"] if code else [TIERFLOW]
        command = [*begin, role, "--ops-port", str(port), "--grace", str(GRACE_S), *options]
        log = self._folder / f"{role}-{self._started}.log"
        told = {**self.env, **(env or {})}
        member = Member(spawn(command, log=log, env=told, name=log.stem), port)
        (self.workers if role == "worker" else self.sinks).append(member)
        return member

    async def have(self, workers: int, sinks: int = 1) -> None:
        """See to it that so many of each run and are ready, and no more."""
        for members, wanted, role in (
            (self.workers, workers, "worker"),
            (self.sinks, sinks, "sink"),
        ):
            members[:] = [member for member in members if member.alive]
            while len(members) > wanted:
                members.pop().terminate()
            while len(members) < wanted:
                self.start(role)
        for member in (*self.workers, *self.sinks):
            try:
                await self.until(member.is_ready, member.child.name, member.child)
            except AssertionError as error:
                error.add_note(member.asked("/readyz")[1])
                raise

    def stop(self) -> None:
        """End everything, whatever state it is in."""
        for member in (*self.workers, *self.sinks):
            member.child.stop(GRACE_S)
        self._rig.stop(GRACE_S)

    def tails(self) -> str:
        """The end of every log, for a person who looks at a failure."""
        logs = sorted(self._folder.glob("*.log"))
        return "\n".join(
            f"== {log.name}\n{log.read_text('utf-8', 'replace')[-3000:]}" for log in logs
        )

    # -- what a stranger sees -----------------------------------------------------------------

    @property
    def bootstrap(self) -> str:
        """The broker."""
        return self.env["TIERFLOW_KAFKA__BOOTSTRAP"]

    def topic(self, name: str) -> str:
        """A topic's full name."""
        return f"{self.env['TIERFLOW_KAFKA__PREFIX']}{name}.v1"

    async def publish(self, name: str, bodies: Mapping[str, bytes]) -> None:
        """Publish bodies by key."""
        await wire.produce(self.bootstrap, self.topic(name), bodies.items())

    async def read(self, name: str) -> list[ConsumerRecord]:
        """All that is in a topic now."""
        return await wire.consume_all(self.bootstrap, self.topic(name))

    async def bodies(self, name: str, task_id: str | None = None) -> list[dict[str, Any]]:
        """The JSON objects that are in a topic now, of one task if asked; strays are passed over."""
        read = (r.value for r in await self.read(name))
        found = [orjson.loads(value) for value in read if value and value.startswith(b"{")]
        return [body for body in found if task_id in (None, body.get("task_id"))]

    async def results(
        self, wanted: Iterable[str], enough: int | None = None, timeout_s: float = 60
    ) -> dict[str, list[ConsumerRecord]]:
        """Results by task id, until `enough` of the wanted tasks (all by default) have one."""
        asked = set(wanted)
        enough = len(asked) if enough is None else enough
        found = dict[str, list[ConsumerRecord]]()
        read = 0

        def arrived(records: list[ConsumerRecord]) -> bool:
            nonlocal read
            for record in records[read:]:
                task_id = record.key.decode() if record.key else ""
                if task_id in asked:
                    found.setdefault(task_id, []).append(record)
            read = len(records)
            return len(found) >= enough

        await wire.consume_until(self.bootstrap, self.topic("results"), arrived, timeout_s)
        return found

    def status(self) -> dict[str, Any]:
        """What `tierflow status --json` says."""
        code, out, err = finish([TIERFLOW, "status", "--json"], env=self.env, timeout_s=30)
        assert code == 0, f"status exited {code}: {err[-800:]}"
        return dict(orjson.loads(out))

    async def still(self, fact: str) -> Any:
        """A fact of the status, once it has not changed for two seconds."""
        last, same = self.status()[fact], 0
        for _ in range(30):
            await self._clock.sleep(0.5)
            found = self.status()[fact]
            last, same = found, same + 1 if found == last else 0
            if same >= 4:
                return last
        raise AssertionError(f"{fact} never comes to rest; now {last}")

    def rows(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        """Ask ClickHouse."""
        url = httpx.URL(self.env["TIERFLOW_CLICKHOUSE__URL"])
        client = clickhouse_connect.get_client(host=url.host, port=url.port, database="tierflow")
        try:
            return [tuple(row) for row in client.query(sql, parameters=parameters).result_rows]
        finally:
            client.close()

    async def rows_until(self, count: int, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        """Ask until the first number of the first row is `count`, for twenty seconds at most."""
        for _ in range(200):
            found = self.rows(sql, **parameters)
            if found and found[0][0] == count:
                return found
            await self._clock.sleep(POLL_S)
        return self.rows(sql, **parameters)

    def slow(self, low_s: float, high_s: float) -> None:
        """Make every call take so long, unevenly."""
        self.misbehave("slow", 1.0, seconds=[low_s, high_s])

    def misbehave(self, kind: str, share: float, **fields: object) -> None:
        """Let this share of all calls go wrong in this way, until told to behave."""
        fault = {"model": "*", "kind": kind, "share": share, **fields}
        httpx.post(self._simulator("/faults"), content=orjson.dumps(fault)).raise_for_status()

    def behave(self) -> None:
        """Take every fault back."""
        httpx.delete(self._simulator("/faults")).raise_for_status()

    def calls(self) -> list[dict[str, Any]]:
        """What the simulator was asked, in its own words."""
        log = httpx.get(self._simulator("/log"), timeout=30).raise_for_status()
        return [orjson.loads(line) for line in log.text.splitlines()]

    def _simulator(self, path: str) -> str:
        return self.env["TIERFLOW_SIMULATOR__URL"] + path
