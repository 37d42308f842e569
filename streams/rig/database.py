"""The embedded ClickHouse: chdb behind ClickHouse's HTTP protocol, a process of its own.

python -m streams.rig.database --dir DIR --port 0 --port-file FILE

Clients talk to it with clickhouse-connect as to a server. For trying out and tests: it listens on
loopback, knows no users, keeps no sessions and answers uncompressed.
"""

import argparse
import asyncio
import gzip
import importlib
import os
import signal
import sys
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiohttp import web
from pydantic import TypeAdapter

from streams.rig.engine import Answer, Engine, RefusedError, Statement

HOST = "127.0.0.1"
STATEMENTS_AT_ONCE = 4
BODY_BYTES = 1 << 30

TRANSPORT = frozenset((
    "query", "database", "default_format", "user", "password", "role", "quota_key", "query_id",
    "session_id", "session_timeout", "session_check", "compress", "decompress", "buffer_size",
    "wait_end_of_query", "client_protocol_version", "enable_http_compression",
    "send_progress_in_http_headers", "http_headers_progress_interval_ms",
    "cancel_http_readonly_queries_on_client_close",
))  # fmt: skip
"""URL parameters that are the protocol's own; the others are settings or `param_…`."""

STATUS = {60: 404, 81: 404, 62: 400, 47: 400, 27: 400, 115: 400, 456: 400, 457: 400}
"""HTTP status by ClickHouse's error code; 500 for the rest."""

BAD_ARGUMENTS = 36

_SUMMARY = TypeAdapter(dict[str, str])
_ENGINE = web.AppKey("engine", Engine)
_POOL = web.AppKey("pool", ThreadPoolExecutor)


def application(engine: Engine, pool: ThreadPoolExecutor) -> web.Application:
    """The HTTP interface over an engine; statements run in the pool's threads."""
    app = web.Application(client_max_size=BODY_BYTES)
    app[_ENGINE], app[_POOL] = engine, pool
    app.router.add_get("/ping", _ping)
    app.router.add_route("*", "/", _answer)
    return app


async def _ping(_: web.Request) -> web.Response:
    return web.Response(text="Ok.\n")


async def _answer(request: web.Request) -> web.Response:
    """Run what a request asks for; ClickHouse's headers say how it went."""
    headers = {
        "X-ClickHouse-Server-Display-Name": "tierflow-rig",
        "X-ClickHouse-Timezone": "UTC",
        "X-ClickHouse-Query-Id": request.query.get("query_id", ""),
    }
    try:
        statement = await read_statement(request)
        if not statement.text.strip():
            return web.Response(text="Ok.\n", headers=headers)
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(request.app[_POOL], request.app[_ENGINE].run, statement)
    except RefusedError as error:
        headers["X-ClickHouse-Exception-Code"] = str(error.code)
        return web.Response(text=f"{error}\n", status=STATUS.get(error.code, 500), headers=headers)
    headers["X-ClickHouse-Summary"] = _summary(answer)
    if answer.output is not None:
        headers["X-ClickHouse-Format"] = answer.output
    return web.Response(body=answer.body, headers=headers)


async def read_statement(request: web.Request) -> Statement:
    """What a request asks for, by URL, form or body.

    Raises:
        RefusedError: Its body is compressed in a way that is not known.
    """
    known: dict[str, str] = dict(request.query)
    body = b""
    if request.content_type == "multipart/form-data":
        known |= {name: _text(value) for name, value in (await request.post()).items()}
    else:
        body = decompress(await request.read(), request.headers.get("Content-Encoding", ""))
    text = known.get("query", "").encode()
    return Statement(
        text=text or body,
        rows=body if text else b"",
        database=_either(request, known, "database", "X-ClickHouse-Database", "default"),
        output=_either(request, known, "default_format", "X-ClickHouse-Format", "TabSeparated"),
        settings={
            name: value
            for name, value in known.items()
            if name not in TRANSPORT and not name.startswith("param_")
        },
        parameters={
            name.removeprefix("param_"): value
            for name, value in known.items()
            if name.startswith("param_")
        },
    )


def _either(
    request: web.Request, known: Mapping[str, str], name: str, header: str, default: str
) -> str:
    return known.get(name) or request.headers.get(header) or default


def _text(value: str | bytes | bytearray | web.FileField) -> str:
    if isinstance(value, web.FileField):
        raise RefusedError("external tables are not known here", BAD_ARGUMENTS)
    return value if isinstance(value, str) else value.decode()


def decompress(body: bytes, encoding: str) -> bytes:
    """A body as it was before `Content-Encoding`; clients send one lz4 frame a block.

    Raises:
        RefusedError: The encoding is not known.
    """
    match encoding:
        case "" | "identity":
            return body
        case "lz4":
            return _unframe(body)
        case "zstd":
            name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
            return bytes(importlib.import_module(name).decompress(body))
        case "gzip":
            return gzip.decompress(body)
        case "deflate":
            return zlib.decompress(body)
        case _:
            raise RefusedError(f"Content-Encoding {encoding} is not known here", BAD_ARGUMENTS)


def _unframe(body: bytes) -> bytes:
    lz4 = importlib.import_module("lz4.frame")  # comes with clickhouse-connect
    parts = []
    while body:
        frame = lz4.LZ4FrameDecompressor()
        parts.append(frame.decompress(body))
        body = frame.unused_data or b""
    return b"".join(parts)


def _summary(answer: Answer) -> str:
    counts = {"read_rows": str(answer.read_rows), "written_rows": str(answer.written_rows)}
    return _SUMMARY.dump_json(counts).decode()


async def serve(folder: Path, port: int, port_file: Path | None, stop: asyncio.Event) -> None:
    """Answer on loopback until stopped; what runs then is finished first.

    Args:
        folder: Where the data is kept.
        port: 0 takes a free one.
        port_file: Gets the port, by rename, once requests are answered.
        stop: Set to end.

    Raises:
        RefusedError: The folder is another process's.
        OSError: The port is taken.
    """
    engine = Engine(folder)
    pool = ThreadPoolExecutor(STATEMENTS_AT_ONCE, thread_name_prefix="statement")
    # Bodies are decompressed here, not by aiohttp: it does not know lz4.
    runner = web.AppRunner(application(engine, pool), auto_decompress=False, access_log=None)
    try:
        await runner.setup()
        site = web.TCPSite(runner, HOST, port)
        await site.start()
        if port_file is not None:
            announce(port_file, runner.addresses[0][1])
        await stop.wait()
    finally:
        await runner.cleanup()
        pool.shutdown()
        engine.close()


def announce(port_file: Path, port: int) -> None:
    """Write the port where others wait for it, whole or not at all."""
    part = port_file.with_name(f"{port_file.name}.part")
    part.write_text(f"{port}\n")
    part.replace(port_file)


async def _until_told(folder: Path, port: int, port_file: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(folder, port, port_file, stop)


def main() -> int:
    """Run until SIGTERM or SIGINT; 1 where the folder or the port is taken."""
    parser = argparse.ArgumentParser(prog="python -m streams.rig.database", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="where the data is kept")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--port-file", type=Path, help="gets the port once requests are answered")
    given = parser.parse_args()
    os.environ["TZ"] = "UTC"  # the engine takes its time zone from here
    try:
        asyncio.run(_until_told(given.dir, given.port, given.port_file))
    except (RefusedError, OSError) as error:
        sys.stderr.write(f"embedded ClickHouse: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
