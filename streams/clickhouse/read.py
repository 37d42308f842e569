"""The questions that people ask the books: SQL files, asked by name.

totals · tasks · fallback · savings_by_tenant · spend_by_model · policy_changes · feedback_by_tier
story_decisions · story_calls · story_costs · story_results · story_feedback: of one task
log_decisions · log_results · log_feedback: of what was decided in a span of time
doubts · call · call_cost: calls whose cost nobody knows; one call
"""

from datetime import UTC, datetime
from importlib import resources
from typing import Any

from clickhouse_connect.driver.client import Client

from streams.clickhouse.values import EARLIEST, LATEST

FOLDER = resources.files("streams.clickhouse").joinpath("queries")


def names() -> list[str]:
    """Every question there is, sorted."""
    files = (entry.name for entry in FOLDER.iterdir())
    return sorted(name.removesuffix(".sql") for name in files if name.endswith(".sql"))


def load(name: str) -> str:
    """The SQL of a question; its first lines say what it answers.

    Raises:
        FileNotFoundError: No question has this name.
    """
    return FOLDER.joinpath(f"{name}.sql").read_text(encoding="utf-8")


def ask(
    client: Client,
    name: str,
    *,
    since: datetime = EARLIEST,
    until: datetime = LATEST,
    tenant: str = "",
    task_id: str = "",
    call_id: str = "",
) -> list[dict[str, Any]]:
    """Ask by name.

    Args:
        client: Connected to the database of the books.
        name: One of `names()`.
        since: Only what ended then or later.
        until: Only what ended before.
        tenant: Only this tenant's; empty means all.
        task_id: Whose story is asked for; other questions don't look at it.
        call_id: Which call is asked for, likewise.

    Returns:
        One mapping a row, by column: money as Decimal, unknown as None, times aware.

    Raises:
        FileNotFoundError: No question has this name.
        clickhouse_connect.driver.exceptions.Error: ClickHouse is away or refuses.
    """
    bounds = {
        "since": _text(since),
        "until": _text(until),
        "tenant": tenant,
        "task_id": task_id,
        "call_id": call_id,
    }
    return list(client.query(load(name), parameters=bounds).named_results())


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
