"""Commands and ports of tests; long-running processes are `streams.rig.process` children."""

import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from streams import ids

EPHEMERAL = 32_768
"""From here up the system picks ports for outgoing connections: one could hold a dead broker's."""

LOWEST = 15_000


def finish(
    command: list[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> tuple[int, str, str]:
    """Run a command to its end.

    Returns:
        Its exit code, stdout and stderr.

    Raises:
        TimeoutExpired: It took longer than `timeout_s`; it was killed.
    """
    done = subprocess.run(  # noqa: S603 (our own commands)
        command, capture_output=True, check=False, cwd=cwd, env=env, timeout=timeout_s
    )
    return (
        done.returncode,
        done.stdout.decode(errors="replace"),
        done.stderr.decode(errors="replace"),
    )


def free_port(salt: str) -> int:
    """A port on loopback that nobody listens on and no outgoing connection will take.

    So a server may be killed and find its port free when it comes back.

    Args:
        salt: What the port is for, so that two that are picked at once differ.

    Raises:
        OSError: Every port below the ephemeral range is taken.
    """
    span = EPHEMERAL - LOWEST
    first = int(ids.digest(f"{os.getpid()} {salt}".encode())[:8], 16)
    for step in range(span):
        port = LOWEST + (first + step) % span
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
