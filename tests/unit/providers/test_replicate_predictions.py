from typing import Any

import orjson
import pytest

from streams.calling.attempts import Failure
from streams.events.outcome import Usage
from streams.events.task import Message
from streams.providers.port import Failed, Pending, Prompt, Reply, Request
from streams.providers.replicate_predictions import ReplicatePredictions

WIRE = ReplicatePredictions()
VERSION = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"


def encoded(**wishes: Any) -> Request | Failed:
    known: dict[str, Any] = {"call_id": "c1", "model": "meta/meta-llama-3-8b-instruct"}
    return WIRE.encode(Prompt(**{**known, "messages": (Message(content="Hello"),), **wishes}))


def body_of(**wishes: Any) -> dict[str, Any]:
    asked = encoded(**wishes)
    assert isinstance(asked, Request)
    found: dict[str, Any] = orjson.loads(asked.body)
    return found


def a_prediction(status: str = "succeeded", **more: Any) -> dict[str, Any]:
    made = "https://api.replicate.com/v1/predictions/gm3qorzdhgbfurvjtvhg6dckhu"
    return {
        "id": "gm3qorzdhgbfurvjtvhg6dckhu",
        "model": "meta/meta-llama-3-8b-instruct",
        "version": "hidden",
        "input": {"prompt": "Hello"},
        "logs": "",
        "output": ["Hi", " there"],
        "error": None,
        "status": status,
        "created_at": "2026-11-23T16:19:34.765994Z",
        "metrics": {"input_token_count": 12, "output_token_count": 2, "predict_time": 0.3},
        "urls": {"get": made, "cancel": f"{made}/cancel"},
        **more,
    }


def decoded(body: object, status: int = 201) -> Reply | Failed | Pending:
    return WIRE.decode(status, {}, orjson.dumps(body))


@pytest.mark.parametrize(
    ("model", "path", "version"),
    [
        ("meta/llama-3", "/models/meta/llama-3/predictions", None),
        (f"me/mine:{VERSION}", "/predictions", VERSION),
        (VERSION, "/predictions", VERSION),
        ("deployments/me/mine", "/deployments/me/mine/predictions", None),
    ],
)
def test_a_model_is_named_in_four_ways(model: str, path: str, version: str | None) -> None:
    asked = encoded(model=model)
    assert isinstance(asked, Request)
    assert asked.path == path
    assert asked.headers["prefer"].startswith("wait=")
    assert orjson.loads(asked.body).get("version") == version


@pytest.mark.parametrize("model", ["llama", "", "a/b/c", "../b", "a/b:latest", "a b/c", "a/b:"])
def test_a_name_that_is_none_of_them_is_the_wrong_model(model: str) -> None:
    asked = encoded(model=model)
    assert isinstance(asked, Failed)
    assert asked.failure is Failure.WRONG_MODEL


def test_every_wish_has_its_input() -> None:
    messages = (Message(role="system", content="Be short."), Message(content="Hello"))
    wishes: dict[str, Any] = {"temperature": 0.5, "max_output_tokens": 9, "stop": ("END", "###")}
    body = body_of(messages=messages, json_output=True, **wishes)["input"]
    assert body.pop("system_prompt").startswith("Be short.\n\nAnswer with JSON")
    assert body == {
        "prompt": "Hello",
        "temperature": 0.5,
        "max_tokens": 9,
        "stop_sequences": "END,###",
    }


def test_a_conversation_is_one_text() -> None:
    messages = (
        Message(content="2 + 2?"),
        Message(role="assistant", content="4"),
        Message(content="And 3?"),
    )
    prompt = body_of(messages=messages)["input"]["prompt"]
    assert prompt == "User: 2 + 2?\n\nAssistant: 4\n\nUser: And 3?\n\nAssistant:"


@pytest.mark.parametrize(
    ("wishes", "what"),
    [
        ({"tools": ({"type": "function"},)}, "tools"),
        ({"stop": ("a,b",)}, "stop sequences with a comma"),
        (
            {"messages": (Message(content=[{"type": "image_url", "image_url": "https://x"}]),)},
            "images by URL",
        ),
        ({"messages": (Message(content=[{"type": "file"}]),)}, "file parts"),
    ],
)
def test_what_the_format_lacks_is_refused_by_name(wishes: dict[str, Any], what: str) -> None:
    asked = encoded(**wishes)
    assert isinstance(asked, Failed)
    assert asked.failure is Failure.REFUSED
    assert asked.detail == f"replicate_predictions carries no {what}"


@pytest.mark.parametrize("status", ["starting", "processing"])
def test_what_is_under_way_is_asked_for_again_on_the_same_host(status: str) -> None:
    path = "/predictions/gm3qorzdhgbfurvjtvhg6dckhu"
    found = decoded(a_prediction(status, output=None, urls={"get": "https://evil/x"}))
    assert found == Pending(path, 0.5, f"{path}/cancel")


@pytest.mark.parametrize("made", [None, "", 7, "../account", "a/b", "x" * 65])
def test_an_id_that_is_none_is_garbage(made: object) -> None:
    failed = decoded(a_prediction("starting", id=made))
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.GARBAGE


@pytest.mark.parametrize("output", [["Hi", " there"], "Hi there"])
@pytest.mark.parametrize("status", [200, 201, 202])
def test_an_answer_in_pieces_or_whole_is_read(output: object, status: int) -> None:
    usage = Usage(input_tokens=12, output_tokens=2)
    reply = Reply("Hi there", "meta/meta-llama-3-8b-instruct", usage)
    assert decoded(a_prediction(output=output), status) == reply


@pytest.mark.parametrize(
    ("more", "failure"),
    [
        ({"status": "failed", "error": "out of memory"}, Failure.SERVER_ERROR),
        ({"status": "failed", "error": "no", "started_at": "2026-11-23T16:19:34Z"}, Failure.CUT),
        ({"status": "canceled"}, Failure.CUT),
        ({"status": "aborted"}, Failure.OVERLOADED),
        ({"output": []}, Failure.EMPTY),
        ({"output": None}, Failure.EMPTY),
        ({"output": {"url": "https://x/a.png"}}, Failure.GARBAGE),
        ({"output": ["a", 7]}, Failure.GARBAGE),
        ({"status": "odd"}, Failure.GARBAGE),
    ],
)
def test_what_is_no_answer_is_a_failure(more: dict[str, Any], failure: Failure) -> None:
    failed = decoded(a_prediction(**{"status": "succeeded", **more}))
    assert isinstance(failed, Failed)
    assert failed.failure is failure
    assert failed.usage.input_tokens == 12


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (401, Failure.REFUSED),
        (402, Failure.REFUSED),
        (404, Failure.WRONG_MODEL),
        (422, Failure.REFUSED),
        (429, Failure.RATE_LIMITED),
        (500, Failure.SERVER_ERROR),
    ],
)
def test_a_status_says_how_the_call_failed(status: int, failure: Failure) -> None:
    body = {"title": "No", "detail": "no such luck", "status": status}
    failed = decoded(body, status)
    assert isinstance(failed, Failed)
    assert failed.failure is failure
    assert ("no such luck" in failed.detail) == (status != 401)
