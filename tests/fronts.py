"""What stands before a ClickHouse in a company: TLS, and a check of who asks."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.certificates import Signed

CHUNK_BYTES = 1 << 16
REFUSED = (
    "Code: 516. DB::Exception: {user}: Authentication failed: password is incorrect, or there is "
    "no user with such name. (AUTHENTICATION_FAILED)"
)


@asynccontextmanager
async def tls_front(port: int, signed: Signed) -> AsyncIterator[int]:
    """A port of loopback that speaks TLS and hands on to another one.

    Args:
        port: Where the bytes go, in the clear.
        signed: What it shows.
    """

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
            async with asyncio.TaskGroup() as group:
                group.create_task(hand_on(reader, inner_writer))
                group.create_task(hand_on(inner_reader, writer))
        except* OSError:
            pass  # one of both hung up

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(signed.certificate, signed.key)
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def turning_away() -> AsyncIterator[int]:
    """A port that answers as ClickHouse does to who gives a wrong password."""

    async def refuse(request: web.Request) -> web.Response:
        user = request.headers.get("X-ClickHouse-User", "default")
        headers = {"X-ClickHouse-Exception-Code": "516"}
        return web.Response(text=REFUSED.format(user=user), status=403, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", refuse)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
