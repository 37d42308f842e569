"""A provider simulator: the wire formats of models' hosts over real HTTP, from recorded outcomes.

    python -m streams.rig.simulator --tasks FILE --port 0 --port-file FILE --speed 10

`POST /v1/chat/completions` answers, `GET /v1/models` lists; so do `/v1/responses`,
`/anthropic/v1/messages`, `/ollama/api/chat` and `/replicate/v1/…`, streamed where that is asked for.
`GET /log` is the truth about what was called and billed; `POST /faults` and `DELETE /faults` make it
misbehave. A process of its own, so that its work does not take the worker's time.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from aiohttp import web

from streams.clock import Clock, SystemClock
from streams.rig.hosts import SCRIPTED_SHARE, SPEED, Simulator
from streams.rig.process import Child, port_in, spawn, until_ready
from streams.rig.recorded import RecordedError, by_prompt, read_recorded

HOST = "127.0.0.1"
BACKLOG = 1024
SHUTDOWN_S = 0.1
READY_S = 30.0


@contextlib.asynccontextmanager
async def serving(simulator: Simulator, port: int, host: str = HOST) -> AsyncIterator[int]:
    """Serve, on loopback unless told otherwise, and yield the port; leaving ends all calls.

    Raises:
        OSError: The port is taken.
    """
    runner = web.AppRunner(
        simulator.app(), handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_S
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def start_simulator(
    folder: Path,
    *,
    clock: Clock,
    tasks: Path | None,
    port: int = 0,
    speed: float = SPEED,
    scripted_share: float = SCRIPTED_SHARE,
) -> tuple[Child, str]:
    """Start the simulator as a process of its own and wait until it listens.

    Args:
        folder: Where its log and port file go.
        clock: What waits for it.
        tasks: Recorded outcomes; None knows none and answers everything.
        port: Where it listens; 0 chooses a free one.
        speed: What latencies are divided by.
        scripted_share: The share of all tasks whose first call is refused.

    Returns:
        The process, and the simulator's URL without a path.

    Raises:
        ChildDiedError: It ended at once: the file is wrong or the port taken, its log says which.
    """
    port_file = folder / "simulator.port"
    port_file.unlink(missing_ok=True)
    argv = [sys.executable, "-m", "streams.rig.simulator", f"--port-file={port_file}"]
    argv += [f"--port={port}", f"--speed={speed}", f"--scripted-fault-share={scripted_share}"]
    argv += [] if tasks is None else [f"--tasks={tasks}"]
    child = spawn(argv, log=folder / "simulator.log", name="simulator")
    try:
        await until_ready(child, port_file.exists, clock=clock, timeout_s=READY_S)
    except BaseException:
        child.kill()
        raise
    return child, f"http://{HOST}:{port_in(port_file)}"


async def run(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    rows = [] if options.tasks is None else read_recorded(options.tasks)
    share = options.scripted_fault_share
    clock = SystemClock()
    simulator = Simulator(
        by_prompt(rows),
        clock,
        speed=options.speed,
        scripted_share=share,
        api_key=os.environ.get(options.api_key_env) if options.api_key_env else None,
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(simulator, options.port, options.host) as port:
        if options.port_file is not None:
            fresh = options.port_file.with_suffix(".new")
            fresh.write_text(f"{port}\n")
            fresh.replace(options.port_file)
        await stop.wait()


def build_parser() -> argparse.ArgumentParser:
    """Its command line."""
    parser = argparse.ArgumentParser(prog="python -m streams.rig.simulator", description=__doc__)
    parser.add_argument("--tasks", type=Path, help="recorded outcomes; else any prompt will do")
    parser.add_argument("--host", default=HOST, help="the address it listens on (loopback)")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument("--port-file", type=Path, help="where the port is written once it listens")
    parser.add_argument("--speed", type=float, default=SPEED, help="latencies are divided by it")
    parser.add_argument("--scripted-fault-share", type=float, default=SCRIPTED_SHARE)
    parser.add_argument("--api-key-env", help="variable with the key that is wanted; none: any")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the simulator from the command line."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if not options.speed > 0:
        parser.error("--speed must be above 0")
    if options.api_key_env and not os.environ.get(options.api_key_env):
        parser.error(f"--api-key-env: {options.api_key_env} is not set")
    try:
        asyncio.run(run(options))
    except RecordedError as error:
        parser.error(str(error))
    except OSError as error:
        sys.exit(f"port {options.port}: {error.strerror or error}")


if __name__ == "__main__":
    main()
