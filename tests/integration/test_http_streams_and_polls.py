"""Streams and polls where hosts do as they like: what is an answer, what was sent, what is called off."""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from aiohttp import web
from pydantic import SecretStr

from streams.calling.attempts import Failure
from streams.clock import SystemClock
from streams.events.task import Message
from streams.providers import guard
from streams.providers.guard import ForbiddenAddressError
from streams.providers.http import HttpProvider
from streams.providers.port import Deadlines, Failed, Prompt, Reply
from streams.providers.wires import WIRES
from streams.rig.dialects.anthropic_messages import AnthropicDialect
from streams.rig.dialects.openai_chat import OpenAIChatDialect
from streams.rig.speech import Said
from streams.settings import ProviderSettings, SettingsError
from tests.hosts import Answer, completed, serving

CLOCK = SystemClock()
KEY = "sk-canary-0123456789abcdef"
SAID = Said("c", "m", CLOCK.now(), ("It ", "is ", "4."), "stop", input_tokens=3, output_tokens=4)
CHAT = OpenAIChatDialect()


def prompt(*, stream: bool = True, api_key_env: str | None = None, model: str = "m") -> Prompt:
    said = (Message(content="2 + 2?"),)
    return Prompt("call-7", model, said, stream=stream, api_key_env=api_key_env)


def streaming(*pieces: bytes, then: Callable[[], object] | None = None) -> Answer:
    """A stream of these pieces, and then what `then` awaits."""

    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        if then is not None:
            await asyncio.Event().wait()
        return response

    return answer


async def ask(
    answer: Answer, deadlines: Deadlines | None = None, wire: str = "openai_chat", **more: str
) -> Reply | Failed:
    async with serving(answer) as url, HttpProvider(url, WIRES[wire], CLOCK) as provider:
        return await provider.call(prompt(model=more.get("model", "m")), deadlines or Deadlines(5))


def replied(outcome: Reply | Failed) -> Reply:
    assert isinstance(outcome, Reply), outcome
    return outcome


def failed(outcome: Reply | Failed) -> Failed:
    assert isinstance(outcome, Failed), outcome
    return outcome


async def test_a_stream_that_has_ended_is_an_answer_though_its_connection_stays_open() -> None:
    reply = replied(await ask(streaming(*CHAT.pieces(SAID), then=dict), Deadlines(0.4)))
    assert (reply.text, reply.usage.output_tokens) == ("It is 4.", 4)


async def test_what_a_cut_stream_has_counted_is_kept() -> None:
    pieces = AnthropicDialect().pieces(SAID)
    for answer in (streaming(*pieces[:5]), streaming(*pieces[:5], then=dict)):
        outcome = failed(await ask(answer, Deadlines(0.4), wire="anthropic_messages"))
        assert outcome.failure in (Failure.CUT, Failure.TIMED_OUT)
        assert (outcome.usage.input_tokens, outcome.usage.output_tokens) == (3, None)


async def test_a_host_that_answers_whole_where_a_stream_was_asked_for_is_understood() -> None:
    async def answer(_: web.Request) -> web.Response:
        return completed("whole")

    assert replied(await ask(answer)).text == "whole"


async def test_signs_of_life_are_no_tokens() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b": alive\n\n")
                await CLOCK.sleep(0.02)
        return response

    outcome = failed(await ask(answer, Deadlines(5, first_token_s=0.2)))
    assert (outcome.failure, outcome.detail) == (Failure.TIMED_OUT, "no first token in 0.2 s")


async def test_a_refusal_counts_also_where_its_body_is_endless_or_breaks_off() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=429, headers={"retry-after": "3"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"x" * 65536)
        return response

    async def broken(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=429, headers={"retry-after": "3"})
        response.content_length = 1000
        await response.prepare(request)
        await response.write(b'{"error"')
        assert request.transport is not None
        request.transport.close()
        return response

    for answer in (endless, broken):
        outcome = failed(await ask(answer))
        assert (outcome.failure, outcome.retry_after_s) == (Failure.RATE_LIMITED, 3)


async def test_a_connection_that_is_not_made_in_time_was_never_used() -> None:
    mute = socket.create_server(("127.0.0.1", 0))  # the kernel accepts, and nobody reads
    port = mute.getsockname()[1]
    with mute:
        tls = HttpProvider(f"https://127.0.0.1:{port}/v1", WIRES["openai_chat"], CLOCK)
        outcome = failed(await tls.call(prompt(), Deadlines(0.3)))
        assert outcome.failure is Failure.UNREACHABLE, "a handshake sends no prompt"
        plain = HttpProvider(f"http://127.0.0.1:{port}/v1", WIRES["openai_chat"], CLOCK)
        outcome = failed(await plain.call(prompt(), Deadlines(0.3)))
        assert outcome.failure is Failure.TIMED_OUT
        await tls.aclose()
        await plain.aclose()


async def test_settings_watch_every_call_of_a_provider() -> None:
    bodies: list[bytes] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        bodies.append(await request.read())
        return await streaming(*CHAT.pieces(SAID)[:3], then=dict)(request)

    async with (
        serving(answer) as url,
        HttpProvider(
            url, WIRES["openai_chat"], CLOCK, stream=True, first_token_s=2, between_tokens_s=0.2
        ) as provider,
    ):
        outcome = failed(await provider.call(prompt(stream=False), Deadlines(5)))
    assert outcome.detail == "after a token nothing for 0.2 s"
    assert orjson.loads(bodies[0])["stream"] is True


# Keys


async def test_a_models_own_key_goes_before_the_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWN_KEY", "sk-own")
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("authorization"))
        return completed()

    async with (
        serving(answer) as url,
        HttpProvider(url, WIRES["openai_chat"], CLOCK, api_key=SecretStr(KEY)) as provider,
    ):
        assert isinstance(await provider.call(prompt(), Deadlines(5)), Reply)
        own = prompt(api_key_env="OWN_KEY")
        assert isinstance(await provider.call(own, Deadlines(5)), Reply)
        lacking = failed(await provider.call(prompt(api_key_env="NO_KEY"), Deadlines(5)))
    assert seen == [f"Bearer {KEY}", "Bearer sk-own"]
    assert lacking.failure is Failure.REFUSED
    assert "NO_KEY" in lacking.detail


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
async def test_no_echo_of_the_key_leaves_the_provider(wire: str, status: int) -> None:
    given: list[str] = []

    async def echo(request: web.Request) -> web.Response:
        sent = " ".join(f"{name}: {value}" for name, value in request.headers.items())
        given.append(sent)
        filler = "x" * (285 - len("bad key "))  # so that a shortened text ends within the key
        said = f"bad key {sent} {filler} {KEY}"
        body = {"error": {"message": f"{filler} {KEY}", "type": said}, "detail": said, "text": said}
        return web.Response(status=status, body=orjson.dumps(body))

    async with (
        serving(echo) as url,
        HttpProvider(url, WIRES[wire], CLOCK, api_key=SecretStr(KEY)) as provider,
    ):
        outcome = await provider.call(prompt(stream=False, model="acme/m"), Deadlines(5))
        assert KEY not in repr(vars(provider))
    assert KEY in given[0]
    assert "sk-canary" not in repr(outcome)


async def test_an_answer_that_repeats_the_key_is_told_without_it() -> None:
    async def echo(request: web.Request) -> web.Response:
        return completed(f"You sent {request.headers['authorization']}")

    async with (
        serving(echo) as url,
        HttpProvider(url, WIRES["openai_chat"], CLOCK, api_key=SecretStr(KEY)) as provider,
    ):
        reply = replied(await provider.call(prompt(stream=False), Deadlines(5)))
    assert reply.text == "You sent Bearer ****"


# Addresses


async def test_a_name_that_leads_elsewhere_once_it_is_connected_to_is_not_spoken_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    requests: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        requests.append(request.path)
        return completed()

    async with serving(answer) as url:
        there = url.replace("127.0.0.1", "localhost")
        provider = HttpProvider(there, WIRES["openai_chat"], CLOCK, api_key=SecretStr(KEY))
        free = HttpProvider(there, WIRES["openai_chat"], CLOCK, allow_link_local=True)
        forbidden = frozenset({ipaddress.ip_address("127.0.0.1")})
        monkeypatch.setattr(guard, "METADATA_ADDRESSES", forbidden)
        outcome = failed(await provider.call(prompt(), Deadlines(5)))
        assert outcome.failure is Failure.REFUSED
        assert "metadata" in outcome.detail
        assert requests == []
        assert isinstance(await free.call(prompt(), Deadlines(5)), Reply)
        with pytest.raises(ForbiddenAddressError, match="localhost resolves to"):
            await provider.__aenter__()
        await provider.aclose()
        await free.aclose()


def test_a_metadata_address_is_refused_before_anything_unless_it_is_allowed() -> None:
    url = "http://169.254.169.254/v1"
    with pytest.raises(ForbiddenAddressError):
        HttpProvider(url, WIRES["openai_chat"], CLOCK)
    HttpProvider(url, WIRES["openai_chat"], CLOCK, allow_link_local=True)


# Polls


class Predictions:
    """A host of predictions that answers each poll by the next of `polls`."""

    def __init__(self, *polls: web.Response | dict[str, object], made: str = "p1") -> None:
        self.polls = list(polls)
        self.made = made
        self.seen: list[tuple[str, str]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.path.removeprefix("/v1")))
        if request.method == "POST" and request.path.endswith("/predictions"):
            return web.json_response({"id": self.made, "status": "starting"}, status=201)
        if request.method == "POST":
            return web.json_response({"id": self.made, "status": "canceled"})
        found = self.polls.pop(0) if self.polls else {"id": self.made, "status": "processing"}
        return web.json_response(found) if isinstance(found, dict) else found

    async def ask(self, timeout_s: float = 10) -> Reply | Failed:
        deadlines = Deadlines(timeout_s)
        return await ask(self.answer, deadlines, "replicate_predictions", model="acme/m")


DONE: dict[str, object] = {"id": "p1", "status": "succeeded", "output": ["It is ", "4."]}


async def test_a_poll_that_fails_now_and_then_is_made_again() -> None:
    host = Predictions(web.Response(status=502), {"id": "p1", "status": "processing"}, DONE)
    assert replied(await host.ask()).text == "It is 4."
    assert [method for method, _ in host.seen] == ["POST", "GET", "GET", "GET"]


async def test_an_answer_that_can_not_be_fetched_may_be_billed_and_is_called_off() -> None:
    host = Predictions(*(web.Response(status=404) for _ in range(5)))
    outcome = failed(await host.ask())
    assert outcome.failure is Failure.CUT
    assert "can't be fetched" in outcome.detail
    assert host.seen[-1] == ("POST", "/predictions/p1/cancel")
    assert [method for method, _ in host.seen].count("GET") == 3


async def test_what_takes_too_long_is_called_off() -> None:
    host = Predictions()
    assert failed(await host.ask(0.8)).failure is Failure.TIMED_OUT
    assert host.seen[-1] == ("POST", "/predictions/p1/cancel")


@pytest.mark.parametrize("made", ["../../account", "@evil.example/", "", "p 1"])
async def test_a_prediction_whose_name_is_none_is_not_polled(made: str) -> None:
    host = Predictions(made=made)
    assert failed(await host.ask()).failure is Failure.GARBAGE
    assert host.seen == [("POST", "/models/acme/m/predictions")]


# Key files


def test_a_key_file_is_read_by_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    there = ProviderSettings(base_url="http://127.0.0.1/v1", api_key_file=file)
    held = there.options("acme")["api_key"]
    assert held is not None
    assert held.get_secret_value() == KEY
    assert KEY not in repr(there)
    file.write_text(" \n")
    with pytest.raises(SettingsError, match=r"providers\.acme\.api_key_file"):
        there.options("acme")
    file.unlink()
    with pytest.raises(SettingsError, match=r"providers\.acme\.api_key_file"):
        there.options("acme")
