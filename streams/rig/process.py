"""Child processes that never outlive their parent, whatever ends it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from streams.clock import Clock

POLL_S = 0.02
TAIL_BYTES = 2000

LAUNCH = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent is gone")
os.execvp(sys.argv[2], sys.argv[2:])
"""
"""Asks the kernel for SIGKILL when the parent dies (PR_SET_PDEATHSIG, prctl(2)), then becomes the
child. A process of its own, because `preexec_fn` may deadlock where threads run; on systems other
than Linux a killed parent leaves its children."""


class ChildDiedError(RuntimeError):
    """A child ended although it should run; the message ends with the last of its log."""


class NotReadyError(RuntimeError):
    """A child runs but did not become ready in time."""


class PortTakenError(RuntimeError):
    """Somebody else listens on the port that was asked for."""


class Child:
    """A process that was started, with what it takes to end it. `name` is for messages."""

    def __init__(self, process: subprocess.Popen[bytes], name: str, log: Path | None) -> None:
        self.process = process
        self.name = name
        self.log = log

    @property
    def pid(self) -> int:
        """Its process id, which is its process group's too."""
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, minus the signal where one ended it; None while it runs."""
        return self.process.poll()

    def stop(self, grace_s: float) -> int:
        """Ask it to end (SIGTERM), and kill its group where it has not after `grace_s`.

        Blocks up to `grace_s`: inside an event loop call it through `asyncio.to_thread`.

        Returns:
            The exit code.
        """
        if self.returncode is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.process.wait(grace_s)
        return self.kill()

    def kill(self) -> int:
        """End it and all of its group at once (SIGKILL)."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        return self.process.wait()

    def tail(self) -> str:
        """The end of its log."""
        if self.log is None or not self.log.exists():
            return ""
        return self.log.read_bytes()[-TAIL_BYTES:].decode("utf-8", "replace").strip()


def spawn(
    argv: Sequence[str],
    *,
    log: Path | None,
    env: Mapping[str, str] | None = None,
    name: str | None = None,
) -> Child:
    """Start a child in a session of its own, so that Ctrl-C in the terminal reaches only us.

    Call it from the thread that lives longest, the main one: the kernel takes the end of the
    thread that started a child for the end of the parent.

    Args:
        argv: The command; its first word is looked up in PATH.
        log: Where its stdout and stderr are appended; None drops them.
        env: Its whole environment; None hands ours on.
        name: What messages call it; by default the command's file name.
    """
    launch = [sys.executable, "-I", "-S", "-c", LAUNCH, str(os.getpid()), *argv]
    with contextlib.ExitStack() as files:
        out = subprocess.DEVNULL if log is None else files.enter_context(log.open("ab"))
        process = subprocess.Popen(  # noqa: S603 (the command is the caller's, not a stranger's)
            launch,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            start_new_session=True,
        )
    return Child(process, name or Path(argv[0]).name, log)


async def until_ready(
    child: Child, ready: Callable[[], bool], *, clock: Clock, timeout_s: float
) -> None:
    """Wait until a child answers.

    Args:
        child: The process that is to answer.
        ready: Asked every 20 ms.
        clock: What waits.
        timeout_s: How long it may take.

    Raises:
        ChildDiedError: It ended instead.
        NotReadyError: It did not answer in time.
    """
    until_s = clock.monotonic_s() + timeout_s
    while not ready():
        if child.returncode is not None:
            raise ChildDiedError(f"{child.name} exited {child.returncode}: {child.tail()}")
        if clock.monotonic_s() >= until_s:
            raise NotReadyError(f"{child.name} is not ready after {timeout_s:g} s: {child.tail()}")
        await clock.sleep(POLL_S)


def free_port() -> int:
    """A TCP port on the loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def claim_port(port: int) -> int:
    """The port asked for, or a free one for 0.

    Raises:
        PortTakenError: Somebody listens there.
    """
    if port == 0:
        return free_port()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTakenError(f"port {port} is taken: {error.strerror}") from error
    return port


def listens(port: int) -> bool:
    """Whether somebody accepts connections on this port of the loopback."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def port_in(file: Path) -> int | None:
    """The port that a child has written into its port file, or None before that."""
    return int(file.read_text()) if file.exists() else None
