"""What goes over the wire, and what comes of servers that do as they like."""

import asyncio
import contextlib

import pytest
from aiohttp import web

from streams.calling.attempts import Failure
from streams.clock import SystemClock
from streams.events.task import Message
from streams.providers.http import RESPONSE_BYTES, HttpProvider
from streams.providers.openai_chat import OpenAIChat
from streams.providers.port import CALL_ID_HEADER, Deadlines, Failed, Prompt, Reply
from tests.hosts import Answer, completed, serving

CLOCK = SystemClock()
PROMPT = Prompt("call-7", "m", (Message(content="2 + 2?"),))


async def ask(answer: Answer, timeout_s: float = 5.0) -> Reply | Failed:
    async with serving(answer) as url, HttpProvider(url, OpenAIChat(), CLOCK) as provider:
        return await provider.call(PROMPT, Deadlines(timeout_s))


async def test_a_call_carries_its_id_and_the_key_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A_KEY", "secret")
    seen: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request)
        return completed()

    async with serving(answer) as url:
        for key in ("A_KEY", "NO_SUCH_KEY", None):
            async with HttpProvider(url, OpenAIChat(), CLOCK, api_key_env=key) as provider:
                reply = await provider.call(PROMPT, Deadlines(5))
                assert isinstance(reply, Reply)
                assert reply.model == "m"
    assert {request.path for request in seen} == {"/v1/chat/completions"}
    assert {request.headers["x-tierflow-call-id"] for request in seen} == {"call-7"}
    assert [request.headers.get("authorization") for request in seen] == [
        "Bearer secret",
        None,
        None,
    ]


@pytest.mark.parametrize("key", ["sk-1234\n", " sk-1234 "])
async def test_blanks_around_a_key_are_not_sent(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("authorization"))
        return completed()

    monkeypatch.setenv("A_KEY", key)
    async with (
        serving(answer) as url,
        HttpProvider(url, OpenAIChat(), CLOCK, api_key_env="A_KEY") as provider,
    ):
        assert isinstance(await provider.call(PROMPT, Deadlines(5)), Reply)
    assert seen == ["Bearer sk-1234"]


@pytest.mark.parametrize("key", ["sk-12\n34", "sk-größe"])
async def test_a_key_that_no_provider_can_take_fails_the_call_and_is_not_told(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=401)

    monkeypatch.setenv("A_KEY", key)
    async with (
        serving(refuse) as url,
        HttpProvider(url, OpenAIChat(), CLOCK, api_key_env="A_KEY") as provider,
    ):
        failed = await provider.call(PROMPT, Deadlines(5))
    assert isinstance(failed, Failed)
    assert "sk-" not in failed.detail


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_a_redirect_that_would_make_a_get_of_a_post_is_not_followed(status: int) -> None:
    paths: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response(status=status, headers={"location": "/elsewhere"})

    failed = await ask(answer)
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.REFUSED
    assert paths == ["/v1/chat/completions"]


@pytest.mark.parametrize("status", [307, 308])
async def test_the_same_host_may_send_a_call_to_another_path_once(status: int) -> None:
    seen: list[tuple[str, bytes, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.path, await request.read(), request.headers.get(CALL_ID_HEADER)))
        if request.path == "/v2/chat":
            return completed()
        return web.Response(status=status, headers={"location": "/v2/chat"})

    assert isinstance(await ask(answer), Reply)
    assert [path for path, *_ in seen] == ["/v1/chat/completions", "/v2/chat"]
    assert seen[0][1:] == seen[1][1:]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_leads_to_another_host_or_port_and_it_is_named(status: int) -> None:
    strangers: list[str] = []

    async def stranger(request: web.Request) -> web.Response:
        strangers.append(request.path)
        return completed()

    async with serving(stranger) as elsewhere:
        port = elsewhere.split(":")[2].split("/")[0]
        for host, named in (("127.0.0.1", f"127.0.0.1:{port}"), ("localhost", "localhost")):

            async def answer(_: web.Request, host: str = host) -> web.Response:
                where = f"http://{host}:{port}/v1/chat/completions"
                return web.Response(status=status, headers={"location": where})

            failed = await ask(answer)
            assert isinstance(failed, Failed)
            assert failed.failure is Failure.REFUSED
            assert named in failed.detail
    assert strangers == []


async def test_a_circle_of_redirects_ends() -> None:
    paths: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response(status=307, headers={"location": str(request.url)})

    failed = await ask(answer)
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.REFUSED
    assert len(paths) == 2


async def test_a_failed_call_is_one_request() -> None:
    calls: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        calls.append(request.path)
        return web.Response(status=503)

    failed = await ask(answer)
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.OVERLOADED
    assert len(calls) == 1


async def test_a_connection_that_ends_without_a_word_was_cut() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    failed = await ask(answer)
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.CUT


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"x" * (1 << 20))
        return response

    failed = await ask(answer, timeout_s=20)
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.GARBAGE
    assert str(RESPONSE_BYTES) in failed.detail


async def test_an_answer_that_drips_is_cut_off_by_the_time_for_all_of_it() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await CLOCK.sleep(0.02)

    failed = await ask(answer, timeout_s=0.3)
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.TIMED_OUT


async def test_a_call_that_found_no_free_connection_was_never_sent() -> None:
    taken = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        taken.set()
        await CLOCK.sleep(0.6)
        return completed()

    async with (
        serving(answer) as url,
        HttpProvider(url, OpenAIChat(), CLOCK, connections=1) as provider,
        asyncio.TaskGroup() as group,
    ):
        first = group.create_task(provider.call(PROMPT, Deadlines(5)))
        await taken.wait()
        second = await provider.call(PROMPT, Deadlines(0.2))
        assert isinstance(second, Failed)
        assert second.failure is Failure.UNREACHABLE
    assert isinstance(first.result(), Reply)


async def test_a_connection_is_used_again() -> None:
    ports: set[object] = set()

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername"))
        return completed()

    async with serving(answer) as url, HttpProvider(url, OpenAIChat(), CLOCK) as provider:
        for _ in range(5):
            assert isinstance(await provider.call(PROMPT, Deadlines(5)), Reply)
    assert len(ports) == 1


async def test_a_cancelled_call_is_cancelled_and_frees_its_connection() -> None:
    async def answer(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return completed()

    async with (
        serving(answer) as url,
        HttpProvider(url, OpenAIChat(), CLOCK, connections=1) as provider,
    ):
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await provider.call(PROMPT, Deadlines(5))


@pytest.mark.parametrize("url", ["http://", "ftp://127.0.0.1/v1", "http://127.0.0.1:1/v1"])
async def test_an_address_where_nobody_can_be_is_unreachable(url: str) -> None:
    async with HttpProvider(url, OpenAIChat(), CLOCK) as provider:
        failed = await provider.call(PROMPT, Deadlines(2))
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.UNREACHABLE
