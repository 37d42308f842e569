import socket

import httpx
import pytest

from streams import ops


def silent() -> str:
    return ""


async def test_a_process_is_healthy_as_long_as_it_answers() -> None:
    async with (
        ops.serve("127.0.0.1", 0, unready=lambda: ["tier-1: x"], metrics=silent) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        answer = await client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_readiness_says_what_it_waits_for_until_it_waits_for_nothing() -> None:
    waits_for = ["join: partitions are not assigned yet", "learn: held"]
    async with (
        ops.serve("127.0.0.1", 0, unready=lambda: waits_for, metrics=silent) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        early = await client.get("/readyz")
        waits_for.clear()
        late = await client.get("/readyz")
    assert (early.status_code, early.text) == (
        503,
        "join: partitions are not assigned yet\nlearn: held\n",
    )
    assert (late.status_code, late.text) == (200, "ready\n")


async def test_metrics_are_asked_for_at_each_scrape() -> None:
    scrapes = iter(["a 1\n", "a 2\n"])
    async with (
        ops.serve("127.0.0.1", 0, unready=list, metrics=lambda: next(scrapes)) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        answers = [await client.get("/metrics") for _ in range(2)]
    assert [answer.text for answer in answers] == ["a 1\n", "a 2\n"]
    assert answers[0].headers["content-type"] == ops.METRICS_TYPE


async def test_a_taken_port_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=str(port)):
            async with ops.serve("127.0.0.1", port, unready=list, metrics=silent):
                pytest.fail("the port was taken")


async def test_nobody_answers_once_it_is_over() -> None:
    async with ops.serve("127.0.0.1", 0, unready=list, metrics=silent) as port:
        pass
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{port}/healthz")
