"""A host of models that repeats the key it was sent, in every way and in every part of an answer."""

import base64
import html
import threading
import urllib.parse
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import orjson

PADDING = "no such model here, look again; " * 9
"""So long that a message ends within the key that follows, wherever it is cut."""

SLOW_S = 3.0
"""So long nothing comes of a call that hangs, before its connection ends."""


def every_way(key: str) -> list[str]:
    """A key as hosts, proxies and libraries write it."""
    pairs = (key, f"Bearer {key}", f"user:{key}", f"us:{key}", f"u:{key}")
    encoded = [base64.b64encode(pair.encode()).decode() for pair in pairs]
    return [
        key,
        urllib.parse.quote(key, safe=""),
        urllib.parse.quote(key),
        urllib.parse.quote_plus(key).lower(),
        html.escape(key),
        orjson.dumps(key).decode(),
        repr(key),
        key.encode().hex(),
        key.encode().hex().upper(),
        *encoded,
        base64.urlsafe_b64encode(f"?:{key}".encode()).decode(),
        key.lower(),
    ]


class EchoingHost:
    """Listens on loopback while the context lasts; the model that is asked for says how it fails."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._ended = threading.Event()
        host = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", 0))
                asked = orjson.loads(self.rfile.read(length))
                mode = str(asked.get("model", "400")).partition("-")[2]
                host.asked.append(mode)
                host.answer(self, mode, key_of(self.headers))

            def do_GET(self) -> None:
                listed = [{"id": way} for way in every_way(key_of(self.headers))]
                send(self, 200, {"data": listed})

            def log_message(self, *_: object) -> None:
                """Nothing: a test's output is its own."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, to: BaseHTTPRequestHandler, mode: str, key: str) -> None:
        """Answer as the mode says; a number is a status."""
        way = MODES.get(mode)
        if way is not None:
            way(to, key)
        elif mode == "hang":
            self._ended.wait(SLOW_S)
            to.close_connection = True
        else:
            number, _, nth = mode.partition("-")
            refuse(to, int(number), every_way(key)[int(nth or 0)])


def key_of(headers: Message) -> str:
    """The key that came with a request."""
    sent = headers.get("x-api-key") or headers.get("authorization") or ""
    return str(sent).removeprefix("Bearer ")


def send(
    to: BaseHTTPRequestHandler, status: int, body: object, *, length: int | None = None, **more: str
) -> None:
    """Send a body, bytes as they are and anything else as JSON."""
    written = body if isinstance(body, bytes) else orjson.dumps(body)
    to.send_response(status)
    to.send_header("content-type", "application/json")
    to.send_header("content-length", str(len(written) if length is None else length))
    for name, value in more.items():
        to.send_header(name, value)
    to.end_headers()
    to.wfile.write(written)


def refuse(to: BaseHTTPRequestHandler, status: int, said: str) -> None:
    """An error as OpenAI writes it, about the key."""
    message = f"Incorrect API key provided: {said}. {said} is not known here."
    send(to, status, {"error": {"message": message, "type": said, "code": said}})


def completion(key: str, **message: Any) -> dict[str, Any]:
    """An answer that has the key wherever a text may stand."""
    told = {"role": "assistant", "content": f"You are {key}.", **message}
    choice = {"index": 0, "message": told, "finish_reason": key}
    usage = {"prompt_tokens": 7, "completion_tokens": 9}
    return {"id": key, "model": key, "choices": [choice], "usage": usage}


def _padded(to: BaseHTTPRequestHandler, key: str) -> None:
    send(to, 400, {"error": {"message": f"{PADDING[: 300 - len(key) // 2]}{key}"}})


def _page(to: BaseHTTPRequestHandler, key: str) -> None:
    send(to, 500, f"<html>{html.escape(key)} {' '.join(every_way(key))}".encode())


def _cut(to: BaseHTTPRequestHandler, key: str) -> None:
    send(to, 200, f'{{"id": "{key}", "choices": [{{"message"'.encode(), length=100_000)
    to.close_connection = True


def _inside(to: BaseHTTPRequestHandler, key: str) -> None:
    send(to, 200, {"error": {"message": f"{key} has no credit", "code": 402}})


def _tools(to: BaseHTTPRequestHandler, key: str) -> None:
    arguments = orjson.dumps({"key": key}).decode()
    call = {"id": key, "type": "function", "function": {"name": key, "arguments": arguments}}
    send(to, 200, completion(key, content=None, tool_calls=[call]))


def _redirect(to: BaseHTTPRequestHandler, key: str) -> None:
    quoted = urllib.parse.quote(key, safe="")
    send(to, 302, {}, location=f"http://elsewhere.invalid/{quoted}?key={quoted}")


MODES: dict[str, Callable[[BaseHTTPRequestHandler, str], None]] = {
    "padded": _padded,
    "page": _page,
    "cut": _cut,
    "inside": _inside,
    "tools": _tools,
    "redirect": _redirect,
    "answer": lambda to, key: send(to, 200, completion(key)),
    "encoded": lambda to, key: send(to, 200, completion(" ".join(every_way(key)))),
    "garbage": lambda to, key: send(to, 200, f"no JSON but {key}".encode()),
    "empty": lambda to, key: send(to, 200, completion(key, content="")),
    "odd": lambda to, key: send(to, 200, {"choices": key}),
}
"""How a host answers, by name."""
