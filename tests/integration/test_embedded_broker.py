"""The embedded broker: it starts, carries a record, and never outlives who started it."""

import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from streams.clock import SystemClock
from streams.rig.broker import EmbeddedBroker
from streams.rig.process import Child, PortTakenError, listens, spawn, until_ready

CLOCK = SystemClock()
pytestmark = [pytest.mark.broker, pytest.mark.once]

PARENT = """
import asyncio, sys
from pathlib import Path
from streams.clock import SystemClock
from streams.rig.broker import EmbeddedBroker

async def main():
    broker = await EmbeddedBroker(SystemClock()).start()
    Path(sys.argv[1]).with_suffix(".new").write_text(f"{broker.pid} {broker.port}")
    Path(sys.argv[1]).with_suffix(".new").rename(sys.argv[1])
    await SystemClock().sleep(60)

asyncio.run(main())
"""


def exists(pid: int) -> bool:
    """Whether there is such a process, be it a zombie."""
    return Path(f"/proc/{pid}").exists()


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def eventually(true: Callable[[], bool], within_s: float = 5.0) -> bool:
    until_s = CLOCK.monotonic_s() + within_s
    while not true() and CLOCK.monotonic_s() < until_s:
        await CLOCK.sleep(0.02)
    return true()


async def test_a_record_goes_in_and_comes_out(tmp_path: Path) -> None:
    async with EmbeddedBroker(CLOCK, log=tmp_path / "broker.log") as broker:
        async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
            sent = await producer.send_and_wait("t", b"value", key=b"key")
        async with AIOKafkaConsumer(
            "t", bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest"
        ) as consumer:
            record = await consumer.getone()
        assert (record.key, record.value, record.offset) == (b"key", b"value", sent.offset)


async def test_a_stopped_broker_leaves_no_process_and_its_port() -> None:
    broker = await EmbeddedBroker(CLOCK).start()
    pid, port = broker.pid, broker.port
    assert pid is not None
    assert exists(pid)
    await broker.stop()
    assert not exists(pid)
    assert not listens(port)


async def test_a_killed_broker_comes_back_on_its_port() -> None:
    broker = await EmbeddedBroker(CLOCK).start()
    try:
        port = broker.port
        broker.kill()
        assert not listens(port)
        assert (await broker.start()).port == port
    finally:
        broker.kill()


async def test_a_taken_port_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} is taken"):
            await EmbeddedBroker(CLOCK, port=port).start()


@pytest.mark.skipif(sys.platform != "linux", reason="the guard is Linux's")
async def test_the_broker_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "told"
    parent = spawn([sys.executable, "-c", PARENT, str(told)], log=None)
    try:
        assert await eventually(told.exists, 20)
        pid, port = map(int, told.read_text().split())
        assert lives(pid)
        assert listens(port)
    finally:
        parent.kill()
    assert await eventually(lambda: not lives(pid))


async def test_a_child_that_does_not_end_is_killed_with_its_group(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    stubborn = "trap '' TERM; sleep 61 & echo $!; while :; do sleep 1; done"
    child = spawn(["sh", "-c", stubborn], log=log)
    await until_ready(child, lambda: log.stat().st_size > 0, clock=CLOCK, timeout_s=5)
    grandchild = int(log.read_text())
    assert child.stop(0.2) == -signal.SIGKILL
    assert await eventually(lambda: not lives(grandchild))


async def test_a_child_that_ends_at_once_says_why(tmp_path: Path) -> None:
    child = spawn(["sh", "-c", "echo no disk >&2; exit 3"], log=tmp_path / "log", name="database")
    with pytest.raises(RuntimeError, match="database exited 3: no disk"):
        await until_ready(child, lambda: False, clock=CLOCK, timeout_s=5)


async def test_a_child_that_never_answers_is_given_up(tmp_path: Path) -> None:
    child = spawn(["sleep", "60"], log=None)
    try:
        with pytest.raises(RuntimeError, match=r"sleep is not ready after 0\.1 s"):
            await until_ready(child, lambda: False, clock=CLOCK, timeout_s=0.1)
    finally:
        child.kill()


async def test_ctrl_c_in_the_terminal_does_not_reach_a_child() -> None:
    child = spawn(["sleep", "60"], log=None)
    try:
        assert os.getpgid(child.pid) == child.pid != os.getpgid(0)
    finally:
        assert child.stop(2) == -signal.SIGTERM


def test_an_ended_child_may_be_stopped_again() -> None:
    child: Child = spawn(["true"], log=None)
    assert child.stop(5) in (0, -signal.SIGTERM)
    assert child.stop(5) == child.kill() == child.returncode
