"""`tierflow status`: whether all is well, from Kafka alone."""

import argparse
import asyncio
from typing import TYPE_CHECKING, Any

from streams.cli.answers import Exit, Subparsers, add_json, command, print_json, read_settings

if TYPE_CHECKING:
    from streams.kafka.survey import Survey

STEERED = ("1", "2", "3", "4")
"""Tiers that have a threshold."""


def add(subparsers: Subparsers) -> None:
    """Add `status`."""
    parser = command(
        subparsers,
        "status",
        "Show lag, work in flight, dead letters, what was learned, and the policy in force.",
        "tierflow status --json",
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the facts; they are facts whether ready or not, so the exit code is 0."""
    from streams.kafka.security import access_of
    from streams.kafka.survey import survey

    settings = read_settings(args)
    kafka, start = settings.kafka, settings.policy.start
    found = asyncio.run(survey(access_of(kafka), kafka.prefix, args.timeout))
    facts = facts_of(found, kafka.prefix, start)
    if args.json:
        print_json(facts)
    else:
        print("\n".join(lines_of(facts, found, kafka.prefix)))
    return Exit.DONE


def facts_of(found: "Survey", prefix: str, start: float) -> dict[str, Any]:
    """The contract's facts.

    Args:
        found: What Kafka told.
        prefix: Before topics and groups.
        start: Threshold of every tier before the first policy.
    """
    from streams.topology import ROLES, group_of

    roles = [found.groups[group_of(role, prefix)] for role in ROLES if found.groups]
    lag_known = all(lag is not None for group in roles for lag in group.lag.values())
    served = not roles_without_worker(found, prefix)
    route = found.groups.get(group_of("route", prefix))
    states = found.model_states
    policy = found.policy
    return {
        "ready": not found.missing and bool(roles) and lag_known and served,
        "workers": route.members if route else None,
        "lag": found.lag(),
        "in_flight": found.in_flight(prefix),
        "parked": 0,
        "dead_letters": found.dead_letters,
        "lessons": max((state.lessons for state in states), default=0),
        "model_state_version": max((state.version for state in states), default=0),
        "policy_version": policy.version if policy else 0,
        "thresholds": policy.thresholds if policy else dict.fromkeys(STEERED, start),
    }


def roles_without_worker(found: "Survey", prefix: str) -> list[str]:
    """Roles whose group is known to have no member; where a broker can't say, it may have one."""
    from streams.topology import ROLES, group_of

    groups = {role: found.groups.get(group_of(role, prefix)) for role in ROLES}
    return [role for role, group in groups.items() if group is not None and group.members == 0]


def lines_of(facts: dict[str, Any], found: "Survey", prefix: str) -> list[str]:
    """The facts for a person, and what to do where something is not as it should be."""
    lag = ", ".join(f"{topic} {_or_unknown(n)}" for topic, n in facts["lag"].items() if n != 0)
    thresholds = "  ".join(f"tier {tier} {value:g}" for tier, value in facts["thresholds"].items())
    lines = [
        f"ready         {'yes' if facts['ready'] else 'no'}",
        f"workers       {_or_unknown(facts['workers'])}",
        f"lag           {lag or 'none'}",
        f"in flight     {_or_unknown(facts['in_flight'])}, parked {facts['parked']}",
        f"dead letters  {_or_unknown(facts['dead_letters'])}",
        f"learned       {facts['lessons']} lessons, version {facts['model_state_version']}",
        f"policy        version {facts['policy_version']}",
        f"thresholds    {thresholds}",
    ]
    return lines + [f"next: {advice}" for advice in advice_on(facts, found, prefix)]


def advice_on(facts: dict[str, Any], found: "Survey", prefix: str) -> list[str]:
    """What to do, the most pressing first; empty where all is well."""
    advice = []
    if found.missing:
        advice.append(
            f"topics are missing: {', '.join(found.missing)}: run `tierflow topics apply`"
        )
    elif idle := roles_without_worker(found, prefix):
        advice.append(f"no worker runs: {', '.join(idle)}: start `tierflow worker`")
    elif not facts["ready"]:
        advice.append("groups have no commits yet: `tierflow doctor` says which")
    if facts["dead_letters"]:
        advice.append("look at the dead letters: `tierflow dlq list`")
    return advice


def _or_unknown(number: int | None) -> str:
    return "unknown" if number is None else str(number)
