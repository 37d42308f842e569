"""Bills by hand, from what vendors publish, against ours: not a millionth of a cent apart."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.cli.price import moment, price
from streams.providers.payload import read_payload
from streams.settings import Settings

BILLS = Path(__file__).resolve().parents[1] / "golden" / "bills.jsonl"
TERM = re.compile(r"(\d+)[^;=]* \N{MULTIPLICATION SIGN} ([\d.]+) = ([\d.]+)")
SUM = re.compile(r"sum ([\d.]+) / 1000000$")


def bills() -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in BILLS.read_bytes().splitlines()]


def about(row: dict[str, Any]) -> str:
    return str(row["about"])


@pytest.mark.parametrize("row", bills(), ids=about)
def test_a_bill_is_what_was_reckoned_by_hand(row: dict[str, Any]) -> None:
    sent = row["payload"]
    payload = read_payload(sent.encode() if isinstance(sent, str) else orjson.dumps(sent))
    told = price(
        Settings(), row["provider"], row["model"], payload, moment(row["at"]),
        row.get("service_tier"),
    )  # fmt: skip
    assert told.because is None
    assert told.cost_usd == Decimal(row["cost_usd"])
    if told.lines:
        assert sum(line.usd for line in told.lines) == told.cost_usd


@pytest.mark.parametrize("row", bills(), ids=about)
def test_the_reckoning_by_hand_adds_up(row: dict[str, Any]) -> None:
    terms = [tuple(map(Decimal, term)) for term in TERM.findall(row["working"])]
    assert len(terms) == row["working"].count("\N{MULTIPLICATION SIGN}")
    assert all(tokens * rate == product for tokens, rate, product in terms)
    if total := SUM.search(row["working"]):
        assert sum(product for _, _, product in terms) == Decimal(total[1])
        assert Decimal(total[1]) / 1_000_000 == Decimal(row["cost_usd"])
    else:
        assert row["working"].startswith("reported: ")
    assert row["source"].startswith("https://")


def test_every_way_of_billing_is_among_them() -> None:
    rows = bills()
    formats = {
        read_payload(
            sent.encode() if isinstance(sent := row["payload"], str) else orjson.dumps(sent)
        ).format
        for row in rows
    }
    assert len(rows) >= 50
    assert len({about(row) for row in rows}) == len(rows)
    assert formats == {
        "openai_chat", "openai_responses", "anthropic_messages", "gemini", "ollama_chat",
        "replicate_predictions", "bedrock", "cohere",
    }  # fmt: skip
