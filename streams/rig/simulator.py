"""A provider simulator: OpenAI's chat API over real HTTP, answering from recorded outcomes.

    python -m streams.rig.simulator --tasks FILE --port 0 --port-file FILE --speed 10

`POST /v1/chat/completions` answers, `GET /v1/models` lists; `GET /log` is the truth about what was
called and billed; `POST /faults` and `DELETE /faults` make it misbehave. A process of its own, so
that its work does not take the worker's time.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import orjson
from aiohttp import web
from pydantic import ValidationError

from streams import ids
from streams.clock import Clock, SystemClock
from streams.events.envelope import JsonObject
from streams.kafka.codec import explain, stamp
from streams.money.pricing import to_usd
from streams.providers.port import CALL_ID_HEADER
from streams.rig.faults import Fate, Fault, Kind, fate, scripted, with_fault
from streams.rig.process import Child, port_in, spawn, until_ready
from streams.rig.recorded import (
    Recorded,
    RecordedError,
    RecordedOutcome,
    by_prompt,
    models_of,
    read_recorded,
    user_text,
)
from streams.rig.simulated import (
    answer_text,
    completion,
    error_body,
    latency_s,
    read_request,
    task_key,
    unrecorded,
)

HOST = "127.0.0.1"
REQUEST_BYTES = 16 << 20
BACKLOG = 1024
SHUTDOWN_S = 0.1
READY_S = 30.0
SPEED = 10.0
SCRIPTED_SHARE = 0.05


@dataclass(slots=True)
class Logged:
    """One request in the log.

    `answered`: the whole answer was sent and the client was still there. `billed_usd`: what the
    call cost, zero before the model has done its work, None where its cost is not recorded.
    """

    at: datetime
    model: str
    call_id: str
    answered: bool = False
    billed_usd: Decimal | None = Decimal(0)

    def line(self) -> bytes:
        """As a line of `/log`; money is a decimal string."""
        billed = None if self.billed_usd is None else f"{self.billed_usd:f}"
        at = stamp(self.at).decode()
        known = {"at": at, "model": self.model, "call_id": self.call_id}
        return orjson.dumps({**known, "answered": self.answered, "billed_usd": billed}) + b"\n"


class Simulator:
    """The recorded models behind HTTP.

    Args:
        recorded: Tasks by `prompt_key`.
        clock: Dates the log and waits for latencies.
        speed: What latencies are divided by.
        scripted_share: The share of all tasks whose first call is refused.
        api_key: The key without which it answers 401; None wants none.
    """

    def __init__(
        self,
        recorded: Mapping[str, Recorded],
        clock: Clock,
        *,
        speed: float = SPEED,
        scripted_share: float = SCRIPTED_SHARE,
        api_key: str | None = None,
    ) -> None:
        self._recorded = recorded
        self._api_key = api_key
        self._clock = clock
        self._speed = speed
        self._scripted_share = scripted_share
        self._faults: dict[tuple[str, Kind], Fault] = {}
        self._called: set[str] = set()
        self._log: list[Logged] = []

    def app(self) -> web.Application:
        """Its routes."""
        app = web.Application(client_max_size=REQUEST_BYTES)
        app.router.add_post("/v1/chat/completions", self.complete)
        app.router.add_get("/v1/models", self.models)
        app.router.add_get("/log", self.log)
        app.router.add_post("/faults", self.add_fault)
        app.router.add_delete("/faults", self.clear_faults)
        return app

    async def log(self, request: web.Request) -> web.Response:
        """Every request so far, oldest first, those in flight included."""
        del request
        body = b"".join(entry.line() for entry in self._log)
        return web.Response(body=body, content_type="application/x-ndjson")

    async def add_fault(self, request: web.Request) -> web.Response:
        """Misbehave from now on."""
        try:
            fault = Fault.model_validate_json(await request.read())
        except ValidationError as error:
            return _error(400, "invalid_fault", explain(error))
        self._faults = with_fault(self._faults, fault)
        return _json(200, {"faults": [f.model_dump(mode="json") for f in self._faults.values()]})

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Behave again; the script goes on."""
        del request
        self._faults = {}
        return web.Response(status=204)

    async def models(self, request: web.Request) -> web.Response:
        """List the recorded models, as OpenAI does."""
        if not self._knows(request):
            return _error(401, "invalid_api_key", "Incorrect API key provided")
        names = models_of(self._recorded.values())
        entries = [{"id": name, "object": "model", "owned_by": "simulator"} for name in names]
        return _json(200, {"object": "list", "data": entries})

    def _knows(self, request: web.Request) -> bool:
        """Whether the caller has the key, where one is wanted."""
        wanted = self._api_key
        return wanted is None or request.headers.get("authorization") == f"Bearer {wanted}"

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Answer one chat completion, or fail it as its fate will have it."""
        if not self._knows(request):
            return _error(401, "invalid_api_key", "Incorrect API key provided")
        asked = read_request(await request.read())
        if asked is None:
            return _error(400, "invalid_request_error", "model and messages are wanted")
        model, messages = asked
        key = task_key(messages, self._recorded)
        row = self._recorded.get(key)
        outcome = unrecorded(user_text(messages)) if row is None else row.outcomes.get(model)
        call_id = request.headers.get(CALL_ID_HEADER) or ids.derive("call", len(self._log), key)
        entry = Logged(self._clock.now(), model, call_id)
        self._log.append(entry)
        if outcome is None:
            return _error(404, "model_not_found", f"The model `{model}` does not exist")
        fated = self._fate(key, model, call_id)
        status = fated.fault.status if fated.fault else None
        usual_s = latency_s(0 if status else outcome.output_tokens, call_id) / self._speed
        await self._clock.sleep(usual_s if fated.slow_s is None else fated.slow_s)
        if status:
            return _error(status, "simulated", f"simulated {status}")
        entry.billed_usd = to_usd(outcome.cost_usd)  # the model has done its work
        return await _answer(request, entry, answer_text(model, key), outcome, fated.fault)

    def _fate(self, key: str, model: str, call_id: str) -> Fate:
        """What was asked for through `/faults`, else what the script has for a first call."""
        drawn = fate(self._faults.values(), model=model, call_id=call_id)
        first = key not in self._called
        self._called.add(key)
        if drawn.fault is None and first:
            return Fate(drawn.slow_s, scripted(key, self._scripted_share))
        return drawn


async def _answer(
    request: web.Request, entry: Logged, text: str, outcome: RecordedOutcome, fault: Kind | None
) -> web.StreamResponse:
    """Send the answer, or what the fault leaves of it. A client that leaves cancels this."""
    if fault is Kind.TIMEOUT:
        await asyncio.Event().wait()
    if fault is Kind.GARBAGE:
        return web.Response(body=b'<html>{"choices": [', content_type="application/json")
    body = completion(
        call_id=entry.call_id,
        model=entry.model,
        text="" if fault is Kind.EMPTY else text,
        at=entry.at,
        outcome=outcome,
        cost_usd=entry.billed_usd,
    )
    response = web.StreamResponse(headers={"content-type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    if fault is Kind.CUT:
        await response.write(body[: len(body) // 2])
        if request.transport is not None:
            request.transport.close()
        return response
    await response.write(body)
    await response.write_eof()
    there = request.transport is not None and not request.transport.is_closing()
    entry.answered = there and fault is None
    return response


def _json(status: int, body: JsonObject) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")


def _error(status: int, code: str, message: str) -> web.Response:
    body = error_body(code, message)
    return web.Response(status=status, body=body, content_type="application/json")


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
