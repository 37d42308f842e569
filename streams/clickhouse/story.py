"""What the books hold of one task, as the events that were written into them."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson
from clickhouse_connect.driver.client import Client

from streams.clickhouse.read import ask
from streams.events.decision import Decision, Pricing
from streams.events.envelope import Event
from streams.events.feedback import Score
from streams.events.outcome import Attempt, Call, Cost, Result, ResultError, Usage

Row = Mapping[str, Any]


def recall(client: Client, task_id: str) -> list[Event]:
    """Decisions, calls, costs, results and scores of a task; a decision's features are not kept.

    Raises:
        clickhouse_connect.driver.exceptions.Error: ClickHouse is away or refuses.
    """
    return [
        build(row)
        for name, build in BUILDERS.items()
        for row in ask(client, f"story_{name}", task_id=task_id)
    ]


def log(client: Client, *, since: datetime, until: datetime, tenant: str) -> Iterator[Event]:
    """Decisions of a span of time, with their results and scores; see `streams.clickhouse.read.ask`.

    Raises:
        clickhouse_connect.driver.exceptions.Error: ClickHouse is away or refuses.
    """
    for name in ("decisions", "results", "feedback"):
        rows = ask(client, f"log_{name}", since=since, until=until, tenant=tenant)
        yield from map(BUILDERS[name], rows)


def _decision(row: Row) -> Event:
    return Decision.model_validate({**row, "features": "", "pricing": _pricing(row)})


def _pricing(row: Row) -> Pricing | None:
    if row.get("price") is None:  # a database that is not yet migrated has no such column
        return None
    return Pricing.model_validate({**row, "tasks": row["priced_tasks"]})


def call_event(row: Row) -> Call:
    """A row of `calls` as the event that it was."""
    return Call.model_validate({**row, "usage": _usage(row)})


def cost_event(row: Row) -> Cost:
    """A row of `costs` as the event that it was."""
    return Cost.model_validate({**row, "usage": _usage(row)})


def _score(row: Row) -> Event:
    return Score.model_validate(dict(row))


def _result(row: Row) -> Event:
    error = None
    if row["error_reason"] is not None:
        error = ResultError(reason=row["error_reason"], detail=row["error_detail"] or "")
    more = {
        "error": error,
        "attempts": _trail(row),
        "usage": _usage(row),
        "tool_calls": _json(row["tool_calls"]),
        "metadata": _json(row["metadata"]),
    }
    return Result.model_validate({**row, **more})


BUILDERS: Mapping[str, Callable[[Row], Event]] = {
    "decisions": _decision,
    "calls": call_event,
    "costs": cost_event,
    "results": _result,
    "feedback": _score,
}


def _trail(row: Row) -> list[Attempt]:
    columns = ("tiers", "models", "call_ids", "outcomes", "details", "costs_usd", "latencies_s")
    fields = ("tier", "model", "call_id", "outcome", "detail", "cost_usd", "latency_s")
    tried = zip(*(row[f"attempt_{column}"] for column in columns), strict=True)
    return [Attempt.model_validate(dict(zip(fields, values, strict=True))) for values in tried]


def _usage(row: Row) -> Usage:
    return Usage.model_validate({name: row[name] for name in Usage.model_fields if name in row})


def _json(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)
