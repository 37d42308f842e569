"""Health, readiness and metrics over HTTP, on loopback unless told otherwise."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@asynccontextmanager
async def serve(
    host: str, port: int, *, unready: Callable[[], list[str]], metrics: Callable[[], str]
) -> AsyncIterator[int]:
    """Answer `/healthz`, `/readyz` and `/metrics` while the context lasts.

    Args:
        host: Address to listen on.
        port: 0 chooses a free one.
        unready: What readiness waits for, in words; empty when ready.
        metrics: The exposition, asked at each scrape.

    Yields:
        The port that was taken.

    Raises:
        OSError: The port is taken.
    """

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        waits_for = unready()
        if waits_for:
            return web.Response(status=503, text="\n".join(waits_for) + "\n")
        return web.Response(text="ready\n")

    async def exposed(_: web.Request) -> web.Response:
        return web.Response(body=metrics().encode(), headers={"content-type": METRICS_TYPE})

    app = web.Application()
    app.add_routes(
        [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", exposed)]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
