"""Servers that do as a test likes, over real HTTP on loopback."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import orjson
from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def serving(answer: Answer, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """A server that answers everything so; yields its URL up to `/v1/`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, 0).start()
        yield f"http://{host}:{runner.addresses[0][1]}/v1/"
    finally:
        await runner.cleanup()


def completed(text: str = "4") -> web.Response:
    """A chat completion."""
    choice = {"message": {"content": text}, "finish_reason": "stop"}
    return web.Response(body=orjson.dumps({"choices": [choice]}))
