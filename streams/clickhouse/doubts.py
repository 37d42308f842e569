"""Calls in doubt as the books have them, and what they know of any one call."""

from clickhouse_connect.driver.client import Client

from streams.clickhouse.read import ask
from streams.clickhouse.story import call_event, cost_event
from streams.events.outcome import Call, Cost


def open_doubts(client: Client) -> list[Cost]:
    """Every call whose cost is in doubt, the oldest first.

    Raises:
        clickhouse_connect.driver.exceptions.Error: ClickHouse is away or refuses.
    """
    return [cost_event(row) for row in ask(client, "doubts")]


def cost_of(client: Client, call_id: str) -> Cost | None:
    """What a call cost as the books have it, or None: they don't know it, or not yet.

    Raises:
        clickhouse_connect.driver.exceptions.Error: ClickHouse is away or refuses.
    """
    return next((cost_event(row) for row in ask(client, "call_cost", call_id=call_id)), None)


def call_of(client: Client, call_id: str) -> Call | None:
    """A call's entry in the ledger, or None: the books don't know it, or not yet.

    Raises:
        clickhouse_connect.driver.exceptions.Error: ClickHouse is away or refuses.
    """
    return next((call_event(row) for row in ask(client, "call", call_id=call_id)), None)
