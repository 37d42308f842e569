"""A model that answers at once: OpenAI's chat wire format over raw asyncio, as little as will do.

mock_model.py

It prints its port, then answers every POST on a kept-open connection with the same text and usage,
under the name of the model that was asked for. It knows no chunked bodies and no pipelining.
"""

import asyncio
import sys

import orjson

TEXT = "Twelve passengers, eleven stops: it is empty when the last one leaves."
USAGE = {"prompt_tokens": 120, "completion_tokens": 20, "total_tokens": 140}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
LENGTH = b"content-length:"
END = b"\r\n\r\n"


def answer(body: bytes) -> bytes:
    """The reply to one request, its head and all."""
    model = orjson.loads(body)["model"]
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": TEXT},
    }
    completion = {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": model,
        "choices": [choice],
        "usage": USAGE,
    }
    written = orjson.dumps(completion)
    return HEAD % (len(written), written)


class Mock(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._came = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer as soon as a request is whole."""
        self._came += data
        head, found, body = self._came.partition(END)
        if not found:
            return
        lowered = head.lower()
        at = lowered.index(LENGTH) + len(LENGTH)
        wanted = int(lowered[at:].split(b"\r\n", 1)[0])
        if len(body) >= wanted and self._transport is not None:
            self._came = b""
            self._transport.write(answer(body))


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", 0, backlog=2048)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
