"""Every client of Kafka is made with the access that the settings say, and with nothing else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.settings import KafkaSettings

STREAMS = Path(__file__).resolve().parents[2] / "streams"
CLIENTS = {"AIOKafkaClient", "AIOKafkaConsumer", "AIOKafkaProducer", "AIOKafkaAdminClient"}
SECURITY = STREAMS / "kafka" / "security.py"


def calls_in(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call of a plain or dotted name, by its last word."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield node.func.id if isinstance(node.func, ast.Name) else node.func.attr, node


def is_told(call: ast.Call) -> bool:
    """Whether a client gets `**….options()` and no address beside it."""
    spread = [k.value for k in call.keywords if k.arg is None]
    named = {k.arg for k in call.keywords}
    return "bootstrap_servers" not in named and any(
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and value.func.attr == "options"
        for value in spread
    )


def strays(source: str) -> list[int]:
    """Lines of clients that go their own way."""
    return [
        call.lineno
        for name, call in calls_in(ast.parse(source))
        if (name in CLIENTS and not is_told(call))
        or (name == "App" and "broker_credentials" not in {k.arg for k in call.keywords})
    ]


def test_no_client_of_kafka_is_made_without_the_settings_access() -> None:
    found = {
        f"{path.relative_to(STREAMS)}:{line}"
        for path in STREAMS.rglob("*.py")
        for line in strays(path.read_text(encoding="utf-8"))
    }
    assert found == set()
    made = sum(
        name in CLIENTS
        for path in STREAMS.rglob("*.py")
        for name, _ in calls_in(ast.parse(path.read_text(encoding="utf-8")))
    )
    assert made >= 12, "the clients of this house are no longer found"


@pytest.mark.parametrize(
    "source",
    [
        "AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)",
        "aiokafka.AIOKafkaConsumer(bootstrap_servers=b, **access.options())",
        "AIOKafkaClient()",
        "App('group', broker=[])",
    ],
)
def test_a_client_that_goes_its_own_way_would_be_found(source: str) -> None:
    assert strays(source) == [1]


def test_settings_of_security_are_read_in_one_file() -> None:
    known = {
        n for n in KafkaSettings.model_fields if n.startswith(("sasl_", "ca_", "cert", "key_"))
    }
    readers = {
        path
        for path in STREAMS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in known - {"ca_file"}
        and isinstance(node.value, ast.Name)
    }
    assert readers <= {SECURITY, STREAMS / "settings.py"}
