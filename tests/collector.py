"""A collector of spans: a real HTTP server that takes OTLP as it is sent, and keeps it."""

import gzip
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KINDS = {3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}
FAILED = 2


@dataclass(frozen=True, slots=True)
class Seen:
    """One span as it came."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    began_ns: int
    ended_ns: int
    failed: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]
    schema_url: str


class Collector:
    """Listens on loopback while the context lasts.

    Args:
        status: What it answers; 200 takes spans, anything else refuses them.
    """

    def __init__(self, status: int = 200) -> None:
        self.bodies: list[bytes] = []
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                if self.path == "/v1/traces" and status == 200:
                    bodies.append(body)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing: a test's output is its own."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def spans(self) -> list[Seen]:
        """All that came, in the order in which it began."""
        seen = [span for body in list(self.bodies) for span in decoded(body)]
        return sorted(seen, key=lambda span: span.began_ns)


def decoded(body: bytes) -> Iterator[Seen]:
    """The spans of one export."""
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        of_resource = attributes(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Seen(
                    span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), span.name,
                    KINDS[span.kind], span.start_time_unix_nano, span.end_time_unix_nano,
                    span.status.code == FAILED, attributes(span.attributes), of_resource,
                    scope.schema_url,
                )  # fmt: skip


def attributes(found: Any) -> dict[str, Any]:
    """OTLP's key-value list as a dictionary."""
    return {one.key: plain(one.value) for one in found}


def plain(value: Any) -> Any:
    """OTLP's tagged value as what it holds."""
    which = value.WhichOneof("value")
    if which == "array_value":
        return [plain(one) for one in value.array_value.values]
    return getattr(value, which)


def tree(spans: Sequence[Seen]) -> list[str]:
    """One trace as indented lines: name, stage or tokens, who handed it in, and how long it took."""
    known = {span.span_id for span in spans}

    def below(parent: str, depth: int) -> Iterator[str]:
        for span in spans:
            at_root = span.parent_id not in known and not parent
            if span.parent_id == parent or at_root:
                yield line(span, depth)
                yield from below(span.span_id, depth + 1)

    return list(below("", 0))


def line(span: Seen, depth: int) -> str:
    """One span for a person."""
    said = span.attributes
    words = [said.get("tierflow.stage"), said.get("tierflow.reason"), said.get("error.type")]
    tokens = (said.get("gen_ai.usage.input_tokens"), said.get("gen_ai.usage.output_tokens"))
    words += [f"{tokens[0]}+{tokens[1]} tokens"] if None not in tokens else []
    words.append(span.resource.get("service.instance.id"))
    took_ms = (span.ended_ns - span.began_ns) / 1e6
    return f"{'  ' * depth}{span.name}  [{' · '.join(w for w in words if w)}]  {took_ms:.1f} ms"
